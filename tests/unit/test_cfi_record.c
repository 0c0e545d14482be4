// SPDX-License-Identifier: Apache-2.0
/* cfi_record: CIEs and FDEs in all the forms that sections have, and damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "support/alloc_fail.h"
#include "support/cfi_build.h"
#include "unwind/cfi_record.h"

#define TEXT ((uint64_t)CFI_BUILD_TEXT)

static struct cfi_build build;

static void read_into(struct cfi_records *r, struct cfi_section *s)
{
	*s = (struct cfi_section){.data = build.data,
				  .size = build.n,
				  .address = CFI_BUILD_SECTION,
				  .is_eh = build.is_eh};
	cfi_records_init(r);
	assert_int_equal(cfi_records_add(r, s), 0);
}

static const struct cfi_fde *fde(const struct cfi_records *r, size_t i)
{
	assert_true(i < r->fdes.n);
	return vec_at(&r->fdes, i);
}

static const struct cfi_cie *cie_of(const struct cfi_records *r, size_t i)
{
	return vec_at(&r->cies, fde(r, i)->cie);
}

/* Reads what is built: that many FDEs, that many dropped. */
static void assert_read(size_t n, size_t dropped)
{
	struct cfi_records r;
	struct cfi_section s;

	read_into(&r, &s);
	assert_int_equal(r.fdes.n, n);
	assert_int_equal(r.dropped, dropped);
	cfi_records_release(&r);
}

static void eh_frame(void **state)
{
	struct cfi_records r;
	struct cfi_section s;
	size_t first, second;

	cfi_build_init(&build, true);
	first = cfi_build_cie(&build, "zR", "", 0);
	cfi_build_fde(&build, first, TEXT, 0x10, CFI_PROGRAM("\x41\x0e\x10"));
	second = cfi_build_cie(&build, "zRS", "", 0);
	cfi_build_fde(&build, second, TEXT + 0x20, 0x30, "", 0);
	cfi_build_fde(&build, first, TEXT + 0x60, 1, "", 0);
	read_into(&r, &s);
	assert_int_equal(r.cies.n, 2);
	assert_int_equal(r.fdes.n, 3);
	assert_int_equal(fde(&r, 0)->pc, TEXT);
	assert_int_equal(fde(&r, 0)->size, 0x10);
	assert_int_equal(fde(&r, 0)->program_size, 3);
	assert_memory_equal(build.data + fde(&r, 0)->program, "\x41\x0e\x10", 3);
	assert_false(cie_of(&r, 0)->signal);
	assert_int_equal(cie_of(&r, 0)->code_align, 1);
	assert_int_equal(cie_of(&r, 0)->data_align, -8);
	assert_int_equal(cie_of(&r, 0)->ra, 16);
	assert_int_equal(cie_of(&r, 0)->program_size, 5);
	assert_true(cie_of(&r, 1)->signal);
	assert_int_equal(fde(&r, 1)->size, 0x30);
	assert_false(cie_of(&r, 2)->signal);
	cfi_records_release(&r);
}

static void debug_frame(void **state)
{
	struct cfi_records r;
	struct cfi_section s;
	size_t cie;

	cfi_build_init(&build, false);
	/* The CIE that it names comes behind it: 24 bytes in all. */
	cfi_build_fde(&build, 24, TEXT + 8, 0x123456789, "", 0);
	assert_int_equal(build.n, 24);
	cie = cfi_build_raw_cie(&build, CFI_PROGRAM("\x04\x00\x08\x00\x04\x78\x1e\x0c\x1f\x00"));
	assert_int_equal(cie, 24);
	read_into(&r, &s);
	assert_int_equal(r.fdes.n, 1);
	assert_int_equal(fde(&r, 0)->pc, TEXT + 8);
	assert_int_equal(fde(&r, 0)->size, 0x123456789);
	assert_int_equal(cie_of(&r, 0)->code_align, 4);
	assert_int_equal(cie_of(&r, 0)->ra, 30);
	assert_int_equal(cie_of(&r, 0)->program_size, 3);
	cfi_records_release(&r);
}

static void zeros_in_the_middle_are_not_the_end(void **state)
{
	size_t cie;

	cfi_build_init(&build, true);
	cie = cfi_build_cie(&build, "zR", "", 0);
	cfi_build_fde(&build, cie, TEXT, 0x10, "", 0);
	cfi_build_uint(&build, 0, 4);
	cfi_build_uint(&build, 0, 8);
	cfi_build_fde(&build, cie, TEXT + 0x10, 0x10, "", 0);
	cfi_build_uint(&build, 0, 4);
	assert_read(2, 0);
}

/* A CIE with the version, letters and data given, and an FDE; how many are read and dropped. */
static void try_cie(const char *body, size_t n, size_t fdes, size_t dropped)
{
	size_t cie;

	cfi_build_init(&build, true);
	cie = cfi_build_raw_cie(&build, body, n);
	build.z = body[1] == 'z';
	cfi_build_fde(&build, cie, TEXT, 0x10, "", 0);
	assert_read(fdes, dropped);
}

