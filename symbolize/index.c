// SPDX-License-Identifier: Apache-2.0
/*
 * index - see index.h.
 *
 * While it is filled: a list of symbols. Sealed: two maps, one of the symbols that say how long
 * they are and one of those that do not, and a list of names that the maps refer to. They are kept
 * apart because they deserve different trust: a sized symbol names the outermost function even
 * where DWARF has a name too (as a person sees it in gdb, nm or perf: with .cold or .constprop.0),
 * an unsized one only what nobody else names.
 */
#include "index.h"

#include "codemap.h"
#include "core/arena.h"
#include "core/vec.h"
#include "dwarf_info.h"
#include "intervals.h"
#include "plt.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RAW_TAIL = 64 << 10 };

/* The better name of two has the higher rank. */
enum { RANK_LOCAL = 1, RANK_WEAK = 2, RANK_GLOBAL = 3, RANK_FUNCTION = 4, RANK_RAW = 8 };

struct symbol {
	uint64_t start;
	uint64_t end; /* unsized: the furthest it may reach */
	const char *name;
	uint8_t rank;
	bool sized;
};

struct symbol_index {
	struct vec symbols; /* struct symbol, until sealed */
	struct vec buffers; /* void *: string tables */
	struct vec names;   /* const char *; [0] is none */
	struct arena texts; /* of names that are in no string table */
	struct interval_map sized;
	struct interval_map unsized;
	struct dwarf_info *dwarf;
	size_t buffer_bytes;
	bool sealed;
};

int symbol_index_new(struct symbol_index **ret)
{
	struct symbol_index *x = calloc(1, sizeof(*x));
	const char *none = "";

	if (!x)
		return -ENOMEM;
	vec_init(&x->symbols, sizeof(struct symbol));
	vec_init(&x->buffers, sizeof(void *));
	vec_init(&x->names, sizeof(const char *));
	arena_init(&x->texts);
	if (!vec_push(&x->names, &none, 1)) {
		symbol_index_free(x);
		return -ENOMEM;
	}
	*ret = x;
	return 0;
}

void symbol_index_free(struct symbol_index *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->buffers.n; i++)
		free(*(void **)vec_at(&x->buffers, i));
	vec_release(&x->buffers);
	vec_release(&x->symbols);
	vec_release(&x->names);
	arena_release(&x->texts);
	interval_map_release(&x->sized);
	interval_map_release(&x->unsized);
	dwarf_info_free(x->dwarf);
	free(x);
}

/* What assemblers and compilers leave in symbol tables that is no function: $x, $d, .L12 */
static bool is_marker(const char *name)
{
	if (!name[0] || (name[0] == '.' && name[1] == 'L'))
		return true;
	return name[0] == '$' && strchr("xadt", name[1]) && (!name[2] || name[2] == '.');
}

struct table {
	struct elf_image *e;
	struct interval_map code;
	const uint8_t *symbols;
	size_t n;
	char *strings;
	size_t strings_size;
};

static void table_get(const struct table *t, size_t i, Elf64_Sym *ret)
{
	Elf32_Sym s;

	if (elf_image_is_64bit(t->e)) {
		memcpy(ret, t->symbols + i * sizeof(*ret), sizeof(*ret));
		return;
	}
	memcpy(&s, t->symbols + i * sizeof(s), sizeof(s));
	*ret = (Elf64_Sym){.st_name = s.st_name,
			   .st_info = s.st_info,
			   .st_shndx = s.st_shndx,
			   .st_value = s.st_value,
			   .st_size = s.st_size};
}

static unsigned int symbol_rank(const Elf64_Sym *s)
{
	unsigned int type = ELF64_ST_TYPE(s->st_info), bind = ELF64_ST_BIND(s->st_info), rank;

	if (s->st_shndx == SHN_UNDEF || s->st_shndx == SHN_ABS || s->st_shndx == SHN_COMMON)
		return 0;
	rank = bind == STB_GLOBAL || bind == STB_GNU_UNIQUE ? RANK_GLOBAL
	       : bind == STB_WEAK			    ? RANK_WEAK
							    : RANK_LOCAL;
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return rank + RANK_FUNCTION;
	return type == STT_NOTYPE ? rank : 0;
}

