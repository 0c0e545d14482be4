// SPDX-License-Identifier: Apache-2.0
/* symbolizer: a whole profile through the chain; each origin, the cache, and what stays unnamed. */
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
#include <sys/stat.h>
#include <unistd.h>

#include <cresset/symbolizer.h>

#include "support/alloc_fail.h"
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

/* A profile, a resolver and what it counted. */
struct run {
	struct cresset_profile *p;
	struct cresset_symbolizer *s;
	struct cresset_symbolizer_stats stats;
};

static struct cresset_symbolizer_options no_dirs(void)
{
	struct cresset_symbolizer_options o = CRESSET_SYMBOLIZER_OPTIONS_INIT;

	o.debug_dirs = "/nowhere";
	return o;
}

static struct run run_new(const struct cresset_symbolizer_options *options)
{
	struct cresset_symbolizer_options o = no_dirs();
	struct run r = {0};

	assert_int_equal(cresset_profile_new(&r.p), 0);
	assert_int_equal(cresset_symbolizer_new(options ? options : &o, &r.s), 0);
	return r;
}

static void run_resolve(struct run *r)
{
	assert_int_equal(cresset_symbolizer_resolve(r->s, r->p, CRESSET_RESOLVE_ALL), 0);
	cresset_symbolizer_get_stats(r->s, &r->stats);
}

static void run_free(struct run *r)
{
	cresset_symbolizer_free(r->s);
	cresset_profile_free(r->p);
}

static uint32_t file_mapping(struct run *r, const char *name, const char *build_id)
{
	return fixture_mapping(r->p, CRESSET_MAPPING_FILE, fixture_path(&fixture, name), build_id,
			       0);
}

/* A location in the middle of a function of the sample. */
static uint32_t function_location(struct run *r, uint32_t mapping, const char *binary,
				  const char *function)
{
	uint64_t size, address = fixture_symbol(&fixture, binary, function, &size);

	return fixture_location(r->p, mapping, address + size / 2);
}

static uint32_t location_flags(const struct run *r, uint32_t location)
{
	return cresset_profile_location(r->p, location)->flags;
}

static void functions_lines_and_inlined_calls(void **state)
{
	struct run r = run_new(NULL);
	uint32_t mapping, hidden, mangled, first = 0, last = 0, inlined = 0;
	uint64_t address, size;

	need_sample();
	mapping = file_mapping(&r, "full", "");
	address = fixture_symbol(&fixture, "full", "outer", &size);
	for (uint64_t i = 0; i < size; i++) {
		last = fixture_location(r.p, mapping, address + i);
		first = first ? first : last;
	}
	hidden = function_location(&r, mapping, "full", "hidden");
	mangled = function_location(&r, mapping, "full", "_ZN2ns7mangledEi");
	run_resolve(&r);
	for (uint32_t id = first; id <= last; id++) {
		uint32_t n = cresset_profile_location(r.p, id)->n_lines;

		assert_in_range(n, 1, 2);
		assert_string_equal(fixture_name(r.p, id, n - 1), "outer");
		assert_non_null(strstr(fixture_filename(r.p, id, 0), "sample.c"));
		if (n == 1)
			continue;
		inlined++;
		assert_string_equal(fixture_name(r.p, id, 0), "inner");
		assert_in_range(fixture_line(r.p, id, 0), 2, SAMPLE_INNER_LINE + 1);
		assert_int_equal(fixture_line(r.p, id, 1), SAMPLE_OUTER_CALL_LINE);
	}
	assert_true(inlined > 0);
	assert_int_equal(r.stats.inlined, inlined);
	assert_string_equal(fixture_name(r.p, hidden, 0), "hidden");
	assert_in_range(fixture_line(r.p, hidden, 0), SAMPLE_HIDDEN_LINE, SAMPLE_HIDDEN_LINE + 4);
	assert_int_equal(cresset_profile_location(r.p, mangled)->n_lines, 1);
	assert_int_equal(cresset_profile_mapping(r.p, mapping)->flags,
			 CRESSET_MAPPING_HAS_FUNCTIONS | CRESSET_MAPPING_HAS_FILENAMES |
				 CRESSET_MAPPING_HAS_LINES | CRESSET_MAPPING_HAS_INLINES);
	assert_int_equal(r.stats.locations, r.stats.named);
	assert_int_equal(r.stats.locations, r.stats.with_line);
	assert_int_equal(r.stats.binaries, 1);
	run_free(&r);
}

