// SPDX-License-Identifier: Apache-2.0
/*
 * symbolizer - the chain over a whole profile: which address asks which origin, and what comes of
 * it.
 *
 * Unresolved locations are sorted by mapping and address, so that each mapping's origin is fetched
 * once and then asked in ascending order, which is the order that its data lies in. An origin is an
 * index of an ELF file (chain.h) or a perf map, both kept in the cache; the kernel's list; the
 * vdso.
 *
 * Only -ENOMEM stops a run. Locations that were not reached stay unresolved and can be tried again.
 */
#include <cresset/symbolizer.h>

#include "cache.h"
#include "chain.h"
#include "core/hash.h"
#include "core/vec.h"
#include "debugfile.h"
#include "debuginfod.h"
#include "functions.h"
#include "index.h"
#include "kallsyms.h"
#include "kernelsyms.h"
#include "openfile.h"
#include "perfmap.h"
#include "vdso.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_MAX_BYTES (256ull << 20)
#define DEFAULT_MAX_FILES 384
#define MAX_FRAMES	  64

struct wanted {
	uint64_t address;
	uint32_t mapping;
	uint32_t location;
};

struct cresset_symbolizer {
	struct cresset_symbolizer_options options;
	struct cresset_symbolizer_stats stats;
	char *debug_dirs;
	struct debuginfod *debuginfod; /* NULL: not asked for */
	struct cache cache;
	uint64_t run; /* counts calls of resolve */
	struct kernelsyms kernel;
	struct symbol_index *vdso;
	bool vdso_tried;
	char vdso_build_id[KALLSYMS_BUILD_ID_BYTES];
	struct vec wanted; /* struct wanted */
	struct functions functions;
};

/* One mapping while its locations are resolved; copies, since adding moves the profile's own. */
struct target {
	struct cresset_profile *profile;
	struct cresset_mapping mapping;
	uint32_t id;
	uint8_t flags; /* CRESSET_MAPPING_HAS_* so far */
	bool demangle;
	char build_id[KALLSYMS_BUILD_ID_BYTES]; /* "" if it is none */
	char path[PATH_MAX];
};

static int open_default(void *arg, const struct cresset_profile *p, uint32_t mapping,
			enum cresset_open_what what)
{
	const struct cresset_mapping *m = cresset_profile_mapping(p, mapping);
	const char *path = cresset_profile_string(p, m->file);

	if (what == CRESSET_OPEN_PERF_MAP)
		return perfmap_open((pid_t)m->pid);
	return *path == '/' ? openfile_regular(path, NULL) : -ENOENT;
}

int cresset_symbolizer_new(const struct cresset_symbolizer_options *options,
			   struct cresset_symbolizer **ret)
{
	struct cresset_symbolizer *s = calloc(1, sizeof(*s));
	struct cresset_symbolizer_options *o;
	int r = 0;

	if (!s)
		return -ENOMEM;
	o = &s->options;
	if (options)
		memcpy(o, options, options->size < sizeof(*o) ? options->size : sizeof(*o));
	cache_init(&s->cache, o->max_bytes ? o->max_bytes : DEFAULT_MAX_BYTES,
		   o->max_files ? o->max_files : DEFAULT_MAX_FILES);
	vec_init(&s->wanted, sizeof(struct wanted));
	functions_init(&s->functions);
	s->debug_dirs = strdup(o->debug_dirs ? o->debug_dirs : DEBUGFILE_DEFAULT_DIRS);
	r = kernelsyms_init(&s->kernel, o->kallsyms, o->kernel_names, o->kernel_names_arg);
	if (!s->debug_dirs)
		r = -ENOMEM;
	if (r == 0 && o->debuginfod)
		r = debuginfod_new(&s->debuginfod);
	if (r < 0) {
		cresset_symbolizer_free(s);
		return r;
	}
	cresset_symbolizer_set_open(s, o->open, o->open_arg);
	*ret = s;
	return 0;
}

void cresset_symbolizer_free(struct cresset_symbolizer *s)
{
	if (!s)
		return;
	cache_release(&s->cache);
	debuginfod_free(s->debuginfod);
	kernelsyms_release(&s->kernel);
	symbol_index_free(s->vdso);
	functions_release(&s->functions);
	vec_release(&s->wanted);
	free(s->debug_dirs);
	free(s);
}

void cresset_symbolizer_set_open(struct cresset_symbolizer *s, cresset_open_fn open, void *arg)
{
	s->options.open = open ? open : open_default;
	s->options.open_arg = arg;
}

