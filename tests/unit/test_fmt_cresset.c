// SPDX-License-Identifier: Apache-2.0
/* .cresset: nothing is lost on the way there and back, and no damage goes unnoticed or crashes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include <cmocka.h>

#include "formats/fmt_cresset.h"
#include "support/cases.h"
#include "support/dump.h"
#include "support/formats.h"
#include "support/starved.h"

static char *written(const struct cresset_profile *p, size_t *ret_size)
{
	char *data;

	assert_int_equal(format_to_memory("cresset", p, NULL, &data, ret_size), 0);
	return data;
}

static struct cresset_profile *read_back(const void *data, size_t size)
{
	struct cresset_error err;
	struct cresset_profile *p;

	if (format_from_memory("cresset", data, size, &p, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

static void assert_round(const struct cresset_profile *p)
{
	struct cresset_profile *q;
	char *data, *again, *dump, *dump2;
	size_t n, n2;

	data = written(p, &n);
	q = read_back(data, n);
	dump = dump_profile(p);
	dump2 = dump_profile(q);
	assert_string_equal(dump, dump2);
	again = written(q, &n2);
	assert_int_equal(n, n2);
	assert_memory_equal(data, again, n);
	free(data);
	free(again);
	free(dump);
	free(dump2);
	cresset_profile_free(q);
}

static void test_round(void **state)
{
	const struct test_case *c;

	for (size_t i = 0; (c = test_case_at(i)); i++) {
		struct cresset_profile *p = test_case_profile(c->name);

		assert_round(p);
		cresset_profile_free(p);
	}
}

/* Lines that came after the location, as the symbolizer sets them. */
static void test_half_symbolised(void **state)
{
	struct cresset_profile *p = test_case_profile("raw");
	struct cresset_function f = {0};
	struct cresset_line lines[2] = {{.line = 1}, {.line = 2}};

	assert_int_equal(cresset_profile_add_string(p, "later", 5, &f.name), 0);
	assert_int_equal(cresset_profile_add_function(p, &f, &lines[0].function), 0);
	lines[1].function = lines[0].function;
	assert_int_equal(cresset_profile_set_lines(p, 2, lines, 2, CRESSET_LOCATION_RESOLVED), 0);
	assert_int_equal(cresset_profile_set_mapping_flags(p, 3, CRESSET_MAPPING_HAS_LINES), 0);
	assert_round(p);
	cresset_profile_free(p);
}

static void assert_refused(const void *data, size_t size, int error, const char *why)
{
	struct cresset_error err;
	struct cresset_profile *p;

	assert_int_equal(format_from_memory("cresset", data, size, &p, &err), error);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void test_refused(void **state)
{
	struct cresset_profile *p = test_case_profile("recorded");
	size_t n;
	char *data = written(p, &n), *copy = malloc(n + 1);

	assert_non_null(copy);
	assert_refused("", 0, -EINVAL, "not a .cresset file");
	assert_refused("main;a 1\n", 9, -EINVAL, "not a .cresset file");
	memcpy(copy, data, n);
	copy[8] = 2;
	assert_refused(copy, n, -ENOTSUP, "update cresset");
	memcpy(copy, data, n);
	copy[n] = 'x';
	assert_refused(copy, n + 1, -EINVAL, "damaged");
	copy[24] ^= 1;
	assert_refused(copy, n, -EINVAL, "checksum");
	/* Cut anywhere, and with any byte changed. */
	for (size_t i = 0; i < n; i++) {
		struct cresset_profile *q;
		struct cresset_error err;

		assert_refused(data, i, -EINVAL, "");
		memcpy(copy, data, n);
		copy[i] ^= 0x41;
		assert_true(format_from_memory("cresset", copy, n, &q, &err) < 0);
		assert_true(err.text[0] != '\0');
	}
	free(data);
	free(copy);
	cresset_profile_free(p);
}

/* The header for a payload, whatever that is. */
static char *packed(const uint8_t *payload, size_t size, size_t *ret_size)
{
	size_t bound = ZSTD_compressBound(size), n;
	char *file = calloc(1, CRESSET_HEADER + bound);
	uint64_t hash = XXH3_64bits(payload, size), size64 = size;
	uint32_t version = CRESSET_RAW_VERSION;

	assert_non_null(file);
	memcpy(file, CRESSET_MAGIC, 8);
	memcpy(file + 8, &version, 4);
	memcpy(file + 16, &size64, 8);
	memcpy(file + 24, &hash, 8);
	n = ZSTD_compress(file + CRESSET_HEADER, bound, payload, size, 1);
	assert_false(ZSTD_isError(n));
	*ret_size = CRESSET_HEADER + n;
	return file;
}

static uint8_t *payload_of(const char *name, size_t *ret_size)
{
	struct cresset_profile *p = test_case_profile(name);
	size_t n;
	char *data = written(p, &n);
	uint64_t size;
	uint8_t *payload;

	memcpy(&size, data + 16, 8);
	payload = malloc(size + 64);
	assert_non_null(payload);
	assert_int_equal(ZSTD_decompress(payload, size, data + CRESSET_HEADER, n - CRESSET_HEADER),
			 size);
	free(data);
	cresset_profile_free(p);
	*ret_size = size;
	return payload;
}

/* Made on purpose: the checksum is right, the content is not. Each byte of the payload takes a few
 * other values; whatever is read must be a profile that can be written again. */
static void test_forged(void **state)
{
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	size_t size, n, refused = 0, accepted = 0;
	uint8_t *payload = payload_of("recorded", &size);

	for (size_t i = 0; i < size; i++) {
		uint8_t old = payload[i];

		for (size_t j = 0; j < sizeof(values); j++) {
			struct cresset_profile *p;
			struct cresset_error err;
			char *file, *dump;

			payload[i] = values[j];
			file = packed(payload, size, &n);
			if (format_from_memory("cresset", file, n, &p, &err) < 0) {
				refused++;
			} else {
				accepted++;
				dump = dump_profile(p);
				free(dump);
				cresset_profile_free(p);
			}
			free(file);
		}
		payload[i] = old;
	}
	assert_true(refused > accepted / 10);
	free(payload);
}

static void test_sections(void **state)
{
	static const uint8_t unknown[] = {70, 3, 'n', 'e', 'w'};
	static const uint8_t needed[] = {12, 1, 0};
	size_t size, n;
	uint8_t *payload = payload_of("names", &size);
	char *file;

	/* A later writer's optional section is skipped … */
	memcpy(payload + size, unknown, sizeof(unknown));
	file = packed(payload, size + sizeof(unknown), &n);
	cresset_profile_free(read_back(file, n));
	free(file);
	/* … one that must be understood is not, nor is one that is missing. */
	memcpy(payload + size, needed, sizeof(needed));
	file = packed(payload, size + sizeof(needed), &n);
	assert_refused(file, n, -EINVAL, "damaged");
	free(file);
	file = packed(payload, 0, &n);
	assert_refused(file, n, -EINVAL, "sections missing");
	free(file);
	free(payload);
}

static void test_allocations(void **state)
{
	struct cresset_profile *p = test_case_profile("recorded");
	char *data;
	size_t size;

	starved_write("cresset", p, NULL, 10);
	assert_int_equal(format_to_memory("cresset", p, NULL, &data, &size), 0);
	starved_read("cresset", data, size, 10);
	free(data);
	cresset_profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),	 cmocka_unit_test(test_half_symbolised),
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_forged),
		cmocka_unit_test(test_sections), cmocka_unit_test(test_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
