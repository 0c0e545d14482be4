// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_line - see dwarf_line.h. Format: DWARF 5, 6.2.4 and 6.2.5; versions 2 to 5.
 *
 * Invariants: within a sequence addresses ascend (rows that do not are dropped); two rows never
 * have the same address (the later one is what debuggers show); a sequence that does not start in
 * code is a leftover of the linker and is dropped.
 */
#include "dwarf_line.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

enum { MAX_FORMATS = 16, MAX_PATH_TEXT = 64 << 10 };

struct dwarf_sequence {
	uint32_t low, high;
	uint32_t first, n; /* rows */
};

/* A directory or file: where its name stands, until it is asked for. */
struct dwarf_path {
	uint64_t name; /* offset, index */
	uint32_t dir;
	uint8_t kind;	  /* enum dwarf_kind; DWARF_STRING: name is an offset in .debug_line */
	const char *path; /* NULL: not composed yet */
};

struct program {
	struct dwarf_lines *l;
	const struct interval_map *code;
	struct dwarf_reader r;
	uint8_t min_instruction;
	uint8_t line_range;
	uint8_t opcode_base;
	int8_t line_base;
	const uint8_t *operands; /* of standard opcodes, from 1 on */
	uint8_t addr_size;
	uint8_t offset_size;
	/* The machine. */
	uint64_t address;
	uint64_t file;
	uint64_t line;
	uint64_t column;
	uint64_t start;	  /* address of the sequence's first row */
	size_t first_row; /* of this sequence */
	bool started;	  /* the sequence has its first address */
	bool leftover;	  /* the sequence is not in code */
	bool oom;
};

static void start_sequence(struct program *p)
{
	p->address = 0;
	p->file = 1;
	p->line = 1;
	p->column = 0;
	p->started = false;
	p->leftover = false;
	p->l->rows.n = p->l->addresses.n = p->first_row;
}

static void add_row(struct program *p, uint32_t at, const struct dwarf_row *row)
{
	size_t n = p->l->rows.n;

	if (n > p->first_row) {
		struct dwarf_row *last = vec_at(&p->l->rows, n - 1);
		uint32_t last_at = *(uint32_t *)vec_at(&p->l->addresses, n - 1);

		if (at < last_at)
			return;
		if (at == last_at) {
			*last = *row;
			return;
		}
		if (row->line == last->line && row->file == last->file &&
		    row->column == last->column)
			return;
	}
	if (!vec_push(&p->l->rows, row, 1) || !vec_push(&p->l->addresses, &at, 1))
		p->oom = true;
}

static void emit_row(struct program *p)
{
	struct dwarf_row row;
	uint64_t at = p->address - p->l->base;

	if (!p->started) {
		p->started = true;
		p->start = p->address;
		p->leftover = !interval_map_find(p->code, p->address);
	}
	if (p->leftover || p->address < p->l->base || at > UINT32_MAX) {
		p->leftover = true;
		return;
	}
	row = (struct dwarf_row){
		.line = p->line <= UINT32_MAX ? (uint32_t)p->line : 0,
		/* One past what fits names no file. */
		.file = p->file <= UINT16_MAX ? (uint16_t)p->file : UINT16_MAX,
		.column = p->column <= UINT16_MAX ? (uint16_t)p->column : 0,
	};
	add_row(p, (uint32_t)at, &row);
}

static void end_sequence(struct program *p)
{
	uint64_t high = p->address - p->l->base;
	struct dwarf_sequence s = {.low = (uint32_t)(p->start - p->l->base),
				   .first = (uint32_t)p->first_row,
				   .n = (uint32_t)(p->l->rows.n - p->first_row)};

	if (s.n && !p->leftover && p->address > p->start && high <= UINT32_MAX &&
	    p->l->rows.n < UINT32_MAX) {
		s.high = (uint32_t)high;
		if (!vec_push(&p->l->sequences, &s, 1))
			p->oom = true;
		p->first_row = p->l->rows.n;
	}
	start_sequence(p);
}

static void add_path(struct program *p, struct vec *to, const struct dwarf_path *path)
{
	if (!vec_push(to, path, 1))
		p->oom = true;
}

