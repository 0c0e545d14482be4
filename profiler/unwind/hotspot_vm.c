// SPDX-License-Identifier: Apache-2.0
/*
 * See hotspot_vm.h.
 *
 * An array of fields is a table of pointers to names, at offsets that are exported too (they may
 * differ between compilers). It ends with a type without a name.
 */
#include "unwind/hotspot_vm.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbolize/elf_image.h"

enum {
	MAX_FIELDS = 8192,
	MAX_TYPES = 8192,
	MAX_STRIDE = 256,
	MAX_NAME = 96,
	MAX_STUBS = 4096,
	MAX_INTERPRETER = 4 << 20,
	MAX_SHIFT = 16,
	ENTRY_BYTES = 512, /* of an entry point, in which its frame must be made */
};

#define MAX_HEAP_BYTES (UINT64_C(4) << 30)

#define SYMBOLS(X)                                                                                 \
	X(STRUCTS, "gHotSpotVMStructs")                                                            \
	X(STRUCT_STRIDE, "gHotSpotVMStructEntryArrayStride")                                       \
	X(STRUCT_TYPE, "gHotSpotVMStructEntryTypeNameOffset")                                      \
	X(STRUCT_FIELD, "gHotSpotVMStructEntryFieldNameOffset")                                    \
	X(STRUCT_TYPE_STRING, "gHotSpotVMStructEntryTypeStringOffset")                             \
	X(STRUCT_OFFSET, "gHotSpotVMStructEntryOffsetOffset")                                      \
	X(STRUCT_ADDRESS, "gHotSpotVMStructEntryAddressOffset")                                    \
	X(TYPES, "gHotSpotVMTypes")                                                                \
	X(TYPE_STRIDE, "gHotSpotVMTypeEntryArrayStride")                                           \
	X(TYPE_NAME, "gHotSpotVMTypeEntryTypeNameOffset")                                          \
	X(TYPE_SIZE, "gHotSpotVMTypeEntrySizeOffset")

#define SYMBOL_ENUM(id, name) SYM_##id,
enum symbol { SYMBOLS(SYMBOL_ENUM) N_SYMBOLS };
#define SYMBOL_NAME(id, name) name,
static const char *const symbol_names[] = {SYMBOLS(SYMBOL_NAME)};

struct hotspot_library {
	struct elf_image *image;
	uint64_t symbols[N_SYMBOLS]; /* virtual addresses */
};

/* ---- The library. */

static int find_symbols(struct hotspot_library *lib)
{
	const struct elf_section *section = elf_image_find(lib->image, ".dynsym");
	const uint8_t *symbols, *strings;
	size_t size, strings_size, found = 0;
	int r;

	if (!section || !elf_image_is_64bit(lib->image))
		return -ENOENT;
	r = elf_image_section(lib->image, ".dynstr", &strings, &strings_size);
	if (r)
		return r;
	/* Nearly all files end here. */
	if (!memmem(strings, strings_size, symbol_names[0], strlen(symbol_names[0])))
		return -ENOENT;
	r = elf_image_section(lib->image, ".dynsym", &symbols, &size);
	if (r)
		return r;
	for (size_t at = 0; size - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
		Elf64_Sym symbol;

		memcpy(&symbol, symbols + at, sizeof(symbol));
		if (symbol.st_name >= strings_size || symbol.st_shndx == SHN_UNDEF)
			continue;
		for (int i = 0; i < N_SYMBOLS; i++) {
			size_t left = strings_size - symbol.st_name;
			size_t n = strlen(symbol_names[i]) + 1;

			if (left < n || memcmp(strings + symbol.st_name, symbol_names[i], n) != 0)
				continue;
			found += !lib->symbols[i];
			lib->symbols[i] = symbol.st_value;
		}
	}
	return found == N_SYMBOLS ? 0 : -ENOENT;
}

