// SPDX-License-Identifier: Apache-2.0
/*
 * sideband.c - opens the rings, merges them by time.
 *
 * A ring's head is taken once for each poll, so a poll ends however fast records come. The merge
 * takes the ring with the earliest next record; a linear search over the rings, as each ring's next
 * time is kept (`next_ns`). Records later than the start of the poll stay in the ring: on another
 * CPU there may be an earlier one that is still being written.
 *
 * Ring memory is 512 KiB a CPU but not more than 8 MiB in all (64 KiB at least); where the kernel
 * refuses that (RLIMIT_MEMLOCK without CAP_IPC_LOCK) half is tried, down to 8 pages.
 */
#include "sideband.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/perf_event.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "core/vec.h"

#ifndef PERF_RECORD_MISC_MMAP_BUILD_ID
#define PERF_RECORD_MISC_MMAP_BUILD_ID (1 << 14)
#endif

enum {
	RING_BYTES = 512 << 10,
	ALL_RINGS_BYTES = 8 << 20,
	RING_MIN_BYTES = 64 << 10,
	RING_LEAST_PAGES = 8,
};

struct cpu_ring {
	int cpu;
	int fd;
	bool offline;
	bool has_next;
	uint64_t next_ns;
	size_t next_size;
	const void *next; /* in the ring, or in ring.buffer */
	struct perf_event_mmap_page *page;
	size_t mapped_bytes;
	struct sideband_ring ring;
};

struct sideband {
	struct vec rings; /* struct cpu_ring * */
	int epoll_fd;
	size_t wanted_bytes;
	bool no_build_id; /* this kernel refuses it */
	bool prompt;
	struct sideband_stats stats;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- Records. */

struct reader {
	const unsigned char *at;
	size_t left;
};

static uint64_t get(struct reader *r, size_t size)
{
	uint64_t v64 = 0;
	uint32_t v32;

	if (r->left < size) {
		r->left = 0;
		return 0;
	}
	if (size == 4) {
		memcpy(&v32, r->at, 4);
		v64 = v32;
	} else {
		memcpy(&v64, r->at, 8);
	}
	r->at += size;
	r->left -= size;
	return v64;
}

/* The rest of the record is text, NUL-terminated within it. */
static int get_text(struct reader *r, struct sideband_event *e)
{
	e->text = (const char *)r->at;
	e->text_len = strnlen(e->text, r->left);
	return e->text_len < r->left ? 0 : -EBADMSG;
}

static int decode_mmap(struct reader *r, bool build_id, struct sideband_event *e)
{
	uint64_t len;

	if (r->left < 4 * 4 + 3 * 8 + 24 + 2 * 4)
		return -EBADMSG;
	e->type = SIDEBAND_MMAP;
	e->pid = (uint32_t)get(r, 4);
	e->tid = (uint32_t)get(r, 4);
	e->start = get(r, 8);
	len = get(r, 8);
	e->end = e->start + len;
	e->pgoff = get(r, 8);
	if (build_id) {
		e->build_id_size = r->at[0];
		if (e->build_id_size > sizeof(e->build_id))
			return -EBADMSG;
		memcpy(e->build_id, r->at + 4, e->build_id_size);
		r->at += 24;
		r->left -= 24;
	} else {
		e->dev_major = (uint32_t)get(r, 4);
		e->dev_minor = (uint32_t)get(r, 4);
		e->ino = get(r, 8);
		get(r, 8); /* inode generation */
	}
	get(r, 4); /* prot: without attr.mmap_data only executable mappings are told */
	get(r, 4); /* flags */
	if (e->end <= e->start)
		return -EBADMSG;
	return get_text(r, e);
}

static int decode_task(struct reader *r, bool is_fork, struct sideband_event *e)
{
	if (r->left < 4 * 4 + 8)
		return -EBADMSG;
	e->type = is_fork ? SIDEBAND_FORK : SIDEBAND_EXIT;
	e->pid = (uint32_t)get(r, 4);
	e->ppid = (uint32_t)get(r, 4);
	e->tid = (uint32_t)get(r, 4);
	return 0;
}

static int decode_comm(struct reader *r, bool exec, struct sideband_event *e)
{
	if (r->left < 2 * 4)
		return -EBADMSG;
	e->type = SIDEBAND_COMM;
	e->exec = exec;
	e->pid = (uint32_t)get(r, 4);
	e->tid = (uint32_t)get(r, 4);
	return get_text(r, e);
}

int sideband_decode(const void *record, size_t size, struct sideband_event *ret)
{
	struct perf_event_header h;
	struct reader r;

	memset(ret, 0, sizeof(*ret));
	/* Every record ends with sample_id: the time alone. */
	if (size < sizeof(h) + sizeof(uint64_t))
		return -EBADMSG;
	memcpy(&h, record, sizeof(h));
	if (h.size != size)
		return -EBADMSG;
	memcpy(&ret->time_ns, (const char *)record + size - sizeof(uint64_t), sizeof(uint64_t));
	r.at = (const unsigned char *)record + sizeof(h);
	r.left = size - sizeof(h) - sizeof(uint64_t);
	switch (h.type) {
	case PERF_RECORD_MMAP2:
		return decode_mmap(&r, h.misc & PERF_RECORD_MISC_MMAP_BUILD_ID, ret);
	case PERF_RECORD_COMM:
		return decode_comm(&r, h.misc & PERF_RECORD_MISC_COMM_EXEC, ret);
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		return decode_task(&r, h.type == PERF_RECORD_FORK, ret);
	case PERF_RECORD_LOST:
		if (r.left < 16)
			return -EBADMSG;
		ret->type = SIDEBAND_LOST;
		get(&r, 8); /* event id */
		ret->lost = get(&r, 8);
		return 0;
	default:
		return 0;
	}
}

int sideband_ring_peek(const struct sideband_ring *ring, const void **ret_record, size_t *ret_size,
		       uint64_t *ret_time_ns)
{
	uint64_t left = ring->head - ring->tail, at = ring->tail & (ring->size - 1);
	struct perf_event_header h;
	const unsigned char *record = ring->data + at;

	if (left == 0)
		return 0;
	/* Records are multiples of 8 bytes at multiples of 8, so a header never wraps. */
	if (left > ring->size || left < sizeof(h) || at % 8)
		return -EBADMSG;
	memcpy(&h, record, sizeof(h));
	if (h.size < sizeof(h) + sizeof(uint64_t) || h.size > left || h.size % 8)
		return -EBADMSG;
	if (at + h.size > ring->size) {
		size_t first = (size_t)(ring->size - at);

		memcpy(ring->buffer, record, first);
		memcpy(ring->buffer + first, ring->data, h.size - first);
		record = ring->buffer;
	}
	*ret_record = record;
	*ret_size = h.size;
	memcpy(ret_time_ns, record + h.size - sizeof(uint64_t), sizeof(uint64_t));
	return 1;
}

/* ---- Rings. */

static int open_event(struct sideband *s, int cpu, size_t watermark)
{
	struct perf_event_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_DUMMY;
	attr.sample_type = PERF_SAMPLE_TIME;
	attr.mmap = attr.mmap2 = 1;
	attr.comm = attr.comm_exec = 1;
	attr.task = 1;
	attr.build_id = !s->no_build_id;
	attr.sample_id_all = 1;
	attr.use_clockid = 1;
	attr.clockid = CLOCK_MONOTONIC;
	attr.watermark = 1;
	attr.wakeup_watermark = (uint32_t)watermark;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 && errno == EINVAL && !s->no_build_id) {
		s->no_build_id = true;
		return open_event(s, cpu, watermark);
	}
	return fd < 0 ? -errno : fd;
}