static void extended(struct program *p, const uint8_t *section)
{
	uint64_t length = reader_uleb(&p->r);
	struct dwarf_path file = {.kind = DWARF_STRING};
	struct dwarf_reader r = p->r;
	size_t len;

	reader_skip(&p->r, length);
	if (p->r.bad || !length)
		return;
	r.end = p->r.p;
	switch (reader_u8(&r)) {
	case DW_LNE_end_sequence:
		end_sequence(p);
		break;
	case DW_LNE_set_address:
		if (reader_left(&r) && reader_left(&r) <= 8)
			p->address = reader_uint(&r, reader_left(&r));
		break;
	case DW_LNE_define_file:
		file.name = (uint64_t)(r.p - section);
		reader_string(&r, &len);
		file.dir = (uint32_t)reader_uleb(&r);
		add_path(p, &p->l->files, &file);
		break;
	default:
		break;
	}
}

static void standard(struct program *p, uint8_t opcode)
{
	switch (opcode) {
	case DW_LNS_copy:
		emit_row(p);
		break;
	case DW_LNS_advance_pc:
		p->address += reader_uleb(&p->r) * p->min_instruction;
		break;
	case DW_LNS_advance_line:
		p->line = (uint32_t)(p->line + (uint64_t)reader_sleb(&p->r));
		break;
	case DW_LNS_set_file:
		p->file = reader_uleb(&p->r);
		break;
	case DW_LNS_set_column:
		p->column = reader_uleb(&p->r);
		break;
	case DW_LNS_const_add_pc:
		p->address +=
			(uint64_t)((255 - p->opcode_base) / p->line_range) * p->min_instruction;
		break;
	case DW_LNS_fixed_advance_pc:
		p->address += reader_u16(&p->r);
		break;
	case DW_LNS_negate_stmt:
	case DW_LNS_set_basic_block:
	case DW_LNS_set_prologue_end:
	case DW_LNS_set_epilogue_begin:
		break;
	default:
		for (uint8_t i = 0; i < p->operands[opcode - 1]; i++)
			reader_skip_leb(&p->r);
	}
}

static void run(struct program *p, const uint8_t *section)
{
	start_sequence(p);
	while (p->r.p < p->r.end && !p->r.bad && !p->oom) {
		uint8_t opcode = *p->r.p++;

		if (opcode >= p->opcode_base) {
			opcode = (uint8_t)(opcode - p->opcode_base);
			p->address += (uint64_t)(opcode / p->line_range) * p->min_instruction;
			p->line = (uint32_t)(p->line + (uint64_t)p->line_base +
					     opcode % p->line_range);
			emit_row(p);
		} else if (opcode == 0) {
			extended(p, section);
		} else {
			standard(p, opcode);
		}
	}
	start_sequence(p); /* drops the rows of one without an end */
}

struct format {
	uint64_t content;
	uint64_t form;
};

/* One list of DWARF 5: formats, then entries. */
static void read_entries(struct program *p, const uint8_t *section,
			 const struct dwarf_encoding *enc, struct vec *to)
{
	struct dwarf_reader *r = &p->r;
	struct format formats[MAX_FORMATS];
	uint8_t n_formats = reader_u8(r);
	uint64_t n;

	if (n_formats > MAX_FORMATS) {
		reader_fail(r);
		return;
	}
	for (size_t i = 0; i < n_formats; i++)
		formats[i] = (struct format){.content = reader_uleb(r), .form = reader_uleb(r)};
	n = reader_uleb(r);
	while (n-- && !r->bad && !p->oom) {
		struct dwarf_path path = {.kind = DWARF_NONE};
		const uint8_t *start = r->p;

		for (size_t i = 0; i < n_formats; i++) {
			struct dwarf_value v;

			dwarf_form_read(r, (unsigned int)(formats[i].form & 0xffff), enc, 0, &v);
			if (formats[i].content == DW_LNCT_directory_index && v.kind == DWARF_CONST)
				path.dir = (uint32_t)v.u;
			if (formats[i].content != DW_LNCT_path)
				continue;
			path.kind = (uint8_t)v.kind;
			path.name = v.kind == DWARF_STRING
					    ? (uint64_t)((const uint8_t *)v.text - section)
					    : v.u;
		}
		/* Entries that take no room could be any number of them. */
		if (r->p == start)
			reader_fail(r);
		else if (!r->bad)
			add_path(p, to, &path);
	}
}