int hotspot_library_open(int fd, struct hotspot_library **ret)
{
	struct hotspot_library *lib = calloc(1, sizeof(*lib));
	int r;

	if (!lib) {
		close(fd);
		return -ENOMEM;
	}
	r = elf_image_open_fd(fd, &lib->image);
	if (r)
		close(fd);
	else
		r = find_symbols(lib);
	if (r) {
		hotspot_library_free(lib);
		return r;
	}
	*ret = lib;
	return 0;
}

void hotspot_library_free(struct hotspot_library *lib)
{
	if (!lib)
		return;
	elf_image_free(lib->image);
	free(lib);
}

/* A name at a virtual address, from the file; "" if there is none. */
static void library_name(const struct hotspot_library *lib, uint64_t vaddr, char *ret)
{
	size_t n;
	const struct elf_segment *segments = elf_image_segments(lib->image, &n);

	ret[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		const struct elf_segment *s = &segments[i];
		uint64_t at = vaddr - s->vaddr;
		size_t size = MAX_NAME - 1;

		if (vaddr < s->vaddr || at >= s->filesz)
			continue;
		if (s->filesz - at < size)
			size = (size_t)(s->filesz - at);
		if (elf_image_pread(lib->image, s->offset + at, ret, size))
			size = 0;
		ret[size] = '\0';
		return;
	}
}

/* ---- Memory of the process. */

/* Into a uint64_t or a __u64. */
static int read_u64(const struct hotspot_memory *m, uint64_t address, void *ret)
{
	return m->read(m->arg, address, ret, sizeof(uint64_t));
}

static int read_u32(const struct hotspot_memory *m, uint64_t address, uint32_t *ret)
{
	return m->read(m->arg, address, ret, sizeof(uint32_t));
}

/* ---- The layout. */

struct tables {
	struct hotspot_library *lib;
	const struct hotspot_memory *memory;
	uint64_t bias;
	uint64_t words[N_SYMBOLS]; /* what the symbols hold */
};

/* A field of which the place is wanted. */
struct wanted {
	const char *type, *field;
	uint64_t offset;
	uint64_t address; /* static ones */
	bool found;
	bool is_short; /* of 16 bits */
};

enum {
	W_HEAPS,
	W_LENGTH,
	W_LENGTH_OLD,
	W_DATA,
	W_MEMORY,
	W_SEGMAP,
	W_SHIFT,
	W_LOW,
	W_HIGH,
	W_USED,
	W_NAME,
	W_CODE_BEGIN,
	W_CODE_END,
	W_CODE_OFFSET,
	W_DATA_OFFSET,
	W_FRAME_SIZE,
	W_FRAME_COMPLETE,
	W_INTERPRETER,
	W_STUBS_BUFFER,
	W_STUBS_LIMIT,
	W_STUBS_END,
	W_STUB_SIZE,
	W_STUB_DESCRIPTION,
	N_WANTED,
};

static const struct wanted all_wanted[N_WANTED] = {
	[W_HEAPS] = {"CodeCache", "_heaps"},
	[W_LENGTH] = {"GrowableArrayBase", "_len"},
	[W_LENGTH_OLD] = {"GenericGrowableArray", "_len"},
	[W_DATA] = {"GrowableArray<int>", "_data"},
	[W_MEMORY] = {"CodeHeap", "_memory"},
	[W_SEGMAP] = {"CodeHeap", "_segmap"},
	[W_SHIFT] = {"CodeHeap", "_log2_segment_size"},
	[W_LOW] = {"VirtualSpace", "_low"},
	[W_HIGH] = {"VirtualSpace", "_high_boundary"},
	[W_USED] = {"HeapBlock::Header", "_used"},
	[W_NAME] = {"CodeBlob", "_name"},
	[W_CODE_BEGIN] = {"CodeBlob", "_code_begin"},
	[W_CODE_END] = {"CodeBlob", "_code_end"},
	[W_CODE_OFFSET] = {"CodeBlob", "_code_offset"},
	[W_DATA_OFFSET] = {"CodeBlob", "_data_offset"},
	[W_FRAME_SIZE] = {"CodeBlob", "_frame_size"},
	[W_FRAME_COMPLETE] = {"CodeBlob", "_frame_complete_offset"},
	[W_INTERPRETER] = {"AbstractInterpreter", "_code"},
	[W_STUBS_BUFFER] = {"StubQueue", "_stub_buffer"},
	[W_STUBS_LIMIT] = {"StubQueue", "_buffer_limit"},
	[W_STUBS_END] = {"StubQueue", "_queue_end"},
	[W_STUB_SIZE] = {"InterpreterCodelet", "_size"},
	[W_STUB_DESCRIPTION] = {"InterpreterCodelet", "_description"},
};

