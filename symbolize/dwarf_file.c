// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_file - see dwarf_file.h. Formats: DWARF 5, 7.5.1 (unit headers), 7.26 and 7.27 (tables of
 * strings and addresses); the same in DWARF 2 to 4 with other headers.
 */
#include "dwarf_file.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

enum { MAX_UNITS = 1 << 24, DIE_WINDOW = 4096 };

struct dwarf_abbrev_table {
	uint64_t at;
	struct dwarf_encoding enc;
	struct dwarf_abbrevs abbrevs;
};

static const char *const section_names[SECTION_N] = {
	[SECTION_INFO] = ".debug_info",
	[SECTION_ABBREV] = ".debug_abbrev",
	[SECTION_STR] = ".debug_str",
	[SECTION_LINE] = ".debug_line",
	[SECTION_LINE_STR] = ".debug_line_str",
	[SECTION_RANGES] = ".debug_ranges",
	[SECTION_RNGLISTS] = ".debug_rnglists",
	[SECTION_ADDR] = ".debug_addr",
	[SECTION_STR_OFFSETS] = ".debug_str_offsets",
};

bool dwarf_file_spend(struct dwarf_file *f, uint64_t n)
{
	if (n > *f->budget) {
		*f->budget = 0;
		return false;
	}
	*f->budget -= n;
	return true;
}

bool dwarf_file_word(struct dwarf_file *f, enum dwarf_section section, uint64_t at, size_t size,
		     uint64_t *ret)
{
	struct elf_view *v = &f->sections[section];

	if (!elf_view_need(v, at, size))
		return false;
	*ret = 0;
	memcpy(ret, v->data + at, size);
	return true;
}

/* One unit header at `at`. 0 and u, -EBADMSG if no more units can be found. */
static int read_header(struct dwarf_file *f, uint64_t at, struct dwarf_unit *u)
{
	struct elf_view *info = &f->sections[SECTION_INFO];
	uint64_t left = info->size - at, length;
	struct dwarf_reader r;

	if (left > 64)
		left = 64;
	if (!elf_view_need(info, at, left))
		return -EBADMSG;
	r = (struct dwarf_reader){.p = info->data + at, .end = info->data + at + left};
	*u = (struct dwarf_unit){.offset = at, .line = DWARF_NOWHERE, .enc.offset_size = 4};
	length = reader_u32(&r);
	if (length == UINT32_MAX) {
		length = reader_u64(&r);
		u->enc.offset_size = 8;
	}
	u->end = (uint64_t)(r.p - info->data) + length;
	if (r.bad || length > info->size || u->end > info->size || length < 7)
		return -EBADMSG;
	u->enc.version = (uint8_t)reader_u16(&r);
	u->type = DW_UT_compile;
	if (u->enc.version >= 5) {
		u->type = reader_u8(&r);
		u->enc.addr_size = reader_u8(&r);
		u->abbrev = reader_uint(&r, u->enc.offset_size);
		if (u->type == DW_UT_skeleton || u->type == DW_UT_split_compile)
			reader_skip(&r, 8);
		else if (u->type == DW_UT_type || u->type == DW_UT_split_type)
			reader_skip(&r, 8 + (uint64_t)u->enc.offset_size);
	} else {
		u->abbrev = reader_uint(&r, u->enc.offset_size);
		u->enc.addr_size = reader_u8(&r);
	}
	u->header = (uint8_t)((uint64_t)(r.p - info->data) - at);
	/* Of another version, or damaged: the length still says where the next one is. */
	if (r.bad || u->enc.version < 2 || u->enc.version > 5 || at + u->header > u->end ||
	    (u->enc.addr_size != 2 && u->enc.addr_size != 4 && u->enc.addr_size != 8))
		u->unusable = true;
	return 0;
}

static int find_units(struct dwarf_file *f)
{
	uint64_t at = 0;

	while (at < f->sections[SECTION_INFO].size && f->units.n < MAX_UNITS) {
		struct dwarf_unit u;

		if (read_header(f, at, &u) < 0) {
			f->damaged = true;
			break;
		}
		if (!vec_push(&f->units, &u, 1))
			return -ENOMEM;
		at = u.end;
	}
	return f->units.n ? 0 : -EBADMSG;
}

int dwarf_file_init(struct dwarf_file *f, struct elf_image *e, struct dwarf_file *sup,
		    struct strtab *strings, uint64_t *budget)
{
	int r;

