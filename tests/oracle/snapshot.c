// SPDX-License-Identifier: Apache-2.0
/*
 * See snapshot.h. A record is as large as the stack that was asked for, whatever is resident of it;
 * only the resident part is kept. The rings must be read some five times a second at 499 Hz.
 */
#include "oracle/snapshot.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cpus.h"
#include "sideband.h"

enum { RING_BYTES = 16 << 20, MAX_CPUS = 1024, USER_REGISTERS = 20 };

/* The kernel's numbers (asm/perf_regs.h) are the order in a sample; these are theirs in DWARF. */
static const int dwarf_numbers[USER_REGISTERS] = {
	0,  3,	2, 1, 4,  5,  6,  7,  SNAPSHOT_IP, -1, /* ax bx cx dx si di bp sp ip flags */
	-1, -1, 8, 9, 10, 11, 12, 13, 14,	   15, /* cs ss r8 … r15 */
};
/* All of them but the segments that 64-bit code has no use for. */
#define USER_REGISTERS_MASK 0xff0fffull

struct ring {
	int fd;
	struct perf_event_mmap_page *page;
	struct sideband_ring records;
};

static int event_open(int cpu, unsigned int freq_hz)
{
	struct perf_event_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	attr.freq = 1;
	attr.sample_freq = freq_hz;
	attr.sample_type =
		PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
	attr.sample_regs_user = USER_REGISTERS_MASK;
	attr.sample_stack_user = SNAPSHOT_STACK_BYTES;
	attr.exclude_idle = 1;
	attr.use_clockid = 1;
	attr.clockid = CLOCK_MONOTONIC;
	attr.disabled = 1;
	fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

static void ring_close(struct ring *r)
{
	if (r->page)
		munmap(r->page, (size_t)sysconf(_SC_PAGESIZE) + RING_BYTES);
	if (r->fd >= 0)
		close(r->fd);
	free(r->records.buffer);
}

static int ring_open(int cpu, int program_fd, unsigned int freq_hz, struct ring *ret)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct ring r = {.fd = event_open(cpu, freq_hz)};
	void *at;
	int err;

	if (r.fd < 0)
		return r.fd;
	at = mmap(NULL, page + RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd, 0);
	if (at == MAP_FAILED) {
		err = -errno;
		goto fail;
	}
	r.page = at;
	r.records.data = (unsigned char *)at + page;
	r.records.size = RING_BYTES;
	r.records.buffer = malloc(SIDEBAND_RECORD_MAX);
	err = -ENOMEM;
	if (!r.records.buffer)
		goto fail;
	if (ioctl(r.fd, PERF_EVENT_IOC_SET_BPF, program_fd) ||
	    ioctl(r.fd, PERF_EVENT_IOC_ENABLE, 0)) {
		err = -errno;
		goto fail;
	}
	*ret = r;
	return 0;
fail:
	ring_close(&r);
	return err;
}

int snapshots_open(struct snapshots *s, int program_fd, unsigned int freq_hz)
{
	bool online[MAX_CPUS];
	struct ring ring;
	int r;

	memset(s, 0, sizeof(*s));
	vec_init(&s->rings, sizeof(struct ring));
	vec_init(&s->all, sizeof(struct snapshot));
	r = cpus_online(online, MAX_CPUS);
	for (int cpu = 0; !r && cpu < MAX_CPUS; cpu++) {
		if (!online[cpu])
			continue;
		r = ring_open(cpu, program_fd, freq_hz, &ring);
		if (!r && !vec_push(&s->rings, &ring, 1)) {
			ring_close(&ring);
			r = -ENOMEM;
		}
	}
	if (r)
		snapshots_release(s);
	return r;
}

/* ---- Samples. */

struct reader {
	const uint8_t *at;
	size_t left;
	bool failed;
};

static void get(struct reader *r, void *ret, size_t size)
{
	memset(ret, 0, size);
	if (r->left < size) {
		r->failed = true;
		return;
	}
	memcpy(ret, r->at, size);
	r->at += size;
	r->left -= size;
}

static uint64_t get_u64(struct reader *r)
{
	uint64_t v;

	get(r, &v, sizeof(v));
	return v;
}

static int get_registers(struct reader *r, struct snapshot *snap)
{
	if (get_u64(r) != PERF_SAMPLE_REGS_ABI_64)
		return -EBADMSG;
	for (int i = 0; i < USER_REGISTERS; i++) {
		uint64_t v = get_u64(r);

		if (dwarf_numbers[i] >= 0)
			snap->registers[dwarf_numbers[i]] = v;
	}
	return r->failed ? -EBADMSG : 0;
}

static int get_stack(struct reader *r, struct snapshot *snap)
{
	uint64_t size = get_u64(r), filled;
	const uint8_t *stack = r->at;

	if (r->failed || size == 0 || size > r->left)
		return -EBADMSG;
	r->at += size;
	r->left -= (size_t)size;
	filled = get_u64(r);
	if (r->failed || filled > size)
		return -EBADMSG;
	snap->stack = malloc((size_t)filled + 1);
	if (!snap->stack)
		return -ENOMEM;
	memcpy(snap->stack, stack, (size_t)filled);
	snap->stack_bytes = (size_t)filled;
	return 0;
}

static int sample_read(struct snapshots *s, struct reader *r)
{
	struct snapshot snap = {0};
	int err;

	get(r, &snap.pid, sizeof(snap.pid));
	get(r, &snap.tid, sizeof(snap.tid));
	snap.time_ns = get_u64(r);
	err = get_registers(r, &snap);
	err = err ?: get_stack(r, &snap);
	if (err == -EBADMSG) {
		s->refused++;
		return 0;
	}
	if (!err && !vec_push(&s->all, &snap, 1)) {
		free(snap.stack);
		err = -ENOMEM;
	}
	return err;
}

static int record_read(struct snapshots *s, const void *record, size_t size)
{
	struct perf_event_header h;
	struct reader r = {(const uint8_t *)record + sizeof(h), size - sizeof(h), false};

	memcpy(&h, record, sizeof(h));
	if (h.type == PERF_RECORD_SAMPLE)
		return sample_read(s, &r);
	if (h.type == PERF_RECORD_LOST) {
		get_u64(&r);
		s->lost += get_u64(&r);
	}
	return 0;
}

int snapshots_read(struct snapshots *s)
{
	for (size_t i = 0; i < s->rings.n; i++) {
		struct ring *ring = vec_at(&s->rings, i);
		uint64_t time_ns;
		const void *record;
		size_t size;
		int r;

		ring->records.head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
		while ((r = sideband_ring_peek(&ring->records, &record, &size, &time_ns)) > 0) {
			r = record_read(s, record, size);
			ring->records.tail += size;
			if (r)
				return r;
		}
		if (r < 0)
			return r;
		__atomic_store_n(&ring->page->data_tail, ring->records.tail, __ATOMIC_RELEASE);
	}
	return 0;
}

void snapshots_stop(struct snapshots *s)
{
	for (size_t i = 0; i < s->rings.n; i++)
		ioctl(((struct ring *)vec_at(&s->rings, i))->fd, PERF_EVENT_IOC_DISABLE, 0);
}

void snapshots_release(struct snapshots *s)
{
	for (size_t i = 0; i < s->rings.n; i++)
		ring_close(vec_at(&s->rings, i));
	for (size_t i = 0; i < s->all.n; i++)
		free(((struct snapshot *)vec_at(&s->all, i))->stack);
	vec_release(&s->rings);
	vec_release(&s->all);
}