static int read_words(struct tables *t)
{
	for (int i = 0; i < N_SYMBOLS; i++) {
		int r = read_u64(t->memory, t->lib->symbols[i] + t->bias, &t->words[i]);

		if (r)
			return r;
	}
	/* All of them are set by constructors of the library. */
	if (!t->words[SYM_STRUCT_STRIDE] || !t->words[SYM_TYPE_STRIDE] ||
	    !t->words[SYM_STRUCT_ADDRESS] || !t->words[SYM_TYPE_SIZE])
		return -EAGAIN;
	if (t->words[SYM_STRUCT_STRIDE] > MAX_STRIDE || t->words[SYM_TYPE_STRIDE] > MAX_STRIDE)
		return -EINVAL;
	for (int i = SYM_STRUCT_TYPE; i <= SYM_STRUCT_ADDRESS; i++)
		if (t->words[i] > MAX_STRIDE - sizeof(uint64_t))
			return -EINVAL;
	if (t->words[SYM_TYPE_NAME] > MAX_STRIDE - sizeof(uint64_t) ||
	    t->words[SYM_TYPE_SIZE] > MAX_STRIDE - sizeof(uint64_t))
		return -EINVAL;
	return 0;
}

static uint64_t entry_word(const uint8_t *entry, uint64_t offset)
{
	uint64_t word;

	memcpy(&word, entry + offset, sizeof(word));
	return word;
}

static int take_field(struct tables *t, const uint8_t *entry, struct wanted *wanted)
{
	char type[MAX_NAME], field[MAX_NAME], string[MAX_NAME];

	library_name(t->lib, entry_word(entry, t->words[SYM_STRUCT_TYPE]) - t->bias, type);
	for (int i = 0; i < N_WANTED; i++) {
		if (strcmp(type, wanted[i].type) != 0)
			continue;
		library_name(t->lib, entry_word(entry, t->words[SYM_STRUCT_FIELD]) - t->bias,
			     field);
		if (strcmp(field, wanted[i].field) != 0)
			continue;
		library_name(t->lib, entry_word(entry, t->words[SYM_STRUCT_TYPE_STRING]) - t->bias,
			     string);
		wanted[i].offset = entry_word(entry, t->words[SYM_STRUCT_OFFSET]);
		wanted[i].address = entry_word(entry, t->words[SYM_STRUCT_ADDRESS]) - t->bias;
		wanted[i].is_short = strstr(string, "16") || strcmp(string, "short") == 0;
		wanted[i].found = true;
	}
	return 0;
}

static int read_fields(struct tables *t, struct wanted *wanted)
{
	uint64_t at = t->words[SYM_STRUCTS];
	uint8_t entry[MAX_STRIDE];
	int r;

	for (int i = 0; i < MAX_FIELDS; i++, at += t->words[SYM_STRUCT_STRIDE]) {
		memset(entry, 0, sizeof(entry));
		r = t->memory->read(t->memory->arg, at, entry, t->words[SYM_STRUCT_STRIDE]);
		if (r)
			return r;
		if (!entry_word(entry, t->words[SYM_STRUCT_TYPE]))
			return 0;
		r = take_field(t, entry, wanted);
		if (r)
			return r;
	}
	return -EINVAL;
}

