// SPDX-License-Identifier: Apache-2.0
/* debugfile and gnu_debugdata: what is found is what was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>

#include "debugfile.h"
#include "elf_image.h"
#include "gnu_debugdata.h"
#include "support/sample.h"

static struct fixture fixture;
static bool have_sample;

static int build(void **state)
{
	have_sample = sample_build(&fixture);
	return 0;
}

static int clean(void **state)
{
	if (have_sample)
		fixture_release(&fixture);
	return 0;
}

static void need_sample(void)
{
	if (!have_sample)
		skip();
}

static struct elf_image *open_image(const char *name)
{
	int fd = open(fixture_path(&fixture, name), O_RDONLY | O_CLOEXEC);
	struct elf_image *image;

	assert_true(fd >= 0);
	assert_int_equal(elf_image_open_fd(fd, &image), 0);
	return image;
}

static void build_id_names_the_file(void **state)
{
	struct debugfile d;
	char dirs[1024], id[160];

	need_sample();
	snprintf(id, sizeof(id), "%s", sample_build_id(&fixture, "full"));
	snprintf(dirs, sizeof(dirs), "/nowhere::%s", fixture_path(&fixture, "dbg"));
	assert_int_equal(debugfile_find_build_id(dirs, id, &d), 0);
	assert_true(elf_image_has_dwarf(d.image));
	assert_string_equal(elf_image_build_id(d.image), id);
	elf_image_free(d.image);
	assert_int_equal(debugfile_find_build_id("", id, &d), -ENOENT);
	assert_int_equal(debugfile_find_build_id(":::", id, &d), -ENOENT);
	assert_int_equal(debugfile_find_build_id("/nowhere", id, &d), -ENOENT);
	assert_int_equal(debugfile_find_build_id(dirs, "", &d), -ENOENT);
	assert_int_equal(debugfile_find_build_id(dirs, "../../../../etc/passwd", &d), -ENOENT);
	assert_int_equal(debugfile_find_build_id(dirs, "ab", &d), -ENOENT);
}

static void another_binarys_file_is_not_taken(void **state)
{
	struct debugfile d;
	char dirs[1024], id[160];

	need_sample();
	snprintf(dirs, sizeof(dirs), "%s", fixture_path(&fixture, "wrong"));
	snprintf(id, sizeof(id), "%s", sample_build_id(&fixture, "full"));
	fixture_run(&fixture,
		    "mkdir -p wrong/.build-id/%.2s && cp noid.debug wrong/.build-id/%.2s/%s.debug",
		    id, id, id + 2);
	assert_int_equal(debugfile_find_build_id(dirs, id, &d), -ENOENT);
	fixture_run(&fixture, "rm wrong/.build-id/%.2s/*; mkfifo wrong/.build-id/%.2s/%s.debug", id,
		    id, id + 2);
	assert_int_equal(debugfile_find_build_id(dirs, id, &d), -ENOENT);
	fixture_run(&fixture, "rm wrong/.build-id/%.2s/*; echo > wrong/.build-id/%.2s/%s.debug", id,
		    id, id + 2);
	assert_int_equal(debugfile_find_build_id(dirs, id, &d), -ENOENT);
}

static void debuglink_is_looked_for_in_three_places(void **state)
{
	static const char *const places[] = {".", "./.debug", "debug_dir"};
	struct elf_image *image;
	char dirs[512], path[512];
	struct debugfile d;

	need_sample();
	image = open_image("noid_stripped");
	snprintf(path, sizeof(path), "%s", fixture_path(&fixture, "noid_stripped"));
	snprintf(dirs, sizeof(dirs), "%s", fixture_path(&fixture, "debug_dir"));
	fixture_run(&fixture, "mv noid.debug saved && mkdir -p .debug debug_dir%s", fixture.dir);
	assert_int_equal(debugfile_find_link(dirs, path, image, &d), -ENOENT);
	for (int i = 0; i < 3; i++) {
		const char *place = places[i], *below = i == 2 ? fixture.dir : "";

		fixture_run(&fixture, "cp saved '%s%s/noid.debug'", place, below);
		assert_int_equal(debugfile_find_link(dirs, path, image, &d), 0);
		assert_true(elf_image_has_dwarf(d.image));
		elf_image_free(d.image);
		/* One byte more is another CRC. */
		fixture_run(&fixture, "echo >> '%s%s/noid.debug'", place, below);
		assert_int_equal(debugfile_find_link(dirs, path, image, &d), -ENOENT);
		fixture_run(&fixture, "rm '%s%s/noid.debug'", place, below);
	}
	fixture_run(&fixture, "mv saved noid.debug");
	assert_int_equal(debugfile_find_link(dirs, "relative", image, &d), -ENOENT);
	assert_int_equal(debugfile_find_link(dirs, "", image, &d), -ENOENT);
	elf_image_free(image);
	image = open_image("full");
	assert_int_equal(debugfile_find_link(dirs, path, image, &d), -ENOENT);
	elf_image_free(image);
}

static void debugdata_has_the_hidden_symbols(void **state)
{
	struct elf_image *image, *inner;

	need_sample();
	image = open_image("mini");
	assert_false(elf_image_has_symtab(image));
	assert_int_equal(gnu_debugdata_open(image, &inner), 0);
	assert_true(elf_image_has_symtab(inner));
	elf_image_free(inner);
	elf_image_free(image);
	image = open_image("stripped");
	assert_int_equal(gnu_debugdata_open(image, &inner), -ENOENT);
	elf_image_free(image);
}

static void damaged_debugdata_is_refused(void **state)
{
	static const char text[] = "not so long, but enough to have something to damage";
	uint8_t packed[512];
	size_t packed_size = 0, size;
	void *data;

	assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, (const uint8_t *)text,
						 sizeof(text), packed, &packed_size,
						 sizeof(packed)),
			 LZMA_OK);
	assert_int_equal(gnu_debugdata_unpack(packed, packed_size, &data, &size), 0);
	assert_int_equal(size, sizeof(text));
	assert_memory_equal(data, text, size);
	free(data);
	for (size_t cut = 0; cut < packed_size; cut++)
		assert_int_equal(gnu_debugdata_unpack(packed, cut, &data, &size), -EBADMSG);
	for (size_t at = 0; at < packed_size; at++) {
		packed[at] ^= 0x41;
		assert_true(gnu_debugdata_unpack(packed, packed_size, &data, &size) < 0);
		packed[at] ^= 0x41;
	}
}

/* 10 kB that unpack to more than the limit. */
static void a_bomb_is_refused(void **state)
{
	size_t size = GNU_DEBUGDATA_MAX_BYTES + 1, packed_size = 0, unpacked;
	uint8_t *zeros = calloc(1, size), *packed = malloc(1 << 20);
	void *data;

	assert_non_null(zeros);
	assert_non_null(packed);
	assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_NONE, NULL, zeros, size, packed,
						 &packed_size, 1 << 20),
			 LZMA_OK);
	assert_int_equal(gnu_debugdata_unpack(packed, packed_size, &data, &unpacked), -EFBIG);
	free(zeros);
	free(packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(build_id_names_the_file),
		cmocka_unit_test(another_binarys_file_is_not_taken),
		cmocka_unit_test(debuglink_is_looked_for_in_three_places),
		cmocka_unit_test(debugdata_has_the_hidden_symbols),
		cmocka_unit_test(damaged_debugdata_is_refused),
		cmocka_unit_test(a_bomb_is_refused),
	};

	return cmocka_run_group_tests_name("debugfile", tests, build, clean);
}
