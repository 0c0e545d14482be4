// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_name - see dwarf_name.h. DW_AT_abstract_origin and DW_AT_specification: DWARF 5, 3.3.8.2
 * and 2.13.2. A chain is followed MAX_HOPS far, so one that bites its own tail ends too.
 */
#include "dwarf_name.h"

#include "dwarf_code.h"

#include <dwarf.h>
#include <errno.h>

enum { MAX_HOPS = 16 };

void dwarf_names_init(struct dwarf_names *n)
{
	vec_init(&n->functions, sizeof(struct dwarf_function));
	hash_init(&n->index);
}

void dwarf_names_release(struct dwarf_names *n)
{
	vec_release(&n->functions);
	hash_release(&n->index);
}

size_t dwarf_names_bytes(const struct dwarf_names *n)
{
	return n->functions.capacity * sizeof(struct dwarf_function) +
	       n->index.capacity * sizeof(struct hash_slot);
}

static bool equal(const void *table, uint32_t id, const void *key)
{
	return dwarf_names_get(table, id)->die == *(const uint64_t *)key;
}

/* The DIE that a reference leads to. */
static bool follow(struct dwarf_file **f, const struct dwarf_unit *u, const struct dwarf_value *v,
		   uint64_t *at)
{
	switch (v->kind) {
	case DWARF_REF_UNIT:
		*at = u->offset + v->u;
		return true;
	case DWARF_REF:
		*at = v->u;
		return true;
	case DWARF_REF_SUP:
		*f = (*f)->sup;
		*at = v->u;
		return *f != NULL;
	default:
		return false;
	}
}

struct found {
	uint32_t linkage; /* string ids */
	uint32_t plain;
	uint32_t start_line;
};

/* Takes from one DIE what is not known yet; *more: it may stand at *f, *at. */
static int take(struct dwarf_file **f, uint64_t *at, struct found *fn, bool *more)
{
	static const uint16_t wanted[] = {
		DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name,
		DW_AT_decl_line,    DW_AT_abstract_origin,   DW_AT_specification};
	struct dwarf_unit *u = dwarf_file_unit(*f, *at);
	struct dwarf_value v[6];
	uint16_t tag;
	int r;

	*more = false;
	if (!u)
		return 0;
	r = dwarf_unit_root(*f, u);
	if (r == 0)
		r = dwarf_unit_die(*f, u, *at, wanted, 6, v, &tag);
	if (r < 0)
		return r;
	if (!fn->linkage)
		r = dwarf_unit_string(*f, u, &v[v[0].kind != DWARF_NONE ? 0 : 1], &fn->linkage);
	if (r == 0 && !fn->linkage && !fn->plain)
		r = dwarf_unit_string(*f, u, &v[2], &fn->plain);
	if (!fn->start_line && v[3].kind == DWARF_CONST && v[3].u <= UINT32_MAX)
		fn->start_line = (uint32_t)v[3].u;
	*more = follow(f, u, &v[v[4].kind != DWARF_NONE ? 4 : 5], at);
	return r;
}

static int look_up(struct dwarf_file *f, struct dwarf_function *fn)
{
	const struct strtab *strings = f->strings;
	uint64_t at = fn->die & ~DWARF_IN_SUP;
	struct found found = {.linkage = 0};
	uint32_t name;
	bool more = true;
	int r = 0;

	if (fn->die & DWARF_IN_SUP)
		f = f->sup;
	for (int i = 0; i < MAX_HOPS && f && more && r == 0; i++) {
		r = take(&f, &at, &found, &more);
		if (found.linkage && found.start_line)
			break;
	}
	name = found.linkage ? found.linkage : found.plain;
	fn->name = name ? strtab_get(strings, name) : NULL;
	fn->start_line = found.start_line;
	return r == -ENOMEM ? r : 0;
}

int dwarf_names_find(struct dwarf_names *n, struct dwarf_file *f, uint64_t die, uint32_t *ret_id)
{
	struct dwarf_function fn = {.die = die};
	uint64_t hash = hash_bytes(&die, sizeof(die), 0);
	uint32_t id = hash_find(&n->index, hash, equal, n, &die);
	int r;

	if (!id) {
		r = look_up(f, &fn);
		if (r < 0)
			return r;
		if (n->functions.n >= UINT32_MAX / 2 || hash_reserve(&n->index) < 0 ||
		    !vec_push(&n->functions, &fn, 1))
			return -ENOMEM;
		id = (uint32_t)n->functions.n;
		hash_insert(&n->index, hash, id);
	}
	*ret_id = id;
	return 0;
}

const struct dwarf_function *dwarf_names_get(const struct dwarf_names *n, uint32_t id)
{
	return vec_at(&n->functions, id - 1);
}