/* The size of a type; -ENOENT. */
static int type_size(struct tables *t, const char *name, uint64_t *ret)
{
	uint64_t at = t->words[SYM_TYPES];
	uint8_t entry[MAX_STRIDE];
	char type[MAX_NAME];

	for (int i = 0; i < MAX_TYPES; i++, at += t->words[SYM_TYPE_STRIDE]) {
		int r = t->memory->read(t->memory->arg, at, entry, t->words[SYM_TYPE_STRIDE]);

		if (r)
			return r;
		if (!entry_word(entry, t->words[SYM_TYPE_NAME]))
			return -ENOENT;
		library_name(t->lib, entry_word(entry, t->words[SYM_TYPE_NAME]) - t->bias, type);
		if (strcmp(type, name) == 0) {
			*ret = entry_word(entry, t->words[SYM_TYPE_SIZE]);
			return 0;
		}
	}
	return -EINVAL;
}

/* An offset that the walker can use: of a value of that size, aligned to it, in what it reads. */
static bool fits(uint64_t offset, unsigned int size, uint8_t *ret)
{
	if (offset % size || offset > CRESSET_JVM_BLOCK_BYTES - size)
		return false;
	*ret = (uint8_t)offset;
	return true;
}

/*
 * Up to JDK 22 a blob has the addresses of its code, later offsets from its own; frame_complete
 * became 16 bits wide. The header before it had a size_t length, later a 32-bit one.
 */
static int make_jvm(const struct wanted *w, uint64_t header, struct cresset_unwind_jvm *ret)
{
	bool ok, addresses = w[W_CODE_BEGIN].found && w[W_CODE_END].found;

	if (header > CRESSET_JVM_BLOCK_BYTES || !fits(header, 8, &ret->blob) ||
	    !fits(w[W_USED].offset, 1, &ret->used) ||
	    !fits(header + w[W_NAME].offset, 8, &ret->name))
		return -EINVAL;
	if (addresses)
		ok = fits(header + w[W_CODE_BEGIN].offset, 8, &ret->code_begin) &&
		     fits(header + w[W_CODE_END].offset, 8, &ret->code_end);
	else
		ok = w[W_CODE_OFFSET].found && w[W_DATA_OFFSET].found &&
		     fits(header + w[W_CODE_OFFSET].offset, 4, &ret->code_begin) &&
		     fits(header + w[W_DATA_OFFSET].offset, 4, &ret->code_end);
	if (!ok || !fits(header + w[W_FRAME_SIZE].offset, 4, &ret->frame_size) ||
	    !fits(header + w[W_FRAME_COMPLETE].offset, w[W_FRAME_COMPLETE].is_short ? 2 : 4,
		  &ret->frame_complete))
		return -EINVAL;
	ret->flags = (addresses ? 0 : CRESSET_JVM_CODE_OFFSETS) |
		     (w[W_FRAME_COMPLETE].is_short ? CRESSET_JVM_COMPLETE_16 : 0);
	return 0;
}

static bool found_all(const struct wanted *w)
{
	for (int i = 0; i < N_WANTED; i++) {
		/* One of two; these are looked at by make_jvm(). */
		if (i == W_LENGTH || i == W_LENGTH_OLD || i == W_CODE_BEGIN || i == W_CODE_END ||
		    i == W_CODE_OFFSET || i == W_DATA_OFFSET)
			continue;
		if (!w[i].found)
			return false;
	}
	return w[W_LENGTH].found || w[W_LENGTH_OLD].found;
}