	memset(f, 0, sizeof(*f));
	vec_init(&f->units, sizeof(struct dwarf_unit));
	vec_init(&f->abbrevs, sizeof(struct dwarf_abbrev_table *));
	hash_init(&f->abbrev_index);
	f->e = elf_image_ref(e);
	f->sup = sup;
	f->strings = strings;
	f->budget = budget;
	for (size_t i = 0; i < SECTION_N; i++) {
		r = elf_view_init(&f->sections[i], e, section_names[i]);
		if (r == -ENOMEM)
			return r;
		/* Without one of the others something can still be said. */
		if (r < 0 && (i == SECTION_INFO || i == SECTION_ABBREV))
			return -EBADMSG;
		if (r < 0)
			f->damaged = true;
	}
	return f->sections[SECTION_INFO].size ? find_units(f) : -ENODATA;
}

void dwarf_file_release(struct dwarf_file *f)
{
	for (size_t i = 0; i < f->abbrevs.n; i++) {
		struct dwarf_abbrev_table **t = vec_at(&f->abbrevs, i);

		dwarf_abbrevs_release(&(*t)->abbrevs);
		free(*t);
	}
	vec_release(&f->abbrevs);
	hash_release(&f->abbrev_index);
	vec_release(&f->units);
	for (size_t i = 0; i < SECTION_N; i++)
		elf_view_release(&f->sections[i]);
	elf_image_free(f->e);
	f->e = NULL;
}

size_t dwarf_file_resident(const struct dwarf_file *f)
{
	size_t bytes = 0;

	for (size_t i = 0; i < SECTION_N; i++)
		if (i != SECTION_ABBREV)
			bytes += f->sections[i].resident;
	return bytes;
}

size_t dwarf_file_bytes(const struct dwarf_file *f)
{
	size_t bytes = dwarf_file_resident(f) + f->sections[SECTION_ABBREV].resident +
		       f->units.capacity * sizeof(struct dwarf_unit) +
		       f->abbrev_index.capacity * sizeof(struct hash_slot);

	for (size_t i = 0; i < SECTION_N; i++)
		if (f->sections[i].owned)
			bytes += f->sections[i].size;
	for (size_t i = 0; i < f->abbrevs.n; i++)
		bytes += dwarf_abbrevs_bytes(
			&(*(struct dwarf_abbrev_table **)vec_at(&f->abbrevs, i))->abbrevs);
	return bytes;
}

void dwarf_file_drop(struct dwarf_file *f)
{
	for (size_t i = 0; i < SECTION_N; i++)
		if (i != SECTION_ABBREV) /* small, and needed for every DIE */
			elf_view_drop(&f->sections[i]);
}

struct dwarf_unit *dwarf_file_unit(struct dwarf_file *f, uint64_t offset)
{
	struct dwarf_unit *u = f->units.data;
	size_t low = 0, high = f->units.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (u[middle].end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == f->units.n || offset < u[low].offset + u[low].header || u[low].unusable)
		return NULL;
	return &u[low];
}

struct abbrev_key {
	uint64_t at;
	struct dwarf_encoding enc;
};

static bool abbrev_equal(const void *table, uint32_t id, const void *key)
{
	const struct dwarf_abbrev_table *t = *(struct dwarf_abbrev_table **)vec_at(table, id - 1);
	const struct abbrev_key *k = key;

	return t->at == k->at && !memcmp(&t->enc, &k->enc, sizeof(t->enc));
}

static int parse_abbrevs(struct dwarf_file *f, const struct abbrev_key *key,
			 struct dwarf_abbrev_table **ret)
{
	struct elf_view *v = &f->sections[SECTION_ABBREV];
	struct dwarf_abbrev_table *t;
	int r;

	if (key->at >= v->size || !elf_view_need(v, 0, v->size) || !dwarf_file_spend(f, 1))
		return -EBADMSG;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->at = key->at;
	t->enc = key->enc;
	r = dwarf_abbrevs_parse(v->data, v->size, key->at, &key->enc, &t->abbrevs);
	if (r < 0) {
		free(t);
		return r;
	}
	dwarf_file_spend(f, t->abbrevs.size);
	*ret = t;
	return 0;
}