static void names_are_demangled_and_the_linkers_kept(void **state)
{
	struct cresset_symbolizer_options o = no_dirs();

	need_sample();
	for (int i = 0; i < 2; i++) {
		const struct cresset_function *f;
		uint32_t id, mapping;
		struct run r;

		o.no_lines = true;
		o.no_demangle = i;
		r = run_new(&o);
		mapping = file_mapping(&r, "full", "");
		id = function_location(&r, mapping, "full", "_ZN2ns7mangledEi");
		run_resolve(&r);
		assert_string_equal(fixture_name(r.p, id, 0),
				    i ? "_ZN2ns7mangledEi" : "ns::mangled(int)");
		f = cresset_profile_function(r.p, cresset_profile_lines(r.p, id)->function);
		assert_string_equal(cresset_profile_string(r.p, f->system_name),
				    "_ZN2ns7mangledEi");
		assert_int_equal(fixture_line(r.p, id, 0), 0);
		assert_int_equal(r.stats.with_line, 0);
		assert_int_equal(cresset_profile_mapping(r.p, mapping)->flags,
				 CRESSET_MAPPING_HAS_FUNCTIONS);
		run_free(&r);
	}
}

static void inlined_calls_can_be_left_out(void **state)
{
	struct cresset_symbolizer_options o = no_dirs();
	uint64_t address, size;
	uint32_t mapping, id = 0;
	struct run r;

	need_sample();
	o.no_inlines = true;
	r = run_new(&o);
	mapping = file_mapping(&r, "full", "");
	address = fixture_symbol(&fixture, "full", "outer", &size);
	for (uint64_t i = 0; i < size; i++)
		id = fixture_location(r.p, mapping, address + i);
	run_resolve(&r);
	for (; id; id--) {
		assert_int_equal(cresset_profile_location(r.p, id)->n_lines, 1);
		assert_string_equal(fixture_name(r.p, id, 0), "outer");
	}
	assert_int_equal(r.stats.inlined, 0);
	run_free(&r);
}

static void nothing_owns_what_is_past_an_end(void **state)
{
	struct run r = run_new(NULL);
	uint32_t mapping, at, past, far;
	uint64_t address, size;

	need_sample();
	mapping = file_mapping(&r, "stripped", "");
	address = fixture_symbol(&fixture, "full", "tight", &size);
	assert_int_equal(size, 1);
	at = fixture_location(r.p, mapping, address);
	past = fixture_location(r.p, mapping, address + 20);
	far = fixture_location(r.p, mapping, 0xffffffffff);
	run_resolve(&r);
	assert_string_equal(fixture_name(r.p, at, 0), "tight");
	assert_int_equal(cresset_profile_location(r.p, past)->n_lines, 0);
	assert_int_equal(cresset_profile_location(r.p, far)->n_lines, 0);
	assert_true(location_flags(&r, past) & CRESSET_LOCATION_RESOLVED);
	assert_int_equal(r.stats.locations, 3);
	assert_int_equal(r.stats.named, 1);
	run_free(&r);
}

/* hidden() of a binary; its line too if it has one. */
static void assert_hidden(const char *binary, const char *debug_dirs, const char *like, bool named,
			  bool with_line)
{
	struct cresset_symbolizer_options o = no_dirs();
	struct run r;
	uint32_t id;

	o.debug_dirs = debug_dirs;
	r = run_new(&o);
	id = function_location(&r, file_mapping(&r, binary, ""), like, "hidden");
	run_resolve(&r);
	assert_string_equal(fixture_name(r.p, id, 0), named ? "hidden" : "");
	assert_int_equal(r.stats.with_line, with_line);
	assert_int_equal(r.stats.binaries_damaged, 0);
	run_free(&r);
}

