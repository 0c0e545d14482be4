// SPDX-License-Identifier: Apache-2.0
/*
 * pprof: what is written passes the strict checker (which decodes with protobuf-c), comes back with
 * everything that pprof has a place for, and damaged or contradictory files are refused in words.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/fmt_pprof.h"
#include "formats/gunzip.h"
#include "formats/wire.h"
#include "pprof_check.h"
#include "support/cases.h"
#include "support/dump.h"
#include "support/formats.h"
#include "support/starved.h"

static char *written(const struct cresset_profile *p, size_t *ret_size)
{
	char *data;

	assert_int_equal(format_to_memory("pprof", p, NULL, &data, ret_size), 0);
	return data;
}

static struct cresset_profile *read_back(const void *data, size_t size)
{
	struct cresset_error err;
	struct cresset_profile *p;

	if (format_from_memory("pprof", data, size, &p, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

static void assert_strict(const char *name, const void *data, size_t size,
			  struct pprof_check_options options)
{
	char *report = NULL;
	size_t n;
	FILE *f = open_memstream(&report, &n);

	assert_non_null(f);
	if (pprof_check(data, size, options, f)) {
		fclose(f);
		fail_msg("case %s: %s", name, report);
	}
	fclose(f);
	free(report);
}

static void test_strict(void **state)
{
	const struct test_case *c;

	for (size_t i = 0; (c = test_case_at(i)); i++) {
		struct cresset_profile *p = test_case_profile(c->name);
		struct pprof_check_options options = {.recorded = strcmp(c->name, "recorded") == 0,
						      .negative = c->odd};
		size_t n;
		char *data = written(p, &n);

		assert_strict(c->name, data, n, options);
		free(data);
		cresset_profile_free(p);
	}
}

/* Reading what was written and writing that again changes nothing. */
static void test_fixpoint(void **state)
{
	const struct test_case *c;

	for (size_t i = 0; (c = test_case_at(i)); i++) {
		struct cresset_profile *p = test_case_profile(c->name), *q, *q2;
		size_t n, n2;
		char *data = written(p, &n), *data2, *dump, *dump2;

		q = read_back(data, n);
		data2 = written(q, &n2);
		q2 = read_back(data2, n2);
		dump = dump_profile(q);
		dump2 = dump_profile(q2);
		assert_string_equal(dump, dump2);
		assert_int_equal(cresset_profile_n_samples(p), cresset_profile_n_samples(q));
		assert_int_equal(cresset_profile_n_locations(p), cresset_profile_n_locations(q));
		free(dump);
		free(dump2);
		free(data);
		free(data2);
		cresset_profile_free(p);
		cresset_profile_free(q);
		cresset_profile_free(q2);
	}
}

static uint32_t find_location(const struct cresset_profile *p, uint64_t address)
{
	for (uint32_t i = 1; i <= cresset_profile_n_locations(p); i++)
		if (cresset_profile_location(p, i)->address == address)
			return i;
	fail_msg("no location at %#llx", (unsigned long long)address);
	return 0;
}

