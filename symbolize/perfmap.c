// SPDX-License-Identifier: Apache-2.0
/*
 * Lines become pieces that do not overlap, by one sweep over the starts in ascending order. A heap
 * holds the lines that reach the sweep's position, the latest line on top: it owns the bytes up to
 * the next start or its own end. A line whose end has passed leaves the heap when it gets to the
 * top. Each line enters and leaves once and each step closes a piece, so there are at most two
 * pieces per line and the time is n log n whatever the file says.
 */
#include "perfmap.h"

#include "core/vec.h"
#include "openfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES (64u << 10)

/* limit is past the end. name is an offset into names; later lines have greater ones. */
struct range {
	uint64_t start;
	uint64_t limit;
	uint32_t name;
};

struct perfmap {
	struct vec ranges; /* struct range; sealed: ascending and disjoint */
	struct vec names;  /* char */
};

static bool parse_hex(const char **at, const char *end, uint64_t *ret)
{
	const char *p = *at;
	uint64_t value = 0;
	int digits = 0;

	if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	for (; p < end; p++, digits++) {
		unsigned int c = (unsigned char)*p | 0x20, digit;

		if (*p >= '0' && *p <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else
			break;
		if (value >> 60)
			return false;
		value = value << 4 | digit;
	}
	*at = p;
	*ret = value;
	return digits > 0;
}

/* One line without its newline. Lines of another shape are passed over. */
static int add_line(struct perfmap *m, const char *line, size_t len)
{
	const char *at = line, *end = line + len;
	struct range range;
	uint64_t size;
	size_t name_len;
	char *to;

	if (!parse_hex(&at, end, &range.start) || at == end || *at++ != ' ')
		return 0;
	while (at < end && *at == ' ')
		at++;
	if (!parse_hex(&at, end, &size) || at == end || *at++ != ' ')
		return 0;
	while (at < end && *at == ' ')
		at++;
	while (end > at && (end[-1] == '\r' || end[-1] == ' '))
		end--;
	if (at == end || *at == '\0' || size == 0)
		return 0;
	range.limit = range.start + size < range.start ? UINT64_MAX : range.start + size;
	name_len = (size_t)(end - at);
	if (name_len > PERFMAP_MAX_NAME)
		name_len = PERFMAP_MAX_NAME;
	if (m->names.n + name_len + 1 > UINT32_MAX)
		return -EFBIG;
	range.name = (uint32_t)m->names.n;
	to = vec_push(&m->names, NULL, name_len + 1);
	if (!to || !vec_push(&m->ranges, &range, 1))
		return -ENOMEM;
	memcpy(to, at, name_len);
	return 0;
}

static int add_lines(struct perfmap *m, const char *text, size_t size, size_t *ret_rest)
{
	const char *at = text, *end = text + size, *newline;

	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		int r = add_line(m, at, (size_t)(newline - at));

		if (r < 0)
			return r;
		at = newline + 1;
	}
	*ret_rest = (size_t)(end - at);
	return 0;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->name > y->name) - (x->name < y->name);
}

static bool is_disjoint(const struct range *r, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (r[i].start < r[i - 1].limit)
			return false;
	return true;
}

/* A heap of indexes into ranges, the latest line on top. */
static void heap_push(uint32_t *heap, size_t n, const struct range *r, uint32_t item)
{
	while (n > 0 && r[heap[(n - 1) / 2]].name < r[item].name) {
		heap[n] = heap[(n - 1) / 2];
		n = (n - 1) / 2;
	}
	heap[n] = item;
}