static void stripped_binaries_have_their_debug_files(void **state)
{
	char dirs[512];

	need_sample();
	snprintf(dirs, sizeof(dirs), "%s", fixture_path(&fixture, "dbg"));
	assert_hidden("stripped", "/nowhere", "full", false, false);
	assert_hidden("stripped", dirs, "full", true, true);
	assert_hidden("noid_stripped", "/nowhere", "noid", true, true);
	assert_hidden("mini", "/nowhere", "full", true, false);
	assert_hidden("mini", dirs, "full", true, true);
	fixture_run(&fixture, "mv noid.debug away");
	assert_hidden("noid_stripped", dirs, "noid", false, false);
	fixture_run(&fixture, "mv away noid.debug");
}

/* The inlined call of outer(), file and line: what dwz moves away and what it leaves. */
static void assert_inlined(const char *binary, const char *debug_dirs)
{
	struct cresset_symbolizer_options o = no_dirs();
	uint64_t address, size;
	uint32_t mapping, inlined = 0;
	struct run r;

	o.debug_dirs = debug_dirs;
	r = run_new(&o);
	mapping = file_mapping(&r, binary, "");
	address = fixture_symbol(&fixture, binary, "outer", &size);
	for (uint64_t i = 0; i < size; i++) {
		uint32_t id = fixture_location(r.p, mapping, address + i);

		run_resolve(&r);
		inlined += strcmp(fixture_name(r.p, id, 0), "inner") == 0 &&
			   strcmp(fixture_name(r.p, id, 1), "outer") == 0 &&
			   fixture_line(r.p, id, 1) == SAMPLE_OUTER_CALL_LINE;
	}
	assert_true(inlined > 0);
	assert_int_equal(r.stats.with_line, size);
	assert_int_equal(r.stats.binaries_damaged, 0);
	run_free(&r);
}

static void what_dwz_moved_away_is_found(void **state)
{
	char dirs[512], id[160];

	need_sample();
	if (!fixture_try(&fixture, "command -v dwz >/dev/null")) {
		print_message("skipped: needs dwz\n");
		skip();
	}
	fixture_run(&fixture, "sed 's/12345/54321/' sample.c > sample2.c && "
			      "cc -g -O2 -rdynamic -Wl,--build-id=sha1 -o b sample2.c && "
			      "cp full a && dwz -m alt.debug a b");
	fixture_run(&fixture, "objdump -h a | grep -q gnu_debugaltlink");
	assert_inlined("a", "/nowhere");
	snprintf(dirs, sizeof(dirs), "%s", fixture_path(&fixture, "alt_dirs"));
	snprintf(id, sizeof(id), "%s", sample_build_id(&fixture, "alt.debug"));
	fixture_run(&fixture,
		    "mkdir -p alt_dirs/.build-id/%.2s && "
		    "mv alt.debug alt_dirs/.build-id/%.2s/%s.debug",
		    id, id, id + 2);
	assert_inlined("a", dirs);
	/* Gone, or another one in its place: what is still there is used, nothing is made up. */
	assert_hidden("a", "/nowhere", "full", true, true);
	fixture_run(&fixture, "cp full.debug alt.debug");
	assert_hidden("a", "/nowhere", "full", true, true);
}

static void a_replaced_binary_names_nothing(void **state)
{
	struct cresset_symbolizer_options o = no_dirs();
	static const char other_id[] = "00112233445566778899aabbccddeeff00112233";
	char dirs[512], id[160];
	uint32_t replaced, by_id, gone;
	struct run r;

	need_sample();
	snprintf(dirs, sizeof(dirs), "%s", fixture_path(&fixture, "dbg"));
	snprintf(id, sizeof(id), "%s", sample_build_id(&fixture, "full"));
	o.debug_dirs = dirs;
	r = run_new(&o);
	replaced = function_location(&r, file_mapping(&r, "full", other_id), "full", "hidden");
	/* Another file stands there, or none, but the debug directory has the real one. */
	by_id = function_location(&r, file_mapping(&r, "noid", id), "full", "hidden");
	gone = function_location(&r, file_mapping(&r, "no such file", id), "full", "hidden");
	run_resolve(&r);
	assert_string_equal(fixture_name(r.p, replaced, 0), "");
	assert_string_equal(fixture_name(r.p, by_id, 0), "hidden");
	assert_string_equal(fixture_name(r.p, gone, 0), "hidden");
	assert_int_equal(r.stats.binaries_missing, 3);
	assert_int_equal(r.stats.binaries, 1);
	run_free(&r);
}