int dwarf_unit_abbrevs(struct dwarf_file *f, const struct dwarf_unit *u,
		       const struct dwarf_abbrevs **ret)
{
	struct abbrev_key key = {.at = u->abbrev, .enc = u->enc};
	struct dwarf_abbrev_table *t;
	uint64_t hash = hash_bytes(&key.at, sizeof(key.at), 0) + key.enc.version;
	uint32_t id = hash_find(&f->abbrev_index, hash, abbrev_equal, &f->abbrevs, &key);
	int r;

	if (!id) {
		r = parse_abbrevs(f, &key, &t);
		if (r < 0)
			return r;
		if (hash_reserve(&f->abbrev_index) < 0 || !vec_push(&f->abbrevs, &t, 1)) {
			dwarf_abbrevs_release(&t->abbrevs);
			free(t);
			return -ENOMEM;
		}
		id = (uint32_t)f->abbrevs.n;
		hash_insert(&f->abbrev_index, hash, id);
	}
	t = *(struct dwarf_abbrev_table **)vec_at(&f->abbrevs, id - 1);
	*ret = &t->abbrevs;
	return 0;
}

/* Reads a DIE whose specifications start at `specs` and whose values start at r. */
static void read_values(struct dwarf_file *f, const struct dwarf_unit *u, uint64_t specs,
			struct dwarf_reader *r, const uint16_t *wanted, size_t n,
			struct dwarf_value *values)
{
	const struct elf_view *v = &f->sections[SECTION_ABBREV];
	struct dwarf_reader s = {.p = v->data + specs, .end = v->data + v->size};
	struct dwarf_spec spec;

	memset(values, 0, n * sizeof(*values));
	while (!r->bad && dwarf_spec_next(&s, &spec)) {
		size_t i = 0;

		while (i < n && wanted[i] != spec.attribute)
			i++;
		if (i < n)
			dwarf_form_read(r, spec.form, &u->enc, spec.implicit, &values[i]);
		else
			dwarf_form_skip(r, spec.form, &u->enc);
	}
}

/* As dwarf_unit_die(), with the specifications known (or DWARF_NOWHERE: looked for). */
static int read_die(struct dwarf_file *f, const struct dwarf_unit *u, uint64_t offset,
		    int (*find)(struct dwarf_file *, const struct dwarf_unit *, uint64_t code,
				uint64_t *ret_specs, uint16_t *ret_tag),
		    const uint16_t *wanted, size_t n, struct dwarf_value *values, uint16_t *ret_tag)
{
	struct elf_view *info = &f->sections[SECTION_INFO];
	/* Nearly all DIEs are short; only if not, the rest of the unit is read. */
	uint64_t window = (offset / DIE_WINDOW + 1) * DIE_WINDOW - offset, left = u->end - offset;

	if (offset < u->offset + u->header || offset >= u->end)
		return -EBADMSG;
	for (;;) {
		struct dwarf_reader r;
		uint64_t code, specs;
		int e;

		if (window > left)
			window = left;
		if (!elf_view_need(info, offset, window))
			return -EBADMSG;
		r = (struct dwarf_reader){.p = info->data + offset,
					  .end = info->data + offset + window};
		code = reader_uleb(&r);
		e = find(f, u, code, &specs, ret_tag);
		if (e < 0 && !r.bad)
			return e;
		if (e == 0)
			read_values(f, u, specs, &r, wanted, n, values);
		if (e == 0 && !r.bad)
			return 0;
		if (window == left)
			return -EBADMSG;
		window = left;
	}
}

static int find_by_table(struct dwarf_file *f, const struct dwarf_unit *u, uint64_t code,
			 uint64_t *ret_specs, uint16_t *ret_tag)
{
	const struct dwarf_abbrevs *abbrevs;
	const struct dwarf_abbrev *ab;
	int r = dwarf_unit_abbrevs(f, u, &abbrevs);

	if (r < 0)
		return r;
	ab = dwarf_abbrevs_find(abbrevs, code);
	if (!ab ||
	    !elf_view_need(&f->sections[SECTION_ABBREV], 0, f->sections[SECTION_ABBREV].size))
		return -EBADMSG;
	*ret_specs = ab->specs;
	*ret_tag = ab->tag;
	return 0;
}

/* For roots: their abbreviation is one of the first, and most tables are never needed as a whole.
 */
static int find_by_scan(struct dwarf_file *f, const struct dwarf_unit *u, uint64_t code,
			uint64_t *ret_specs, uint16_t *ret_tag)
{
	struct elf_view *v = &f->sections[SECTION_ABBREV];
	struct dwarf_reader r;
	struct dwarf_spec spec;
	const uint8_t *start;
	uint64_t c;

	if (!v->size || !elf_view_need(v, 0, v->size))
		return -EBADMSG;
	r = (struct dwarf_reader){.p = v->data, .end = v->data + v->size};
	reader_skip(&r, u->abbrev);
	start = r.p;
	while ((c = reader_uleb(&r)) && c != code) {
		reader_skip_leb(&r);
		reader_u8(&r);
		while (dwarf_spec_next(&r, &spec))
			;
	}
	*ret_tag = (uint16_t)reader_uleb(&r);
	reader_u8(&r);
	if (!dwarf_file_spend(f, (uint64_t)(r.p - start)) || !c || r.bad)
		return -EBADMSG;
	*ret_specs = (uint64_t)(r.p - v->data);
	return 0;
}

