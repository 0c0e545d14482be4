// SPDX-License-Identifier: Apache-2.0
/* procinfo - see procinfo.h. */
#include "agent/procinfo.h"

#include "core/hash.h"
#include "readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KERNEL_THREAD 0x00200000u /* PF_KTHREAD, include/linux/sched.h */

/* "PID (COMM) STATE PPID …": COMM may hold anything, brackets too. flags is field 9, the start 22.
 */
int procinfo_parse_stat(const char *text, size_t n, struct procinfo_stat *ret)
{
	const char *open = memchr(text, '(', n), *close = memrchr(text, ')', n);
	uint64_t fields[23] = {0};
	const char *end = text + n, *s;
	size_t field = 3, len;

	if (!open || !close || close < open)
		return -EINVAL;
	for (s = close + 1; s < end && field < 23; field++) {
		while (s < end && *s == ' ')
			s++;
		for (; s < end && *s != ' '; s++)
			if (*s >= '0' && *s <= '9')
				fields[field] = fields[field] * 10 + (uint64_t)(*s - '0');
	}
	if (field < 23)
		return -EINVAL;
	len = (size_t)(close - open) - 1;
	len = len < sizeof(ret->comm) ? len : sizeof(ret->comm) - 1;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->comm, open + 1, len);
	ret->start_ticks = fields[22];
	ret->kernel = fields[9] & KERNEL_THREAD;
	return 0;
}

static int open_process(int proc_fd, uint32_t pid)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%u", pid);
	fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? (errno == ENOENT ? -ESRCH : -errno) : fd;
}

static int read_stat(int dir, struct procinfo_stat *ret)
{
	char text[1024];
	ssize_t n = readfile_at(dir, "stat", text, sizeof(text));

	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	return procinfo_parse_stat(text, (size_t)n, ret);
}

int procinfo_look(int proc_fd, uint32_t pid, struct procinfo_stat *ret, uint64_t *ret_cgroup_hash)
{
	char text[PROCINFO_CGROUP_MAX];
	int dir = open_process(proc_fd, pid), r;
	ssize_t n;

	if (dir < 0)
		return dir;
	r = read_stat(dir, ret);
	if (r == 0) {
		n = readfile_at(dir, "cgroup", text, sizeof(text));
		*ret_cgroup_hash = n < 0 ? 0 : hash_bytes(text, (size_t)n, 0);
	}
	close(dir);
	return r;
}

/* A binary that was replaced has " (deleted)" behind its name. */
static int read_exe(int dir, char *ret)
{
	static const char deleted[] = " (deleted)";
	char path[4096];
	ssize_t n = readlinkat(dir, "exe", path, sizeof(path) - 1);
	const char *base;
	size_t len;

	if (n < 0)
		return -errno;
	path[n] = '\0';
	len = (size_t)n;
	if (len > sizeof(deleted) && !strcmp(path + len - (sizeof(deleted) - 1), deleted))
		path[len - (sizeof(deleted) - 1)] = '\0';
	base = strrchr(path, '/');
	snprintf(ret, PROCINFO_EXE_BYTES, "%.*s", PROCINFO_EXE_BYTES - 1, base ? base + 1 : path);
	return 0;
}

static void read_files(int dir, bool want_environ, char *buf, struct procinfo *ret)
{
	ssize_t n;

	ret->exe_error = read_exe(dir, ret->exe);
	n = readfile_at(dir, "cgroup", buf, PROCINFO_CGROUP_MAX);
	if (n >= 0) {
		cgroup_parse(buf, (size_t)n, &ret->cgroup);
		ret->cgroup_hash = hash_bytes(buf, (size_t)n, 0);
	}
	if (!want_environ)
		return;
	n = readfile_at(dir, "environ", buf, PROCINFO_ENVIRON_MAX);
	ret->environ_error = n < 0 ? (int)n : 0;
	ret->environ_n = n < 0 ? 0 : (size_t)n;
	ret->environ_cut = ret->environ_n == PROCINFO_ENVIRON_MAX;
}

void procinfo_read(int proc_fd, uint32_t pid, bool want_environ, char *buf, struct procinfo *ret)
{
	int dir = open_process(proc_fd, pid);

	memset(ret, 0, sizeof(*ret));
	ret->error = dir < 0 ? dir : read_stat(dir, &ret->stat);
	if (ret->error == 0 && !ret->stat.kernel)
		read_files(dir, want_environ, buf, ret);
	if (dir >= 0)
		close(dir);
}
