// SPDX-License-Identifier: Apache-2.0
/* sideband: records and rings as the kernel writes them, and as it never should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/perf_event.h>

#include "sideband.h"

enum { TIME = 123456789, MISC_BUILD_ID = 1 << 14 };

/* A record in the making; finish() adds the time and sets the size. */
struct record {
	unsigned char bytes[512];
	size_t n;
};

static void begin(struct record *r, uint32_t type, uint16_t misc)
{
	struct perf_event_header h = {.type = type, .misc = misc};

	memset(r, 0, sizeof(*r));
	memcpy(r->bytes, &h, sizeof(h));
	r->n = sizeof(h);
}

static void put32(struct record *r, uint32_t v)
{
	memcpy(r->bytes + r->n, &v, 4);
	r->n += 4;
}

static void put64(struct record *r, uint64_t v)
{
	memcpy(r->bytes + r->n, &v, 8);
	r->n += 8;
}

static void put_text(struct record *r, const char *s)
{
	memcpy(r->bytes + r->n, s, strlen(s));
	r->n = (r->n + strlen(s) + 8) & ~(size_t)7;
}

static void finish(struct record *r)
{
	uint16_t size;

	put64(r, TIME);
	size = (uint16_t)r->n;
	memcpy(r->bytes + offsetof(struct perf_event_header, size), &size, sizeof(size));
}

static void make_mmap(struct record *r, bool build_id, const char *path)
{
	begin(r, PERF_RECORD_MMAP2, PERF_RECORD_MISC_USER | (build_id ? MISC_BUILD_ID : 0));
	put32(r, 100);
	put32(r, 101);
	put64(r, 0x7f0000001000);
	put64(r, 0x3000);
	put64(r, 0x2000);
	if (build_id) {
		put32(r, 20);
		for (uint32_t i = 0; i < 5; i++)
			put32(r, 0x01010101 * (i + 1));
	} else {
		put32(r, 8);
		put32(r, 3);
		put64(r, 4242);
		put64(r, 9);
	}
	put32(r, 5);
	put32(r, 2);
	put_text(r, path);
	finish(r);
}

static void mmap_by_inode(void **state)
{
	struct sideband_event e;
	struct record r;

	make_mmap(&r, false, "/usr/lib/libx.so");
	assert_int_equal(sideband_decode(r.bytes, r.n, &e), 0);
	assert_int_equal(e.type, SIDEBAND_MMAP);
	assert_int_equal(e.time_ns, TIME);
	assert_int_equal(e.pid, 100);
	assert_int_equal(e.tid, 101);
	assert_int_equal(e.start, 0x7f0000001000);
	assert_int_equal(e.end, 0x7f0000004000);
	assert_int_equal(e.pgoff, 0x2000);
	assert_int_equal(e.dev_major, 8);
	assert_int_equal(e.dev_minor, 3);
	assert_int_equal(e.ino, 4242);
	assert_int_equal(e.build_id_size, 0);
	assert_string_equal(e.text, "/usr/lib/libx.so");
	assert_int_equal(e.text_len, strlen("/usr/lib/libx.so"));
}

static void mmap_by_build_id(void **state)
{
	struct sideband_event e;
	struct record r;

	make_mmap(&r, true, "/bin/true");
	assert_int_equal(sideband_decode(r.bytes, r.n, &e), 0);
	assert_int_equal(e.build_id_size, 20);
	assert_int_equal(e.build_id[0], 1);
	assert_int_equal(e.build_id[19], 5);
	assert_int_equal(e.ino, 0);
	assert_string_equal(e.text, "/bin/true");
	/* A size that the field cannot hold. */
	r.bytes[sizeof(struct perf_event_header) + 32] = 21;
	assert_int_equal(sideband_decode(r.bytes, r.n, &e), -EBADMSG);
}

static void comm_fork_exit_lost(void **state)
{
	struct sideband_event e;
	struct record r;

	begin(&r, PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC);
	put32(&r, 7);
	put32(&r, 8);
	put_text(&r, "a name");
	finish(&r);
	assert_int_equal(sideband_decode(r.bytes, r.n, &e), 0);
	assert_int_equal(e.type, SIDEBAND_COMM);
	assert_true(e.exec);
	assert_int_equal(e.pid, 7);
	assert_int_equal(e.tid, 8);
	assert_string_equal(e.text, "a name");

	begin(&r, PERF_RECORD_FORK, 0);
	put32(&r, 20);
	put32(&r, 10);
	put32(&r, 21);
	put32(&r, 11);
	put64(&r, 5);
	finish(&r);
	assert_int_equal(sideband_decode(r.bytes, r.n, &e), 0);
	assert_int_equal(e.type, SIDEBAND_FORK);
	assert_int_equal(e.pid, 20);
	assert_int_equal(e.ppid, 10);
	assert_int_equal(e.tid, 21);
	r.bytes[0] = PERF_RECORD_EXIT;
	assert_int_equal(sideband_decode(r.bytes, r.n, &e), 0);
	assert_int_equal(e.type, SIDEBAND_EXIT);

	begin(&r, PERF_RECORD_LOST, 0);
	put64(&r, 1);
	put64(&r, 77);
	finish(&r);
	assert_int_equal(sideband_decode(r.bytes, r.n, &e), 0);
	assert_int_equal(e.type, SIDEBAND_LOST);
	assert_int_equal(e.lost, 77);

	begin(&r, 9999, 0);
	finish(&r);
	assert_int_equal(sideband_decode(r.bytes, r.n, &e), 0);
	assert_int_equal(e.type, SIDEBAND_OTHER);
}

