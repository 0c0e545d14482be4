// SPDX-License-Identifier: Apache-2.0
/* What the kernel is told of files, and no longer told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "support/tabmem_fake.h"
#include "unwind/files.h"

static struct procmap_binary binary_of(uint64_t ino)
{
	return (struct procmap_binary){.dev = makedev(8, 1),
				       .ino = ino,
				       .mapped_dev = makedev(259, 300),
				       .mapped_ino = ino,
				       .size = 1000 + ino,
				       .mtime_ns = 1700000000123456789,
				       .code_start = 0x2000,
				       .code_bytes = 0x1234,
				       .code_shift = 0x1000};
}

static int set_up(void **state)
{
	*state = fake_new(64, 16, 4);
	return 0;
}

static int tear_down(void **state)
{
	fake_free(*state);
	return 0;
}

static void as_the_kernel_says_it(void **state)
{
	struct tabmem_fake *mem = *state;
	struct procmap_binary b = binary_of(77);
	const struct cresset_unwind_file *file = &mem->files[0];
	struct files f;

	files_init(&f, &mem->m);
	assert_int_equal(files_add(&f, &b, 5), 0);
	assert_int_equal(mem->n_files, 1);
	assert_int_equal(mem->file_keys[0].ino, 77);
	assert_int_equal(mem->file_keys[0].dev, 259 << 20 | 300);
	assert_int_equal(file->dso, 5);
	assert_int_equal(file->size, 1077);
	assert_int_equal(file->mtime_sec, 1700000000);
	assert_int_equal(file->mtime_nsec, 123456789);
	assert_int_equal(file->code_start, 0x2000);
	assert_int_equal(file->code_end, 0x3234);
	assert_int_equal(file->shift, 0x1000);
	/* The same file by another name is a second entry, the file changed the same. */
	b.mapped_dev = makedev(0, 40);
	assert_int_equal(files_add(&f, &b, 5), 0);
	assert_int_equal(mem->n_files, 2);
	b.size++;
	assert_int_equal(files_add(&f, &b, 6), 0);
	assert_int_equal(mem->n_files, 2);
	assert_int_equal(mem->files[1].dso, 6);
	/* Code in several pieces, or of no inode. */
	b = binary_of(78);
	b.code_bytes = 0;
	assert_int_equal(files_add(&f, &b, 7), 0);
	b = binary_of(0);
	assert_int_equal(files_add(&f, &b, 7), 0);
	assert_int_equal(mem->n_files, 2);
	assert_int_equal(files_add_vdso(&f, 9), 0);
	assert_int_equal(mem->file_keys[2].ino, 0);
	assert_int_equal(mem->file_keys[2].dev, 0);
	assert_int_equal(mem->files[2].dso, 9);
	files_release(&f);
}

static void forgotten(void **state)
{
	struct tabmem_fake *mem = *state;
	struct procmap_binary a = binary_of(1), b = binary_of(2), c = binary_of(3);
	struct files f;

	files_init(&f, &mem->m);
	assert_int_equal(files_add(&f, &a, 5), 0);
	assert_int_equal(files_add(&f, &b, 6), 0);
	assert_int_equal(files_add(&f, &c, 5), 0);
	files_forget(&f, 5);
	assert_int_equal(mem->n_files, 1);
	assert_int_equal(mem->files[0].dso, 6);
	/* It is met again. */
	assert_int_equal(files_add(&f, &a, 8), 0);
	assert_int_equal(mem->n_files, 2);
	files_release(&f);
}

static void full(void **state)
{
	struct tabmem_fake *mem = *state;
	struct files f;

	files_init(&f, &mem->m);
	for (uint64_t i = 1; i <= FAKE_FILES + 10; i++) {
		struct procmap_binary b = binary_of(i);

		assert_int_equal(files_add(&f, &b, 1), 0);
		/* Asking again changes nothing. */
		assert_int_equal(files_add(&f, &b, 1), 0);
	}
	assert_int_equal(mem->n_files, FAKE_FILES);
	assert_int_equal(f.full, 10);
	files_release(&f);
}

static void without_memory(void **state)
{
	struct tabmem_fake *mem = *state;
	struct files f;
	int r;

	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		files_init(&f, &mem->m);
		r = 0;
		for (uint64_t i = 1; i <= 40 && !r; i++) {
			struct procmap_binary b = binary_of(i);

			r = files_add(&f, &b, 1);
		}
		assert_int_equal(r, alloc_fail_end() ? -ENOMEM : 0);
		files_forget(&f, 1);
		files_release(&f);
		if (!r)
			return;
	}
	fail_msg("it never got through");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(as_the_kernel_says_it),
		TEST(forgotten),
		TEST(full),
		TEST(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
