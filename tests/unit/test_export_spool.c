// SPDX-License-Identifier: Apache-2.0
/* The spool: order, bounds, what survives, what is damaged; and its entries byte by byte. */
#include "export/spool.h"
#include "export/spool_entry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "support/fixture.h"

static struct export_request *request(uint64_t seq, size_t bytes)
{
	struct export_request *r = NULL;

	assert_int_equal(export_request_new(&r), 0);
	r->seq = seq;
	r->body = malloc(bytes + 1);
	assert_non_null(r->body);
	for (size_t i = 0; i < bytes; i++)
		((char *)r->body)[i] = (char)(i * 31 + seq);
	r->bytes = bytes;
	r->flags = EXPORT_GZIP;
	free(r->suffix);
	r->suffix = strdup("/a/b?c=d");
	return r;
}

static struct spool *open_spool(const char *path, uint64_t max)
{
	struct cresset_error err = {.text = ""};
	struct spool *s = NULL;

	assert_int_equal(spool_open(path, max, &s, &err), 0);
	return s;
}

static void put(struct spool *s, uint64_t seq, size_t bytes, size_t want_evicted)
{
	struct export_request *r = request(seq, bytes);
	size_t evicted = 9;

	assert_int_equal(spool_put(s, r, "otlp", 0, false, &evicted, NULL), 0);
	assert_int_equal(evicted, want_evicted);
	export_request_free(r);
}

static void expect_first(struct spool *s, uint64_t seq, size_t bytes)
{
	struct export_request *r = NULL, *want = request(seq, bytes);

	assert_int_equal(spool_get(s, "otlp", &r, NULL), 0);
	assert_int_equal(r->seq, seq);
	assert_int_equal(r->bytes, bytes);
	assert_memory_equal(r->body, want->body, bytes);
	assert_string_equal(r->suffix, want->suffix);
	assert_int_equal(r->flags, EXPORT_GZIP);
	assert_int_equal(strlen(r->id), 36);
	export_request_free(r);
	export_request_free(want);
	spool_remove(s, seq);
}

static void test_order(void **state)
{
	struct fixture f;
	struct spool *s, *second = NULL;
	uint64_t seq;
	int64_t time_ns;

	fixture_init(&f);
	s = open_spool(fixture_path(&f, "deep/er/spool"), 1 << 20);
	assert_false(spool_first(s, &seq, &time_ns));
	put(s, 5, 100, 0);
	put(s, 7, 0, 0);
	put(s, 6, 70000, 0);
	put(s, 2, 10, 0); /* came back from a try */
	assert_int_equal(spool_count(s), 4);
	assert_int_equal(spool_last(s), 7);
	assert_int_equal(spool_open(fixture_path(&f, "deep/er/spool"), 1, &second, NULL), -EBUSY);
	spool_sync(s);
	spool_close(s);
	/* As after a restart, with what does not belong there. */
	fixture_write(&f, "deep/er/spool/.writing", "half", 4);
	fixture_write(&f, "deep/er/spool/README", "x", 1);
	fixture_write(&f, "deep/er/spool/zzzzzzzzzzzzzzzz-0000000000000000.req", "x", 1);
	s = open_spool(fixture_path(&f, "deep/er/spool"), 1 << 20);
	assert_int_equal(access(fixture_path(&f, "deep/er/spool/.writing"), F_OK), -1);
	assert_int_equal(spool_count(s), 4);
	expect_first(s, 2, 10);
	expect_first(s, 5, 100);
	expect_first(s, 6, 70000);
	spool_remove(s, 99);
	expect_first(s, 7, 0);
	assert_int_equal(spool_count(s), 0);
	assert_int_equal(spool_bytes(s), 0);
	spool_close(s);
	fixture_release(&f);
}