static void records_that_are_not_whole(void **state)
{
	struct sideband_event e;
	struct record r;

	make_mmap(&r, false, "/usr/lib/libx.so");
	for (size_t n = 0; n < r.n; n++) {
		uint16_t size = (uint16_t)n;
		unsigned char *cut = malloc(n ? n : 1);

		memcpy(cut, r.bytes, n);
		assert_int_equal(sideband_decode(cut, n, &e), -EBADMSG);
		/* The same with a header that agrees: only a text is missing its end then. */
		if (n >= sizeof(struct perf_event_header)) {
			memcpy(cut + offsetof(struct perf_event_header, size), &size, 2);
			if (!sideband_decode(cut, n, &e))
				assert_true(e.text + e.text_len <
					    (const char *)cut + n - sizeof(uint64_t));
		}
		free(cut);
	}
	/* An end before its start. */
	make_mmap(&r, false, "/x");
	memset(r.bytes + sizeof(struct perf_event_header) + 16, 0xff, 8);
	assert_int_equal(sideband_decode(r.bytes, r.n, &e), -EBADMSG);
	/* A text without an end. */
	begin(&r, PERF_RECORD_COMM, 0);
	put32(&r, 1);
	put32(&r, 1);
	put64(&r, 0x4141414141414141);
	finish(&r);
	assert_int_equal(sideband_decode(r.bytes, r.n, &e), -EBADMSG);
}

enum { RING = 256 };

static void a_record_across_the_ring_end(void **state)
{
	static unsigned char buffer[SIDEBAND_RECORD_MAX];
	unsigned char data[RING];
	struct record r;

	make_mmap(&r, false, "/usr/lib/libx.so");
	for (uint64_t start = 0; start < RING; start += 8) {
		struct sideband_ring ring = {.data = data,
					     .size = RING,
					     .tail = RING * 3 + start,
					     .head = RING * 3 + start + r.n,
					     .buffer = buffer};
		struct sideband_event e;
		const void *record;
		uint64_t time_ns;
		size_t size;

		for (size_t i = 0; i < r.n; i++)
			data[(start + i) % RING] = r.bytes[i];
		assert_int_equal(sideband_ring_peek(&ring, &record, &size, &time_ns), 1);
		assert_int_equal(size, r.n);
		assert_int_equal(time_ns, TIME);
		assert_int_equal(sideband_decode(record, size, &e), 0);
		assert_string_equal(e.text, "/usr/lib/libx.so");
		ring.tail += size;
		assert_int_equal(sideband_ring_peek(&ring, &record, &size, &time_ns), 0);
	}
}

static void rings_that_make_no_sense(void **state)
{
	static unsigned char buffer[SIDEBAND_RECORD_MAX];
	unsigned char data[RING] = {0};
	struct sideband_ring ring = {.data = data, .size = RING, .head = 64, .buffer = buffer};
	struct perf_event_header h = {.type = 1};
	const void *record;
	uint64_t time_ns;
	size_t size;

	assert_int_equal(sideband_ring_peek(&ring, &record, &size, &time_ns), -EBADMSG);
	h.size = 8; /* no room for a time */
	memcpy(data, &h, sizeof(h));
	assert_int_equal(sideband_ring_peek(&ring, &record, &size, &time_ns), -EBADMSG);
	h.size = 72; /* past the head */
	memcpy(data, &h, sizeof(h));
	assert_int_equal(sideband_ring_peek(&ring, &record, &size, &time_ns), -EBADMSG);
	h.size = 20; /* no multiple of 8 */
	memcpy(data, &h, sizeof(h));
	assert_int_equal(sideband_ring_peek(&ring, &record, &size, &time_ns), -EBADMSG);
	h.size = 16;
	memcpy(data, &h, sizeof(h));
	assert_int_equal(sideband_ring_peek(&ring, &record, &size, &time_ns), 1);
	ring.head = RING + 8; /* overwritten */
	assert_int_equal(sideband_ring_peek(&ring, &record, &size, &time_ns), -EBADMSG);
	ring.head = 64, ring.tail = 4;
	assert_int_equal(sideband_ring_peek(&ring, &record, &size, &time_ns), -EBADMSG);
	ring.head = 8, ring.tail = 16; /* the head behind the tail */
	assert_int_equal(sideband_ring_peek(&ring, &record, &size, &time_ns), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mmap_by_inode),
		cmocka_unit_test(mmap_by_build_id),
		cmocka_unit_test(comm_fork_exit_lost),
		cmocka_unit_test(records_that_are_not_whole),
		cmocka_unit_test(a_record_across_the_ring_end),
		cmocka_unit_test(rings_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
