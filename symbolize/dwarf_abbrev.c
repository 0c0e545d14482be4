// SPDX-License-Identifier: Apache-2.0
/* dwarf_abbrev - see dwarf_abbrev.h. Format: DWARF 5, 7.5.3. */
#include "dwarf_abbrev.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

enum { MAX_SPECS = 4096 };

static enum dwarf_role tag_role(unsigned int tag)
{
	switch (tag) {
	case DW_TAG_subprogram:
		return ROLE_SUBPROGRAM;
	case DW_TAG_inlined_subroutine:
		return ROLE_INLINED;
	case DW_TAG_enumeration_type:
	case DW_TAG_array_type:
	case DW_TAG_subroutine_type:
	case DW_TAG_call_site:
	case DW_TAG_GNU_call_site:
	case DW_TAG_GNU_formal_parameter_pack:
	case DW_TAG_GNU_template_parameter_pack:
		return ROLE_LEAF;
	default:
		return ROLE_OTHER;
	}
}

static int wanted_slot(enum dwarf_role role, unsigned int attribute)
{
	if (role == ROLE_OTHER)
		return -1;
	if (attribute == DW_AT_sibling)
		return SLOT_SIBLING;
	if (role == ROLE_LEAF)
		return -1;
	switch (attribute) {
	case DW_AT_low_pc:
		return SLOT_LOW;
	case DW_AT_high_pc:
		return SLOT_HIGH;
	case DW_AT_ranges:
		return SLOT_RANGES;
	case DW_AT_declaration:
		return SLOT_DECLARATION;
	default:
		break;
	}
	if (role != ROLE_INLINED)
		return -1;
	switch (attribute) {
	case DW_AT_abstract_origin:
		return SLOT_ORIGIN;
	case DW_AT_call_file:
		return SLOT_CALL_FILE;
	case DW_AT_call_line:
		return SLOT_CALL_LINE;
	case DW_AT_call_column:
		return SLOT_CALL_COLUMN;
	default:
		return -1;
	}
}

bool dwarf_spec_next(struct dwarf_reader *r, struct dwarf_spec *ret)
{
	uint64_t attribute = reader_uleb(r), form = reader_uleb(r);

	ret->implicit = form == DW_FORM_implicit_const ? reader_sleb(r) : 0;
	if (r->bad || (!attribute && !form))
		return false;
	ret->attribute = attribute <= UINT16_MAX ? (unsigned int)attribute : 0;
	/* 0 is a form that nobody knows, so reading a value of it fails. */
	ret->form = form <= UINT16_MAX ? (unsigned int)form : 0;
	return true;
}

static int add_step(struct dwarf_abbrevs *a, struct dwarf_abbrev *ab, const struct dwarf_step *step)
{
	struct dwarf_step *last = ab->n_steps ? vec_at(&a->steps, a->steps.n - 1) : NULL;

	if (step->kind == STEP_SKIP && !step->n)
		return 0;
	if (step->kind == STEP_SKIP && last && last->kind == STEP_SKIP) {
		last->n += step->n;
		return 0;
	}
	ab->n_steps++;
	return vec_push(&a->steps, step, 1) ? 0 : -ENOMEM;
}

static int compile_spec(struct dwarf_abbrevs *a, struct dwarf_abbrev *ab,
			const struct dwarf_spec *spec, const struct dwarf_encoding *enc)
{
	int slot = wanted_slot((enum dwarf_role)ab->role, spec->attribute);
	int size = dwarf_form_size(spec->form, enc);
	struct dwarf_step step = {.form = (uint16_t)spec->form};

	if (slot < 0) {
		step.kind = size >= 0 ? STEP_SKIP : STEP_SKIP_FORM;
		step.n = size >= 0 ? (uint32_t)size : 0;
		return add_step(a, ab, &step);
	}
	step.kind = STEP_TAKE;
	step.slot = (uint8_t)slot;
	if (spec->form == DW_FORM_implicit_const) {
		if (!vec_push(&a->implicits, &spec->implicit, 1))
			return -ENOMEM;
		step.n = (uint32_t)a->implicits.n;
	}
	return add_step(a, ab, &step);
}

static int compile(struct dwarf_abbrevs *a, struct dwarf_reader *r, const uint8_t *section,
		   const struct dwarf_encoding *enc, struct dwarf_abbrev *ab)
{
	struct dwarf_spec spec;
	uint64_t tag = reader_uleb(r);
	size_t n = 0;
	int e;

	ab->tag = tag <= UINT16_MAX ? (uint16_t)tag : 0;
	ab->role = (uint8_t)tag_role(ab->tag);
	ab->has_children = reader_u8(r) != 0;
	ab->specs = (uint64_t)(r->p - section);
	ab->first_step = (uint32_t)a->steps.n;
	while (dwarf_spec_next(r, &spec)) {
		if (++n > MAX_SPECS) {
			reader_fail(r);
			return 0;
		}
		e = compile_spec(a, ab, &spec, enc);
		if (e < 0)
			return e;
	}
	return 0;
}

static int compare(const void *pa, const void *pb)
{
	const struct dwarf_abbrev *a = pa, *b = pb;

	return a->code < b->code ? -1 : a->code > b->code;
}

int dwarf_abbrevs_parse(const uint8_t *section, size_t size, uint64_t at,
			const struct dwarf_encoding *enc, struct dwarf_abbrevs *ret)
{
	struct dwarf_reader r = {.p = section, .end = section + size};
	bool ascending = true;
	uint64_t last = 0;
	int e = 0;

	memset(ret, 0, sizeof(*ret));
	vec_init(&ret->abbrevs, sizeof(struct dwarf_abbrev));
	vec_init(&ret->steps, sizeof(struct dwarf_step));
	vec_init(&ret->implicits, sizeof(int64_t));
	reader_skip(&r, at);
	while (!r.bad && e == 0) {
		struct dwarf_abbrev ab = {.code = reader_uleb(&r)};

		if (!ab.code)
			break;
		e = compile(ret, &r, section, enc, &ab);
		if (e == 0 && !r.bad && !vec_push(&ret->abbrevs, &ab, 1))
			e = -ENOMEM;
		ascending = ascending && ab.code > last;
		last = ab.code;
	}
	ret->damaged = r.bad;
	ret->size = size - at < size ? (uint64_t)(r.p - section) - at : 0;
	if (e < 0)
		dwarf_abbrevs_release(ret);
	else if (!ascending)
		qsort(ret->abbrevs.data, ret->abbrevs.n, sizeof(struct dwarf_abbrev), compare);
	return e;
}

void dwarf_abbrevs_release(struct dwarf_abbrevs *a)
{
	vec_release(&a->abbrevs);
	vec_release(&a->steps);
	vec_release(&a->implicits);
}

size_t dwarf_abbrevs_bytes(const struct dwarf_abbrevs *a)
{
	return a->abbrevs.capacity * sizeof(struct dwarf_abbrev) +
	       a->steps.capacity * sizeof(struct dwarf_step) +
	       a->implicits.capacity * sizeof(int64_t);
}

const struct dwarf_abbrev *dwarf_abbrevs_search(const struct dwarf_abbrevs *a, uint64_t code)
{
	const struct dwarf_abbrev key = {.code = code};

	if (!a->abbrevs.n)
		return NULL;
	return bsearch(&key, a->abbrevs.data, a->abbrevs.n, sizeof(key), compare);
}