int hotspot_layout_read(struct hotspot_library *lib, const struct hotspot_memory *memory,
			uint64_t bias, struct hotspot_layout *ret)
{
	struct tables t = {.lib = lib, .memory = memory, .bias = bias};
	struct wanted w[N_WANTED];
	struct hotspot_layout l;
	uint64_t header = 0;
	int r = read_words(&t);

	memcpy(w, all_wanted, sizeof(w));
	memset(&l, 0, sizeof(l));
	if (!r)
		r = read_fields(&t, w);
	if (!r)
		r = type_size(&t, "HeapBlock", &header);
	if (!r)
		r = type_size(&t, "InterpreterCodelet", &l.stub_bytes);
	if (!r && (!found_all(w) || l.stub_bytes > MAX_STRIDE))
		r = -EINVAL;
	if (!r)
		r = make_jvm(w, header, &l.jvm);
	if (r)
		return r == -ENOENT ? -EINVAL : r;
	l.heaps = w[W_HEAPS].address;
	l.interpreter = w[W_INTERPRETER].address;
	l.list_length = w[W_LENGTH].found ? w[W_LENGTH].offset : w[W_LENGTH_OLD].offset;
	l.list_data = w[W_DATA].offset;
	l.memory = w[W_MEMORY].offset;
	l.segmap = w[W_SEGMAP].offset;
	l.segment_shift = w[W_SHIFT].offset;
	l.space_low = w[W_LOW].offset;
	l.space_high = w[W_HIGH].offset;
	l.stubs_buffer = w[W_STUBS_BUFFER].offset;
	l.stubs_limit = w[W_STUBS_LIMIT].offset;
	l.stubs_end = w[W_STUBS_END].offset;
	l.stub_size = w[W_STUB_SIZE].offset;
	l.stub_description = w[W_STUB_DESCRIPTION].offset;
	*ret = l;
	return 0;
}

/* ---- A process. */

static int read_heap(const struct hotspot_layout *l, const struct hotspot_memory *m, uint64_t heap,
		     struct cresset_unwind_jvm *jvm)
{
	struct cresset_jvm_heap *h = &jvm->heaps[jvm->n_heaps];
	uint64_t end = 0;
	uint32_t shift = 0;
	int r = read_u64(m, heap + l->memory + l->space_low, &h->low);

	if (!r)
		r = read_u64(m, heap + l->memory + l->space_high, &end);
	if (!r)
		r = read_u64(m, heap + l->segmap + l->space_low, &h->segmap);
	if (!r)
		r = read_u32(m, heap + l->segment_shift, &shift);
	if (r)
		return r;
	if (!h->low || !h->segmap || !shift)
		return -EAGAIN;
	if (end <= h->low || end - h->low > MAX_HEAP_BYTES || shift > MAX_SHIFT ||
	    (jvm->n_heaps && shift != jvm->segment_shift))
		return -EINVAL;
	h->bytes = end - h->low;
	jvm->segment_shift = (uint8_t)shift;
	jvm->n_heaps++;
	return 0;
}

static int read_heaps(const struct hotspot_layout *l, const struct hotspot_memory *m, uint64_t bias,
		      struct cresset_unwind_jvm *jvm)
{
	uint64_t list = 0, data = 0, heap = 0;
	uint32_t n = 0;
	int r = read_u64(m, l->heaps + bias, &list);

	if (!r && !list)
		return -EAGAIN;
	if (!r)
		r = read_u32(m, list + l->list_length, &n);
	if (!r)
		r = read_u64(m, list + l->list_data, &data);
	if (!r && !n)
		return -EAGAIN;
	if (!r && n > CRESSET_JVM_HEAPS)
		return -EINVAL;
	for (uint32_t i = 0; !r && i < n; i++) {
		r = read_u64(m, data + 8 * (uint64_t)i, &heap);
		if (!r)
			r = read_heap(l, m, heap, jvm);
	}
	return r;
}

/* Where pushes of the return address, of rbp and the rest of a frame are; 0: nowhere. */
static size_t find_push(const uint8_t *code, size_t size)
{
	static const uint8_t push[] = {0x50, 0x55, 0x48, 0x8b, 0xec, 0x41, 0x55};
	const uint8_t *at = memmem(code, size, push, sizeof(push));

	return at ? (size_t)(at - code) : 0;
}