static void test_kept(void **state)
{
	struct cresset_profile *p = test_case_profile("recorded"), *q;
	const struct cresset_location *loc;
	const struct cresset_function *f;
	const struct cresset_mapping *m;
	uint32_t id;
	size_t n;
	char *data = written(p, &n);

	q = read_back(data, n);
	assert_int_equal(cresset_profile_n_value_types(q), 2);
	assert_int_equal(cresset_profile_default_type(q), 1);
	assert_int_equal(cresset_profile_period(q), 10101010);
	assert_int_equal(cresset_profile_time_ns(q), 1700000000123456789);
	assert_int_equal(cresset_profile_duration_ns(q), 10000000000);
	assert_int_equal(cresset_profile_n_comments(q), 2);
	assert_string_equal(cresset_profile_comment(q, 1), "cpu-clock at 99 Hz");
	assert_int_equal(cresset_profile_n_stats(q), 4);
	assert_int_equal(cresset_profile_stat(q, 3).value, 2);
	assert_string_equal(cresset_profile_string(q, cresset_profile_stat(q, 3).name),
			    "samples.lost.map_full");
	/* The program stands first although libc was there before. */
	m = cresset_profile_mapping(q, 1);
	assert_string_equal(cresset_profile_string(q, m->file), "/home/user/bin/server");
	assert_string_equal(cresset_profile_string(q, m->build_id),
			    "00112233445566778899aabbccddeeff00112233");
	assert_int_equal(m->offset, 0x1000);
	/* Inlined calls, innermost first, with both names. */
	id = find_location(q, 0x2345);
	loc = cresset_profile_location(q, id);
	assert_int_equal(loc->n_lines, 3);
	f = cresset_profile_function(q, cresset_profile_lines(q, id)[0].function);
	assert_string_equal(cresset_profile_string(q, f->name), "clamp<int>(int, int)");
	assert_string_equal(cresset_profile_string(q, f->system_name), "_Z5clampIiET_S0_S0_");
	assert_string_equal(cresset_profile_string(q, f->filename), "/src/util.h");
	assert_int_equal(f->start_line, 5);
	assert_int_equal(cresset_profile_lines(q, id)[2].line, 55);
	assert_int_equal(cresset_profile_lines(q, find_location(q, 0x1234))[0].column, 9);
	/* An address without a name has none after the way there and back. */
	assert_int_equal(cresset_profile_location(q, find_location(q, 0x29d90))->n_lines, 0);
	assert_int_equal(cresset_profile_location(q, find_location(q, 0x730))->n_lines, 0);
	assert_true(cresset_profile_location(q, find_location(q, 0xffffffff81a00080))->flags &
		    CRESSET_LOCATION_KERNEL);
	assert_int_equal(
		cresset_profile_find_label(q, cresset_profile_sample(q, 3)->labels, "tid")->num,
		4250);
	free(data);
	cresset_profile_free(p);
	cresset_profile_free(q);
}

static void test_default_is_last(void **state)
{
	struct cresset_profile *p = test_case_profile("recorded"), *q;
	struct wire_out w;
	size_t n, size;
	void *bare;
	char *data = written(p, &n);

	/* A second default overrides the first; none is pprof's word for the last. */
	assert_int_equal(gunzip(data, n, SIZE_MAX, &bare, &size, NULL), 0);
	wire_init(&w);
	wire_put_bytes(&w, bare, size);
	wire_put(&w, PROFILE_DEFAULT_SAMPLE_TYPE << 3);
	wire_put(&w, 0);
	q = read_back(w.bytes.data, w.bytes.n);
	assert_int_equal(cresset_profile_default_type(q), 1);
	wire_put(&w, PROFILE_DEFAULT_SAMPLE_TYPE << 3);
	wire_put(&w, 1);
	cresset_profile_free(q);
	q = read_back(w.bytes.data, w.bytes.n);
	assert_int_equal(cresset_profile_default_type(q), 0);
	wire_release(&w);
	free(bare);
	free(data);
	cresset_profile_free(p);
	cresset_profile_free(q);
}

/* ---- Files made field by field. */

static void put_strings(struct wire_out *w, const char *const *strings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wire_field_bytes(w, PROFILE_STRING_TABLE, strings[i], strlen(strings[i]));
}

static void put_pair(struct wire_out *w, unsigned int field, unsigned int a, uint64_t x,
		     unsigned int b, uint64_t y)
{
	size_t at = wire_begin(w, field);

	wire_field(w, a, x);
	wire_field(w, b, y);
	wire_end(w, at);
}

static void put_location(struct wire_out *w, uint64_t id, uint64_t mapping, uint64_t function)
{
	size_t at = wire_begin(w, PROFILE_LOCATION);

	wire_field(w, LOCATION_ID, id);
	wire_field(w, LOCATION_MAPPING_ID, mapping);
	if (function)
		put_pair(w, LOCATION_LINE, LINE_FUNCTION_ID, function, LINE_LINE, 3);
	wire_end(w, at);
}

/* One sample of one location, in no way packed, tables after what uses them, ids not dense. */
static void put_sample(struct wire_out *w, uint64_t location, size_t n_values, uint64_t key)
{
	size_t at = wire_begin(w, PROFILE_SAMPLE);

	wire_field(w, SAMPLE_LOCATION_ID, location);
	for (size_t i = 0; i < n_values; i++)
		wire_field(w, SAMPLE_VALUE, 5);
	if (key)
		put_pair(w, SAMPLE_LABEL, LABEL_KEY, key, LABEL_NUM, 9);
	wire_end(w, at);
}

static const char *const strings[] = {"", "samples", "count", "main", "key", "/bin/x"};
enum { N_STRINGS = 6, S_SAMPLES = 1, S_COUNT = 2, S_MAIN = 3, S_KEY = 4, S_FILE = 5 };

struct variant {
	uint64_t type, location, mapping, function, function_id, function2_id, name, key, comment;
	size_t n_values, n_strings;
	const char *first;
};

