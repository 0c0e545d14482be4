// SPDX-License-Identifier: Apache-2.0
/* elf_image: what a file says of itself, contents whole and by pages, and files that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <unistd.h>
#include <zstd.h>

#include "support/alloc_fail.h"
#include "symbolize/elf_image.h"
#include "unit/elf_builder.h"

#define CASES TEST_SOURCE_DIR "/tests/fuzz/corpus/elf/"

static struct elf_image *open_case(const char *path)
{
	struct elf_image *e;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(elf_image_open_fd(fd, &e), 0);
	return e;
}

static struct elf_image *finish(struct elf_builder *b)
{
	struct elf_image *e;
	size_t size;
	uint8_t *data = builder_finish(b, 0, EM_X86_64, &size);

	assert_non_null(data);
	assert_int_equal(elf_image_open_memory(data, size, &e), 0);
	return e;
}

static void a_binary_tells_what_it_is(void **state)
{
	struct elf_image *e = open_case(CASES "whole");
	const struct elf_segment *s;
	bool code = false;
	size_t n;

	assert_int_equal(elf_image_machine(e), EM_X86_64);
	assert_int_equal(elf_image_type(e), ET_DYN);
	assert_true(elf_image_is_64bit(e));
	assert_true(elf_image_has_symtab(e));
	assert_true(elf_image_has_dwarf(e));
	assert_int_equal(strlen(elf_image_build_id(e)), 40);
	assert_int_equal(strspn(elf_image_build_id(e), "0123456789abcdef"), 40);
	s = elf_image_segments(e, &n);
	assert_true(n >= 2);
	for (size_t i = 0; i < n; i++)
		code = code || ((s[i].flags & PF_X) && s[i].vaddr == 0x1000 && s[i].filesz);
	assert_true(code);
	elf_image_free(e);

	e = open_case(CASES "i386");
	assert_int_equal(elf_image_machine(e), EM_386);
	assert_false(elf_image_is_64bit(e));
	elf_image_free(e);
}

static void a_stripped_one_and_its_debug_file_belong_together(void **state)
{
	struct elf_image *stripped = open_case(CASES "debuglink"),
			 *debug = open_case(CASES "debug");
	const char *name;
	uint32_t crc;

	assert_false(elf_image_has_symtab(stripped));
	assert_false(elf_image_has_dwarf(stripped));
	assert_true(elf_image_has_symtab(debug));
	assert_true(elf_image_has_dwarf(debug));
	assert_string_equal(elf_image_build_id(stripped), elf_image_build_id(debug));
	assert_int_equal(elf_image_debuglink(stripped, &name, &crc), 0);
	assert_string_equal(name, "zlib.debug");
	assert_int_equal(elf_image_debuglink(debug, &name, &crc), -ENOENT);
	elf_image_free(stripped);
	elf_image_free(debug);
}

static void links_are_checked(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} bad[] = {
		{"a/b.debug\0\0\0\1\2\3\4", 16},
		{"", 0},
		{"\0\0\0\0\1\2\3\4", 8},
		{"abc\0\1\2\3", 7},
		{"no end", 6},
	};
	struct elf_builder *b = malloc(sizeof(*b));
	const char *name, *id;
	struct elf_image *e;
	uint32_t crc;

	assert_non_null(b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		builder_init(b);
		builder_section(b, ".gnu_debuglink", SHT_PROGBITS, 0, 0, bad[i].text, bad[i].size);
		e = finish(b);
		assert_int_equal(elf_image_debuglink(e, &name, &crc), -ENOENT);
		elf_image_free(e);
	}
	builder_init(b);
	builder_section(b, ".gnu_debuglink", SHT_PROGBITS, 0, 0, "abc\0\1\2\3\4", 8);
	builder_section(b, ".gnu_debugaltlink", SHT_PROGBITS, 0, 0, "/x/y\0\xab\x01", 7);
	e = finish(b);
	assert_int_equal(elf_image_debuglink(e, &name, &crc), 0);
	assert_string_equal(name, "abc");
	assert_int_equal(crc, 0x04030201);
	assert_int_equal(elf_image_debugaltlink(e, &name, &id), 0);
	assert_string_equal(name, "/x/y");
	assert_string_equal(id, "ab01");
	elf_image_free(e);
	free(b);
}

static size_t zlib(const void *data, size_t size, uint8_t *out, size_t out_size)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
	size_t n;

	assert_non_null(c);
	n = libdeflate_zlib_compress(c, data, size, out, out_size);
	libdeflate_free_compressor(c);
	assert_true(n > 0);
	return n;
}

/* Contents of a section, compressed by hand. */
static void check_compressed(uint32_t method, const void *data, size_t size, uint64_t says,
			     int want)
{
	struct elf_builder *b = malloc(sizeof(*b));
	Elf64_Chdr head = {.ch_type = method, .ch_size = says, .ch_addralign = 1};
	uint8_t raw[4096];
	const uint8_t *out;
	struct elf_image *e;
	struct elf_view v;
	size_t out_size;

	assert_non_null(b);
	memcpy(raw, &head, sizeof(head));
	memcpy(raw + sizeof(head), data, size);
	builder_init(b);
	builder_section(b, ".debug_str", SHT_PROGBITS, SHF_COMPRESSED, 0, raw, sizeof(head) + size);
	e = finish(b);
	assert_int_equal(elf_image_section(e, ".debug_str", &out, &out_size), want);
	assert_int_equal(elf_view_init(&v, e, ".debug_str"), want);
	if (want == 0) {
		assert_int_equal(out_size, says);
		assert_true(elf_view_need(&v, 0, says) && !elf_view_need(&v, 1, says));
		assert_memory_equal(v.data, out, says);
		for (size_t i = 0; i < says; i++)
			assert_int_equal(out[i], (uint8_t)(i % 7));
	}
	elf_view_release(&v);
	elf_image_free(e);
	free(b);
}

