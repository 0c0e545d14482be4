// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_code - see dwarf_code.h.
 *
 * The walk keeps one number for each open DIE: the scope that DIEs below it are in. Depth is
 * limited, siblings are only jumped to forwards, and a DIE takes at least a byte, so the walk ends.
 * Scopes are numbered in the order of the file, so a child has a higher number than its parent, and
 * the number can be the priority where their ranges overlap.
 */
#include "dwarf_code.h"

#include "dwarf_range.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

enum { MAX_DEPTH = 1024, MAX_SCOPES = 1 << 24 };

struct walk {
	struct dwarf_file *f;
	const struct dwarf_unit *u;
	const struct interval_map *code;
	const struct dwarf_abbrevs *abbrevs;
	const uint8_t *base; /* of the unit */
	struct dwarf_reader r;
	struct dwarf_code *out;
	struct vec intervals;
	size_t depth;
	uint32_t scopes[MAX_DEPTH]; /* of the DIEs that are open */
	struct dwarf_value slots[SLOT_N];
};

static void run_steps(struct walk *w, const struct dwarf_abbrev *ab)
{
	const struct dwarf_step *s = w->abbrevs->steps.data;

	if (ab->n_steps)
		s += ab->first_step;
	for (size_t i = 0; i < ab->n_steps; i++, s++) {
		if (s->kind == STEP_SKIP) {
			reader_skip(&w->r, s->n);
		} else if (s->kind == STEP_SKIP_FORM) {
			dwarf_form_skip(&w->r, s->form, &w->u->enc);
		} else {
			const int64_t *implicits = w->abbrevs->implicits.data;

			dwarf_form_read(&w->r, s->form, &w->u->enc, s->n ? implicits[s->n - 1] : 0,
					&w->slots[s->slot]);
		}
	}
}

static uint32_t small_const(const struct dwarf_value *v)
{
	return v->kind == DWARF_CONST && v->u <= UINT32_MAX ? (uint32_t)v->u : 0;
}

static uint64_t scope_die(const struct walk *w, uint64_t self, bool inlined)
{
	const struct dwarf_value *v = &w->slots[SLOT_ORIGIN];

	if (!inlined)
		return self;
	switch (v->kind) {
	case DWARF_REF_UNIT:
		return (w->u->offset + v->u) & ~DWARF_IN_SUP;
	case DWARF_REF:
		return v->u & ~DWARF_IN_SUP;
	case DWARF_REF_SUP:
		return v->u | DWARF_IN_SUP;
	default:
		return self;
	}
}

/* A function or an inlined call at the offset `self`. Gives the scope for what is below it. */
static int add_scope(struct walk *w, uint64_t self, bool inlined, uint32_t parent,
		     uint32_t *ret_scope)
{
	const struct dwarf_extent extent = {.low = w->slots[SLOT_LOW],
					    .high = w->slots[SLOT_HIGH],
					    .ranges = w->slots[SLOT_RANGES]};
	struct dwarf_scope s = {.parent = inlined ? parent : 0};
	uint32_t id = (uint32_t)w->out->scopes.n;
	int r;

	/* Of declarations and abstract functions nothing is needed but their names, later. */
	*ret_scope = 0;
	if (!inlined && extent.low.kind == DWARF_NONE && extent.ranges.kind == DWARF_NONE)
		return 0;
	if (id >= MAX_SCOPES) {
		w->out->damaged = true;
		reader_fail(&w->r);
		return 0;
	}
	r = dwarf_ranges_add(w->f, w->u, &extent, w->code, id, &w->intervals);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		w->out->damaged = true;
	s.die = scope_die(w, self, inlined);
	s.call_file = small_const(&w->slots[SLOT_CALL_FILE]);
	s.call_line = small_const(&w->slots[SLOT_CALL_LINE]);
	s.call_column = small_const(&w->slots[SLOT_CALL_COLUMN]);
	if (!vec_push(&w->out->scopes, &s, 1))
		return -ENOMEM;
	*ret_scope = id;
	return 0;
}

/* Behind the children of the DIE just read, if it says where that is and they are of no interest.
 */
static bool jump(struct walk *w, const struct dwarf_abbrev *ab)
{
	const struct dwarf_value *v = &w->slots[SLOT_SIBLING];
	const uint8_t *to;

	if (v->kind != DWARF_REF_UNIT || v->u > w->u->end - w->u->offset)
		return false;
	if (ab->role != ROLE_LEAF && w->slots[SLOT_DECLARATION].kind == DWARF_NONE)
		return false;
	to = w->base + v->u;
	if (to <= w->r.p)
		return false;
	w->r.p = to;
	return true;
}

