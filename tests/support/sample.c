// SPDX-License-Identifier: Apache-2.0
/* sample - see sample.h. */
#include "support/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <lzma.h>

#include "elf_image.h"

static const char source[] =
	"volatile int sink;\n"
	"static inline __attribute__((always_inline)) int inner(int x)\n"
	"{\n"
	"	sink += x;\n"
	"	return sink * 3;\n"
	"}\n"
	"__attribute__((noipa)) int outer(int x)\n"
	"{\n"
	"	int y = inner(x + 1);\n"
	"	return y + sink;\n"
	"}\n"
	"static __attribute__((noipa)) int hidden(int x)\n"
	"{\n"
	"	sink -= x;\n"
	"	return sink * 5;\n"
	"}\n"
	"int mangled(int x) __asm__(\"_ZN2ns7mangledEi\");\n"
	"__attribute__((noipa)) int mangled(int x)\n"
	"{\n"
	"	return sink + x;\n"
	"}\n"
	"__asm__(\".text\\n.globl tight\\n.type tight, %function\\ntight: .byte 0xc3\\n\"\n"
	"	\".size tight, 1\\n.fill 63, 1, 0x90\\n\");\n"
	"int main(void)\n"
	"{\n"
	"	return outer(1) + hidden(2) + mangled(3) == 12345;\n"
	"}\n";

static void add_debugdata(const struct fixture *f)
{
	uint8_t in[65536], out[65536 + 1024];
	FILE *file = fopen(fixture_path(f, "mini.elf"), "re");
	size_t size, packed = 0;

	assert_non_null(file);
	size = fread(in, 1, sizeof(in), file);
	fclose(file);
	assert_true(size > 0 && size < sizeof(in));
	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, in, size, out, &packed,
						 sizeof(out)),
			 LZMA_OK);
	fixture_write(f, "mini.xz", out, packed);
	fixture_run(f, "objcopy --add-section .gnu_debugdata=mini.xz stripped mini");
}

bool sample_build(struct fixture *f)
{
	char id[160];

	fixture_init(f);
	if (!fixture_try(f, "command -v cc objcopy nm strip >/dev/null")) {
		print_message("skipped: needs cc and binutils\n");
		fixture_release(f);
		return false;
	}
	fixture_write(f, "sample.c", source, strlen(source));
	fixture_run(f, "cc -g -O2 -rdynamic -Wl,--build-id=sha1 -o full sample.c");
	fixture_run(f, "cc -g -O2 -rdynamic -Wl,--build-id=none -o noid sample.c");
	fixture_run(f, "objcopy --only-keep-debug full full.debug && "
		       "strip -o stripped full");
	fixture_run(f, "objcopy --only-keep-debug noid noid.debug && strip -o noid_stripped noid "
		       "&& objcopy --add-gnu-debuglink=noid.debug noid_stripped");
	fixture_run(f, "objcopy -S -K hidden -K outer full mini.elf");
	add_debugdata(f);
	snprintf(id, sizeof(id), "%s", sample_build_id(f, "full"));
	fixture_run(f, "mkdir -p dbg/.build-id/%.2s && cp full.debug dbg/.build-id/%.2s/%s.debug",
		    id, id, id + 2);
	return true;
}

const char *sample_build_id(const struct fixture *f, const char *binary)
{
	static char id[160];
	struct elf_image *image;
	int fd = open(fixture_path(f, binary), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(elf_image_open_fd(fd, &image), 0);
	snprintf(id, sizeof(id), "%s", elf_image_build_id(image));
	elf_image_free(image);
	return id;
}