static const struct variant good = {.type = S_SAMPLES,
				    .location = 70,
				    .mapping = 30,
				    .function = 50,
				    .function_id = 50,
				    .function2_id = 40,
				    .name = S_MAIN,
				    .key = S_KEY,
				    .comment = S_MAIN,
				    .n_values = 1,
				    .n_strings = N_STRINGS,
				    .first = ""};

static void build_variant(struct wire_out *w, const struct variant *v)
{
	wire_init(w);
	put_sample(w, 70, v->n_values, v->key);
	put_sample(w, v->location, v->n_values, 0);
	put_location(w, 70, v->mapping, v->function);
	put_location(w, 60, 0, 40);
	put_pair(w, PROFILE_FUNCTION, FUNCTION_ID, v->function_id, FUNCTION_NAME, v->name);
	put_pair(w, PROFILE_FUNCTION, FUNCTION_ID, v->function2_id, FUNCTION_NAME, S_MAIN);
	put_pair(w, PROFILE_MAPPING, MAPPING_ID, 30, MAPPING_FILENAME, S_FILE);
	if (v->type)
		put_pair(w, PROFILE_SAMPLE_TYPE, VALUE_TYPE_TYPE, v->type, VALUE_TYPE_UNIT,
			 S_COUNT);
	wire_field(w, PROFILE_COMMENT, v->comment);
	if (v->n_strings)
		wire_field_bytes(w, PROFILE_STRING_TABLE, v->first, strlen(v->first));
	if (v->n_strings)
		put_strings(w, strings + 1, v->n_strings - 1);
	/* A field of a later version. */
	wire_field(w, 99, 12345);
	assert_int_equal(w->error, 0);
}

static void test_foreign(void **state)
{
	struct cresset_profile *p;
	struct cresset_frame frame;
	struct wire_out w;

	build_variant(&w, &good);
	p = read_back(w.bytes.data, w.bytes.n);
	assert_int_equal(cresset_profile_n_samples(p), 2);
	assert_int_equal(cresset_profile_total(p, 0), 10);
	assert_int_equal(cresset_profile_frames(p, 1, &frame, 1), 1);
	assert_string_equal(cresset_profile_string(p, frame.name), "main");
	assert_int_equal(frame.line, 3);
	assert_string_equal(cresset_profile_comment(p, 0), "main");
	assert_true(cresset_format_by_name("pprof")->sniff(w.bytes.data, w.bytes.n));
	cresset_profile_free(p);
	wire_release(&w);
}

static void assert_refused(const struct variant *v, const char *why)
{
	struct cresset_error err;
	struct cresset_profile *p;
	struct wire_out w;

	build_variant(&w, v);
	assert_int_equal(format_from_memory("pprof", w.bytes.data, w.bytes.n, &p, &err), -EINVAL);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	wire_release(&w);
}

static struct variant with(size_t offset, uint64_t x)
{
	struct variant v = good;

	memcpy((char *)&v + offset, &x, sizeof(x));
	return v;
}

static void test_contradictions(void **state)
{
	struct variant v = with(offsetof(struct variant, location), 71);

	assert_refused(&v, "sample 2: location 71 does not exist");
	v = with(offsetof(struct variant, mapping), 31);
	assert_refused(&v, "location 1: mapping 31 does not exist");
	v = with(offsetof(struct variant, function), 51);
	assert_refused(&v, "location 1: function 51 does not exist");
	v = with(offsetof(struct variant, function2_id), 50);
	assert_refused(&v, "two functions have the id 50");
	v = with(offsetof(struct variant, function_id), 0);
	assert_refused(&v, "function has the id 0");
	v = with(offsetof(struct variant, name), 6);
	assert_refused(&v, "function 1: string 6 does not exist");
	v = with(offsetof(struct variant, key), 77);
	assert_refused(&v, "sample 1: string 77 does not exist");
	v = with(offsetof(struct variant, comment), UINT64_MAX);
	assert_refused(&v, "comment 1: string");
	v = with(offsetof(struct variant, n_values), 2);
	assert_refused(&v, "sample 1 has 2 values for 1 types");
	v = with(offsetof(struct variant, type), 0);
	assert_refused(&v, "values for 0 types");
	v = with(offsetof(struct variant, n_strings), 0);
	assert_refused(&v, "no string table");
	v = good;
	v.first = "x";
	assert_refused(&v, "string 0 is not empty");
}