/* The largest ring that the kernel gives, of at most bytes. */
static int map_ring(struct cpu_ring *c, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = MAP_FAILED;

	for (; bytes >= RING_LEAST_PAGES * page; bytes /= 2) {
		at = mmap(NULL, page + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
		if (at != MAP_FAILED || (errno != EPERM && errno != ENOMEM))
			break;
	}
	if (at == MAP_FAILED)
		return -errno;
	c->page = at;
	c->mapped_bytes = page + bytes;
	c->ring.data = (unsigned char *)at + page;
	c->ring.size = bytes;
	return 0;
}

static void ring_free(struct cpu_ring *c)
{
	if (!c)
		return;
	if (c->page)
		munmap(c->page, c->mapped_bytes);
	if (c->fd >= 0)
		close(c->fd);
	free(c->ring.buffer);
	free(c);
}

static struct cpu_ring **ring_at(const struct sideband *s, size_t i)
{
	return vec_at(&s->rings, i);
}

int sideband_cpu_online(struct sideband *s, int cpu, struct cresset_error *err)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct cpu_ring *c;
	int r = -ENOMEM;

	for (size_t i = 0; i < s->rings.n; i++) {
		if ((*ring_at(s, i))->cpu == cpu && !(*ring_at(s, i))->offline)
			return 0;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->cpu = cpu;
	c->fd = open_event(s, cpu, s->prompt ? 1 : s->wanted_bytes / 2);
	if (c->fd < 0) {
		r = c->fd;
		goto fail;
	}
	c->ring.buffer = malloc(SIDEBAND_RECORD_MAX);
	if (!c->ring.buffer)
		goto fail;
	r = map_ring(c, s->wanted_bytes);
	if (r)
		goto fail;
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, c->fd, &ev)) {
		r = -errno;
		goto fail;
	}
	if (!vec_push(&s->rings, &c, 1)) {
		r = -ENOMEM;
		goto fail;
	}
	s->stats.ring_bytes += c->mapped_bytes;
	return 0;