static void hostile_paths_are_no_trouble(void **state)
{
	static const char *const paths[] = {"fifo", "dir",	 "text",      "empty",
					    "cut",  "elf_and_0", "/dev/zero", "/dev/tty",
					    "",	    "//anon"};
	struct run r = run_new(NULL);
	uint32_t last = 0;

	need_sample();
	fixture_run(&fixture,
		    "mkfifo fifo && mkdir dir && echo text > text && : > empty && "
		    "head -c 3000 full > cut && "
		    "{ printf '\\177ELF\\2\\1\\1'; head -c 4000 /dev/zero; } > elf_and_0");
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		const char *path = i < 6 ? fixture_path(&fixture, paths[i]) : paths[i];

		last = fixture_location(
			r.p, fixture_mapping(r.p, CRESSET_MAPPING_FILE, path, "", 0), 0x1000);
	}
	run_resolve(&r);
	for (uint32_t id = 1; id <= last; id++) {
		assert_int_equal(cresset_profile_location(r.p, id)->n_lines, 0);
		assert_true(location_flags(&r, id) & CRESSET_LOCATION_RESOLVED);
	}
	assert_int_equal(r.stats.locations, last);
	assert_int_equal(r.stats.named, 0);
	assert_true(r.stats.binaries_missing + r.stats.binaries_damaged + r.stats.binaries >= last);
	run_free(&r);
}

static int counting_open(void *arg, const struct cresset_profile *p, uint32_t mapping,
			 enum cresset_open_what what)
{
	const struct cresset_mapping *m = cresset_profile_mapping(p, mapping);

	++*(int *)arg;
	assert_int_equal(what, CRESSET_OPEN_BINARY);
	return open(cresset_profile_string(p, m->file), O_RDONLY | O_CLOEXEC);
}

static void a_binary_is_indexed_once(void **state)
{
	struct cresset_symbolizer_options o = no_dirs();
	struct cresset_symbolizer_stats stats;
	struct cresset_symbolizer *s;
	char id[160];

	need_sample();
	snprintf(id, sizeof(id), "%s", sample_build_id(&fixture, "full"));
	/* Both limits: one that holds what there is, one that holds nothing. */
	for (int tiny = 0; tiny < 2; tiny++) {
		int opened = 0;

		o.open = counting_open;
		o.open_arg = &opened;
		o.max_bytes = tiny;
		assert_int_equal(cresset_symbolizer_new(&o, &s), 0);
		for (int window = 0; window < 3; window++) {
			struct run r = {.s = s};
			uint32_t known, also, noid;

			assert_int_equal(cresset_profile_new(&r.p), 0);
			known = function_location(&r, file_mapping(&r, "full", id), "full", "main");
			/* The same by another path, and one that has no build-id. */
			also = function_location(&r, file_mapping(&r, "./full", id), "full",
						 "hidden");
			noid = function_location(&r, file_mapping(&r, "noid", ""), "noid",
						 "hidden");
			run_resolve(&r);
			assert_string_equal(fixture_name(r.p, known, 0), "main");
			assert_string_equal(fixture_name(r.p, also, 0), "hidden");
			assert_string_equal(fixture_name(r.p, noid, 0), "hidden");
			cresset_profile_free(r.p);
		}
		cresset_symbolizer_get_stats(s, &stats);
		assert_int_equal(stats.binaries, tiny ? 9 : 2);
		assert_int_equal(stats.evicted, tiny ? 9 : 0);
		assert_int_equal(stats.evicted_files, 0);
		assert_true(tiny ? !stats.bytes && !stats.files : stats.bytes && stats.files);
		/* Without a build-id the file has to be looked at to know that it is the same. */
		assert_int_equal(opened, tiny ? 9 : 1 + 3);
		cresset_symbolizer_free(s);
	}
}

/* What is kept of them afterwards, with a limit, and what left. */
static uint64_t bytes_kept(const char *const *names, size_t n, uint64_t max_bytes,
			   uint64_t *ret_evicted)
{
	struct cresset_symbolizer_options o = no_dirs();
	struct cresset_symbolizer_stats stats;
	struct run r;

	o.max_bytes = max_bytes;
	r = run_new(&o);
	for (size_t i = 0; i < n; i++)
		fixture_location(r.p, file_mapping(&r, names[i], ""), 0x1000);
	run_resolve(&r);
	cresset_symbolizer_get_stats(r.s, &stats);
	*ret_evicted = stats.evicted;
	run_free(&r);
	return stats.bytes;
}