static void augmentations(void **state)
{
	/* zPLR: personality indirect pcrel sdata4, LSDA, pcrel sdata4; the same, udata8 */
	try_cie(CFI_PROGRAM("\x01zPLR\0\x01\x78\x10\x07\x9b\1\2\3\4\x1b\x1b"), 1, 0);
	try_cie(CFI_PROGRAM("\x01zPLR\0\x01\x78\x10\x0b\x04\1\2\3\4\5\6\7\x08\x1b\x1b"), 1, 0);
	/* No personality. */
	try_cie(CFI_PROGRAM("\x01zPR\0\x01\x78\x10\x02\xff\x1b"), 1, 0);
	/* AArch64's; letters that nobody knows come last or their data cannot be passed over */
	try_cie(CFI_PROGRAM("\x01zRB\0\x04\x78\x1e\x01\x1b"), 1, 0);
	try_cie(CFI_PROGRAM("\x01zRGB\0\x04\x78\x1e\x01\x1b"), 1, 0);
	try_cie(CFI_PROGRAM("\x01zRx\0\x01\x78\x10\x03\x1b\1\2"), 1, 0);
	/* Version 3 has the column as a LEB128. */
	try_cie(CFI_PROGRAM("\x03zR\0\x01\x78\x90\x00\x01\x1b"), 1, 0);
	/* Without letters addresses are plain: these are not, so they make no sense. */
	try_cie(CFI_PROGRAM("\x01\0\x01\x78\x10"), 0, 1);
	/* Letters without a size; unknown versions; 4-byte addresses; segments */
	try_cie(CFI_PROGRAM("\x01R\0\x01\x78\x10\x1b"), 0, 1);
	try_cie(CFI_PROGRAM("\x02zR\0\x01\x78\x10\x01\x1b"), 0, 1);
	try_cie(CFI_PROGRAM("\x05zR\0\x01\x78\x10\x01\x1b"), 0, 1);
	try_cie(CFI_PROGRAM("\x04zR\0\x08\x00\x01\x78\x10\x01\x1b"), 1, 0);
	try_cie(CFI_PROGRAM("\x04zR\0\x04\x00\x01\x78\x10\x01\x1b"), 0, 1);
	try_cie(CFI_PROGRAM("\x04zR\0\x08\x01\x01\x78\x10\x01\x1b"), 0, 1);
	/* Encodings: aligned personality; indirect, textrel, datarel, funcrel, omitted, unknown */
	try_cie(CFI_PROGRAM("\x01zPR\0\x01\x78\x10\x0a\x50\1\2\3\4\5\6\7\x08\x1b"), 0, 1);
	try_cie(CFI_PROGRAM("\x01zR\0\x01\x78\x10\x01\x9b"), 0, 1);
	try_cie(CFI_PROGRAM("\x01zR\0\x01\x78\x10\x01\x2b"), 0, 1);
	try_cie(CFI_PROGRAM("\x01zR\0\x01\x78\x10\x01\x3b"), 0, 1);
	try_cie(CFI_PROGRAM("\x01zR\0\x01\x78\x10\x01\x4b"), 0, 1);
	try_cie(CFI_PROGRAM("\x01zR\0\x01\x78\x10\x01\xff"), 0, 1);
	try_cie(CFI_PROGRAM("\x01zR\0\x01\x78\x10\x01\x1d"), 0, 1);
	/* Cut short: in the letters, the factors, the data; more data than there is */
	try_cie(CFI_PROGRAM("\x01z"), 0, 1);
	try_cie(CFI_PROGRAM("\x01zR\0\x81"), 0, 1);
	try_cie(CFI_PROGRAM("\x01zR\0\x01\x78\x10\x00"), 0, 1);
	try_cie(CFI_PROGRAM("\x01zR\0\x01\x78\x10\x7f\x1b"), 0, 1);
}

static void encodings_of_addresses(void **state)
{
	static const struct {
		uint8_t encoding;
		uint64_t pc;
		size_t size;
	} all[] = {
		{0x00, TEXT, 8},   {0x02, 0x1234, 2}, {0x03, TEXT, 4}, {0x04, TEXT, 8},
		{0x0a, 0x7000, 2}, {0x0b, TEXT, 4},   {0x0c, TEXT, 8},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct cfi_records r;
		struct cfi_section s;
		size_t cie;

		cfi_build_init(&build, true);
		cie = cfi_build_raw_cie(&build, CFI_PROGRAM("\x01zR\0\x01\x78\x10\x01\x1b"));
		build.data[build.n - 1] = all[i].encoding;
		cfi_build_uint(&build, 4 + 2 * all[i].size + 1, 4);
		cfi_build_uint(&build, build.n - cie, 4);
		cfi_build_uint(&build, all[i].pc, all[i].size);
		cfi_build_uint(&build, 0x7ff0, all[i].size);
		cfi_build_uint(&build, 0, 1);
		read_into(&r, &s);
		assert_int_equal(fde(&r, 0)->pc, all[i].pc);
		assert_int_equal(fde(&r, 0)->size, 0x7ff0);
		cfi_records_release(&r);
	}
	/* pcrel|sdata8, uleb128 */
	cfi_build_init(&build, true);
	cfi_build_raw_cie(&build, CFI_PROGRAM("\x01zR\0\x01\x78\x10\x01\x1c"));
	cfi_build_bytes(&build, "\x15\0\0\0\x15\0\0\0", 8);
	cfi_build_uint(&build, TEXT - CFI_BUILD_SECTION - build.n, 8);
	cfi_build_bytes(&build, "\x10\0\0\0\0\0\0\0\0", 9);
	assert_read(1, 0);
	cfi_build_init(&build, true);
	cfi_build_raw_cie(&build, CFI_PROGRAM("\x01zR\0\x01\x78\x10\x01\x01"));
	cfi_build_bytes(&build, "\x09\0\0\0\x15\0\0\0\x80\x80\x04\x10\0", 13);
	assert_read(1, 0);
}