void cresset_symbolizer_get_stats(const struct cresset_symbolizer *s,
				  struct cresset_symbolizer_stats *ret)
{
	*ret = s->stats;
	ret->evicted = s->cache.dropped_for_bytes;
	ret->evicted_files = s->cache.dropped_for_files;
	ret->bytes = s->cache.bytes;
	ret->files = s->cache.files;
}

/* ---- What a lookup gave becomes lines of the location. */

/* n may be 0: the location was looked at and has no name. */
static int set_frames(struct cresset_symbolizer *s, struct target *t, uint32_t location,
		      const struct symbol_frame *frames, size_t n)
{
	struct cresset_line lines[MAX_FRAMES];
	size_t kept = 0;
	bool has_line = false;
	int r;

	if (s->options.no_inlines && n > 1) {
		frames += n - 1;
		n = 1;
	}
	for (size_t i = 0; i < n; i++) {
		/* DWARF without names: the code is somebody's, but nothing says whose. */
		if (!*frames[i].name)
			continue;
		lines[kept] =
			(struct cresset_line){.line = frames[i].line, .column = frames[i].column};
		r = functions_add(&s->functions, t->profile, &frames[i], t->demangle,
				  &lines[kept].function);
		if (r < 0)
			return r;
		kept++;
		has_line |= frames[i].line && *frames[i].filename;
		t->flags |= *frames[i].filename ? CRESSET_MAPPING_HAS_FILENAMES : 0;
	}
	r = cresset_profile_set_lines(t->profile, location, kept ? lines : NULL, kept,
				      CRESSET_LOCATION_RESOLVED);
	if (r < 0)
		return r;
	if (kept)
		t->flags |= CRESSET_MAPPING_HAS_FUNCTIONS;
	if (has_line)
		t->flags |= CRESSET_MAPPING_HAS_LINES;
	if (kept > 1)
		t->flags |= CRESSET_MAPPING_HAS_INLINES;
	s->stats.locations++;
	s->stats.named += kept > 0;
	s->stats.with_line += has_line;
	s->stats.inlined += kept > 1 ? kept - 1 : 0;
	return 0;
}

static int set_unnamed(struct cresset_symbolizer *s, struct target *t, const struct wanted *w,
		       size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = set_frames(s, t, w[i].location, NULL, 0);
	return r;
}

/* index NULL: nothing has names for them. */
static int set_from_index(struct cresset_symbolizer *s, struct target *t, const struct wanted *w,
			  size_t n, struct symbol_index *index)
{
	struct symbol_frame frames[MAX_FRAMES];
	int r = 0;

	if (!index)
		return set_unnamed(s, t, w, n);
	for (size_t i = 0; i < n && r == 0; i++) {
		size_t found = symbol_index_lookup(index, w[i].address, frames, MAX_FRAMES);

		r = set_frames(s, t, w[i].location, frames, found);
	}
	return r;
}

/* ---- The kernel. */

static bool is_this_kernel(const struct target *t)
{
	char running[KALLSYMS_BUILD_ID_BYTES];

	return !*t->build_id || kallsyms_build_id(running) < 0 || strcmp(running, t->build_id) == 0;
}

static int set_kernel_names(struct cresset_symbolizer *s, struct target *t, const struct wanted *w,
			    size_t n)
{
	struct kallsym found[KERNELSYMS_BATCH];
	uint64_t addresses[KERNELSYMS_BATCH];
	int r;

	for (size_t i = 0; i < n; i++)
		addresses[i] = w[i].address;
	r = kernelsyms_find(&s->kernel, s->run, addresses, n, found);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct symbol_frame frame = {.name = found[i].name, .filename = found[i].module};

		r = set_frames(s, t, w[i].location, &frame, frame.name != NULL);
	}
	return r;
}

static int resolve_kernel(struct cresset_symbolizer *s, struct target *t, const struct wanted *w,
			  size_t n)
{
	bool missing = s->kernel.list_missing;
	int r, r2;

	if (!is_this_kernel(t)) {
		s->stats.binaries_missing++;
		return set_unnamed(s, t, w, n);
	}
	r = kernelsyms_begin(&s->kernel);
	for (size_t i = 0; i < n && r == 0; i += KERNELSYMS_BATCH)
		r = set_kernel_names(s, t, w + i,
				     n - i < KERNELSYMS_BATCH ? n - i : KERNELSYMS_BATCH);
	kernelsyms_end(&s->kernel);
	/* The pointers that functions are known by are gone. */
	r2 = functions_forget(&s->functions);
	s->stats.binaries_missing += s->kernel.list_missing && !missing;
	/* A module's name stands in for the file, but is none. */
	t->flags &= (uint8_t)~CRESSET_MAPPING_HAS_FILENAMES;
	return r ? r : r2;
}

