// SPDX-License-Identifier: Apache-2.0
/* See targets.h. */
#include "targets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Inode of the namespace that the kernel starts with (linux/proc_ns.h: PROC_PID_INIT_INO). */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCu

void targets_init(struct targets *t)
{
	memset(t, 0, sizeof(*t));
	t->cgroup = -1;
}

void targets_release(struct targets *t)
{
	for (size_t i = 0; i < t->n_pids; i++)
		if (t->pids[i].fd >= 0)
			close(t->pids[i].fd);
	for (size_t i = 0; i < t->n_tids; i++)
		if (t->tids[i] >= 0)
			close(t->tids[i]);
	if (t->cgroup >= 0)
		close(t->cgroup);
	free(t->pids);
	free(t->tids);
	targets_init(t);
}

static int proc_directory(uint32_t id)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u", id);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_pid(uint32_t pid, int *ret, struct cresset_error *err)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), r = fd < 0 ? -errno : 0;

	if (!r) {
		*ret = fd;
		return 0;
	}
	if (r == -ESRCH)
		return cresset_error_set(err, r, "no process %u (see 'ps -e')", pid);
	/* EINVAL: a thread that leads no process, or nothing at all (pid 0). ENOENT since 6.15. */
	if (r == -EINVAL || r == -ENOENT) {
		fd = proc_directory(pid);
		if (fd < 0)
			return cresset_error_set(err, -ESRCH, "no process %u (see 'ps -e')", pid);
		close(fd);
		return cresset_error_set(err, -ESRCH, "%u is a thread, not a process (use -t %u)",
					 pid, pid);
	}
	if (r == -EMFILE)
		return cresset_error_set(
			err, r, "cannot watch process %u: %s (raise 'ulimit -n', or use --cgroup)",
			pid, strerror(-r));
	return cresset_error_set(err, r, "cannot watch process %u: %s", pid, strerror(-r));
}

static int open_pids(struct targets *t, const uint32_t *pids, size_t n, struct cresset_error *err)
{
	for (; t->n_pids < n; t->n_pids++) {
		int fd = -1, r = open_pid(pids[t->n_pids], &fd, err);

		if (r)
			return r;
		t->pids[t->n_pids] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	return 0;
}

static int open_tids(struct targets *t, const uint32_t *tids, size_t n, struct cresset_error *err)
{
	t->tids = calloc(n, sizeof(*t->tids));
	if (!t->tids)
		return cresset_error_set(err, -ENOMEM, "out of memory");
	for (; t->n_tids < n; t->n_tids++) {
		int fd = proc_directory(tids[t->n_tids]);

		if (fd == -ENOENT || fd == -ESRCH)
			return cresset_error_set(err, -ESRCH, "no thread %u (see 'ps -eL')",
						 tids[t->n_tids]);
		if (fd < 0)
			return cresset_error_set(err, fd, "cannot watch thread %u: %s",
						 tids[t->n_tids], strerror(-fd));
		t->tids[t->n_tids] = fd;
	}
	return 0;
}

static int open_cgroup(struct targets *t, const char *path, struct cresset_error *err)
{
	struct statfs fs;
	struct stat st;
	int r;

	t->cgroup = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->cgroup < 0) {
		r = -errno;
		return cresset_error_set(err, r, "cannot open cgroup %s: %s%s", path, strerror(-r),
					 r == -ENOENT ? " (give its directory, as under "
							"/sys/fs/cgroup)"
						      : "");
	}
	if (fstat(t->cgroup, &st) == 0)
		t->cgroup_id = st.st_ino;
	if (fstatfs(t->cgroup, &fs))
		return cresset_error_set(err, -errno, "cannot read cgroup %s: %s", path,
					 strerror(errno));
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return cresset_error_set(err, -EINVAL,
					 "%s is no cgroup v2 directory (see 'mount -t cgroup2')",
					 path);
	return 0;
}

int targets_open(struct targets *t, const struct cresset_recorder_options *options,
		 struct cresset_error *err)
{
	struct stat st;
	int r = 0;

	t->pids = calloc(options->n_pids + TARGETS_MORE_FDS, sizeof(*t->pids));
	if (!t->pids)
		return cresset_error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < TARGETS_MORE_FDS; i++)
		t->pids[options->n_pids + i].fd = -1;
	if (!stat("/proc/self/ns/pid", &st) && st.st_ino != INITIAL_PID_NAMESPACE)
		return cresset_error_set(err, -EXDEV,
					 "cresset runs in a pid namespace of its own, where pids "
					 "are not the kernel's (run it on the host, or with "
					 "--pid=host)");
	if (options->n_pids)
		r = open_pids(t, options->pids, options->n_pids, err);
	if (!r && options->n_tids)
		r = open_tids(t, options->tids, options->n_tids, err);
	if (!r && options->cgroup)
		r = open_cgroup(t, options->cgroup, err);
	return r;
}

static bool pids_live(struct targets *t)
{
	bool live = false;

	for (size_t i = 0; i < t->n_pids; i++) {
		if (t->pids[i].fd < 0)
			continue;
		if (poll(&t->pids[i], 1, 0) <= 0) {
			live = true;
			continue;
		}
		close(t->pids[i].fd);
		t->pids[i].fd = -1;
	}
	return live;
}

bool targets_live(struct targets *t)
{
	bool live = pids_live(t);

	for (size_t i = 0; i < t->n_tids; i++) {
		if (t->tids[i] < 0)
			continue;
		if (!faccessat(t->tids[i], "stat", F_OK, 0)) {
			live = true;
			continue;
		}
		close(t->tids[i]);
		t->tids[i] = -1;
	}
	return live || t->cgroup >= 0 || (!t->n_pids && !t->n_tids);
}