static int add_symbol(struct symbol_index *x, const struct table *t, const Elf64_Sym *s)
{
	struct symbol new = {.start = s->st_value, .rank = (uint8_t)symbol_rank(s)};
	uint32_t section;
	uint64_t end;
	char *at;

	if (!new.rank || s->st_name >= t->strings_size)
		return 0;
	if (elf_image_machine(t->e) == EM_ARM)
		new.start &= ~1ull; /* the bit says Thumb */
	section = interval_map_find(&t->code, new.start);
	new.name = t->strings + s->st_name;
	if (!section || is_marker(new.name))
		return 0;
	end = codemap_end(t->e, section);
	new.sized = s->st_size > 0;
	new.end = new.sized && s->st_size < end - new.start ? new.start + s->st_size : end;
	at = strchr(new.name + 1, '@');
	if (at)
		*at = '\0'; /* foo@@VERSION */
	return vec_push(&x->symbols, &new, 1) ? 0 : -ENOMEM;
}

static int add_table(struct symbol_index *x, struct table *t, const struct elf_section *s)
{
	size_t n_sections, size,
		entry = elf_image_is_64bit(t->e) ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	const struct elf_section *sections = elf_image_sections(t->e, &n_sections);
	uint8_t *symbols = NULL, *strings = NULL;
	int r;

	if (s->link >= n_sections)
		return -EBADMSG;
	r = elf_image_read(t->e, &sections[s->link], &strings, &t->strings_size);
	if (r < 0)
		return r;
	if (!vec_push(&x->buffers, &strings, 1)) {
		free(strings);
		return -ENOMEM;
	}
	x->buffer_bytes += t->strings_size;
	r = elf_image_read(t->e, s, &symbols, &size);
	if (r < 0)
		return r;
	t->strings = (char *)strings;
	t->symbols = symbols;
	t->n = size / entry;
	for (size_t i = 1; i < t->n && r == 0; i++) {
		Elf64_Sym sym;

		table_get(t, i, &sym);
		r = add_symbol(x, t, &sym);
	}
	free(symbols);
	return r;
}

static int add_plt_entry(void *arg, uint64_t address, uint64_t size, const char *name, size_t len)
{
	struct symbol_index *x = arg;
	struct symbol s = {.start = address, .end = address + size, .sized = true};
	char *text = arena_alloc(&x->texts, len + sizeof("@plt"), 1);

	if (!text)
		return -ENOMEM;
	memcpy(text, name, len);
	memcpy(text + len, "@plt", sizeof("@plt"));
	s.name = text;
	return vec_push(&x->symbols, &s, 1) ? 0 : -ENOMEM;
}

int symbol_index_add_symbols(struct symbol_index *x, struct elf_image *e)
{
	struct table t = {.e = e};
	bool seen[2] = {false, false};
	size_t n, before = x->symbols.n;
	const struct elf_section *s = elf_image_sections(e, &n);
	int r, damage = 0;

	if (x->sealed)
		return -EBUSY;
	if (elf_image_type(e) == ET_REL)
		return -ENOTSUP;
	r = codemap_build(e, &t.code);
	/* The first of each kind: a file may have no more, and a hostile one a million of them. */
	for (size_t i = 1; i < n && r != -ENOMEM; i++) {
		bool dynamic = s[i].type == SHT_DYNSYM;

		if ((!dynamic && s[i].type != SHT_SYMTAB) || seen[dynamic] || !s[i].size)
			continue;
		seen[dynamic] = true;
		r = add_table(x, &t, &s[i]);
		if (r < 0)
			damage = r;
	}
	interval_map_release(&t.code);
	if (r != -ENOMEM)
		r = plt_entries(e, add_plt_entry, x);
	if (r == -ENOMEM)
		return r;
	if (damage)
		return damage;
	return x->symbols.n > before ? 0 : -ENOENT;
}

int symbol_index_add_raw(struct symbol_index *x, uint64_t address, uint64_t size, const char *name,
			 size_t len)
{
	struct symbol s = {.start = address, .rank = RANK_RAW, .sized = size > 0};

	if (x->sealed)
		return -EBUSY;
	s.name = arena_strndup(&x->texts, name, len);
	if (!s.name)
		return -ENOMEM;
	s.end = address + (size ? size : RAW_TAIL);
	if (s.end < address)
		s.end = UINT64_MAX;
	return vec_push(&x->symbols, &s, 1) ? 0 : -ENOMEM;
}

int symbol_index_add_dwarf(struct symbol_index *x, struct elf_image *e, struct elf_image *sup)
{
	if (x->sealed || x->dwarf)
		return -EBUSY;
	return dwarf_info_new(e, sup, &x->dwarf);
}