static void assert_unreadable(const void *data, size_t size, const char *why)
{
	struct cresset_error err;
	struct cresset_profile *p;

	assert_true(format_from_memory("pprof", data, size, &p, &err) < 0);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void test_damaged(void **state)
{
	struct cresset_profile *p = test_case_profile("recorded");
	size_t n, size;
	void *bare;
	char *data = written(p, &n), *twice = malloc(2 * n);

	assert_non_null(twice);
	memcpy(twice, data, n);
	memcpy(twice + n, data, n);
	assert_unreadable(twice, 2 * n, "two files joined");
	assert_unreadable(twice, n + 1, "after the end of the gzip data");
	assert_unreadable(data, n / 2, "damaged or cut off");
	assert_unreadable(data, 10, "cut off");
	data[n / 2] ^= 0x10;
	assert_unreadable(data, n, "damaged");
	assert_int_equal(gunzip(twice, n, SIZE_MAX, &bare, &size, NULL), 0);
	assert_unreadable(bare, size - 1, "cut off");
	assert_unreadable("\x0b\x0c", 2, "damaged");
	free(bare);
	free(data);
	free(twice);
	cresset_profile_free(p);
}

/* What unpacks to more than is allowed is refused, whatever it claims to be. */
static void test_bomb(void **state)
{
	struct cresset_profile *p = test_case_profile("hostile");
	struct cresset_error err;
	size_t n, size;
	void *bare;
	char *data = written(p, &n);

	assert_int_equal(gunzip(data, n, 1000, &bare, &size, &err), -EFBIG);
	memset(data + n - 4, 0, 4);
	assert_int_equal(gunzip(data, n, SIZE_MAX, &bare, &size, &err), -EINVAL);
	memset(data + n - 4, 0xff, 4);
	assert_int_equal(gunzip(data, n, SIZE_MAX, &bare, &size, &err), -EINVAL);
	free(data);
	cresset_profile_free(p);
}

static void test_allocations(void **state)
{
	struct cresset_profile *p = test_case_profile("recorded");
	char *data;
	size_t size;

	starved_write("pprof", p, NULL, 10);
	assert_int_equal(format_to_memory("pprof", p, NULL, &data, &size), 0);
	starved_read("pprof", data, size, 10);
	free(data);
	cresset_profile_free(p);
}

/* Locations out of a mapping's range make it wider, and the file's offset keeps step. */
static void test_ranges(void **state)
{
	static const uint64_t addresses[] = {0x1800, 0, 0x9000, 0x5fff};
	struct cresset_mapping m = {
		.start = 0x1000, .limit = 0x6000, .offset = 0x400, .kind = CRESSET_MAPPING_FILE};
	struct cresset_profile *p, *back;
	struct cresset_function f = {0};
	struct cresset_line line = {0};
	uint32_t mapping;
	char *data;
	size_t n;

	assert_int_equal(cresset_profile_new(&p), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "cpu", "nanoseconds"), 0);
	assert_int_equal(cresset_profile_add_string(p, "/bin/a", 6, &m.file), 0);
	assert_int_equal(cresset_profile_add_mapping(p, &m, &mapping), 0);
	assert_int_equal(cresset_profile_add_string(p, "f", 1, &f.name), 0);
	assert_int_equal(cresset_profile_add_function(p, &f, &line.function), 0);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		const struct cresset_location l = {
			.mapping = mapping, .address = addresses[i], .n_lines = 1};
		const int64_t value = 1;
		uint32_t location, stack;

		assert_int_equal(cresset_profile_add_location(p, &l, &line, &location), 0);
		assert_int_equal(cresset_profile_add_stack(p, &location, 1, &stack), 0);
		assert_int_equal(cresset_profile_add_sample(p, stack, 0, &value), 0);
	}
	data = written(p, &n);
	assert_strict("ranges", data, n, (struct pprof_check_options){.recorded = false});
	back = read_back(data, n);
	assert_int_equal(cresset_profile_mapping(back, 1)->start, 0);
	assert_int_equal(cresset_profile_mapping(back, 1)->limit, 0x9001);
	assert_int_equal(cresset_profile_mapping(back, 1)->offset, 0);
	free(data);
	cresset_profile_free(back);
	cresset_profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict),	    cmocka_unit_test(test_fixpoint),
		cmocka_unit_test(test_kept),	    cmocka_unit_test(test_default_is_last),
		cmocka_unit_test(test_foreign),	    cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_damaged),	    cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_allocations), cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
