// SPDX-License-Identifier: Apache-2.0
/*
 * Sinks that write to a descriptor: one of the caller's, or a file by its path.
 *
 * A file is written under a temporary name in the same folder and renamed over the real one when
 * everything has been written, so a reader sees the old file or the new one, never half of one, and
 * a failed run leaves nothing behind. A symbolic link is followed first: the file it points to is
 * replaced, not the link. What exists and is no regular file is written in place, and so is a name
 * for an open descriptor (/dev/stdout), which must go on where that descriptor stands.
 * No fsync: a profile is not worth making the disk wait.
 */
#include "formats/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct sink_file {
	struct cresset_sink sink;
	int fd;
	bool owned;	 /* fd is ours to close */
	char *path;	 /* to rename to; NULL: written in place */
	char *temporary; /* the name until then */
};

static int file_write(struct cresset_sink *s, const void *data, size_t size)
{
	return sink_write_fd(((struct sink_file *)s)->fd, data, size);
}

static void file_abort(struct cresset_sink *s)
{
	struct sink_file *f = (struct sink_file *)s;

	if (f->owned && f->fd >= 0)
		close(f->fd);
	if (f->temporary)
		unlink(f->temporary);
	free(f->temporary);
	free(f->path);
}

static int file_close(struct cresset_sink *s, int r)
{
	struct sink_file *f = (struct sink_file *)s;

	/* Where the file system writes late (NFS, quotas) this is where it says that it could not.
	 */
	if (f->owned && close(f->fd) < 0 && r == 0 && errno != EINTR)
		r = -errno;
	f->fd = -1;
	if (r == 0 && f->temporary && rename(f->temporary, f->path) < 0)
		r = -errno;
	if (r == 0) {
		free(f->temporary);
		f->temporary = NULL;
	}
	file_abort(s);
	return r;
}

static int file_new(struct sink_file **ret)
{
	static const struct sink_ops ops = {
		.write = file_write, .close = file_close, .abort = file_abort};
	struct cresset_sink *s;
	int r = sink_new(&ops, sizeof(struct sink_file), &s);

	if (r < 0)
		return r;
	*ret = (struct sink_file *)s;
	(*ret)->fd = -1;
	return 0;
}

int cresset_sink_fd(int fd, struct cresset_sink **ret)
{
	struct sink_file *f;
	int r = fd < 0 ? -EBADF : file_new(&f);

	if (r < 0)
		return r;
	f->fd = fd;
	*ret = &f->sink;
	return 0;
}

/* The number in a path that names an open descriptor of this process, or -1. */
static int file_descriptor(const char *path)
{
	static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};

	if (strcmp(path, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(path, "/dev/stderr") == 0)
		return STDERR_FILENO;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t n = strlen(folders[i]);
		char *end;
		long fd;

		if (strncmp(path, folders[i], n) != 0 || path[n] < '0' || path[n] > '9')
			continue;
		fd = strtol(path + n, &end, 10);
		return *end || fd > INT_MAX ? -1 : (int)fd;
	}
	return -1;
}

static int file_open_in_place(struct sink_file *f, const char *path)
{
	int fd = file_descriptor(path);

	f->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : open(path, O_WRONLY | O_CLOEXEC);
	if (f->fd < 0)
		return -errno;
	f->owned = true;
	return 0;
}

/* Makes and opens FOLDER/.NAME.RANDOM.tmp; the kernel applies the umask to a new file's mode. */
static int file_open_temporary(struct sink_file *f)
{
	const char *slash = strrchr(f->path, '/');
	int folder = slash ? (int)(slash + 1 - f->path) : 0;

	for (int tries = 0; tries < 16; tries++) {
		uint64_t random;
		char *name;

		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return -errno;
		/* NAME_MAX is 255, and the name must leave room for what is put around it. */
		if (asprintf(&name, "%.*s.%.200s.%012llx.tmp", folder, f->path, f->path + folder,
			     (unsigned long long)(random >> 16)) < 0)
			return -ENOMEM;
		f->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (f->fd >= 0) {
			f->temporary = name;
			f->owned = true;
			return 0;
		}
		free(name);
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int file_open(struct sink_file *f, const char *path)
{
	bool exists;
	struct stat st;
	int r;

	if (!path[0])
		return -ENOENT;
	if (file_descriptor(path) >= 0)
		return file_open_in_place(f, path);
	exists = stat(path, &st) == 0;
	if (exists && S_ISDIR(st.st_mode))
		return -EISDIR;
	if (exists && !S_ISREG(st.st_mode))
		return file_open_in_place(f, path);
	f->path = exists ? realpath(path, NULL) : strdup(path);
	if (!f->path)
		return exists ? -errno : -ENOMEM;
	/* A rename asks only for the folder; a file made read-only is still not ours to replace. */
	if (exists && access(f->path, W_OK) < 0)
		return -errno;
	r = file_open_temporary(f);
	if (r < 0 || !exists)
		return r;
	/* The owner first: it clears the set-id bits. It may not be ours to give; the mode is. */
	if (fchown(f->fd, st.st_uid, st.st_gid) < 0 && errno != EPERM)
		return -errno;
	return fchmod(f->fd, st.st_mode & 0777) < 0 ? -errno : 0;
}

int cresset_sink_file(const char *path, struct cresset_sink **ret)
{
	struct sink_file *f;
	int r = file_new(&f);

	if (r < 0)
		return r;
	r = file_open(f, path);
	if (r < 0) {
		cresset_sink_abort(&f->sink);
		return r;
	}
	*ret = &f->sink;
	return 0;
}
