// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_form - see dwarf_form.h.
 *
 * Sizes stand in one function, so that skipping and reading cannot disagree about the fixed ones.
 */
#include "dwarf_form.h"

#include <dwarf.h>

int dwarf_form_size(unsigned int form, const struct dwarf_encoding *enc)
{
	switch (form) {
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	case DW_FORM_data1:
	case DW_FORM_ref1:
	case DW_FORM_flag:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		return 1;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		return 2;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		return 3;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
	case DW_FORM_ref_sup4:
		return 4;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sig8:
	case DW_FORM_ref_sup8:
		return 8;
	case DW_FORM_data16:
		return 16;
	case DW_FORM_addr:
		return enc->addr_size;
	case DW_FORM_ref_addr:
		return enc->version <= 2 ? enc->addr_size : enc->offset_size;
	case DW_FORM_strp:
	case DW_FORM_sec_offset:
	case DW_FORM_line_strp:
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_strp_alt:
	case DW_FORM_GNU_ref_alt:
		return enc->offset_size;
	case DW_FORM_string:
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
	case DW_FORM_block:
	case DW_FORM_exprloc:
	case DW_FORM_sdata:
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
	case DW_FORM_indirect:
		return DWARF_VARIABLE;
	default:
		return DWARF_UNKNOWN_FORM;
	}
}

/* An indirect form may not be indirect again, nor have a constant that stands nowhere. */
static unsigned int indirect_form(struct dwarf_reader *r)
{
	uint64_t form = reader_uleb(r);

	return form == DW_FORM_indirect || form == DW_FORM_implicit_const || form > UINT16_MAX
		       ? 0
		       : (unsigned int)form;
}

void dwarf_form_skip(struct dwarf_reader *r, unsigned int form, const struct dwarf_encoding *enc)
{
	int size;
	size_t len;

	if (form == DW_FORM_indirect)
		form = indirect_form(r);
	size = dwarf_form_size(form, enc);
	if (size >= 0) {
		reader_skip(r, (uint64_t)size);
		return;
	}
	switch (form) {
	case DW_FORM_string:
		reader_string(r, &len);
		break;
	case DW_FORM_block1:
		reader_skip(r, reader_u8(r));
		break;
	case DW_FORM_block2:
		reader_skip(r, reader_u16(r));
		break;
	case DW_FORM_block4:
		reader_skip(r, reader_u32(r));
		break;
	case DW_FORM_block:
	case DW_FORM_exprloc:
		reader_skip(r, reader_uleb(r));
		break;
	default:
		if (size == DWARF_UNKNOWN_FORM)
			reader_fail(r);
		else
			reader_skip_leb(r);
	}
}

static enum dwarf_kind form_kind(unsigned int form)
{
	switch (form) {
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
	case DW_FORM_udata:
	case DW_FORM_flag:
		return DWARF_CONST;
	case DW_FORM_addr:
		return DWARF_ADDRESS;
	case DW_FORM_addrx:
	case DW_FORM_addrx1:
	case DW_FORM_addrx2:
	case DW_FORM_addrx3:
	case DW_FORM_addrx4:
	case DW_FORM_GNU_addr_index:
		return DWARF_ADDRX;
	case DW_FORM_sec_offset:
		return DWARF_OFFSET;
	case DW_FORM_rnglistx:
		return DWARF_RNGLISTX;
	case DW_FORM_ref1:
	case DW_FORM_ref2:
	case DW_FORM_ref4:
	case DW_FORM_ref8:
	case DW_FORM_ref_udata:
		return DWARF_REF_UNIT;
	case DW_FORM_ref_addr:
		return DWARF_REF;
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_ref_sup4:
	case DW_FORM_ref_sup8:
		return DWARF_REF_SUP;
	case DW_FORM_strp:
		return DWARF_STRP;
	case DW_FORM_line_strp:
		return DWARF_LINE_STRP;
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_strp_alt:
		return DWARF_STRP_SUP;
	case DW_FORM_strx:
	case DW_FORM_strx1:
	case DW_FORM_strx2:
	case DW_FORM_strx3:
	case DW_FORM_strx4:
	case DW_FORM_GNU_str_index:
		return DWARF_STRX;
	default:
		return DWARF_NONE;
	}
}

void dwarf_form_read(struct dwarf_reader *r, unsigned int form, const struct dwarf_encoding *enc,
		     int64_t implicit, struct dwarf_value *ret)
{
	size_t len;
	int size;

	if (form == DW_FORM_indirect)
		form = indirect_form(r);
	*ret = (struct dwarf_value){.kind = form_kind(form)};
	size = dwarf_form_size(form, enc);
	switch (form) {
	case DW_FORM_implicit_const:
		*ret = (struct dwarf_value){.kind = DWARF_CONST, .u = (uint64_t)implicit};
		return;
	case DW_FORM_flag_present:
		*ret = (struct dwarf_value){.kind = DWARF_CONST, .u = 1};
		return;
	case DW_FORM_sdata:
		*ret = (struct dwarf_value){.kind = DWARF_CONST, .u = (uint64_t)reader_sleb(r)};
		return;
	case DW_FORM_string:
		ret->kind = DWARF_STRING;
		ret->text = reader_string(r, &len);
		ret->u = len;
		return;
	default:
		if (ret->kind == DWARF_NONE)
			dwarf_form_skip(r, form, enc);
		else
			ret->u = size > 0 ? reader_uint(r, (size_t)size) : reader_uleb(r);
		if (r->bad)
			*ret = (struct dwarf_value){.kind = DWARF_NONE};
	}
}