static void what_has_no_room_displaces_nothing(void **state)
{
	static const char *const large[] = {"noid"}, *const small[] = {"stripped"},
				 *const both[] = {"stripped", "noid"};
	uint64_t large_bytes, small_bytes, evicted;

	need_sample();
	large_bytes = bytes_kept(large, 1, 0, &evicted);
	small_bytes = bytes_kept(small, 1, 0, &evicted);
	assert_int_equal(evicted, 0);
	assert_true(small_bytes && small_bytes < large_bytes);
	assert_int_equal(bytes_kept(both, 2, large_bytes - 1, &evicted), small_bytes);
	assert_int_equal(evicted, 1);
	/* It has room, but not beside others: the one that was used last stays. */
	assert_int_equal(bytes_kept(both, 2, large_bytes, &evicted), large_bytes);
	assert_int_equal(evicted, 1);
}

/* Of two binaries with debug information one may be held open. */
static void files_are_limited(void **state)
{
	struct cresset_symbolizer_options o = CRESSET_SYMBOLIZER_OPTIONS_INIT;
	struct cresset_symbolizer_stats stats;
	struct cresset_symbolizer *s;

	need_sample();
	o.max_files = 1;
	o.open = counting_open;
	o.open_arg = &(int){0};
	assert_int_equal(cresset_symbolizer_new(&o, &s), 0);
	for (int window = 0; window < 3; window++) {
		struct run r = {.s = s};
		uint32_t one, two;

		assert_int_equal(cresset_profile_new(&r.p), 0);
		one = function_location(&r, file_mapping(&r, "full", ""), "full", "main");
		two = function_location(&r, file_mapping(&r, "noid", ""), "noid", "hidden");
		run_resolve(&r);
		assert_string_equal(fixture_name(r.p, one, 0), "main");
		assert_string_equal(fixture_name(r.p, two, 0), "hidden");
		cresset_profile_free(r.p);
		cresset_symbolizer_get_stats(s, &stats);
		assert_int_equal(stats.files, 1);
		assert_int_equal(stats.evicted, 0);
		assert_int_equal(stats.evicted_files, 2 * window + 1);
	}
	cresset_symbolizer_free(s);
}

static void what_is_resolved_is_left_alone(void **state)
{
	struct cresset_line line = {.line = 7};
	struct cresset_function function = {0};
	struct run r = run_new(NULL);
	uint32_t mapping, named, other;

	need_sample();
	mapping = file_mapping(&r, "full", "");
	named = function_location(&r, mapping, "full", "outer");
	other = function_location(&r, mapping, "full", "hidden");
	assert_int_equal(cresset_profile_add_string(r.p, "mine", 4, &function.name), 0);
	assert_int_equal(cresset_profile_add_function(r.p, &function, &line.function), 0);
	assert_int_equal(cresset_profile_set_lines(r.p, named, &line, 1, 0), 0);
	/* Files are none of an ephemeral run's business. */
	assert_int_equal(cresset_symbolizer_resolve(r.s, r.p, CRESSET_RESOLVE_EPHEMERAL), 0);
	assert_int_equal(location_flags(&r, other), 0);
	run_resolve(&r);
	assert_string_equal(fixture_name(r.p, named, 0), "mine");
	assert_string_equal(fixture_name(r.p, other, 0), "hidden");
	assert_int_equal(r.stats.locations, 1);
	run_resolve(&r);
	assert_int_equal(r.stats.locations, 1);
	run_free(&r);
}