int dwarf_unit_die(struct dwarf_file *f, const struct dwarf_unit *u, uint64_t offset,
		   const uint16_t *wanted, size_t n, struct dwarf_value *values, uint16_t *ret_tag)
{
	return read_die(f, u, offset, find_by_table, wanted, n, values, ret_tag);
}

static uint64_t offset_or(const struct dwarf_value *v, uint64_t otherwise)
{
	return v->kind == DWARF_OFFSET || v->kind == DWARF_CONST ? v->u : otherwise;
}

int dwarf_unit_root(struct dwarf_file *f, struct dwarf_unit *u)
{
	static const uint16_t wanted[] = {
		DW_AT_low_pc,	DW_AT_high_pc,		DW_AT_ranges,	     DW_AT_stmt_list,
		DW_AT_comp_dir, DW_AT_str_offsets_base, DW_AT_addr_base,     DW_AT_rnglists_base,
		DW_AT_dwo_name, DW_AT_GNU_dwo_name,	DW_AT_GNU_addr_base,
	};
	enum { N = sizeof(wanted) / sizeof(wanted[0]) };
	struct dwarf_value v[N];
	int r;

	if (u->rooted)
		return 0;
	if (u->unusable)
		return -EBADMSG;
	r = read_die(f, u, u->offset + u->header, find_by_scan, wanted, N, v, &u->tag);
	if (r < 0)
		return r;
	u->low = v[0];
	u->high = v[1];
	u->ranges = v[2];
	u->line = offset_or(&v[3], DWARF_NOWHERE);
	/* Without a base the table starts behind the header of its contribution. */
	u->str_offsets_base = offset_or(&v[5], u->enc.offset_size == 8 ? 16 : 8);
	u->addr_base = offset_or(&v[6], offset_or(&v[10], u->enc.offset_size == 8 ? 16 : 8));
	u->rnglists_base = offset_or(&v[7], u->enc.offset_size == 8 ? 20 : 12);
	u->split = v[8].kind != DWARF_NONE || v[9].kind != DWARF_NONE;
	r = dwarf_unit_string(f, u, &v[4], &u->comp_dir);
	if (r < 0)
		return r;
	if (!dwarf_unit_address(f, u, &u->low, &u->low_pc))
		u->low_pc = 0;
	u->rooted = true;
	return 0;
}

int dwarf_unit_string(struct dwarf_file *f, const struct dwarf_unit *u, const struct dwarf_value *v,
		      uint32_t *ret_id)
{
	struct elf_view *section = &f->sections[SECTION_STR];
	uint64_t at = v->u;
	const char *text = v->text;
	size_t len = v->u;

	*ret_id = 0;
	switch (v->kind) {
	case DWARF_STRING:
		return strtab_add(f->strings, text, len, ret_id);
	case DWARF_STRP:
		break;
	case DWARF_LINE_STRP:
		section = &f->sections[SECTION_LINE_STR];
		break;
	case DWARF_STRP_SUP:
		if (!f->sup)
			return 0;
		section = &f->sup->sections[SECTION_STR];
		break;
	case DWARF_STRX:
		if (v->u > UINT32_MAX ||
		    !dwarf_file_word(f, SECTION_STR_OFFSETS,
				     u->str_offsets_base + v->u * u->enc.offset_size,
				     u->enc.offset_size, &at))
			return 0;
		break;
	default:
		return 0;
	}
	text = elf_view_string(section, at, &len);
	return text ? strtab_add(f->strings, text, len, ret_id) : 0;
}

bool dwarf_unit_address(struct dwarf_file *f, const struct dwarf_unit *u,
			const struct dwarf_value *v, uint64_t *ret)
{
	if (v->kind == DWARF_ADDRESS) {
		*ret = v->u;
		return true;
	}
	return v->kind == DWARF_ADDRX && v->u <= UINT32_MAX &&
	       dwarf_file_word(f, SECTION_ADDR, u->addr_base + v->u * u->enc.addr_size,
			       u->enc.addr_size, ret);
}
