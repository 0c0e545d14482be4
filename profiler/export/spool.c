// SPDX-License-Identifier: Apache-2.0
/* spool - see spool.h. */
#include "export/spool.h"

#include "export/spool_entry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY ".writing"

enum { BLOCK_BYTES = 4096, NAME_SIZE = 64, SPOOL_FILES_MAX = 1 << 20 };

struct entry {
	uint64_t seq;
	int64_t time_ns;
	uint64_t bytes;
};

struct spool {
	int dir; /* also the lock's */
	char *path;
	struct vec entries; /* struct entry, by seq, from index `first` on */
	size_t first;
	uint64_t bytes, max_bytes;
};

/* What a file takes of the disk. */
static uint64_t on_disk(uint64_t bytes)
{
	return (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
}

static struct entry *entry_at(const struct spool *s, size_t i)
{
	return vec_at(&s->entries, s->first + i);
}

static void name_of(const struct entry *e, char buf[NAME_SIZE])
{
	snprintf(buf, NAME_SIZE, "%016" PRIx64 "-%016" PRIx64 ".req", e->seq, (uint64_t)e->time_ns);
}

size_t spool_count(const struct spool *s)
{
	return s->entries.n - s->first;
}

uint64_t spool_bytes(const struct spool *s)
{
	return s->bytes;
}

uint64_t spool_last(const struct spool *s)
{
	size_t n = spool_count(s);

	return n ? entry_at(s, n - 1)->seq : 0;
}

bool spool_first(const struct spool *s, uint64_t *ret_seq, int64_t *ret_time_ns)
{
	if (!spool_count(s))
		return false;
	*ret_seq = entry_at(s, 0)->seq;
	*ret_time_ns = entry_at(s, 0)->time_ns;
	return true;
}

/* ---- Opening. */

static int make_folders(const char *path)
{
	char part[4096];

	for (const char *slash = path; *slash;) {
		size_t n = (size_t)(slash - path);

		n += 1 + strcspn(slash + 1, "/");
		if (n >= sizeof(part))
			return -ENAMETOOLONG;
		memcpy(part, path, n);
		part[n] = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return -errno;
		slash = path + n;
	}
	return 0;
}

static bool parse_name(const char *name, struct entry *ret)
{
	char text[NAME_SIZE];
	uint64_t time_ns;

	if (strlen(name) != 37 ||
	    sscanf(name, "%16" SCNx64 "-%16" SCNx64, &ret->seq, &time_ns) != 2)
		return false;
	ret->time_ns = (int64_t)time_ns;
	name_of(ret, text);
	return !strcmp(name, text);
}

static int by_seq(const void *a, const void *b)
{
	uint64_t x = ((const struct entry *)a)->seq, y = ((const struct entry *)b)->seq;

	return (x > y) - (x < y);
}

static int scan(struct spool *s)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	struct entry e;
	struct stat st;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (d = readdir(dir)) && s->entries.n < SPOOL_FILES_MAX) {
		if (!strcmp(d->d_name, TEMPORARY))
			unlinkat(s->dir, d->d_name, 0);
		if (!parse_name(d->d_name, &e) ||
		    fstatat(s->dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		e.bytes = (uint64_t)st.st_size;
		s->bytes += on_disk(e.bytes);
		r = vec_push(&s->entries, &e, 1) ? 0 : -ENOMEM;
	}
	closedir(dir);
	if (s->entries.n)
		qsort(s->entries.data, s->entries.n, sizeof(e), by_seq);
	return r;
}

int spool_open(const char *path, uint64_t max_bytes, struct spool **ret, struct cresset_error *err)
{
	struct spool *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	vec_init(&s->entries, sizeof(struct entry));
	s->dir = -1;
	s->max_bytes = max_bytes;
	s->path = strdup(path);
	r = s->path ? make_folders(path) : -ENOMEM;
	if (r == 0) {
		s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = s->dir < 0 ? -errno : 0;
	}
	if (r == 0 && flock(s->dir, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	r = r ? r : scan(s);
	if (r < 0) {
		spool_close(s);
		return cresset_error_set(err, r, "cannot use the spool %s: %s", path,
					 r == -EBUSY ? "another process sends from it"
						     : strerror(-r));
	}
	*ret = s;
	return 0;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	if (s->dir >= 0)
		close(s->dir);
	vec_release(&s->entries);
	free(s->path);
	free(s);
}

/* ---- Out. */

static void remove_at(struct spool *s, size_t i)
{
	struct entry e = *entry_at(s, i);
	char name[NAME_SIZE];

	name_of(&e, name);
	unlinkat(s->dir, name, 0);
	s->bytes -= on_disk(e.bytes);
	memmove(entry_at(s, 1), entry_at(s, 0), i * sizeof(e));
	s->first++;
	if (s->first == s->entries.n)
		s->first = s->entries.n = 0;
	else if (s->first > 1024 && s->first > s->entries.n / 2) {
		memmove(s->entries.data, entry_at(s, 0), spool_count(s) * sizeof(e));
		s->entries.n -= s->first;
		s->first = 0;
	}
}

void spool_remove(struct spool *s, uint64_t seq)
{
	for (size_t i = 0; i < spool_count(s) && entry_at(s, i)->seq <= seq; i++) {
		if (entry_at(s, i)->seq == seq) {
			remove_at(s, i);
			return;
		}
	}
}

static size_t evict(struct spool *s, uint64_t more, uint64_t keep)
{
	size_t n = 0, i;

	while (s->bytes + more > s->max_bytes) {
		i = spool_count(s) && entry_at(s, 0)->seq == keep;
		if (i >= spool_count(s))
			break;
		remove_at(s, i);
		n++;
	}
	return n;
}

static int read_whole(int fd, uint64_t bytes, void **ret)
{
	uint8_t *data = malloc(bytes ? bytes : 1);
	uint64_t n = 0;
	ssize_t got = 1;

	if (!data)
		return -ENOMEM;
	while (n < bytes && got > 0) {
		got = read(fd, data + n, bytes - n);
		n += got > 0 ? (uint64_t)got : 0;
	}
	if (n < bytes) {
		free(data);
		return got < 0 ? -errno : -EBADMSG;
	}
	*ret = data;
	return 0;
}

int spool_get(const struct spool *s, const char *type, struct export_request **ret,
	      struct cresset_error *err)
{
	char name[NAME_SIZE];
	struct entry e;
	void *data = NULL;
	int fd, r;

	if (!spool_count(s))
		return -ENOENT;
	e = *entry_at(s, 0);
	name_of(&e, name);
	fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	r = fd < 0 ? -errno : e.bytes > SPOOL_ENTRY_MAX ? -EBADMSG : read_whole(fd, e.bytes, &data);
	if (fd >= 0)
		close(fd);
	r = r ? r : spool_entry_read(data, e.bytes, type, ret);
	free(data);
	if (r == 0) {
		(*ret)->seq = e.seq;
		return 0;
	}
	return cresset_error_set(err, r == -ENOENT ? -EBADMSG : r, "%s/%s: %s", s->path, name,
				 r == -EBADMSG		 ? "damaged, left out"
				 : r == -EPROTONOSUPPORT ? "is for another type of server, left out"
							 : strerror(-r));
}

/* ---- In. */

static int write_file(const struct spool *s, const char *name, const struct vec *data, bool sync)
{
	int fd = openat(s->dir, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0600);
	size_t n = 0;
	int r = fd < 0 ? -errno : 0;

	while (r == 0 && n < data->n) {
		ssize_t put = write(fd, (const char *)data->data + n, data->n - n);

		if (put < 0 && errno != EINTR)
			r = -errno;
		n += put > 0 ? (size_t)put : 0;
	}
	if (r == 0 && sync && fsync(fd) < 0)
		r = -errno;
	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(s->dir, TEMPORARY, s->dir, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(s->dir, TEMPORARY, 0);
	return r;
}

/* Keeps the order: a request that comes back from a try in vain is older than the rest. */
static void insert(struct spool *s, const struct entry *e)
{
	struct entry *list = s->entries.data;
	size_t i = s->entries.n - 1;

	for (; i > s->first && list[i - 1].seq > e->seq; i--)
		list[i] = list[i - 1];
	list[i] = *e;
	s->bytes += on_disk(e->bytes);
}

int spool_put(struct spool *s, const struct export_request *r, const char *type, uint64_t keep,
	      bool sync, size_t *ret_evicted, struct cresset_error *err)
{
	struct entry e = {.seq = r->seq, .time_ns = r->time_ns};
	char name[NAME_SIZE];
	struct vec data;
	int result;

	*ret_evicted = 0;
	vec_init(&data, 1);
	name_of(&e, name);
	result = spool_entry_write(r, type, &data);
	if (result == 0 && on_disk(data.n) > s->max_bytes)
		result = -EFBIG;
	if (result == 0) {
		*ret_evicted = evict(s, on_disk(data.n), keep);
		result = vec_reserve(&s->entries, 1);
	}
	if (result == 0)
		result = write_file(s, name, &data, sync);
	if (result == 0) {
		e.bytes = data.n;
		vec_push(&s->entries, &e, 1); /* there is room */
		insert(s, &e);
	}
	vec_release(&data);
	return result == 0 ? 0
			   : cresset_error_set(err, result, "cannot write to the spool %s: %s",
					       s->path, strerror(-result));
}

void spool_sync(struct spool *s)
{
	fsync(s->dir);
}