/* Which of two names for one place people rather use: < 0: b, > 0: a. Never depends on the order.
 */
static int prefer(const struct symbol *a, const struct symbol *b)
{
	size_t under_a, under_b;

	if (a->rank != b->rank)
		return (int)a->rank - (int)b->rank;
	under_a = strspn(a->name, "_");
	under_b = strspn(b->name, "_");
	if (under_a != under_b)
		return under_a < under_b ? 1 : -1;
	return strcmp(b->name, a->name);
}

static int compare(const void *pa, const void *pb)
{
	const struct symbol *a = pa, *b = pb;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return prefer(a, b);
}

static int collect(const struct symbol_index *x, bool sized, struct vec *ret)
{
	const struct symbol *s = x->symbols.data;
	uint64_t next = UINT64_MAX; /* start of the symbol behind */

	for (size_t i = x->symbols.n; i-- > 0;) {
		struct interval iv = {.start = s[i].start,
				      .end = s[i].end,
				      .priority = (uint32_t)i,
				      .id = (uint32_t)i + 1};

		if (i + 1 < x->symbols.n && s[i + 1].start != s[i].start)
			next = s[i + 1].start;
		if (s[i].sized != sized)
			continue;
		if (!sized && iv.end > next)
			iv.end = next;
		if (!vec_push(ret, &iv, 1))
			return -ENOMEM;
	}
	return 0;
}

/* Builds one map, and gives the symbols that own something a place in the list of names. */
static int build_map(struct symbol_index *x, bool sized, struct interval_map *m)
{
	struct vec v;
	int r;

	vec_init(&v, sizeof(struct interval));
	r = collect(x, sized, &v);
	if (r == 0)
		r = interval_map_build(m, &v);
	vec_release(&v);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m->ids.n; i++) {
		uint32_t *id = vec_at(&m->ids, i);
		struct symbol *s;

		if (!*id)
			continue;
		s = vec_at(&x->symbols, *id - 1);
		if (!vec_push(&x->names, &s->name, 1))
			return -ENOMEM;
		*id = (uint32_t)(x->names.n - 1);
	}
	return 0;
}

int symbol_index_seal(struct symbol_index *x)
{
	int r;

	if (x->sealed)
		return -EBUSY;
	if (x->symbols.n >= UINT32_MAX / 2)
		return -E2BIG;
	if (x->symbols.n)
		qsort(x->symbols.data, x->symbols.n, sizeof(struct symbol), compare);
	r = build_map(x, true, &x->sized);
	if (r == 0)
		r = build_map(x, false, &x->unsized);
	if (r < 0)
		return r;
	vec_release(&x->symbols);
	x->sealed = true;
	return 0;
}

static const char *name_at(const struct symbol_index *x, const struct interval_map *m, uint64_t at)
{
	return *(const char **)vec_at(&x->names, interval_map_find(m, at));
}

size_t symbol_index_lookup(struct symbol_index *x, uint64_t vaddr, struct symbol_frame *frames,
			   size_t max)
{
	const char *name;
	size_t n;

	if (!x->sealed || !max)
		return 0;
	n = x->dwarf ? dwarf_info_lookup(x->dwarf, vaddr, frames, max) : 0;
	name = name_at(x, &x->sized, vaddr);
	if (!name[0] && (!n || !frames[n - 1].name))
		name = name_at(x, &x->unsized, vaddr);
	if (!n) {
		frames[0] = (struct symbol_frame){.filename = ""};
		n = 1;
	}
	if (name[0])
		frames[n - 1].name = name;
	if (!frames[n - 1].name)
		return 0;
	return n;
}

size_t symbol_index_bytes(const struct symbol_index *x)
{
	return sizeof(*x) + x->buffer_bytes + x->texts.total +
	       x->symbols.capacity * sizeof(struct symbol) +
	       x->names.capacity * sizeof(const char *) + interval_map_bytes(&x->sized) +
	       interval_map_bytes(&x->unsized) + (x->dwarf ? dwarf_info_bytes(x->dwarf) : 0);
}

size_t symbol_index_files(const struct symbol_index *x)
{
	return x->dwarf ? dwarf_info_files(x->dwarf) : 0;
}

void symbol_index_get_stats(const struct symbol_index *x, struct symbol_index_stats *ret)
{
	*ret = (struct symbol_index_stats){.symbols = (x->sealed ? x->names.n - 1 : x->symbols.n)};
	if (x->dwarf)
		dwarf_info_get_stats(x->dwarf, ret);
}