static void kernel_addresses_are_of_the_list(void **state)
{
	static const char text[] = "ffffffff81000000 T do_one\n"
				   "ffffffff81000100 T _etext\n"
				   "ffffffffc0000000 t mod_fn\t[mod]\n";
	static const char more[] = "ffffffff81000000 T do_one\n"
				   "ffffffff81000100 T _etext\n"
				   "ffffffffc0000000 t mod_fn\t[mod]\n"
				   "ffffffffc0100000 t bpf_prog_12_new\t[bpf]\n";
	struct cresset_symbolizer_options o = no_dirs();
	uint32_t mapping, core, mod, none, late;
	char path[512];
	struct run r;

	need_sample();
	fixture_write(&fixture, "kallsyms", text, sizeof(text) - 1);
	snprintf(path, sizeof(path), "%s", fixture_path(&fixture, "kallsyms"));
	o.kallsyms = path;
	r = run_new(&o);
	mapping = fixture_mapping(r.p, CRESSET_MAPPING_KERNEL, "[kernel.kallsyms]", "", 0);
	core = fixture_location(r.p, mapping, 0xffffffff81000010);
	none = fixture_location(r.p, mapping, 0xffffffff81000110);
	mod = fixture_location(r.p, mapping, 0xffffffffc0000010);
	assert_int_equal(cresset_symbolizer_resolve(r.s, r.p, CRESSET_RESOLVE_FILES), 0);
	assert_string_equal(fixture_name(r.p, core, 0), "");
	run_resolve(&r);
	assert_string_equal(fixture_name(r.p, core, 0), "do_one");
	assert_string_equal(fixture_filename(r.p, core, 0), "");
	assert_string_equal(fixture_name(r.p, mod, 0), "mod_fn");
	assert_string_equal(fixture_filename(r.p, mod, 0), "[mod]");
	assert_string_equal(fixture_name(r.p, none, 0), "");
	assert_int_equal(cresset_profile_mapping(r.p, mapping)->flags,
			 CRESSET_MAPPING_HAS_FUNCTIONS);
	/* A program that was loaded since is found by reading the list again. */
	fixture_write(&fixture, "kallsyms", more, sizeof(more) - 1);
	late = fixture_location(r.p, mapping, 0xffffffffc0100010);
	run_resolve(&r);
	assert_string_equal(fixture_name(r.p, late, 0), "bpf_prog_12_new");
	/* The list that was read serves on when it cannot be read any more. */
	fixture_run(&fixture, "rm kallsyms");
	mapping = fixture_mapping(r.p, CRESSET_MAPPING_KERNEL, "[kernel]", "", 0);
	late = fixture_location(r.p, mapping, 0xffffffff81000110);
	core = fixture_location(r.p, mapping, 0xffffffff81000010);
	run_resolve(&r);
	assert_string_equal(fixture_name(r.p, late, 0), "");
	assert_string_equal(fixture_name(r.p, core, 0), "do_one");
	/* Addresses of another kernel are not looked up in this one's list. */
	mapping = fixture_mapping(r.p, CRESSET_MAPPING_KERNEL, "[kernel.kallsyms]",
				  "0123456789abcd", 0);
	late = fixture_location(r.p, mapping, 0xffffffff81000010);
	run_resolve(&r);
	assert_string_equal(fixture_name(r.p, late, 0), "");
	run_free(&r);
}

static void a_hidden_list_names_nothing(void **state)
{
	static const char text[] = "0000000000000000 T do_one\n0000000000000000 t mod_fn\t[mod]\n";
	struct cresset_symbolizer_options o = no_dirs();
	char path[512];
	struct run r;
	uint32_t id;

	need_sample();
	fixture_write(&fixture, "hidden", text, sizeof(text) - 1);
	snprintf(path, sizeof(path), "%s", fixture_path(&fixture, "hidden"));
	o.kallsyms = path;
	r = run_new(&o);
	id = fixture_location(
		r.p, fixture_mapping(r.p, CRESSET_MAPPING_KERNEL, "[kernel.kallsyms]", "", 0),
		0xffffffff81000010);
	run_resolve(&r);
	assert_int_equal(cresset_profile_location(r.p, id)->n_lines, 0);
	assert_true(location_flags(&r, id) & CRESSET_LOCATION_RESOLVED);
	assert_int_equal(r.stats.binaries_missing, 1);
	run_free(&r);
}

