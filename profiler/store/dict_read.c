// SPDX-License-Identifier: Apache-2.0
/*
 * dict_read - see dict_read.h. Entries of a kind stand in pages by id, which are made as they are
 * needed, lines, labels and texts in an arena. An entry whose chunk could not be read stays "not
 * there", which is what an id that does not exist is, too.
 */
#include "store/dict_read.h"

#include "core/bulk.h"
#include "store/dict_stacks.h"

#include <errno.h>
#include <stdlib.h>

enum { PAGE_ENTRIES = 256 };
/* So many stacks say how many frames the others will have, and room is made for them, within
 * reason: it is a guess. */
enum { TYPICAL_STACKS = 256, MAX_FRAMES_AHEAD = 1 << 23 };

struct entry {
	union {
		const char *text; /* n bytes, and a NUL */
		const struct cresset_mapping *mapping;
		struct cresset_function function;
		struct cresset_location location;
		const struct cresset_label *labels;
	};
	const struct cresset_line *lines;
	uint32_t n;
	uint32_t id; /* of the profile */
	bool there;
	bool lost;  /* its chunk could not be read */
	bool added; /* id is set */
};

struct kind {
	uint32_t count;
	struct entry **pages; /* of entries 0 … count; NULL: none was asked for yet */
};

struct dict_reader {
	pthread_mutex_t lock; /* of the catalogue, while stacks are read on another thread */
	struct dict_chunks chunks;
	int error;
	uint64_t missing; /* stacks */
	uint64_t damaged; /* chunks of other kinds */
	bool fresh;	  /* the profile had nothing before this reader */
	struct arena arena;
	struct vec mapped; /* scratch: lines of the profile */
	/* The profile's id of each location, 0: none yet. A large answer asks for a million of
	 * them, and this fits into a cache as the entries do not. */
	uint32_t *locations;
	struct kind kinds[DICT_KINDS];
	struct dict_code codes[DICT_KINDS];
};

