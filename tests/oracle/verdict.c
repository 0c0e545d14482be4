// SPDX-License-Identifier: Apache-2.0
#include "oracle/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/unwind.h"

struct known_file {
	uint32_t dso;
	char name[64];
};

void verdict_init(struct verdict *v)
{
	memset(v, 0, sizeof(*v));
	vec_init(&v->files, sizeof(struct known_file));
	vec_init(&v->classes, sizeof(struct verdict_class));
}

void verdict_release(struct verdict *v)
{
	vec_release(&v->files);
	vec_release(&v->classes);
}

/* An id names one file: the one that its first frame was in. */
static bool is_file(struct verdict *v, uint32_t dso, const char *name)
{
	struct known_file file = {.dso = dso};

	snprintf(file.name, sizeof(file.name), "%s", name);
	for (size_t i = 0; i < v->files.n; i++) {
		const struct known_file *known = vec_at(&v->files, i);

		if (known->dso == dso)
			return !strcmp(known->name, file.name);
	}
	return vec_push(&v->files, &file, 1) != NULL;
}

static bool same_frame(struct verdict *v, uint64_t frame, uint64_t pc, struct oracle_dw *dw)
{
	uint32_t dso = CRESSET_FRAME_DSO(frame);
	uint64_t address = frame & CRESSET_FRAME_ADDRESS, in_file;
	const char *name;

	if (!dso)
		return address == pc;
	return oracle_dw_locate(dw, pc, &name, &in_file) && address == in_file &&
	       is_file(v, dso, name);
}

/* How many frames from the leaf on are the same. */
static size_t common(struct verdict *v, const struct oracle_record *ours,
		     const struct oracle_stack *theirs, struct oracle_dw *dw)
{
	size_t n = 0;

	while (n < ours->n && n < theirs->n && same_frame(v, ours->frames[n], theirs->pcs[n], dw))
		n++;
	return n;
}

static bool is_whole(const struct oracle_record *r)
{
	return r->stop == CRESSET_STOP_WHOLE || r->stop == CRESSET_STOP_END;
}

static bool is_early(const struct oracle_record *r)
{
	return r->stop == CRESSET_STOP_NO_TABLE || r->stop == CRESSET_STOP_NOT_KNOWN;
}

static bool has_fallback(const struct oracle_record *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (r->frames[i] & CRESSET_FRAME_FALLBACK)
			return true;
	return false;
}

const char *verdict_stop_name(uint32_t stop)
{
	static const char *const names[] = {
#define STOP_NAME(name, text) #name,
		CRESSET_STOPS(STOP_NAME)};

	return stop < CRESSET_N_STOPS ? names[stop] : "?";
}

/* ---- Classes. */

static enum verdict_side side_of(struct verdict *v, const struct oracle_record *ours,
				 const struct oracle_stack *dw_stack,
				 const struct oracle_stack *third, struct oracle_dw *dw)
{
	size_t n = common(v, ours, third, dw);

	if (n == ours->n && (n == third->n || !is_whole(ours)) && is_whole(ours) == third->bottom)
		return VERDICT_CRESSET;
	if (third->n == dw_stack->n &&
	    !memcmp(third->pcs, dw_stack->pcs, third->n * sizeof(*third->pcs)))
		return VERDICT_LIBDW;
	return VERDICT_NEITHER;
}

static void append(char *text, size_t size, const char *s)
{
	size_t n = strlen(text);

	snprintf(text + n, size - n, "%s", s);
}

static void describe_stack(char *text, size_t size, const struct oracle_stack *s, size_t from,
			   struct oracle_dw *dw)
{
	char word[256];

	for (size_t i = from; i < s->n && i < from + 4; i++) {
		const char *file = "?";
		uint64_t address = s->pcs[i];

		oracle_dw_locate(dw, s->pcs[i], &file, &address);
		snprintf(word, sizeof(word), " %s!%.60s(0x%" PRIx64 ")", file,
			 oracle_dw_name(dw, s->pcs[i] - (i > 0)), address);
		append(text, size, word);
	}
	append(text, size, s->bottom ? " end" : " fails");
}

static void describe_ours(char *text, size_t size, const struct oracle_record *r, size_t from)
{
	char word[64];

	for (size_t i = from; i < r->n && i < from + 4; i++) {
		snprintf(word, sizeof(word), " %s%u:0x%" PRIx64,
			 r->frames[i] & CRESSET_FRAME_FALLBACK ? "fallback " : "",
			 CRESSET_FRAME_DSO(r->frames[i]),
			 (uint64_t)(r->frames[i] & CRESSET_FRAME_ADDRESS));
		append(text, size, word);
	}
	append(text, size, " ");
	append(text, size, verdict_stop_name(r->stop));
}