static void test_bounds(void **state)
{
	struct export_request *large = request(100, 3 << 20);
	struct fixture f;
	struct spool *s;
	size_t evicted = 9;

	/* Not to be compressed away. */
	for (size_t i = 0, x = 1; i < large->bytes; i++, x = x * 1103515245 + 12345)
		((char *)large->body)[i] = (char)(x >> 16);
	fixture_init(&f);
	s = open_spool(fixture_path(&f, "spool"), 10 * 4096);
	for (uint64_t seq = 1; seq <= 10; seq++)
		put(s, seq, 100, 0);
	put(s, 11, 100, 1);
	assert_int_equal(spool_put(s, large, "otlp", 0, true, &evicted, NULL), -EFBIG);
	assert_int_equal(evicted, 0);
	export_request_free(large);
	/* The one that is on its way stays. */
	large = request(12, 100);
	assert_int_equal(spool_put(s, large, "otlp", 2, true, &evicted, NULL), 0);
	assert_int_equal(evicted, 1);
	expect_first(s, 2, 100);
	expect_first(s, 4, 100);
	export_request_free(large);
	spool_close(s);
	fixture_release(&f);
}

static void test_many(void **state)
{
	struct fixture f;
	struct spool *s;

	fixture_init(&f);
	s = open_spool(fixture_path(&f, "spool"), 1u << 30);
	for (uint64_t seq = 1; seq <= 2500; seq++)
		put(s, seq, 1, 0);
	for (uint64_t seq = 1; seq <= 2400; seq++)
		spool_remove(s, seq);
	put(s, 2501, 1, 0);
	for (uint64_t seq = 2401; seq <= 2501; seq++)
		expect_first(s, seq, 1);
	spool_close(s);
	fixture_release(&f);
}

static void test_damage(void **state)
{
	struct export_request *r = NULL, *from = request(3, 500);
	struct vec v;
	uint8_t *copy;

	vec_init(&v, 1);
	assert_int_equal(spool_entry_write(from, "parca", &v), 0);
	assert_int_equal(spool_entry_read(v.data, v.n, "otlp", &r), -EPROTONOSUPPORT);
	for (size_t n = 0; n < v.n; n++)
		assert_int_equal(spool_entry_read(v.data, n, "parca", &r), -EBADMSG);
	copy = malloc(v.n);
	assert_non_null(copy);
	for (size_t bit = 0; bit < v.n * 8; bit++) {
		memcpy(copy, v.data, v.n);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(spool_entry_read(copy, v.n, "parca", &r), -EBADMSG);
	}
	free(copy);
	assert_int_equal(spool_entry_read(v.data, v.n, "parca", &r), 0);
	assert_string_equal(r->id, from->id);
	assert_int_equal(r->time_ns, from->time_ns);
	export_request_free(r);
	export_request_free(from);
	vec_release(&v);
}

static void test_damaged_file(void **state)
{
	struct cresset_error err = {.text = ""};
	struct export_request *r = NULL;
	struct fixture f;
	struct spool *s;
	uint64_t seq;
	int64_t time_ns;

	fixture_init(&f);
	s = open_spool(fixture_path(&f, "spool"), 1 << 20);
	put(s, 1, 10, 0);
	put(s, 2, 10, 0);
	fixture_run(&f, "truncate -s 30 spool/0000000000000001-*");
	assert_int_equal(spool_get(s, "otlp", &r, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "0000000000000001-"));
	spool_remove(s, 1);
	fixture_run(&f, "rm spool/0000000000000002-*");
	assert_int_equal(spool_get(s, "otlp", &r, &err), -EBADMSG);
	assert_true(spool_first(s, &seq, &time_ns));
	spool_remove(s, seq);
	assert_int_equal(spool_get(s, "otlp", &r, &err), -ENOENT);
	spool_close(s);
	assert_int_equal(spool_open("/dev/null/x", 1, &s, &err), -ENOTDIR);
	assert_non_null(strstr(err.text, "/dev/null/x"));
	fixture_release(&f);
}

static void test_no_memory(void **state)
{
	struct export_request *from = request(1, 50);
	struct fixture f;

	fixture_init(&f);
	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		struct export_request *r = NULL;
		struct spool *s = NULL;
		size_t evicted;
		int e = spool_open(fixture_path(&f, "spool"), 1 << 20, &s, NULL);

		if (e == 0)
			e = spool_put(s, from, "otlp", 0, true, &evicted, NULL);
		if (e == 0)
			e = spool_get(s, "otlp", &r, NULL);
		export_request_free(r);
		if (s)
			spool_remove(s, 1);
		spool_close(s);
		if (!alloc_fail_end()) {
			assert_int_equal(e, 0);
			break;
		}
		assert_true(e == -ENOMEM);
	}
	export_request_free(from);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	     cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_many),	     cmocka_unit_test(test_damage),
		cmocka_unit_test(test_damaged_file), cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
