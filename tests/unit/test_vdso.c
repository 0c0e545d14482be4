// SPDX-License-Identifier: Apache-2.0
/* vdso: our own copy of the image names addresses in it, and a damaged header is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <sys/auxv.h>

#include <cresset/symbolizer.h>

#include "elf_image.h"
#include "support/fixture.h"
#include "vdso.h"

static void image_is_whole(void **state)
{
	struct elf_image *image;

	if (!getauxval(AT_SYSINFO_EHDR)) {
		struct elf_image *none;

		assert_int_equal(vdso_open(&none), -ENOENT);
		print_message("skipped: no vdso here\n");
		skip();
	}
	assert_int_equal(vdso_open(&image), 0);
	assert_non_null(elf_image_find(image, ".dynsym"));
	assert_non_null(elf_image_find(image, ".text"));
	elf_image_free(image);
}

static void addresses_get_the_names_that_nm_gives(void **state)
{
	const void *header = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct cresset_symbolizer *s;
	struct cresset_profile *p;
	uint32_t mapping, first, last, wrong_kernel, past;
	uint64_t address, size;
	struct fixture f;

	if (!header) {
		print_message("skipped: no vdso here\n");
		skip();
	}
	fixture_init(&f);
	fixture_write(&f, "vdso.so", header, vdso_image_size(header, VDSO_MAX_BYTES));
	address = fixture_symbol(&f, "vdso.so", "__vdso_clock_gettime", &size);
	assert_int_equal(cresset_profile_new(&p), 0);
	mapping = fixture_mapping(p, CRESSET_MAPPING_VDSO, "[vdso]", "", 0);
	first = fixture_location(p, mapping, address);
	last = fixture_location(p, mapping, address + size - 1);
	past = fixture_location(p, mapping, 0xffffff);
	mapping = fixture_mapping(p, CRESSET_MAPPING_VDSO, "[vdso]", "0123456789abcdef", 0);
	wrong_kernel = fixture_location(p, mapping, address);
	assert_int_equal(cresset_symbolizer_new(NULL, &s), 0);
	assert_int_equal(cresset_symbolizer_resolve(s, p, CRESSET_RESOLVE_EPHEMERAL), 0);
	assert_non_null(strstr(fixture_name(p, first, 0), "clock_gettime"));
	assert_string_equal(fixture_name(p, first, 0), fixture_name(p, last, 0));
	assert_string_equal(fixture_name(p, past, 0), "");
	assert_string_equal(fixture_name(p, wrong_kernel, 0), "");
	cresset_symbolizer_free(s);
	cresset_profile_free(p);
	fixture_release(&f);
}

static void damaged_headers_have_no_size(void **state)
{
	struct {
		Elf64_Ehdr eh;
		Elf64_Phdr ph[2];
	} image, bad;

	memset(&image, 0, sizeof(image));
	memcpy(image.eh.e_ident, ELFMAG, SELFMAG);
	image.eh.e_ident[EI_CLASS] = ELFCLASS64;
	image.eh.e_phoff = sizeof(Elf64_Ehdr);
	image.eh.e_phentsize = sizeof(Elf64_Phdr);
	image.eh.e_phnum = 2;
	image.ph[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_offset = 0, .p_filesz = 4096};
	image.ph[1] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = UINT64_MAX, .p_filesz = 9};
	assert_int_equal(vdso_image_size(&image, 65536), 4096);
	assert_int_equal(vdso_image_size(&image, 4096), 4096);
	assert_int_equal(vdso_image_size(&image, 4095), 0);
	bad = image;
	bad.eh.e_ident[0] = 0;
	assert_int_equal(vdso_image_size(&bad, 65536), 0);
	bad = image;
	bad.eh.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(vdso_image_size(&bad, 65536), 0);
	bad = image;
	bad.eh.e_phoff = UINT64_MAX - 8;
	assert_int_equal(vdso_image_size(&bad, 65536), 0);
	bad = image;
	bad.eh.e_phnum = 65535;
	assert_int_equal(vdso_image_size(&bad, 65536), 0);
	bad = image;
	bad.ph[0].p_filesz = UINT64_MAX;
	assert_int_equal(vdso_image_size(&bad, 65536), 0);
	bad = image;
	bad.ph[0].p_offset = UINT64_MAX;
	assert_int_equal(vdso_image_size(&bad, 65536), 0);
	bad = image;
	bad.eh.e_shoff = 60000;
	bad.eh.e_shnum = 100;
	bad.eh.e_shentsize = sizeof(Elf64_Shdr);
	assert_int_equal(vdso_image_size(&bad, 65536), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_is_whole),
		cmocka_unit_test(addresses_get_the_names_that_nm_gives),
		cmocka_unit_test(damaged_headers_have_no_size),
	};

	return cmocka_run_group_tests_name("vdso", tests, NULL, NULL);
}