/* The lists of DWARF 2 to 4; number 0 is the unit's own directory, and no file. */
static void read_old_entries(struct program *p, const uint8_t *section)
{
	const struct dwarf_path none = {.kind = DWARF_NONE};
	struct dwarf_reader *r = &p->r;
	size_t len;

	add_path(p, &p->l->dirs, &none);
	add_path(p, &p->l->files, &none);
	while (!r->bad && !p->oom) {
		struct dwarf_path dir = {.kind = DWARF_STRING, .name = (uint64_t)(r->p - section)};

		reader_string(r, &len);
		if (!len)
			break;
		add_path(p, &p->l->dirs, &dir);
	}
	while (!r->bad && !p->oom) {
		struct dwarf_path file = {.kind = DWARF_STRING, .name = (uint64_t)(r->p - section)};

		reader_string(r, &len);
		if (!len)
			break;
		file.dir = (uint32_t)reader_uleb(r);
		reader_skip_leb(r);
		reader_skip_leb(r);
		add_path(p, &p->l->files, &file);
	}
}

/* Everything up to the program. */
static void read_header(struct program *p, const uint8_t *section, const struct dwarf_unit *u)
{
	struct dwarf_encoding enc = {.addr_size = u->enc.addr_size, .offset_size = p->offset_size};
	struct dwarf_reader *r = &p->r;
	uint64_t length;
	const uint8_t *program;

	enc.version = p->l->version = (uint8_t)reader_u16(r);
	if (enc.version < 2 || enc.version > 5) {
		reader_fail(r);
		return;
	}
	if (enc.version >= 5)
		reader_skip(r, 2); /* sizes of addresses and of segment selectors */
	length = reader_uint(r, p->offset_size);
	if (length > reader_left(r))
		reader_fail(r);
	program = r->p + (r->bad ? 0 : length);
	p->min_instruction = reader_u8(r);
	if (enc.version >= 4)
		reader_u8(r); /* operations per instruction: 1 but for VLIW */
	reader_u8(r);	      /* default_is_stmt */
	p->line_base = (int8_t)reader_u8(r);
	p->line_range = reader_u8(r);
	p->opcode_base = reader_u8(r);
	p->operands = r->p;
	if (p->opcode_base)
		reader_skip(r, p->opcode_base - 1u);
	if (!p->line_range || !p->opcode_base)
		reader_fail(r);
	if (enc.version >= 5) {
		read_entries(p, section, &enc, &p->l->dirs);
		read_entries(p, section, &enc, &p->l->files);
	} else {
		read_old_entries(p, section);
	}
	if (!r->bad)
		r->p = program;
}

static int compare(const void *pa, const void *pb)
{
	const struct dwarf_sequence *a = pa, *b = pb;

	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return a->first < b->first ? -1 : a->first > b->first;
}

/* The table's bytes, of the length that it says at its start. */
static bool find_table(struct dwarf_file *f, const struct dwarf_unit *u, struct program *p)
{
	struct elf_view *v = &f->sections[SECTION_LINE];
	uint64_t length, at = u->line;

	p->offset_size = 4;
	if (!dwarf_file_word(f, SECTION_LINE, at, 4, &length))
		return false;
	at += 4;
	if (length == UINT32_MAX) {
		p->offset_size = 8;
		if (!dwarf_file_word(f, SECTION_LINE, at, 8, &length))
			return false;
		at += 8;
	}
	if (!elf_view_need(v, at, length) || !dwarf_file_spend(f, length))
		return false;
	p->r = (struct dwarf_reader){.p = v->data + at, .end = v->data + at + length};
	return true;
}

int dwarf_lines_init(struct dwarf_lines *l, struct dwarf_file *f, const struct dwarf_unit *u,
		     const struct interval_map *code)
{
	struct program p = {.l = l, .code = code};
	const uint8_t *section;

	memset(l, 0, sizeof(*l));
	l->base = code->base;
	l->comp_dir = u->comp_dir;
	vec_init(&l->addresses, sizeof(uint32_t));
	vec_init(&l->rows, sizeof(struct dwarf_row));
	vec_init(&l->sequences, sizeof(struct dwarf_sequence));
	vec_init(&l->dirs, sizeof(struct dwarf_path));
	vec_init(&l->files, sizeof(struct dwarf_path));
	if (u->line == DWARF_NOWHERE)
		return 0;
	if (!find_table(f, u, &p))
		return -EBADMSG;
	section = f->sections[SECTION_LINE].data;
	read_header(&p, section, u);
	if (!p.r.bad && !p.oom)
		run(&p, section);
	if (l->sequences.n)
		qsort(l->sequences.data, l->sequences.n, sizeof(struct dwarf_sequence), compare);
	if (p.oom)
		return -ENOMEM;
	return p.r.bad ? -EBADMSG : 0;
}