static void jit_code_is_of_the_perf_map(void **state)
{
	struct run r = run_new(NULL);
	uint32_t mapping, again, old, late, gone;
	struct cresset_profile *next;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	unlink(path);
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "7000 100 _ZN2ns7mangledEi\n");
	fflush(file);
	mapping = fixture_mapping(r.p, CRESSET_MAPPING_ANON, "//anon", "", (uint32_t)getpid());
	old = fixture_location(r.p, mapping, 0x7080);
	late = fixture_location(r.p, mapping, 0x8080);
	gone = fixture_location(
		r.p, fixture_mapping(r.p, CRESSET_MAPPING_ANON, "//anon", "", 0x7ffffff0), 0x7080);
	run_resolve(&r);
	/* The compiler's own text: nothing is demangled. */
	assert_string_equal(fixture_name(r.p, old, 0), "_ZN2ns7mangledEi");
	assert_string_equal(fixture_name(r.p, late, 0), "");
	assert_string_equal(fixture_name(r.p, gone, 0), "");
	fprintf(file, "8000 100 late one\n7000 40 on top\n");
	fclose(file);
	assert_int_equal(cresset_profile_new(&next), 0);
	again = fixture_mapping(next, CRESSET_MAPPING_ANON, "//anon", "", (uint32_t)getpid());
	old = fixture_location(next, again, 0x7010);
	late = fixture_location(next, again, 0x8080);
	assert_int_equal(cresset_symbolizer_resolve(r.s, next, CRESSET_RESOLVE_ALL), 0);
	assert_string_equal(fixture_name(next, old, 0), "on top");
	assert_string_equal(fixture_name(next, late, 0), "late one");
	cresset_profile_free(next);
	unlink(path);
	run_free(&r);
}

static void addresses_of_nothing_are_looked_at_once(void **state)
{
	struct run r = run_new(NULL);
	uint32_t other, bare;

	other = fixture_location(r.p, fixture_mapping(r.p, CRESSET_MAPPING_OTHER, "", "", 7), 0x10);
	bare = fixture_location(r.p, 0, 0x20);
	run_resolve(&r);
	assert_true(location_flags(&r, other) & CRESSET_LOCATION_RESOLVED);
	assert_true(location_flags(&r, bare) & CRESSET_LOCATION_RESOLVED);
	assert_int_equal(r.stats.named, 0);
	run_free(&r);
}

/* Whatever allocation fails: -ENOMEM and no leak, or a result that is whole. */
static void every_allocation_may_fail(void **state)
{
	struct cresset_symbolizer_options o = no_dirs();
	uint64_t address, size;
	char dirs[512];

	need_sample();
	address = fixture_symbol(&fixture, "full", "hidden", &size);
	snprintf(dirs, sizeof(dirs), "%s", fixture_path(&fixture, "dbg"));
	o.debug_dirs = dirs;
	for (unsigned int n = 1; alloc_fail_next(&n, 100000);) {
		struct run r = {0};
		uint32_t id;
		int rc;

		alloc_fail_end();
		assert_int_equal(cresset_profile_new(&r.p), 0);
		id = fixture_location(r.p, file_mapping(&r, "stripped", ""), address);
		alloc_fail_begin(n - 1);
		rc = cresset_symbolizer_new(&o, &r.s);
		if (rc == 0)
			rc = cresset_symbolizer_resolve(r.s, r.p, CRESSET_RESOLVE_ALL);
		if (!alloc_fail_end()) {
			assert_int_equal(rc, 0);
			assert_string_equal(fixture_name(r.p, id, 0), "hidden");
			run_free(&r);
			return;
		}
		assert_true(rc == -ENOMEM || rc == 0);
		run_free(&r);
	}
	fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_lines_and_inlined_calls),
		cmocka_unit_test(names_are_demangled_and_the_linkers_kept),
		cmocka_unit_test(inlined_calls_can_be_left_out),
		cmocka_unit_test(nothing_owns_what_is_past_an_end),
		cmocka_unit_test(stripped_binaries_have_their_debug_files),
		cmocka_unit_test(what_dwz_moved_away_is_found),
		cmocka_unit_test(a_replaced_binary_names_nothing),
		cmocka_unit_test(hostile_paths_are_no_trouble),
		cmocka_unit_test(a_binary_is_indexed_once),
		cmocka_unit_test(what_has_no_room_displaces_nothing),
		cmocka_unit_test(what_is_resolved_is_left_alone),
		cmocka_unit_test(files_are_limited),
		cmocka_unit_test(kernel_addresses_are_of_the_list),
		cmocka_unit_test(a_hidden_list_names_nothing),
		cmocka_unit_test(jit_code_is_of_the_perf_map),
		cmocka_unit_test(addresses_of_nothing_are_looked_at_once),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("symbolizer", tests, build, clean);
}
