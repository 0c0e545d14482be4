// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_record.c - see cfi_record.h.
 *
 * A section is walked twice, first for CIEs, then for FDEs, because a .debug_frame may name a CIE
 * that comes later. CIEs are then sorted by offset, and consecutive FDEs mostly have the same. Only
 * what the first walk has met at a record's start can be named: a pointer into the middle of a
 * record finds nothing, so all work is bounded by the size of the section.
 */
#include "unwind/cfi_record.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "symbolize/dwarf_reader.h"

struct record {
	uint32_t offset;    /* of its length field */
	uint64_t id;	    /* or pointer */
	uint32_t id_offset; /* of that field */
	bool is_cie;
	struct dwarf_reader body; /* behind the id */
};

void cfi_records_init(struct cfi_records *r)
{
	memset(r, 0, sizeof(*r));
	vec_init(&r->cies, sizeof(struct cfi_cie));
	vec_init(&r->fdes, sizeof(struct cfi_fde));
}

void cfi_records_release(struct cfi_records *r)
{
	vec_release(&r->cies);
	vec_release(&r->fdes);
}

/*
 * The next record at *at, which moves on. False at the end, and where a length does not fit: what
 * follows cannot be found then. A length of 0 ends .eh_frame in principle, but linkers leave such
 * in the middle.
 */
static bool next_record(const struct cfi_section *s, size_t *at, struct record *ret)
{
	struct dwarf_reader r = {.p = s->data + *at, .end = s->data + s->size};
	bool is_64 = false;
	uint64_t length = 0;

	while (reader_left(&r) >= 4 && !length) {
		ret->offset = (uint32_t)(r.p - s->data);
		length = reader_u32(&r);
	}
	if (length == 0xffffffff) {
		is_64 = true;
		length = reader_u64(&r);
	}
	if (r.bad || !length || length > reader_left(&r))
		return false;
	r.end = r.p + length;
	*at = (size_t)(r.end - s->data);
	ret->id_offset = (uint32_t)(r.p - s->data);
	ret->id = is_64 ? reader_u64(&r) : reader_u32(&r);
	if (s->is_eh)
		ret->is_cie = ret->id == 0;
	else
		ret->is_cie = ret->id == (is_64 ? UINT64_MAX : UINT32_MAX);
	ret->body = r;
	return true;
}

/* ---- Encoded addresses (LSB core specification, 10.5.1). */

static bool encoding_known(uint8_t encoding)
{
	uint8_t base = encoding & 0x70;

	/* What is relative to the data or text segment, or in memory, no linker writes here. */
	if (base != DW_EH_PE_absptr && base != DW_EH_PE_pcrel)
		return false;
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_uleb128:
	case DW_EH_PE_udata2:
	case DW_EH_PE_udata4:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sleb128:
	case DW_EH_PE_sdata2:
	case DW_EH_PE_sdata4:
	case DW_EH_PE_sdata8:
		return !(encoding & 0x80);
	default:
		return false;
	}
}

static uint64_t read_format(struct dwarf_reader *r, uint8_t format)
{
	switch (format & 0x0f) {
	case DW_EH_PE_uleb128:
		return reader_uleb(r);
	case DW_EH_PE_sleb128:
		return (uint64_t)reader_sleb(r);
	case DW_EH_PE_udata2:
		return reader_u16(r);
	case DW_EH_PE_sdata2:
		return (uint64_t)(int16_t)reader_u16(r);
	case DW_EH_PE_udata4:
		return reader_u32(r);
	case DW_EH_PE_sdata4:
		return (uint64_t)(int32_t)reader_u32(r);
	default:
		return reader_u64(r);
	}
}

uint64_t cfi_read_address(struct dwarf_reader *r, const struct cfi_section *s, uint8_t encoding)
{
	uint64_t here = s->address + (uint64_t)(r->p - s->data);
	uint64_t value = read_format(r, encoding);

	return (encoding & 0x70) == DW_EH_PE_pcrel && value ? here + value : value;
}

/* ---- CIEs. */

/* Letters after the 'z'; those that are not known may be skipped, as the data has a size. */
static void read_augmentation(struct dwarf_reader data, const char *letters, struct cfi_cie *cie)
{
	for (; *letters; letters++) {
		switch (*letters) {
		case 'R':
			cie->encoding = reader_u8(&data);
			break;
		case 'L':
			reader_u8(&data);
			break;
		case 'P': {
			uint8_t encoding = reader_u8(&data);

			/* Aligned ones are not needed by anybody; without them the rest is lost. */
			if ((encoding & 0x70) == DW_EH_PE_aligned)
				cie->bad = true;
			else if (encoding != DW_EH_PE_omit)
				read_format(&data, encoding);
			break;
		}
		case 'S':
			cie->signal = true;
			break;
		case 'B': /* AArch64: return addresses are signed with key B */
		case 'G': /* AArch64: memory is tagged */
			break;
		default:
			/* Its data's size is not known, so no later letter's data can be found. */
			return;
		}
	}
	if (data.bad)
		cie->bad = true;
}