/* The pop before that, of the way that leads there: lea -8(%rsp,%rcx,8),%r14 follows. */
static size_t find_pop(const uint8_t *code, size_t size)
{
	static const uint8_t pop[] = {0x58, 0x4c, 0x8d, 0x74, 0xcc, 0xf8};
	const uint8_t *at = memmem(code, size, pop, sizeof(pop));

	return at ? (size_t)(at - code) : size;
}

static int add_entry(const struct hotspot_memory *m, uint32_t begin, uint32_t size,
		     struct cresset_unwind_jvm *jvm)
{
	uint8_t code[ENTRY_BYTES];
	size_t n = size < sizeof(code) ? size : sizeof(code), push;
	struct cresset_jvm_entry *e = &jvm->entries[jvm->n_entries];
	int r = m->read(m->arg, jvm->interpreter + begin, code, n);

	if (r)
		return r;
	if (!jvm->entries_end)
		jvm->entries_begin = begin;
	jvm->entries_end = begin + size;
	push = find_push(code, n);
	if (!push || jvm->n_entries == CRESSET_JVM_ENTRIES)
		return 0;
	e->begin = begin;
	e->end = begin + size;
	e->push = begin + (uint32_t)push;
	e->pop = begin + (uint32_t)find_pop(code, push);
	jvm->n_entries++;
	return 0;
}

static int read_stubs(struct hotspot_library *lib, const struct hotspot_layout *l,
		      const struct hotspot_memory *m, uint64_t bias, uint32_t end,
		      struct cresset_unwind_jvm *jvm)
{
	uint32_t at = 0, size = 0;
	char text[MAX_NAME];

	for (int i = 0; i < MAX_STUBS && at < end; i++, at += size) {
		uint64_t stub = jvm->interpreter + at, description = 0;
		int r = read_u32(m, stub + l->stub_size, &size);

		if (!r)
			r = read_u64(m, stub + l->stub_description, &description);
		if (r)
			return r;
		if (size < l->stub_bytes || size > end - at)
			return -EINVAL;
		/* "method entry point (kind = …)", "native method entry point (kind = …)" */
		library_name(lib, description - bias, text);
		if (strstr(text, "method entry point"))
			r = add_entry(m, at, size, jvm);
		if (r)
			return r;
	}
	return 0;
}

static int read_interpreter(struct hotspot_library *lib, const struct hotspot_layout *l,
			    const struct hotspot_memory *m, uint64_t bias,
			    struct cresset_unwind_jvm *jvm)
{
	uint32_t limit = 0, end = 0;
	uint64_t queue = 0;
	int r = read_u64(m, l->interpreter + bias, &queue);

	if (!r && !queue)
		return -EAGAIN;
	if (!r)
		r = read_u64(m, queue + l->stubs_buffer, &jvm->interpreter);
	if (!r)
		r = read_u32(m, queue + l->stubs_limit, &limit);
	if (!r)
		r = read_u32(m, queue + l->stubs_end, &end);
	if (r)
		return r;
	if (limit > MAX_INTERPRETER || end > limit)
		return -EINVAL;
	jvm->interpreter_bytes = limit;
	/* While it is made there is more room than will be needed. */
	if (end != limit)
		return -EAGAIN;
	return read_stubs(lib, l, m, bias, end, jvm);
}

int hotspot_vm_read(struct hotspot_library *lib, const struct hotspot_layout *layout,
		    const struct hotspot_memory *memory, uint64_t bias,
		    struct cresset_unwind_jvm *ret)
{
	struct cresset_unwind_jvm jvm = layout->jvm;
	int r = read_heaps(layout, memory, bias, &jvm);

	if (!r)
		r = read_interpreter(lib, layout, memory, bias, &jvm);
	if (r == -EAGAIN)
		jvm.flags |= CRESSET_JVM_INCOMPLETE;
	else if (r)
		return r;
	*ret = jvm;
	return 0;
}