static void compressed_sections_are_opened_within_bounds(void **state)
{
	uint8_t plain[3000], packed[3500];
	size_t n, nz;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i % 7);
	n = zlib(plain, sizeof(plain), packed, sizeof(packed));
	check_compressed(ELFCOMPRESS_ZLIB, packed, n, sizeof(plain), 0);
	check_compressed(ELFCOMPRESS_ZLIB, packed, n, sizeof(plain) - 1, -EBADMSG);
	check_compressed(ELFCOMPRESS_ZLIB, packed, n, sizeof(plain) + 1, -EBADMSG);
	check_compressed(ELFCOMPRESS_ZLIB, packed, n / 2, sizeof(plain), -EBADMSG);
	check_compressed(ELFCOMPRESS_ZLIB, packed, n, 1ull << 40, -EFBIG);
	check_compressed(ELFCOMPRESS_ZLIB, packed, n, 100000000, -EFBIG);
	check_compressed(77, packed, n, sizeof(plain), -EBADMSG);
	nz = ZSTD_compress(packed, sizeof(packed), plain, sizeof(plain), 3);
	assert_false(ZSTD_isError(nz));
	check_compressed(2, packed, nz, sizeof(plain), 0);
	check_compressed(2, packed, nz, sizeof(plain) + 1, -EBADMSG);
}

static void old_compressed_sections_are_found_by_their_new_name(void **state)
{
	struct elf_builder *b = malloc(sizeof(*b));
	uint8_t raw[256] = "ZLIB\0\0\0\0\0\0\0\5";
	size_t n = zlib("hello", 5, raw + 12, sizeof(raw) - 12);
	const uint8_t *out;
	struct elf_image *e;
	size_t size;

	assert_non_null(b);
	builder_init(b);
	builder_section(b, ".zdebug_line", SHT_PROGBITS, 0, 0, raw, 12 + n);
	builder_section(b, ".zdebug_str", SHT_PROGBITS, 0, 0, "ZLIX", 4);
	e = finish(b);
	assert_int_equal(elf_image_section(e, ".debug_line", &out, &size), 0);
	assert_int_equal(size, 5);
	assert_memory_equal(out, "hello", 5);
	assert_int_equal(elf_image_section(e, ".debug_str", &out, &size), -EBADMSG);
	assert_int_equal(elf_image_section(e, ".debug_info", &out, &size), -ENOENT);
	elf_image_free(e);
	free(b);
}

static void a_section_past_the_end_is_an_error_and_takes_no_memory(void **state)
{
	struct elf_builder *b = malloc(sizeof(*b));
	const uint8_t *out;
	struct elf_image *e;
	struct elf_view v;
	size_t size;

	assert_non_null(b);
	builder_init(b);
	builder_section(b, ".debug_info", SHT_PROGBITS, 0, 0, "x", 1)->sh_size = 1ull << 45;
	builder_section(b, ".debug_line", SHT_PROGBITS, 0, 0, "x", 1)->sh_offset = UINT64_MAX;
	builder_section(b, ".debug_str", SHT_NOBITS, 0, 0, NULL, 100);
	e = finish(b);
	assert_int_equal(elf_image_section(e, ".debug_info", &out, &size), -EIO);
	assert_int_equal(elf_view_init(&v, e, ".debug_info"), -EIO);
	assert_int_equal(elf_image_section(e, ".debug_line", &out, &size), -EIO);
	assert_int_equal(elf_image_section(e, ".debug_str", &out, &size), -ENOENT);
	elf_image_free(e);
	free(b);
}

