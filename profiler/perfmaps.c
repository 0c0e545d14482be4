// SPDX-License-Identifier: Apache-2.0
/* perfmaps.c - see perfmaps.h. Format and place: tools/perf/Documentation/jit-interface.txt. */
#include "perfmaps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "binfile.h"

enum { STATUS_BYTES = 8192 };

void perfmaps_init(struct perfmaps *m)
{
	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < PERFMAPS_MAX; i++)
		m->map[i].fd = -1;
}

static void forget(struct perfmap *map)
{
	if (map->fd >= 0)
		close(map->fd);
	*map = (struct perfmap){.fd = -1};
}

void perfmaps_release(struct perfmaps *m)
{
	for (size_t i = 0; i < PERFMAPS_MAX; i++)
		forget(&m->map[i]);
}

/* The n-th number (-1: the last) of the line that begins with key. */
static int status_number(const char *text, const char *key, int n, uint32_t *ret)
{
	const char *at = strstr(text, key);
	bool found = false;

	/* Name: comes first and is escaped, so a key at a line's start is the kernel's. */
	if (!at || at == text || at[-1] != '\n')
		return -EINVAL;
	at += strlen(key);
	for (int i = 0; i <= n || n < 0; i++) {
		char *end;
		unsigned long v;

		at += strspn(at, " \t");
		if (*at < '0' || *at > '9')
			break;
		v = strtoul(at, &end, 10);
		at = end;
		if (v > UINT32_MAX)
			return -EINVAL;
		*ret = (uint32_t)v;
		found = n < 0 || i == n;
	}
	return found ? 0 : -EINVAL;
}

int perfmaps_parse_status(const char *text, uint32_t *ret_inner_pid, uint32_t *ret_uid)
{
	uint32_t inner, uid;

	if (status_number(text, "NSpid:", -1, &inner) || status_number(text, "Uid:", 1, &uid))
		return -EINVAL;
	*ret_inner_pid = inner;
	*ret_uid = uid;
	return 0;
}

static int read_status(uint32_t pid, uint32_t *ret_inner_pid, uint32_t *ret_uid)
{
	char path[32], text[STATUS_BYTES];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	return perfmaps_parse_status(text, ret_inner_pid, ret_uid);
}

static struct perfmap *find(struct perfmaps *m, uint32_t pid)
{
	for (size_t i = 0; i < PERFMAPS_MAX; i++) {
		if (m->map[i].pid == pid && pid)
			return &m->map[i];
	}
	return NULL;
}

static struct perfmap *longest_unused(struct perfmaps *m)
{
	struct perfmap *oldest = &m->map[0];

	for (size_t i = 0; i < PERFMAPS_MAX; i++) {
		if (m->map[i].used < oldest->used)
			oldest = &m->map[i];
	}
	return oldest;
}

static int open_map(const struct perfmap *map)
{
	struct stat st;
	char path[48];
	int fd;

	snprintf(path, sizeof(path), "/tmp/perf-%u.map", map->inner_pid);
	fd = binfile_open_in_root(map->pid, path, true);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || (st.st_uid != map->uid && st.st_uid != 0)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

void perfmaps_note(struct perfmaps *m, uint32_t pid, uint64_t drain)
{
	struct perfmap *map = find(m, pid);

	if (!map) {
		uint32_t inner, uid;

		if (read_status(pid, &inner, &uid)) {
			/* Remembered all the same, so that it is not asked for each address. */
			inner = pid;
			uid = 0;
		}
		map = longest_unused(m);
		forget(map);
		map->pid = pid;
		map->inner_pid = inner;
		map->uid = uid;
		map->drain = drain - 1;
	}
	map->used = ++m->clock;
	if (map->fd < 0 && map->drain != drain)
		map->fd = open_map(map);
	if (map->fd < 0)
		map->fd = -1;
	map->drain = drain;
}

int perfmaps_open(struct perfmaps *m, uint32_t pid)
{
	struct perfmap *map = find(m, pid);
	char path[48];
	int fd;

	/* The file by name first: it may have been written anew since. */
	if (map) {
		fd = open_map(map);
		if (fd >= 0)
			return fd;
		if (map->fd >= 0)
			return binfile_reopen(map->fd);
		if (map->inner_pid != pid)
			return -ENOENT; /* /tmp/perf-PID.map is of some other process */
	}
	snprintf(path, sizeof(path), "/tmp/perf-%u.map", pid);
	return binfile_open(path, true);
}