/* ---- The vdso. */

static int need_vdso(struct cresset_symbolizer *s)
{
	struct elf_image *image;
	int r;

	if (s->vdso_tried)
		return 0;
	r = vdso_open(&image);
	if (r == 0) {
		snprintf(s->vdso_build_id, sizeof(s->vdso_build_id), "%s",
			 elf_image_build_id(image));
		r = symbol_index_new(&s->vdso);
		if (r == 0)
			r = symbol_index_add_symbols(s->vdso, image);
		if (r == 0)
			r = symbol_index_seal(s->vdso);
		elf_image_free(image);
	}
	if (r < 0) {
		symbol_index_free(s->vdso);
		s->vdso = NULL;
	}
	if (r == -ENOMEM)
		return r;
	s->stats.binaries += r == 0;
	s->stats.binaries_missing += r < 0;
	s->vdso_tried = true;
	return 0;
}

static int resolve_vdso(struct cresset_symbolizer *s, struct target *t, const struct wanted *w,
			size_t n)
{
	int r = need_vdso(s);

	if (r < 0)
		return r;
	if (*t->build_id && strcmp(t->build_id, s->vdso_build_id) != 0) {
		s->stats.binaries_missing++;
		return set_unnamed(s, t, w, n);
	}
	return set_from_index(s, t, w, n, s->vdso);
}

/* ---- JIT code. */

/* A descriptor and the stamp of what it is of; -errno. */
static int open_perfmap(struct cresset_symbolizer *s, const struct target *t, uint64_t *ret_stamp)
{
	int fd = s->options.open(s->options.open_arg, t->profile, t->id, CRESSET_OPEN_PERF_MAP);
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	r = openfile_check(fd, &st);
	if (r == 0)
		r = perfmap_check_owner(&st, (pid_t)t->mapping.pid);
	/* An opener that keeps the maps of processes that are gone has seen to that in time. */
	if (r == -ESRCH && s->options.open != open_default)
		r = 0;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_stamp = hash_bytes(&(uint64_t[5]){st.st_dev, st.st_ino, (uint64_t)st.st_size,
					       (uint64_t)st.st_mtim.tv_sec,
					       (uint64_t)st.st_mtim.tv_nsec},
				5 * sizeof(uint64_t), 0);
	return fd;
}

static int load_perfmap(struct cresset_symbolizer *s, const struct target *t,
			struct cache_value *value)
{
	uint64_t stamp;
	int fd = open_perfmap(s, t, &stamp), r;

	if (fd < 0)
		return fd == -ENOMEM ? fd : 0;
	if (value->perfmap && value->stamp == stamp) {
		close(fd);
		return 0;
	}
	cache_value_release(value);
	r = perfmap_load(fd, &value->perfmap);
	close(fd);
	value->stamp = stamp;
	return r == -ENOMEM ? r : 0;
}

static int resolve_jit(struct cresset_symbolizer *s, struct target *t, const struct wanted *w,
		       size_t n)
{
	struct cache_value *value;
	char key[CACHE_KEY_BYTES];
	int r = 0;

	snprintf(key, sizeof(key), "p:%u", t->mapping.pid);
	value = cache_get(&s->cache, key);
	if (!value)
		r = cache_put(&s->cache, key, &(struct cache_value){0}, &value);
	if (r < 0)
		return r;
	/* One look per run: the map of a busy JIT grows while we read. */
	if (value->seen != s->run)
		r = load_perfmap(s, t, value);
	if (r < 0)
		return r;
	value->seen = s->run;
	t->demangle = false;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct symbol_frame frame = {.filename = ""};

		if (value->perfmap)
			frame.name = perfmap_lookup(value->perfmap, w[i].address);
		r = set_frames(s, t, w[i].location, &frame, frame.name != NULL);
	}
	return r;
}

/* ---- Files. */

/* Builds what the chain finds and keeps it, even if that is nothing. */
static int build_value(struct cresset_symbolizer *s, const struct target *t,
		       struct elf_image *image, const char *key, struct cache_value **ret)
{
	const struct chain chain = {
		.debug_dirs = s->debug_dirs,
		.no_lines = s->options.no_lines,
		.debuginfod = s->debuginfod,
		.stats = &s->stats,
	};
	struct cache_value value = {0};
	int r = chain_build(&chain, image, t->path, t->build_id, &value.index);

