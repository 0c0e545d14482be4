// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_info, through the index: the same small program in many dialects of DWARF, address by
 * address against llvm-symbolizer's answers (tests/fuzz/corpus/make_dwarf.sh made both); this very
 * program, whose lines it knows itself; and failing memory.
 */
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
#include <unistd.h>

#include "support/alloc_fail.h"
#include "symbolize/index.h"

enum { MAX_FRAMES = 32 };

#define CASES	TEST_SOURCE_DIR "/tests/fuzz/corpus/dwarf/"
#define ANSWERS TEST_SOURCE_DIR "/tests/unit/dwarf/"

static struct elf_image *open_image(const char *path)
{
	struct elf_image *e;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(elf_image_open_fd(fd, &e), 0);
	return e;
}

static struct symbol_index *open_index(const char *path)
{
	struct elf_image *e = open_image(path);
	struct symbol_index *x;

	assert_int_equal(symbol_index_new(&x), 0);
	assert_int_equal(symbol_index_add_symbols(x, e), 0);
	assert_int_equal(symbol_index_add_dwarf(x, e, NULL), 0);
	assert_int_equal(symbol_index_seal(x), 0);
	elf_image_free(e);
	return x;
}

/* As llvm-symbolizer prints it; but it does not know the names of stubs. */
static void print(struct symbol_index *x, uint64_t address, char *buf, size_t size)
{
	struct symbol_frame frames[MAX_FRAMES];
	size_t n = symbol_index_lookup(x, address, frames, MAX_FRAMES), at = 0;

	if (!n || strstr(frames[0].name, "@plt")) {
		snprintf(buf, size, "??\n");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(frames[i].inlined, i + 1 < n);
		at += (size_t)snprintf(buf + at, size - at, "%s\n%s:%u:%u\n", frames[i].name,
				       frames[i].filename[0] ? frames[i].filename : "??",
				       frames[i].line, frames[i].column);
		assert_true(at < size);
	}
}

/* Compares from one address of the list up to the next. The number of addresses. */
static size_t compare(struct symbol_index *x, const char *name, uint64_t from, uint64_t to,
		      const char *answer)
{
	char ours[8192];

	for (uint64_t at = from; at < to; at++) {
		print(x, at, ours, sizeof(ours));
		/* Where nothing has the address it still says the line of what is before it. */
		if (strncmp(answer, "??\n", 3) == 0 ? strcmp(ours, "??\n") != 0
						    : strcmp(ours, answer) != 0)
			fail_msg("%s, 0x%llx:\n%s--- not:\n%s", name, (unsigned long long)at, ours,
				 answer);
	}
	return (size_t)(to - from);
}

static void check_case(const char *name)
{
	char path[512], line[1024], answer[8192] = "", block[8192] = "";
	struct symbol_index_stats stats;
	struct symbol_index *x;
	uint64_t from = 0;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), CASES "%s", name);
	x = open_index(path);
	snprintf(path, sizeof(path), ANSWERS "%s.txt", name);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0x", 2) == 0) {
			uint64_t to = strtoull(line, NULL, 16);

			if (from)
				n += compare(x, name, from, to, answer);
			from = to;
			block[0] = '\0';
		} else if (line[0] != '\n') {
			assert_true(strlen(block) + strlen(line) < sizeof(block));
			strcat(block, line);
			strcpy(answer, block);
		}
	}
	fclose(f);
	assert_true(n > 100);
	symbol_index_get_stats(x, &stats);
	assert_true(stats.units >= 1 && stats.units_read >= 1);
	assert_int_equal(stats.units_damaged, 0);
	assert_true(symbol_index_bytes(x) > 0);
	symbol_index_free(x);
}