/* The rest of the DIE at the offset `self`, whose code has been read. */
static int walk_die(struct walk *w, uint64_t self, uint64_t code)
{
	const struct dwarf_abbrev *ab = dwarf_abbrevs_find(w->abbrevs, code);
	uint32_t scope = w->depth ? w->scopes[w->depth - 1] : 0;
	int r = 0;

	if (!ab) {
		reader_fail(&w->r);
		return 0;
	}
	if (ab->role != ROLE_OTHER)
		memset(w->slots, 0, sizeof(w->slots));
	run_steps(w, ab);
	if (w->r.bad)
		return 0;
	if (ab->role == ROLE_SUBPROGRAM || ab->role == ROLE_INLINED)
		r = add_scope(w, self, ab->role == ROLE_INLINED, scope, &scope);
	if (r < 0 || !ab->has_children)
		return r;
	if (ab->role != ROLE_OTHER && jump(w, ab))
		return 0;
	if (w->depth == MAX_DEPTH) {
		reader_fail(&w->r);
		return 0;
	}
	w->scopes[w->depth++] = scope;
	return 0;
}

static int walk_unit(struct walk *w)
{
	struct elf_view *info = &w->f->sections[SECTION_INFO];
	const struct dwarf_unit *u = w->u;
	int r = dwarf_unit_abbrevs(w->f, u, &w->abbrevs);

	if (r == -ENOMEM)
		return r;
	if (r < 0 || !elf_view_need(info, u->offset, u->end - u->offset)) {
		w->out->damaged = true;
		return 0;
	}
	w->base = info->data + u->offset;
	w->r = (struct dwarf_reader){.p = w->base + u->header, .end = info->data + u->end};
	while (w->r.p < w->r.end && r == 0) {
		uint64_t self = u->offset + (uint64_t)(w->r.p - w->base);
		uint64_t code = reader_uleb(&w->r);

		if (code)
			r = walk_die(w, self, code);
		else if (w->depth)
			w->depth--;
		/* The root's end. What follows is padding. */
		if (!w->depth)
			break;
	}
	if (w->r.bad || w->abbrevs->damaged)
		w->out->damaged = true;
	return r;
}

/* What a unit needs stays as long as the index: give back what growing took in advance. */
static void trim(struct vec *v)
{
	void *data = v->n ? realloc(v->data, v->n * v->element) : NULL;

	if (!data)
		return;
	v->data = data;
	v->capacity = v->n;
}

static int read_code(struct walk *w)
{
	const struct dwarf_scope none = {.parent = 0};
	struct dwarf_code *out = w->out;
	int r;

	vec_init(&out->scopes, sizeof(struct dwarf_scope));
	if (!vec_push(&out->scopes, &none, 1))
		return -ENOMEM;
	r = walk_unit(w);
	if (r == 0)
		r = interval_map_build(&out->map, &w->intervals);
	if (r < 0)
		return r;
	r = dwarf_lines_init(&out->lines, w->f, w->u, w->code);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		out->damaged = true;
	trim(&out->scopes);
	trim(&out->map.starts);
	trim(&out->map.ids);
	trim(&out->lines.addresses);
	trim(&out->lines.rows);
	trim(&out->lines.files);
	return 0;
}

int dwarf_code_read(struct dwarf_file *f, const struct dwarf_unit *u,
		    const struct interval_map *code, struct dwarf_code **ret)
{
	struct walk *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->f = f;
	w->u = u;
	w->code = code;
	vec_init(&w->intervals, sizeof(struct interval));
	w->out = calloc(1, sizeof(*w->out));
	r = w->out ? read_code(w) : -ENOMEM;
	if (r < 0)
		dwarf_code_free(w->out);
	else
		*ret = w->out;
	vec_release(&w->intervals);
	free(w);
	return r;
}

void dwarf_code_free(struct dwarf_code *c)
{
	if (!c)
		return;
	interval_map_release(&c->map);
	vec_release(&c->scopes);
	dwarf_lines_release(&c->lines);
	free(c);
}

size_t dwarf_code_bytes(const struct dwarf_code *c)
{
	return sizeof(*c) + interval_map_bytes(&c->map) +
	       c->scopes.capacity * sizeof(struct dwarf_scope) + dwarf_lines_bytes(&c->lines);
}