static void heap_pop(uint32_t *heap, size_t n, const struct range *r)
{
	uint32_t item = heap[n - 1];
	size_t i = 0;

	for (size_t child = 1; child < n; child = 2 * i + 1) {
		if (child + 1 < n && r[heap[child + 1]].name > r[heap[child]].name)
			child++;
		if (r[heap[child]].name <= r[item].name)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = item;
}

/* Appends [start, limit) of a line, joined to the piece before if that is of the same line. */
static int add_piece(struct vec *pieces, uint64_t start, uint64_t limit, uint32_t name)
{
	struct range *last = pieces->n ? vec_at(pieces, pieces->n - 1) : NULL;

	if (last && last->name == name && last->limit == start) {
		last->limit = limit;
		return 0;
	}
	return vec_push(pieces, &(struct range){start, limit, name}, 1) ? 0 : -ENOMEM;
}

static int sweep(const struct range *r, size_t n, uint32_t *heap, struct vec *pieces)
{
	size_t next = 0, waiting = 0;
	uint64_t at = 0;
	int rc = 0;

	while (rc == 0 && (next < n || waiting)) {
		uint64_t limit;

		if (!waiting)
			at = r[next].start;
		for (; next < n && r[next].start == at; next++)
			heap_push(heap, waiting++, r, (uint32_t)next);
		if (r[heap[0]].limit <= at) {
			heap_pop(heap, waiting--, r);
			continue;
		}
		limit = r[heap[0]].limit;
		if (next < n && r[next].start < limit)
			limit = r[next].start;
		rc = add_piece(pieces, at, limit, r[heap[0]].name);
		at = limit;
	}
	return rc;
}

static int seal(struct perfmap *m)
{
	struct range *r = m->ranges.data;
	struct vec pieces;
	uint32_t *heap;
	int rc;

	if (m->ranges.n == 0)
		return 0;
	qsort(r, m->ranges.n, sizeof(*r), compare_ranges);
	if (is_disjoint(r, m->ranges.n))
		return 0;
	heap = malloc(m->ranges.n * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	vec_init(&pieces, sizeof(struct range));
	rc = sweep(r, m->ranges.n, heap, &pieces);
	free(heap);
	if (rc < 0) {
		vec_release(&pieces);
		return rc;
	}
	vec_release(&m->ranges);
	m->ranges = pieces;
	return 0;
}

static int new_map(struct perfmap **ret)
{
	struct perfmap *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	vec_init(&m->ranges, sizeof(struct range));
	vec_init(&m->names, 1);
	*ret = m;
	return 0;
}

static int read_lines(struct perfmap *m, int fd, char *buf)
{
	size_t have = 0, total = 0, rest;
	bool skipping = false;

	for (;;) {
		ssize_t n = openfile_read(fd, buf + have, CHUNK_BYTES - have, total);
		const char *from = buf;
		int r;

		if (n < 0)
			return (int)n;
		/* A last line without a newline is still being written. */
		if (n == 0)
			return 0;
		total += (size_t)n;
		if (total > PERFMAP_MAX_BYTES)
			return -EFBIG;
		have += (size_t)n;
		if (skipping) {
			from = memchr(buf, '\n', have);
			from = from ? from + 1 : buf + have;
			skipping = from == buf + have && buf[have - 1] != '\n';
		}
		r = add_lines(m, from, (size_t)(buf + have - from), &rest);
		if (r < 0)
			return r;
		/* A line longer than the buffer is no name: what follows of it is skipped. */
		if (rest == CHUNK_BYTES) {
			skipping = true;
			rest = 0;
		}
		memmove(buf, buf + have - rest, rest);
		have = rest;
	}
}

int perfmap_load(int fd, struct perfmap **ret)
{
	struct perfmap *m = NULL;
	char *buf = malloc(CHUNK_BYTES);
	int r = buf ? new_map(&m) : -ENOMEM;

	if (r == 0)
		r = read_lines(m, fd, buf);
	if (r == 0)
		r = seal(m);
	free(buf);
	if (r < 0) {
		perfmap_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

int perfmap_parse(const char *text, size_t size, struct perfmap **ret)
{
	struct perfmap *m;
	size_t rest;
	int r;

	if (size > PERFMAP_MAX_BYTES)
		return -EFBIG;
	r = new_map(&m);
	if (r < 0)
		return r;
	r = add_lines(m, text, size, &rest);
	if (r == 0)
		r = seal(m);
	if (r < 0) {
		perfmap_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

void perfmap_free(struct perfmap *m)
{
	if (!m)
		return;
	vec_release(&m->ranges);
	vec_release(&m->names);
	free(m);
}

const char *perfmap_lookup(const struct perfmap *m, uint64_t address)
{
	const struct range *r = m->ranges.data;
	size_t lo = 0, hi = m->ranges.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r[mid].start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 || address >= r[lo - 1].limit)
		return NULL;
	return (const char *)m->names.data + r[lo - 1].name;
}

size_t perfmap_bytes(const struct perfmap *m)
{
	return sizeof(*m) + m->ranges.capacity * sizeof(struct range) + m->names.capacity;
}

/* ---- Where the map of a process is, and who may have written it. */

struct proc_status {
	bool found;
	pid_t inner_pid; /* in the innermost pid namespace */
	uid_t uids[4];
};

static void read_status(pid_t pid, struct proc_status *ret)
{
	char path[64], text[4096], *line;
	unsigned int u[4];
	ssize_t n;
	int fd;

	*ret = (struct proc_status){.inner_pid = pid};
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = openfile_regular(path, NULL);
	if (fd < 0)
		return;
	n = openfile_read(fd, text, sizeof(text) - 1, 0);
	close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	line = strstr(text, "\nUid:");
	if (!line || sscanf(line + 5, "%u %u %u %u", &u[0], &u[1], &u[2], &u[3]) != 4)
		return;
	for (int i = 0; i < 4; i++)
		ret->uids[i] = u[i];
	ret->found = true;
	line = strstr(text, "\nNSpid:");
	if (line) {
		/* One pid per namespace, ours first: the last one is the process' own. */
		size_t len = strcspn(line + 1, "\n");
		char *last;

		line[1 + len] = '\0';
		last = strrchr(line + 1, '\t');
		if (last && atoi(last + 1) > 0)
			ret->inner_pid = atoi(last + 1);
	}
}

static int check_owner(const struct stat *st, const struct proc_status *status)
{
	if (st->st_uid == 0)
		return 0;
	if (!status->found)
		return st->st_uid == geteuid() ? 0 : -ESRCH;
	for (int i = 0; i < 4; i++)
		if (st->st_uid == status->uids[i])
			return 0;
	return -EPERM;
}

int perfmap_check_owner(const struct stat *st, pid_t pid)
{
	struct proc_status status;

	read_status(pid, &status);
	return check_owner(st, &status);
}

int perfmap_open(pid_t pid)
{
	struct proc_status status;
	struct stat st;
	char root[64], path[64];
	int fd, r;

	if (pid <= 0)
		return -ESRCH;
	read_status(pid, &status);
	snprintf(root, sizeof(root), "/proc/%d/root", (int)pid);
	snprintf(path, sizeof(path), "tmp/perf-%d.map", (int)status.inner_pid);
	fd = openfile_in_root(root, path, &st);
	if (fd < 0) {
		snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)pid);
		fd = openfile_regular(path, &st);
	}
	if (fd < 0)
		return fd;
	r = check_owner(&st, &status);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}