static void every_dialect_gives_llvm_symbolizers_answers(void **state)
{
	static const char *const cases[] = {
		"gcc_dwarf3",	"gcc_dwarf4",	"gcc_dwarf5", "gcc_dwarf64",
		"gcc_zlib",	"gcc_lto",	"gcc_dwz",    "gcc_sections",
		"clang_dwarf4", "clang_dwarf5", "gcc_i386",   "gcc_aarch64",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_case(cases[i]);
}

static void split_dwarf_is_counted_and_keeps_lines(void **state)
{
	struct symbol_index *x = open_index(CASES "clang_split");
	struct symbol_index_stats stats;
	struct symbol_frame frames[MAX_FRAMES];
	size_t with_line = 0;

	for (uint64_t at = 0x1000; at < 0x3000; at++)
		if (symbol_index_lookup(x, at, frames, MAX_FRAMES) == 1 && frames[0].line)
			with_line++;
	symbol_index_get_stats(x, &stats);
	assert_int_equal(stats.units_split, 1);
	assert_true(with_line > 50);
	symbol_index_free(x);
}

/* Where this program stands in memory, and lines that it knows of itself. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

struct spot {
	uint64_t address;
	uint32_t line;
};

#define HERE(spot)                                                                                 \
	do {                                                                                       \
		__asm__ volatile("" ::: "memory");                                                 \
		(spot)->line = __LINE__, (spot)->address = pc();                                   \
	} while (0)

static inline __attribute__((always_inline)) uint64_t pc(void)
{
	uint64_t at;

#ifdef __x86_64__
	__asm__ volatile("lea 0(%%rip), %0" : "=r"(at));
#else
	__asm__ volatile("adr %0, ." : "=r"(at));
#endif
	return at;
}

static inline __attribute__((always_inline)) void innermost(struct spot *s)
{
	HERE(s);
}

static inline __attribute__((always_inline)) uint32_t middle(struct spot *s)
{
	innermost(s);
	return __LINE__ - 1;
}

static __attribute__((noinline)) uint32_t outermost(struct spot *s, uint32_t *ret_line)
{
	*ret_line = middle(s);
	return __LINE__ - 1;
}

static void this_program_is_found_in_itself(void **state)
{
	struct symbol_index *x = open_index("/proc/self/exe");
	static const char *const names[] = {"pc", "innermost", "middle", "outermost"};
	struct symbol_frame frames[MAX_FRAMES];
	struct spot spot = {0};
	uint32_t lines[2];

	lines[1] = outermost(&spot, &lines[0]);
	assert_int_equal(symbol_index_lookup(x, spot.address - (uint64_t)(uintptr_t)__ehdr_start,
					     frames, MAX_FRAMES),
			 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(frames[i].name, names[i]);
		assert_string_equal(strrchr(frames[i].filename, '/'), "/test_dwarf.c");
		assert_true(frames[i].start_line && frames[i].start_line <= frames[i].line);
	}
	assert_int_equal(frames[1].line, spot.line);
	assert_int_equal(frames[2].line, lines[0]);
	assert_int_equal(frames[3].line, lines[1]);
	/* Too little room: the outermost frame is kept. */
	assert_int_equal(
		symbol_index_lookup(x, spot.address - (uint64_t)(uintptr_t)__ehdr_start, frames, 2),
		2);
	assert_string_equal(frames[0].name, "pc");
	assert_string_equal(frames[1].name, "outermost");
	symbol_index_free(x);
}

static int look_up_all(const char *path)
{
	struct symbol_frame frames[MAX_FRAMES];
	struct symbol_index *x = NULL;
	struct elf_image *e = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	assert_true(fd >= 0);
	r = elf_image_open_fd(fd, &e);
	if (r < 0)
		close(fd);
	if (r == 0)
		r = symbol_index_new(&x);
	if (r == 0)
		r = symbol_index_add_symbols(x, e);
	if (r == 0)
		r = symbol_index_add_dwarf(x, e, NULL);
	if (r == 0)
		r = symbol_index_seal(x);
	for (uint64_t at = 0x1000; r == 0 && at < 0x1200; at += 3)
		symbol_index_lookup(x, at, frames, MAX_FRAMES);
	symbol_index_free(x);
	elf_image_free(e);
	return r;
}

static void failing_memory_loses_no_memory(void **state)
{
	for (unsigned int n = 1; alloc_fail_next(&n, 10000);) {
		int r = look_up_all(CASES "gcc_dwarf5");

		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			return;
		}
		/* In a lookup it is an answer less, not an error. */
		assert_true(r == -ENOMEM || r == 0);
	}
	fail_msg("never got through");
}

/* A cut or changed file while it is read: nothing but an answer less. */
static void a_file_cut_off_under_us_is_no_crash(void **state)
{
	char path[] = "/tmp/test_dwarf.XXXXXX", data[65536];
	struct symbol_frame frames[MAX_FRAMES];
	struct symbol_index *x;
	int fd = mkstemp(path), from = open(CASES "gcc_dwarf4", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(from, data, sizeof(data));

	assert_true(fd >= 0 && from >= 0 && n > 0);
	assert_int_equal(write(fd, data, (size_t)n), n);
	x = open_index(path);
	assert_int_equal(ftruncate(fd, 4096), 0);
	for (uint64_t at = 0x1000; at < 0x1200; at++)
		symbol_index_lookup(x, at, frames, MAX_FRAMES);
	symbol_index_free(x);
	close(from);
	close(fd);
	unlink(path);
}

static void what_has_no_dwarf_says_so(void **state)
{
	struct elf_image *e = open_image(TEST_SOURCE_DIR "/tests/fuzz/corpus/elf/stripped");
	struct symbol_index *x;

	assert_int_equal(symbol_index_new(&x), 0);
	assert_int_equal(symbol_index_add_dwarf(x, e, NULL), -ENODATA);
	elf_image_free(e);
	e = open_image(TEST_SOURCE_DIR "/tests/fuzz/corpus/elf/relocatable");
	assert_int_equal(symbol_index_add_dwarf(x, e, NULL), -ENOTSUP);
	elf_image_free(e);
	e = open_image(CASES "gcc_dwarf5");
	assert_int_equal(symbol_index_add_dwarf(x, e, NULL), 0);
	assert_int_equal(symbol_index_add_dwarf(x, e, NULL), -EBUSY);
	elf_image_free(e);
	symbol_index_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_dialect_gives_llvm_symbolizers_answers),
		cmocka_unit_test(split_dwarf_is_counted_and_keeps_lines),
		cmocka_unit_test(this_program_is_found_in_itself),
		cmocka_unit_test(failing_memory_loses_no_memory),
		cmocka_unit_test(a_file_cut_off_under_us_is_no_crash),
		cmocka_unit_test(what_has_no_dwarf_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