	if (r < 0 && r != -ENOENT)
		return r;
	return cache_put(&s->cache, key, &value, ret);
}

/* The mapped file is not to be had, so by build-id alone. *ret is NULL if there is no way. */
static int find_without_file(struct cresset_symbolizer *s, const struct target *t,
			     struct cache_value **ret)
{
	char key[CACHE_KEY_BYTES];

	*ret = NULL;
	s->stats.binaries_missing++;
	if (!*t->build_id)
		return 0;
	snprintf(key, sizeof(key), "d:%s", t->build_id);
	*ret = cache_get(&s->cache, key);
	return *ret ? 0 : build_value(s, t, NULL, key, ret);
}

static int find_by_image(struct cresset_symbolizer *s, const struct target *t,
			 struct elf_image *image, const char *file_key, struct cache_value **ret)
{
	const char *build_id = elf_image_build_id(image);
	char key[CACHE_KEY_BYTES];

	if (*t->build_id && strcmp(t->build_id, build_id) != 0)
		return find_without_file(s, t, ret);
	if (!*build_id)
		return build_value(s, t, image, file_key, ret);
	snprintf(key, sizeof(key), "b:%s", build_id);
	*ret = cache_get(&s->cache, key);
	return *ret ? 0 : build_value(s, t, image, key, ret);
}

static int find_by_file(struct cresset_symbolizer *s, const struct target *t, int fd,
			struct cache_value **ret)
{
	struct elf_image *image;
	char key[CACHE_KEY_BYTES];
	struct stat st;
	int r = openfile_check(fd, &st);

	if (r < 0) {
		close(fd);
		return find_without_file(s, t, ret);
	}
	snprintf(key, sizeof(key), "f:%llx:%llx:%lld.%09ld:%lld", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		 (long long)st.st_size);
	*ret = *t->build_id ? NULL : cache_get(&s->cache, key);
	if (*ret) {
		close(fd);
		return 0;
	}
	r = elf_image_open_fd(fd, &image);
	if (r == 0) {
		r = find_by_image(s, t, image, key, ret);
		elf_image_free(image);
		return r;
	}
	close(fd);
	if (r == -ENOMEM)
		return r;
	s->stats.binaries_damaged++;
	if (*t->build_id)
		return find_without_file(s, t, ret);
	return cache_put(&s->cache, key, &(struct cache_value){0}, ret);
}

static int resolve_file(struct cresset_symbolizer *s, struct target *t, const struct wanted *w,
			size_t n)
{
	struct cache_value *value = NULL;
	struct symbol_index_stats stats;
	char key[CACHE_KEY_BYTES];
	int r, fd;

	if (*t->build_id) {
		snprintf(key, sizeof(key), "b:%s", t->build_id);
		value = cache_get(&s->cache, key);
	}
	if (!value) {
		fd = s->options.open(s->options.open_arg, t->profile, t->id, CRESSET_OPEN_BINARY);
		r = fd < 0 ? find_without_file(s, t, &value) : find_by_file(s, t, fd, &value);
		if (r < 0)
			return r;
	}
	r = set_from_index(s, t, w, n, value ? value->index : NULL);
	if (r == 0 && value && value->index && !value->damaged) {
		symbol_index_get_stats(value->index, &stats);
		value->damaged = stats.units_damaged != 0;
		s->stats.binaries_damaged += value->damaged;
	}
	return r;
}

/* ---- The whole profile. */

static int resolve_mapping(struct cresset_symbolizer *s, struct target *t, const struct wanted *w,
			   size_t n)
{
	int r = functions_forget(&s->functions);

	if (r < 0)
		return r;
	switch (t->mapping.kind) {
	case CRESSET_MAPPING_FILE:
		r = resolve_file(s, t, w, n);
		break;
	case CRESSET_MAPPING_KERNEL:
		r = resolve_kernel(s, t, w, n);
		break;
	case CRESSET_MAPPING_VDSO:
		r = resolve_vdso(s, t, w, n);
		break;
	case CRESSET_MAPPING_ANON:
		r = resolve_jit(s, t, w, n);
		break;
	default:
		r = set_unnamed(s, t, w, n);
		break;
	}
	if (r == 0 && t->flags)
		r = cresset_profile_set_mapping_flags(t->profile, t->id, t->flags);
	cache_trim(&s->cache);
	return r;
}