void dwarf_lines_release(struct dwarf_lines *l)
{
	vec_release(&l->addresses);
	vec_release(&l->rows);
	vec_release(&l->sequences);
	vec_release(&l->dirs);
	vec_release(&l->files);
}

size_t dwarf_lines_bytes(const struct dwarf_lines *l)
{
	return l->addresses.capacity * l->addresses.element + l->rows.capacity * l->rows.element +
	       l->sequences.capacity * l->sequences.element + l->dirs.capacity * l->dirs.element +
	       l->files.capacity * l->files.element;
}

const struct dwarf_row *dwarf_lines_find(const struct dwarf_lines *l, uint64_t address)
{
	const struct dwarf_sequence *s = l->sequences.data;
	const uint32_t *addresses = l->addresses.data;
	size_t low = 0, high = l->sequences.n;
	uint64_t at = address - l->base;

	if (address < l->base || at > UINT32_MAX)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s[middle].low <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || at >= s[low - 1].high)
		return NULL;
	s = &s[low - 1];
	low = s->first;
	high = (size_t)s->first + s->n;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (addresses[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	return vec_at(&l->rows, low);
}

static int path_name(struct dwarf_file *f, const struct dwarf_unit *u,
		     const struct dwarf_path *path, uint32_t *ret_id)
{
	struct dwarf_value v = {.kind = (enum dwarf_kind)path->kind, .u = path->name};
	size_t len;

	if (v.kind == DWARF_STRING) {
		v.text = elf_view_string(&f->sections[SECTION_LINE], path->name, &len);
		v.u = len;
		if (!v.text)
			v.kind = DWARF_NONE;
	}
	return dwarf_unit_string(f, u, &v, ret_id);
}

/* front/back, unless back is absolute or front is empty. */
static int join(struct strtab *strings, uint32_t front, uint32_t back, uint32_t *ret_id)
{
	const char *a = strtab_get(strings, front), *b = strtab_get(strings, back);
	size_t len_a = strlen(a), len_b = strlen(b);
	char *text;
	int r;

	if (!len_a || !len_b || b[0] == '/') {
		*ret_id = len_b ? back : front;
		return 0;
	}
	if (len_a + len_b + 1 > MAX_PATH_TEXT)
		return -E2BIG;
	text = malloc(len_a + len_b + 2);
	if (!text)
		return -ENOMEM;
	memcpy(text, a, len_a);
	if (text[len_a - 1] != '/')
		text[len_a++] = '/';
	memcpy(text + len_a, b, len_b);
	r = strtab_add(strings, text, len_a + len_b, ret_id);
	free(text);
	return r;
}

static int compose(struct dwarf_lines *l, struct dwarf_file *f, const struct dwarf_unit *u,
		   struct dwarf_path *file)
{
	uint32_t dir = 0, name = 0;
	int r = path_name(f, u, file, &name);

	if (r == 0 && name && file->dir < l->dirs.n)
		r = path_name(f, u, vec_at(&l->dirs, file->dir), &dir);
	if (r == 0 && name)
		r = join(f->strings, l->comp_dir, dir, &dir);
	if (r == 0 && name)
		r = join(f->strings, dir, name, &name);
	if (r != -ENOMEM)
		file->path = r == 0 ? strtab_get(f->strings, name) : "";
	return r;
}

const char *dwarf_lines_path(struct dwarf_lines *l, struct dwarf_file *f,
			     const struct dwarf_unit *u, uint64_t file)
{
	struct dwarf_path *path;

	if (file >= l->files.n || file >= UINT16_MAX)
		return "";
	path = vec_at(&l->files, file);
	if (!path->path && compose(l, f, u, path) < 0 && !path->path)
		return "";
	return path->path;
}