int dict_reader_new(struct catalog *c, uint32_t dict, struct dict_reader **ret,
		    struct cresset_error *err)
{
	struct dict_reader *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	pthread_mutex_init(&d->lock, NULL);
	r = dict_chunks_init(&d->chunks, c, &d->lock, dict);
	arena_init(&d->arena);
	vec_init(&d->mapped, 1);
	for (size_t i = 0; i < DICT_KINDS; i++)
		dict_code_init(&d->codes[i], (enum dict_kind)i);
	for (size_t i = 0; i < DICT_KINDS && r == 0; i++) {
		r = dict_chunks_last(&d->chunks, (enum dict_kind)i, &d->kinds[i].count, err);
		d->damaged += r > 0;
		r = r > 0 ? 0 : r;
	}
	if (r < 0) {
		dict_reader_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void dict_reader_free(struct dict_reader *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < DICT_KINDS; i++) {
		struct kind *k = &d->kinds[i];

		for (size_t page = 0; k->pages && page <= k->count / PAGE_ENTRIES; page++)
			free(k->pages[page]);
		free(k->pages);
		dict_code_release(&d->codes[i]);
	}
	free(d->locations);
	dict_chunks_release(&d->chunks);
	arena_release(&d->arena);
	vec_release(&d->mapped);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

uint32_t dict_reader_count(const struct dict_reader *d, enum dict_kind kind)
{
	return d->kinds[kind].count;
}

uint64_t dict_reader_missing(const struct dict_reader *d)
{
	return d->missing;
}

uint64_t dict_reader_damaged(const struct dict_reader *d)
{
	return d->damaged;
}

int dict_reader_error(const struct dict_reader *d)
{
	return d->error;
}

static int fail(struct dict_reader *d, int error)
{
	if (!d->error)
		d->error = error;
	return error;
}

static void *keep_array(struct dict_reader *d, const void *data, size_t n, size_t element)
{
	void *copy = arena_alloc(&d->arena, n * element + 1, 8);

	if (copy && n)
		memcpy(copy, data, n * element);
	return copy;
}

/* An entry with what it points at. */
static int keep_entry(struct dict_reader *d, enum dict_kind kind, const struct dict_entry *e,
		      struct entry *to)
{
	const void *kept = "";

	switch (kind) {
	case DICT_STRING:
		kept = to->text = arena_strndup(&d->arena, e->string.text, e->string.len);
		to->n = (uint32_t)e->string.len;
		break;
	case DICT_MAPPING:
		kept = to->mapping = keep_array(d, &e->mapping, 1, sizeof(e->mapping));
		break;
	case DICT_FUNCTION:
		to->function = e->function;
		break;
	case DICT_LOCATION:
		to->location = e->location;
		kept = to->lines = keep_array(d, e->lines, e->n, sizeof(*e->lines));
		break;
	default:
		kept = to->labels = keep_array(d, e->labels, e->n, sizeof(*e->labels));
		break;
	}
	if (!kept)
		return -ENOMEM;
	if (kind != DICT_STRING)
		to->n = (uint32_t)e->n;
	to->there = true;
	return 0;
}

/* id is at most the kind's count. NULL: there is no memory. */
static struct entry *entry_of(struct dict_reader *d, struct kind *k, uint32_t id)
{
	struct entry **page;

	if (!k->pages)
		k->pages = calloc(k->count / PAGE_ENTRIES + 1, sizeof(struct entry *));
	page = k->pages ? &k->pages[id / PAGE_ENTRIES] : NULL;
	if (page && !*page)
		*page = calloc(PAGE_ENTRIES, sizeof(**page));
	if (page && *page)
		return *page + id % PAGE_ENTRIES;
	fail(d, -ENOMEM);
	return NULL;
}

/* Entries that are not there are not looked for again. */
static void lose(struct dict_reader *d, struct kind *k, const struct dict_range *ids)
{
	d->damaged++;
	for (uint32_t i = ids->first; i < ids->first + ids->n && i <= k->count; i++) {
		struct entry *e = entry_of(d, k, i);

		if (e)
			e->lost = !e->there;
	}
}

static void load_chunk(struct dict_reader *d, enum dict_kind kind, uint32_t id)
{
	struct kind *k = &d->kinds[kind];
	struct dict_range ids;
	struct bytes_in in;
	int r = dict_chunks_open(&d->chunks, kind, id, &ids);

	in = bytes_in(d->chunks.plain.data, d->chunks.plain.n);
	dict_code_begin(&d->codes[kind]);
	for (uint32_t i = 0; i < ids.n && r == 0 && ids.first + i <= k->count; i++) {
		struct entry *to = entry_of(d, k, ids.first + i);
		struct dict_entry e;

		r = to ? dict_decode(&d->codes[kind], &in, &e) : -ENOMEM;
		r = r ?: keep_entry(d, kind, &e, to);
	}
	if (r == -ENOENT || r == -EBADMSG)
		lose(d, k, &ids);
	else if (r < 0)
		fail(d, r);
}

/* NULL: there is none, or it is damaged. */
static struct entry *find(struct dict_reader *d, enum dict_kind kind, uint32_t id)
{
	struct kind *k = &d->kinds[kind];
	struct entry *e;

	if (!id || id > k->count || d->error)
		return NULL;
	e = entry_of(d, k, id);
	if (e && !e->there && !e->lost)
		load_chunk(d, kind, id);
	return e && e->there ? e : NULL;
}

const char *dict_reader_string(struct dict_reader *d, uint32_t id)
{
	struct entry *e = find(d, DICT_STRING, id);

	return e ? e->text : id ? "[damaged]" : "";
}

const struct cresset_label *dict_reader_series(struct dict_reader *d, uint32_t id, size_t *ret_n)
{
	struct entry *e = find(d, DICT_SERIES, id);

	*ret_n = e ? e->n : 0;
	return e ? e->labels : NULL;
}

/* ---- Into a profile. */

/* Is what is different here different in the profile too, and nothing of it there yet? Where names
 * are damaged, different things may have become the same. */
static bool is_new(const struct dict_reader *d)
{
	return d->fresh && !d->damaged && !d->missing;
}

static int add_string(struct dict_reader *d, struct cresset_profile *p, uint32_t id,
		      uint32_t *ret_id)
{
	static const char damaged[] = "[damaged]";
	struct entry *e = find(d, DICT_STRING, id);
	int r = 0;

	if (e && e->added) {
		*ret_id = e->id;
		return 0;
	}
	if (e)
		r = (is_new(d) ? profile_append_string : cresset_profile_add_string)(p, e->text,
										     e->n, ret_id);
	else
		r = cresset_profile_add_string(p, damaged, id ? sizeof(damaged) - 1 : 0, ret_id);
	if (r == 0 && e) {
		e->id = *ret_id;
		e->added = true;
	}
	return r;
}

static int add_mapping(struct dict_reader *d, struct cresset_profile *p, uint32_t id,
		       uint32_t *ret_id)
{
	struct entry *e = find(d, DICT_MAPPING, id);
	struct cresset_mapping m;
	int r;

	*ret_id = e ? e->id : 0;
	if (!e || e->added)
		return 0;
	m = *e->mapping;
	r = add_string(d, p, m.file, &m.file);
	r = r ?: add_string(d, p, m.build_id, &m.build_id);
	r = r ?: cresset_profile_add_mapping(p, &m, ret_id);
	if (r == 0) {
		e->id = *ret_id;
		e->added = true;
	}
	return r;
}

static int add_function(struct dict_reader *d, struct cresset_profile *p, uint32_t id,
			uint32_t *ret_id)
{
	struct entry *e = find(d, DICT_FUNCTION, id);
	struct cresset_function f = {0};
	int r = 0;

	if (e && e->added) {
		*ret_id = e->id;
		return 0;
	}
	if (e) {
		f.start_line = e->function.start_line;
		r = add_string(d, p, e->function.name, &f.name);
		r = r ?: add_string(d, p, e->function.system_name, &f.system_name);
		r = r ?: add_string(d, p, e->function.filename, &f.filename);
	} else {
		r = cresset_profile_add_string(p, "[damaged]", 9, &f.name);
	}
	if (r == 0)
		r = (e && is_new(d) ? profile_append_function
				    : cresset_profile_add_function)(p, &f, ret_id);
	if (r == 0 && e) {
		e->id = *ret_id;
		e->added = true;
	}
	return r;
}

static int add_location(struct dict_reader *d, struct cresset_profile *p, uint32_t id,
			uint32_t *ret_id)
{
	static const char damaged[] = "[error: damaged store]";
	struct entry *e = find(d, DICT_LOCATION, id);
	struct cresset_location l;
	struct cresset_line *lines;
	int r;

	if (!e)
		return cresset_profile_add_frame(p, damaged, sizeof(damaged) - 1,
						 CRESSET_LOCATION_ERROR, ret_id);
	*ret_id = e->id;
	if (e->added)
		return 0;
	l = e->location;
	d->mapped.n = 0;
	if (vec_reserve(&d->mapped, (e->n + (size_t)1) * sizeof(*lines)) < 0)
		return -ENOMEM;
	lines = d->mapped.data;
	r = add_mapping(d, p, l.mapping, &l.mapping);
	for (uint32_t i = 0; i < e->n && r == 0; i++) {
		lines[i] = e->lines[i];
		r = add_function(d, p, e->lines[i].function, &lines[i].function);
	}
	if (r == 0)
		r = (is_new(d) ? profile_append_location
			       : cresset_profile_add_location)(p, &l, lines, ret_id);
	if (r == 0) {
		e->id = *ret_id;
		e->added = true;
	}
	return r;
}

/* What is kept while stacks are added. */
struct stack_adder {
	/* Of the stack that was added last, in the profile, root first: the next one shares most of
	 * its frames with it. */
	struct vec mapped;
	struct vec leaf_first;
	size_t frames; /* of all that were added */
};

/* A stack's locations are root first here, leaf first in the profile. */
static int add_stack(struct dict_reader *d, struct cresset_profile *p, struct stack_adder *a,
		     const struct dict_stack *s, const uint32_t *frames, uint32_t *ret_id)
{
	uint32_t *mapped, *out, n = d->kinds[DICT_LOCATION].count;

	a->mapped.n = a->leaf_first.n = 0;
	if (vec_reserve(&a->mapped, s->n + 1ul) < 0 || vec_reserve(&a->leaf_first, s->n + 1ul) < 0)
		return -ENOMEM;
	mapped = a->mapped.data;
	out = a->leaf_first.data;
	for (size_t i = s->same; i < s->n; i++) {
		/* All that there are not share the one for damage. */
		uint32_t id = frames[i - s->same] <= n ? frames[i - s->same] : 0;
		int r = 0;

		if (!d->locations[id])
			r = add_location(d, p, id, &d->locations[id]);
		if (r < 0)
			return r;
		mapped[i] = d->locations[id];
	}
	for (size_t i = 0; i < s->n; i++)
		out[s->n - 1 - i] = mapped[i];
	a->frames += s->n;
	return (is_new(d) ? profile_append_stack : cresset_profile_add_stack)(p, out, s->n, ret_id);
}

static int add_missing(struct dict_reader *d, struct cresset_profile *p, uint32_t *ret_id)
{
	uint32_t location;
	int r = add_location(d, p, 0, &location);

	d->missing++;
	return r ?: cresset_profile_add_stack(p, &location, 1, ret_id);
}

static int make_room(struct cresset_profile *p, size_t n, size_t n_frames)
{
	return profile_reserve_stacks(p, n,
				      n_frames < MAX_FRAMES_AHEAD ? n_frames : MAX_FRAMES_AHEAD);
}

/* The batch's stacks into the profile, of n in all. */
static int add_batch(struct dict_reader *d, struct cresset_profile *p, struct stack_adder *a,
		     const struct dict_batch *b, size_t n, uint32_t *ret_ids)
{
	const struct dict_stack *stacks = b->stacks.data;
	const uint32_t *frames = b->frames.data;
	int r = b->result;

	for (size_t i = 0; i < b->n && r == 0; i++) {
		size_t done = b->first + i;

		if (done == TYPICAL_STACKS)
			r = make_room(p, n - done, a->frames / done * (n - done));
		if (r == 0 && i >= b->stacks.n) {
			r = add_missing(d, p, &ret_ids[done]);
		} else if (r == 0) {
			r = add_stack(d, p, a, &stacks[i], frames, &ret_ids[done]);
			frames += stacks[i].n - stacks[i].same;
		}
	}
	return r;
}

int dict_reader_stacks(struct dict_reader *d, struct cresset_profile *p, const uint32_t *stacks,
		       size_t n, uint32_t *ret_ids)
{
	struct stack_adder a = {.frames = 0};
	const struct dict_batch *b;
	struct dict_stacks *s;
	int r;

	if (!d->locations) {
		d->fresh = !cresset_profile_n_stacks(p) && !cresset_profile_n_locations(p) &&
			   !cresset_profile_n_functions(p);
		d->locations = calloc(d->kinds[DICT_LOCATION].count + (size_t)1, sizeof(uint32_t));
	}
	if (!d->locations)
		return -ENOMEM;
	r = dict_stacks_new(&d->chunks, d->kinds[DICT_STACK].count, stacks, n, &s);
	if (r < 0)
		return r;
	vec_init(&a.mapped, sizeof(uint32_t));
	vec_init(&a.leaf_first, sizeof(uint32_t));
	while (r == 0 && (b = dict_stacks_next(s)))
		r = add_batch(d, p, &a, b, n, ret_ids);
	vec_release(&a.mapped);
	vec_release(&a.leaf_first);
	dict_stacks_free(s);
	return r ?: d->error;
}