static void a_view_reads_pages_drops_them_and_reads_again(void **state)
{
	enum { SIZE = 16000 };
	struct elf_image *e = open_case("/proc/self/exe");
	const struct elf_section *s = elf_image_find(e, ".debug_info");
	const uint8_t *whole;
	struct elf_view v;
	size_t size, len;

	assert_non_null(s);
	assert_true(s->size > SIZE);
	assert_int_equal(elf_image_section(e, ".debug_info", &whole, &size), 0);
	assert_int_equal(elf_view_init(&v, e, ".debug_info"), 0);
	assert_int_equal(v.size, size);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(v.resident, 0);
		assert_true(elf_view_need(&v, 11000, 10));
		assert_true(v.resident > 0 && v.resident <= 2 * 4096);
		assert_memory_equal(v.data + 11000, whole + 11000, 10);
		assert_true(elf_view_need(&v, 6000, SIZE - 6000));
		assert_memory_equal(v.data + 6000, whole + 6000, SIZE - 6000);
		assert_true(elf_view_need(&v, size - 1, 1));
		assert_false(elf_view_need(&v, size - 1, 2));
		assert_false(elf_view_need(&v, UINT64_MAX, 2));
		elf_view_drop(&v);
	}
	elf_view_release(&v);
	assert_int_equal(elf_view_init(&v, e, ".debug_str"), 0);
	for (size_t at = 0; at < v.size; at += len + 1)
		assert_non_null(elf_view_string(&v, at, &len));
	assert_null(elf_view_string(&v, v.size, &len));
	elf_view_release(&v);
	elf_image_free(e);
}

static void build_ids_are_found_among_other_notes(void **state)
{
	/* Another note first; names and contents padded to 4. */
	static const uint8_t notes[] = "\4\0\0\0\5\0\0\0\1\0\0\0GNU\0abcde\0\0\0"
				       "\4\0\0\0\3\0\0\0\3\0\0\0GNU\0\x01\xfe\x30";
	struct elf_builder *b = malloc(sizeof(*b));
	struct elf_image *e;

	assert_non_null(b);
	for (size_t cut = 0; cut < sizeof(notes); cut++) {
		builder_init(b);
		builder_section(b, ".note", SHT_NOTE, SHF_ALLOC, 0, notes, sizeof(notes) - 1 - cut);
		e = finish(b);
		assert_string_equal(elf_image_build_id(e), cut ? "" : "01fe30");
		elf_image_free(e);
		if (cut == sizeof(notes) - 2)
			break;
	}
	free(b);
}

static void what_is_no_elf_is_refused_and_stays_the_callers(void **state)
{
	struct elf_image *e;
	char *text = strdup("#!/bin/sh\necho this is a script, not an ELF file at all\n");
	int fds[2], fd = open(TEST_SOURCE_DIR "/CMakeLists.txt", O_RDONLY | O_CLOEXEC);

	assert_non_null(text);
	assert_int_equal(elf_image_open_memory(text, strlen(text), &e), -ENOEXEC);
	assert_int_equal(elf_image_open_memory(text, 0, &e), -ENOEXEC);
	free(text);
	assert_int_equal(elf_image_open_fd(fd, &e), -ENOEXEC);
	assert_int_equal(close(fd), 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(elf_image_open_fd(fds[0], &e), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(elf_image_open_fd(-1, &e), -EBADF);
}

static void failing_memory_loses_none(void **state)
{
	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		struct elf_image *e = NULL;
		const uint8_t *out;
		size_t size;
		int fd = open(CASES "whole", O_RDONLY | O_CLOEXEC);
		int r = elf_image_open_fd(fd, &e);

		if (r == 0)
			r = elf_image_section(e, ".debug_line", &out, &size);
		else
			close(fd);
		elf_image_free(e);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			return;
		}
		assert_int_equal(r, -ENOMEM);
	}
	fail_msg("never got through");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_binary_tells_what_it_is),
		cmocka_unit_test(a_stripped_one_and_its_debug_file_belong_together),
		cmocka_unit_test(links_are_checked),
		cmocka_unit_test(compressed_sections_are_opened_within_bounds),
		cmocka_unit_test(old_compressed_sections_are_found_by_their_new_name),
		cmocka_unit_test(a_section_past_the_end_is_an_error_and_takes_no_memory),
		cmocka_unit_test(a_view_reads_pages_drops_them_and_reads_again),
		cmocka_unit_test(build_ids_are_found_among_other_notes),
		cmocka_unit_test(what_is_no_elf_is_refused_and_stays_the_callers),
		cmocka_unit_test(failing_memory_loses_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