static void read_cie(const struct record *rec, struct cfi_cie *cie)
{
	struct dwarf_reader r = rec->body;
	uint8_t version = reader_u8(&r);
	const char *letters;
	size_t n_letters;

	letters = reader_string(&r, &n_letters);
	if (version != 1 && version != 3 && version != 4)
		cie->bad = true;
	if (version == 4 && reader_u8(&r) != 8)
		cie->bad = true; /* other addresses */
	if (version == 4 && reader_u8(&r))
		cie->bad = true; /* segments */
	if (!strcmp(letters, "eh")) {
		reader_u64(&r); /* of GCC 2 */
		letters = "";
	}
	cie->code_align = reader_uleb(&r);
	cie->data_align = reader_sleb(&r);
	cie->ra = version == 1 ? reader_u8(&r) : reader_uleb(&r);
	if (*letters == 'z') {
		uint64_t size = reader_uleb(&r);
		struct dwarf_reader data = {.p = r.p, .end = r.p};

		if (size <= reader_left(&r))
			data.end = r.p + size;
		reader_skip(&r, size);
		cie->augmented = true;
		read_augmentation(data, letters + 1, cie);
	} else if (*letters) {
		cie->bad = true;
	}
	if (r.bad || !encoding_known(cie->encoding))
		cie->bad = true;
	cie->program = r.p;
	cie->program_size = reader_left(&r);
}

static int add_cies(struct cfi_records *r, const struct cfi_section *s)
{
	struct record rec;
	size_t at = 0;

	while (next_record(s, &at, &rec)) {
		struct cfi_cie *cie;

		if (!rec.is_cie)
			continue;
		if (r->cies.n == CFI_MAX_CIES)
			return -EFBIG;
		cie = vec_push(&r->cies, NULL, 1);
		if (!cie)
			return -ENOMEM;
		cie->section = s;
		cie->offset = rec.offset;
		read_cie(&rec, cie);
	}
	return 0;
}

/* ---- FDEs. */

/* Among those of index `first` and later, which are in the order of their offsets. */
static const struct cfi_cie *find_cie(const struct cfi_records *r, size_t first, uint64_t offset)
{
	size_t lo = first, hi = r->cies.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct cfi_cie *cie = vec_at(&r->cies, mid);

		if (cie->offset == offset)
			return cie;
		if (cie->offset < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* False: damaged, or of no code. */
static bool read_fde(const struct record *rec, const struct cfi_section *s,
		     const struct cfi_cie *cie, struct cfi_fde *ret)
{
	struct dwarf_reader r = rec->body;

	ret->pc = cfi_read_address(&r, s, cie->encoding);
	ret->size = read_format(&r, cie->encoding);
	if (cie->augmented)
		reader_skip(&r, reader_uleb(&r));
	ret->program = (uint32_t)(r.p - s->data);
	ret->program_size = (uint32_t)reader_left(&r);
	return !r.bad && ret->pc && ret->size && ret->size <= INT64_MAX;
}

static int add_fdes(struct cfi_records *r, const struct cfi_section *s, size_t first_cie)
{
	const struct cfi_cie *cie = NULL;
	struct record rec;
	size_t at = 0;

	while (next_record(s, &at, &rec)) {
		uint64_t offset = s->is_eh ? rec.id_offset - rec.id : rec.id;
		struct cfi_fde fde;

		if (rec.is_cie)
			continue;
		if (!cie || cie->offset != offset)
			cie = find_cie(r, first_cie, offset);
		if (!cie || cie->bad || !read_fde(&rec, s, cie, &fde)) {
			r->dropped++;
			continue;
		}
		if (r->fdes.n == CFI_MAX_FDES)
			return -EFBIG;
		fde.cie = (uint32_t)(cie - (const struct cfi_cie *)r->cies.data);
		if (!vec_push(&r->fdes, &fde, 1))
			return -ENOMEM;
	}
	return 0;
}

int cfi_records_add(struct cfi_records *r, const struct cfi_section *section)
{
	size_t first_cie = r->cies.n;
	int err;

	if (section->size > CFI_MAX_SECTION)
		return -EFBIG;
	err = add_cies(r, section);
	return err ? err : add_fdes(r, section, first_cie);
}