static void sixty_four_bit_records(void **state)
{
	cfi_build_init(&build, false);
	cfi_build_uint(&build, UINT32_MAX, 4);
	cfi_build_uint(&build, 8 + 5, 8);
	cfi_build_uint(&build, UINT64_MAX, 8);
	cfi_build_bytes(&build, "\x01\0\x01\x78\x10", 5);
	cfi_build_uint(&build, UINT32_MAX, 4);
	cfi_build_uint(&build, 8 + 16, 8);
	cfi_build_uint(&build, 0, 8);
	cfi_build_uint(&build, TEXT, 8);
	cfi_build_uint(&build, 0x20, 8);
	assert_read(1, 0);
}

static void fdes_that_are_dropped(void **state)
{
	size_t cie;

	cfi_build_init(&build, true);
	cie = cfi_build_cie(&build, "zR", "", 0);
	cfi_build_fde(&build, cie, 0, 0x10, "", 0);	     /* discarded by the linker */
	cfi_build_fde(&build, cie, TEXT, 0, "", 0);	     /* no code */
	cfi_build_fde(&build, cie, TEXT, 0x80000000, "", 0); /* negative */
	cfi_build_fde(&build, cie + 1, TEXT, 0x10, "", 0);   /* no CIE there */
	cfi_build_fde(&build, build.n, TEXT, 0x10, "", 0);   /* itself */
	cfi_build_fde(&build, cie - 4096, TEXT, 0x10, "", 0);
	cfi_build_bytes(&build, "\x06\0\0\0", 4); /* too short */
	cfi_build_uint(&build, build.n - cie, 4);
	cfi_build_bytes(&build, "\0\0", 2);
	cfi_build_fde(&build, cie, TEXT, 0x10, "", 0);
	assert_read(1, 7);
	/* A length that does not fit loses what follows. */
	cfi_build_uint(&build, 0x1000, 4);
	cfi_build_uint(&build, 0x1000, 4);
	assert_read(1, 7);
	cfi_build_uint(&build, UINT32_MAX, 4);
	assert_read(1, 7);
}

static void nothing_is_read_past_the_end(void **state)
{
	size_t cie, whole;

	cfi_build_init(&build, true);
	cie = cfi_build_cie(&build, "zR", "", 0);
	cfi_build_fde(&build, cie, TEXT, 0x10, CFI_PROGRAM("\x41"));
	whole = build.n;
	for (build.n = 0; build.n < whole; build.n++)
		assert_read(0, 0);
}

static void without_memory(void **state)
{
	struct cfi_section s;
	size_t cie;

	cfi_build_init(&build, true);
	cie = cfi_build_cie(&build, "zR", "", 0);
	for (uint64_t i = 0; i < 100; i++)
		cfi_build_fde(&build, cie, TEXT + i * 16, 16, "", 0);
	s = (struct cfi_section){
		.data = build.data, .size = build.n, .address = CFI_BUILD_SECTION, .is_eh = true};
	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		struct cfi_records r;
		int err;

		cfi_records_init(&r);
		err = cfi_records_add(&r, &s);
		cfi_records_release(&r);
		if (!alloc_fail_end()) {
			assert_int_equal(err, 0);
			return;
		}
		assert_int_equal(err, -ENOMEM);
	}
	fail();
}

static void sections_that_are_too_large(void **state)
{
	struct cfi_section s = {
		.data = build.data, .size = (size_t)CFI_MAX_SECTION + 1, .is_eh = true};
	struct cfi_records r;

	cfi_records_init(&r);
	assert_int_equal(cfi_records_add(&r, &s), -EFBIG);
	cfi_records_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eh_frame),
		cmocka_unit_test(debug_frame),
		cmocka_unit_test(zeros_in_the_middle_are_not_the_end),
		cmocka_unit_test(augmentations),
		cmocka_unit_test(encodings_of_addresses),
		cmocka_unit_test(sixty_four_bit_records),
		cmocka_unit_test(fdes_that_are_dropped),
		cmocka_unit_test(nothing_is_read_past_the_end),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(sections_that_are_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