static int class_add(struct verdict *v, const char *program, const struct oracle_record *ours,
		     const struct oracle_stack *dw_stack, const struct oracle_stack *third,
		     size_t same, enum verdict_side side, struct oracle_dw *dw)
{
	static const char *const sides[] = {"cresset", "libdw", "neither", "- (libdw fails too)"};
	struct verdict_class *c, new = {.count = 1};
	size_t last = same ? same - 1 : 0;
	const char *file = "?";
	uint64_t address;

	oracle_dw_locate(dw, dw_stack->pcs[last], &file, &address);
	snprintf(new.what, sizeof(new.what), "after %s!%.60s: ours %s, libunwind agrees with %s",
		 file, oracle_dw_name(dw, dw_stack->pcs[last] - (last > 0)),
		 verdict_stop_name(ours->stop), sides[side]);
	snprintf(new.example, sizeof(new.example), "%s, frame %zu;\n\tlibdw:", program, same);
	describe_stack(new.example, sizeof(new.example), dw_stack, last, dw);
	append(new.example, sizeof(new.example), "\n\tours:");
	describe_ours(new.example, sizeof(new.example), ours, last);
	append(new.example, sizeof(new.example), "\n\tlibunwind:");
	describe_stack(new.example, sizeof(new.example), third, last, dw);
	for (size_t i = 0; i < v->classes.n; i++) {
		c = vec_at(&v->classes, i);
		if (!strcmp(c->what, new.what) &&
		    (!v->verbose || !strcmp(c->example, new.example))) {
			c->count++;
			return 0;
		}
	}
	return vec_push(&v->classes, &new, 1) ? 0 : -ENOMEM;
}

/* Neither of us comes to the bottom: not a disagreement, but worth a look. */
static int neither_add(struct verdict *v, const char *program, const struct oracle_record *ours,
		       const struct snapshot *snap, const struct oracle_stack *theirs,
		       struct oracle_dw *dw, struct oracle_unw *unw)
{
	size_t same = common(v, ours, theirs, dw);
	struct oracle_stack third;

	oracle_unw_walk(unw, snap, &third);
	return class_add(v, program, ours, theirs, &third, same, VERDICT_NOBODY, dw);
}

int verdict_add(struct verdict *v, const char *program, const struct oracle_record *ours,
		const struct snapshot *snap, struct oracle_dw *dw, struct oracle_unw *unw,
		struct verdict_counts *counts)
{
	struct oracle_stack theirs, third;
	enum verdict_side side;
	size_t same;

	counts->samples++;
	if (ours->stop < CRESSET_N_STOPS)
		counts->stops[ours->stop]++;
	if (is_early(ours)) {
		counts->early++;
		return 0;
	}
	counts->whole += is_whole(ours);
	counts->fallback += has_fallback(ours);
	oracle_dw_walk(dw, snap, &theirs);
	if (!theirs.bottom) {
		counts->only_ours += is_whole(ours);
		return is_whole(ours) ? 0 : neither_add(v, program, ours, snap, &theirs, dw, unw);
	}
	counts->compared++;
	same = common(v, ours, &theirs, dw);
	if (theirs.n >= 2) {
		counts->callers++;
		counts->callers_right += same >= 2;
	}
	if (same == ours->n && same == theirs.n && is_whole(ours)) {
		counts->equal++;
		return 0;
	}
	if (same == ours->n && ours->stop == CRESSET_STOP_DEPTH) {
		counts->cut++;
		return 0;
	}
	oracle_unw_walk(unw, snap, &third);
	side = side_of(v, ours, &theirs, &third, dw);
	counts->sided[side]++;
	return class_add(v, program, ours, &theirs, &third, same, side, dw);
}

static int by_count(const void *a, const void *b)
{
	const struct verdict_class *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : strcmp(x->what, y->what);
}

void verdict_print(const struct verdict *v)
{
	if (v->classes.n)
		qsort(v->classes.data, v->classes.n, v->classes.element, by_count);
	for (size_t i = 0; i < v->classes.n; i++) {
		const struct verdict_class *c = vec_at(&v->classes, i);

		printf("%8" PRIu64 "  %s\n\te.g. %s\n", c->count, c->what, c->example);
	}
}