fail:
	ring_free(c);
	return cresset_error_set(
		err, r, "cannot follow processes on CPU %d: %s%s", cpu, strerror(-r),
		r == -EACCES || r == -EPERM ? " (needs CAP_PERFMON; try sudo)" : "");
}

void sideband_cpu_offline(struct sideband *s, int cpu)
{
	for (size_t i = 0; i < s->rings.n; i++) {
		if ((*ring_at(s, i))->cpu == cpu)
			(*ring_at(s, i))->offline = true;
	}
}

/* CPUs that cannot be opened because they went offline meanwhile are no error. */
static int open_all(struct sideband *s, struct cresset_error *err)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	struct cresset_error first = {.text = ""};
	int r = -ENODEV;

	s->wanted_bytes = RING_BYTES;
	while (n > 0 && s->wanted_bytes > RING_MIN_BYTES &&
	       s->wanted_bytes * (size_t)n > ALL_RINGS_BYTES)
		s->wanted_bytes /= 2;
	for (int cpu = 0; cpu < n; cpu++) {
		r = sideband_cpu_online(s, cpu, &first);
		if (r && r != -ENODEV) {
			if (err)
				*err = first;
			return r;
		}
	}
	if (!s->rings.n)
		return cresset_error_set(err, r, "cannot follow processes: %s", strerror(-r));
	return 0;
}

int sideband_new(struct sideband **ret, bool prompt, struct cresset_error *err)
{
	struct sideband *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return cresset_error_set(err, -ENOMEM, "out of memory");
	vec_init(&s->rings, sizeof(struct cpu_ring *));
	s->prompt = prompt;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = s->epoll_fd < 0 ? cresset_error_set(err, -errno, "epoll: %s", strerror(errno))
			    : open_all(s, err);
	if (r) {
		sideband_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void sideband_free(struct sideband *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->rings.n; i++)
		ring_free(*ring_at(s, i));
	vec_release(&s->rings);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	free(s);
}

int sideband_fd(const struct sideband *s)
{
	return s->epoll_fd;
}

void sideband_get_stats(const struct sideband *s, struct sideband_stats *ret)
{
	*ret = s->stats;
}

/* ---- Merging. */

/* Looks at the ring's next record; gives up the ring's content if there cannot be one. */
static void ring_next(struct sideband *s, struct cpu_ring *c)
{
	int r = sideband_ring_peek(&c->ring, &c->next, &c->next_size, &c->next_ns);

	if (r < 0) {
		s->stats.malformed++;
		c->ring.tail = c->ring.head;
	}
	c->has_next = r > 0;
}

static struct cpu_ring *earliest(struct sideband *s, uint64_t limit_ns)
{
	struct cpu_ring *best = NULL;

	for (size_t i = 0; i < s->rings.n; i++) {
		struct cpu_ring *c = *ring_at(s, i);

		if (c->has_next && c->next_ns <= limit_ns && (!best || c->next_ns < best->next_ns))
			best = c;
	}
	return best;
}

static int hand_on(struct sideband *s, struct cpu_ring *c, sideband_fn fn, void *arg)
{
	struct sideband_event e;
	int r = 0;

	s->stats.records++;
	if (sideband_decode(c->next, c->next_size, &e)) {
		s->stats.malformed++;
	} else if (e.type != SIDEBAND_OTHER) {
		if (e.type == SIDEBAND_LOST)
			s->stats.lost += e.lost;
		r = fn(arg, &e);
	}
	c->ring.tail += c->next_size;
	return r;
}

static void close_offline(struct sideband *s)
{
	for (size_t i = s->rings.n; i-- > 0;) {
		struct cpu_ring *c = *ring_at(s, i);

		if (!c->offline || c->has_next)
			continue;
		s->stats.ring_bytes -= c->mapped_bytes;
		ring_free(c);
		*ring_at(s, i) = *ring_at(s, --s->rings.n);
	}
}

int sideband_poll(struct sideband *s, sideband_fn fn, void *arg)
{
	uint64_t limit_ns = now_ns();
	struct cpu_ring *c;
	int r = 0;

	for (size_t i = 0; i < s->rings.n; i++) {
		c = *ring_at(s, i);
		c->ring.head = __atomic_load_n(&c->page->data_head, __ATOMIC_ACQUIRE);
		ring_next(s, c);
	}
	while (!r && (c = earliest(s, limit_ns))) {
		r = hand_on(s, c, fn, arg);
		__atomic_store_n(&c->page->data_tail, c->ring.tail, __ATOMIC_RELEASE);
		ring_next(s, c);
	}
	/* A ring that was given up has moved its tail without a record. */
	for (size_t i = 0; i < s->rings.n; i++) {
		c = *ring_at(s, i);
		__atomic_store_n(&c->page->data_tail, c->ring.tail, __ATOMIC_RELEASE);
	}
	close_offline(s);
	return r;
}