static void init_target(struct target *t, const struct cresset_symbolizer *s,
			struct cresset_profile *p, uint32_t mapping)
{
	const char *build_id;

	t->profile = p;
	t->id = mapping;
	t->mapping = *cresset_profile_mapping(p, mapping);
	t->flags = 0;
	t->demangle = !s->options.no_demangle;
	build_id = cresset_profile_string(p, t->mapping.build_id);
	snprintf(t->build_id, sizeof(t->build_id), "%s",
		 openfile_is_build_id(build_id) ? build_id : "");
	snprintf(t->path, sizeof(t->path), "%s", cresset_profile_string(p, t->mapping.file));
}

/*
 * Whether the mapping's path leads to its file without the opener's help. It does not for deleted
 * and replaced files, memfd and other mount namespaces: those must be named while they can be
 * opened.
 */
static bool is_lasting(const struct cresset_symbolizer *s, const struct cresset_profile *p,
		       uint32_t mapping)
{
	int fd = s->options.open(s->options.open_arg, p, mapping, CRESSET_OPEN_BINARY);
	int by_path = open_default(NULL, p, mapping, CRESSET_OPEN_BINARY);
	struct stat a, b;
	bool lasting = true;

	if (fd >= 0 && fstat(fd, &a) == 0)
		lasting = by_path >= 0 && fstat(by_path, &b) == 0 && a.st_dev == b.st_dev &&
			  a.st_ino == b.st_ino;
	if (fd >= 0)
		close(fd);
	if (by_path >= 0)
		close(by_path);
	return lasting;
}

/* CRESSET_RESOLVE_* of a mapping; asked of each once, hence the table. */
static unsigned int class_of(const struct cresset_symbolizer *s, const struct cresset_profile *p,
			     uint32_t mapping, unsigned int what, uint8_t *classes)
{
	if (!mapping || cresset_profile_mapping(p, mapping)->kind != CRESSET_MAPPING_FILE)
		return CRESSET_RESOLVE_EPHEMERAL;
	if (!(what & CRESSET_RESOLVE_EPHEMERAL) || what & CRESSET_RESOLVE_FILES)
		return CRESSET_RESOLVE_FILES;
	if (!classes[mapping])
		classes[mapping] = is_lasting(s, p, mapping) ? CRESSET_RESOLVE_FILES
							     : CRESSET_RESOLVE_EPHEMERAL;
	return classes[mapping];
}

static int collect_wanted(struct cresset_symbolizer *s, const struct cresset_profile *p,
			  unsigned int what)
{
	uint32_t n = cresset_profile_n_locations(p);
	uint8_t *classes = calloc(cresset_profile_n_mappings(p) + 1, 1);
	int r = classes ? 0 : -ENOMEM;

	s->wanted.n = 0;
	for (uint32_t id = 1; id <= n && !r; id++) {
		const struct cresset_location *loc = cresset_profile_location(p, id);
		struct wanted w = {loc->address, loc->mapping, id};

		if (loc->n_lines || (loc->flags & CRESSET_LOCATION_RESOLVED))
			continue;
		if (!(what & class_of(s, p, loc->mapping, what, classes)))
			continue;
		if (!vec_push(&s->wanted, &w, 1))
			r = -ENOMEM;
	}
	free(classes);
	return r;
}

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->mapping != y->mapping)
		return x->mapping < y->mapping ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (x->location > y->location) - (x->location < y->location);
}

int cresset_symbolizer_resolve(struct cresset_symbolizer *s, struct cresset_profile *p,
			       unsigned int what)
{
	struct target *t = malloc(sizeof(*t));
	int r = t ? collect_wanted(s, p, what) : -ENOMEM;
	struct wanted *w = s->wanted.data;

	s->run++;
	if (r == 0 && s->wanted.n)
		qsort(w, s->wanted.n, sizeof(*w), compare_wanted);
	for (size_t i = 0, n; r == 0 && i < s->wanted.n; i += n) {
		for (n = 1; i + n < s->wanted.n && w[i + n].mapping == w[i].mapping;)
			n++;
		init_target(t, s, p, w[i].mapping);
		/* A location without a mapping and without lines is an address of nothing. */
		if (!t->id)
			t->mapping.kind = CRESSET_MAPPING_OTHER;
		r = resolve_mapping(s, t, w + i, n);
	}
	free(t);
	vec_release(&s->wanted);
	return r;
}
