// SPDX-License-Identifier: Apache-2.0
/* cfi_oracle.c - see cfi_oracle.h. */
#include "support/cfi_oracle.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support/cfi_reference.h"

enum { N_WORLDS = 2, MAX_GAP = 15 };

struct fde {
	uint64_t start;
	uint64_t end;
	bool cie_restores; /* its CIE restores registers */
};

struct oracle {
	const struct cfi_table *table;
	const struct cfi_rules *rules;
	struct cfi_oracle_report *report;
	Dwarf_CFI *cfi;
	struct fde *fdes;
	size_t n;
	size_t capacity;
	uint64_t random;
	int sp, fp, ra;	   /* of the machine */
	bool cie_restores; /* of the FDE at hand */
	bool fp_saved;	   /* in the frame, in a row before this one */
	bool fp_in_frame;  /* in this row */
};

static const char *const texts[] = {
#define CLASS_TEXT(name, text) [CFI_ORACLE_##name] = text,
	CFI_ORACLE_CLASSES(CLASS_TEXT)};

const char *cfi_oracle_text(enum cfi_oracle_class c)
{
	return texts[c];
}

static size_t sum_classes(const struct cfi_oracle_report *r, int from, int to)
{
	size_t n = 0;

	for (int i = from; i < to; i++)
		n += r->classes[i];
	return n;
}

size_t cfi_oracle_wrong(const struct cfi_oracle_report *r)
{
	return sum_classes(r, CFI_ORACLE_UNSUPPORTED_OTHER + 1, CFI_ORACLE_N_CLASSES);
}

size_t cfi_oracle_unsupported(const struct cfi_oracle_report *r)
{
	return sum_classes(r, CFI_ORACLE_UNSUPPORTED_CFA, CFI_ORACLE_UNSUPPORTED_OTHER + 1);
}

void cfi_oracle_add(struct cfi_oracle_report *sum, const struct cfi_oracle_report *r)
{
	for (int i = 0; i < CFI_ORACLE_N_CLASSES; i++)
		sum->classes[i] += r->classes[i];
	sum->n_rows += r->n_rows;
	sum->n_fdes += r->n_fdes;
	sum->n_fdes_no_code += r->n_fdes_no_code;
	sum->n_table_rows += r->n_table_rows;
	sum->n_table_rows_raw += r->n_table_rows_raw;
	sum->compile_seconds += r->compile_seconds;
}

static void count(struct oracle *o, enum cfi_oracle_class c, uint64_t pc)
{
	struct cfi_oracle_report *r = o->report;

	r->classes[c]++;
	if (c >= CFI_ORACLE_UNSUPPORTED_CFA &&
	    (!r->first_pc || (c > CFI_ORACLE_UNSUPPORTED_OTHER &&
			      r->first_class <= CFI_ORACLE_UNSUPPORTED_OTHER))) {
		r->first_pc = pc;
		r->first_class = c;
	}
}

static uint64_t next_random(uint64_t *state)
{
	return world_mix(*state += 0x9e3779b97f4a7c15u);
}

/* ---- Our side: what the walker does with a rule. */

static bool our_cfa(const struct oracle *o, const struct world *w,
		    const struct cresset_unwind_rule *r, uint64_t pc, uint64_t *ret)
{
	uint64_t base = w->registers[r->cfa_reg] + (uint64_t)(int64_t)r->cfa_offset;

	switch (r->cfa) {
	case CRESSET_CFA_REG:
		*ret = base;
		return true;
	case CRESSET_CFA_DEREF:
		*ret = world_memory(w, base) + (uint64_t)(int64_t)r->cfa_add;
		return true;
	case CRESSET_CFA_INDEXED:
		base = w->registers[o->sp] + w->registers[r->cfa_reg] * 8;
		base += (uint64_t)(int64_t)r->cfa_offset;
		*ret = world_memory(w, base) + (uint64_t)(int64_t)r->cfa_add;
		return true;
	case CRESSET_CFA_PLT:
		*ret = base + ((int64_t)(pc & 15) >= r->cfa_add) * 8;
		return true;
	default:
		return false;
	}
}

static struct location our_fp(const struct oracle *o, const struct world *w,
			      const struct cresset_unwind_rule *r, uint64_t cfa)
{
	uint64_t offset = (uint64_t)(int64_t)r->fp_offset;

	switch (r->fp) {
	case CRESSET_FP_SAME:
		return (struct location){.kind = SAME};
	case CRESSET_FP_AT_CFA:
		return (struct location){.kind = AT, .n = cfa + offset};
	case CRESSET_FP_AT_FP:
		return (struct location){.kind = AT, .n = w->registers[o->fp] + offset};
	default:
		return (struct location){.kind = NOWHERE};
	}
}

static struct location our_ra(const struct oracle *o, const struct world *w,
			      const struct cresset_unwind_rule *r, uint64_t cfa, int column)
{
	uint64_t offset = (uint64_t)(int64_t)r->ra_offset;

	switch (r->ra) {
	case CRESSET_RA_AT_CFA:
		return (struct location){.kind = AT, .n = cfa + offset};
	case CRESSET_RA_AT_FP:
		return (struct location){.kind = AT, .n = w->registers[o->fp] + offset};
	case CRESSET_RA_REG:
		if (r->ra_offset == column)
			return (struct location){.kind = SAME};
		return (struct location){.kind = IN_REGISTER, .n = offset};
	default:
		return (struct location){.kind = NOWHERE};
	}
}

/* ---- One row. */

static bool same(struct location a, struct location b)
{
	return a.kind == b.kind && a.kind != UNKNOWN && a.n == b.n;
}

/* x86-64: rip, rbp and rsp where the kernel's rt_sigframe has them, seen from __restore_rt. */
static enum cfi_oracle_class compare_signal(const struct oracle *o, const struct world *w,
					    Dwarf_Frame *frame)
{
	static const uint64_t offsets[] = {168, 120, 160};
	const int registers[] = {o->ra, o->fp, o->sp};

	for (size_t i = 0; i < 3 && o->table->machine == EM_X86_64; i++) {
		struct location loc = cfi_reference_register(w, frame, registers[i], 0);

		if (loc.kind != AT || loc.n != w->registers[o->sp] + offsets[i])
			return CFI_ORACLE_DIFFERENT_SIGNAL;
	}
	return CFI_ORACLE_SIGNAL;
}

static bool is_below_sp(const struct oracle *o, const struct world *w,
			const struct cresset_unwind_rule *rule, struct location slot)
{
	return rule->cfa == CRESSET_CFA_REG && rule->cfa_reg == o->sp && slot.kind == AT &&
	       (int64_t)(slot.n - w->registers[o->sp]) < 0;
}

/* A slot that was in the frame and is below sp now has been popped: see cfi_rule.h. */
static enum cfi_oracle_class compare_fp(struct oracle *o, const struct world *w,
					const struct cresset_unwind_rule *rule,
					struct location ours, struct location reference)
{
	bool below = is_below_sp(o, w, rule, reference);

	o->fp_in_frame = reference.kind == AT && !below;
	if (ours.kind == SAME && below && o->fp_saved)
		return CFI_ORACLE_POPPED;
	if (same(ours, reference))
		return CFI_ORACLE_EQUAL;
	return ours.kind == NOWHERE ? CFI_ORACLE_UNSUPPORTED_FP : CFI_ORACLE_DIFFERENT_FP;
}

/*
 * The column of the return address is the CIE's to choose: glibc's rawmemchr on AArch64 has x15.
 * For a column without a rule libdw takes the ABI's default, which for x15 is undefined: the end.
 */
static enum cfi_oracle_class compare_ra(const struct oracle *o, const struct world *w,
					const struct cresset_unwind_rule *rule, uint64_t cfa,
					Dwarf_Frame *frame)
{
	int column = dwarf_frame_info(frame, NULL, NULL, NULL);
	struct location ours = our_ra(o, w, rule, cfa, column);
	struct location reference = cfi_reference_register(w, frame, column, cfa);

	if (same(ours, reference))
		return CFI_ORACLE_EQUAL;
	if (column != o->ra && ours.kind == SAME && reference.kind == NOWHERE)
		return CFI_ORACLE_OTHER_COLUMN;
	return CFI_ORACLE_DIFFERENT_RA;
}

/*
 * The register that some files' CFAs are based on: of the caller, or popped as above. It is rbx,
 * which libdw's table of the ABI's defaults has by the number of rax, so where nothing is said it
 * is undefined for libdw, while the psABI (3.2.1) has it preserved.
 */
static bool followed_is_right(const struct oracle *o, const struct world *w,
			      const struct cresset_unwind_rule *rule, uint64_t cfa,
			      Dwarf_Frame *frame)
{
	struct location reference = cfi_reference_register(w, frame, rule->saved, cfa);
	struct location ours = {.kind = SAME};

	if (rule->saved_at)
		ours = (struct location){.kind = AT, .n = cfa + 8 * (uint64_t)rule->saved_at};
	return same(ours, reference) || (!rule->saved_at && (reference.kind == NOWHERE ||
							     is_below_sp(o, w, rule, reference)));
}

static enum cfi_oracle_class compare_in(struct oracle *o, const struct world *w,
					const struct cresset_unwind_rule *rule, uint64_t pc,
					Dwarf_Frame *frame, Dwarf_Op *cfa_ops, size_t n_cfa_ops)
{
	enum cfi_oracle_class ra, fp;
	uint64_t cfa, reference;
	struct location loc;

	if (!cfi_reference_evaluate(w, cfa_ops, n_cfa_ops, 0, &reference) ||
	    !our_cfa(o, w, rule, pc, &cfa) || cfa != reference)
		return CFI_ORACLE_DIFFERENT_CFA;
	loc = cfi_reference_register(w, frame, o->sp, cfa);
	if (loc.kind != IS || loc.n != cfa)
		return CFI_ORACLE_DIFFERENT_SP;
	ra = compare_ra(o, w, rule, cfa, frame);
	fp = compare_fp(o, w, rule, our_fp(o, w, rule, cfa),
			cfi_reference_register(w, frame, o->fp, cfa));
	if (ra == CFI_ORACLE_EQUAL && rule->saved && !followed_is_right(o, w, rule, cfa, frame))
		return CFI_ORACLE_DIFFERENT_FOLLOWED;
	return ra > fp ? ra : fp;
}

static void make_world(struct oracle *o, uint64_t pc, struct world *w)
{
	for (size_t i = 0; i < WORLD_REGISTERS; i++)
		w->registers[i] = next_random(&o->random) >> 16; /* sums do not wrap */
	w->salt = next_random(&o->random);
	if (o->table->machine == EM_X86_64)
		w->registers[o->ra] = pc;
}

static enum cfi_oracle_class unsupported(const struct cresset_unwind_rule *rule)
{
	switch (rule->none) {
	case CRESSET_NONE_NO_FDE:
		return CFI_ORACLE_MISSING;
	case CRESSET_NONE_CFA_EXPRESSION:
	case CRESSET_NONE_CFA_REGISTER:
		return CFI_ORACLE_UNSUPPORTED_CFA;
	case CRESSET_NONE_RA_RULE:
		return CFI_ORACLE_UNSUPPORTED_RA;
	default:
		return CFI_ORACLE_UNSUPPORTED_OTHER;
	}
}

static enum cfi_oracle_class compare_at(struct oracle *o, const struct cresset_unwind_rule *rule,
					uint64_t pc, Dwarf_Frame *frame)
{
	enum cfi_oracle_class c = CFI_ORACLE_EQUAL;
	Dwarf_Op *ops;
	bool signal;
	size_t n;
	bool refused = dwarf_frame_cfa(frame, &ops, &n);

	if (rule->cfa == CRESSET_CFA_NONE)
		return refused && rule->none == CRESSET_NONE_DAMAGED ? CFI_ORACLE_BOTH_REFUSE
								     : unsupported(rule);
	if (refused || dwarf_frame_info(frame, NULL, NULL, &signal) < 0)
		return CFI_ORACLE_EXTRA;
	if ((rule->flags & CRESSET_RULE_SIGNAL) && !signal)
		return CFI_ORACLE_DIFFERENT_SIGNAL;
	for (int i = 0; i < N_WORLDS && c == CFI_ORACLE_EQUAL; i++) {
		struct world w;

		make_world(o, pc, &w);
		if (rule->flags & CRESSET_RULE_SIGNAL)
			c = compare_signal(o, &w, frame);
		else
			c = compare_in(o, &w, rule, pc, frame, ops, n);
	}
	return c;
}

/* libdw's row [start, end). */
static void compare_row(struct oracle *o, Dwarf_Frame *frame, uint64_t start, uint64_t end)
{
	uint64_t pcs[] = {start, end - 1, start + next_random(&o->random) % (end - start)};
	enum cfi_oracle_class worst = CFI_ORACLE_EQUAL;
	uint32_t first = cfi_table_find(o->table, start);
	const struct cresset_unwind_rule *rule = cfi_rules_get(o->rules, first);

	o->report->n_rows++;
	o->fp_in_frame = false;
	for (size_t i = 0; i < 3; i++) {
		enum cfi_oracle_class c;

		if (cfi_table_find(o->table, pcs[i]) != first)
			c = CFI_ORACLE_DIFFERENT_WITHIN;
		else
			c = compare_at(o, rule, pcs[i], frame);
		worst = c > worst ? c : worst;
	}
	o->fp_saved = o->fp_saved || o->fp_in_frame;
	count(o, worst, start);
}

static void refused(struct oracle *o, uint64_t pc)
{
	const struct cresset_unwind_rule *rule =
		cfi_rules_get(o->rules, cfi_table_find(o->table, pc));

	o->report->n_rows++;
	if (rule->cfa == CRESSET_CFA_NONE)
		count(o, CFI_ORACLE_BOTH_REFUSE, pc);
	else
		count(o, o->cie_restores ? CFI_ORACLE_CIE_RESTORES : CFI_ORACLE_EXTRA, pc);
}

static void compare_fde(struct oracle *o, const struct fde *fde, uint64_t end)
{
	uint64_t pc = fde->start;

	o->cie_restores = fde->cie_restores;
	o->fp_saved = false;
	while (pc < end) {
		Dwarf_Addr start, row_end;
		Dwarf_Frame *frame;

		if (dwarf_cfi_addrframe(o->cfi, pc, &frame)) {
			refused(o, pc);
			return;
		}
		if (dwarf_frame_info(frame, &start, &row_end, NULL) < 0 || row_end <= pc) {
			free(frame);
			refused(o, pc);
			return;
		}
		compare_row(o, frame, pc, row_end < end ? row_end : end);
		free(frame);
		pc = row_end;
	}
}

/* ---- All FDEs, by libdw's walk over the section. */

static bool executable(Elf *elf, struct fde *fde)
{
	size_t n;

	if (elf_getphdrnum(elf, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr mem, *p = gelf_getphdr(elf, (int)i, &mem);

		if (!p || p->p_type != PT_LOAD || !(p->p_flags & PF_X) || fde->start < p->p_vaddr ||
		    fde->start - p->p_vaddr >= p->p_filesz)
			continue;
		if (fde->end - p->p_vaddr > p->p_filesz)
			fde->end = p->p_vaddr + p->p_filesz;
		return true;
	}
	return false;
}

static uint8_t fde_encoding(const Dwarf_CIE *cie)
{
	const uint8_t *data = cie->augmentation_data;
	const char *letter = cie->augmentation;

	if (*letter != 'z')
		return DW_EH_PE_absptr;
	for (letter++; *letter && *letter != 'R'; letter++) {
		static const uint8_t sizes[16] = {
			[DW_EH_PE_absptr] = 8, [DW_EH_PE_udata2] = 2, [DW_EH_PE_udata4] = 4,
			[DW_EH_PE_udata8] = 8, [DW_EH_PE_sdata2] = 2, [DW_EH_PE_sdata4] = 4,
			[DW_EH_PE_sdata8] = 8};

		if (*letter == 'P')
			data += 1 + sizes[*data & 15];
		else if (*letter == 'L')
			data++;
	}
	return *letter == 'R' ? *data : DW_EH_PE_absptr;
}

static uint64_t read_encoded(const uint8_t **at, uint8_t format)
{
	int sizes[16] = {[DW_EH_PE_absptr] = 8, [DW_EH_PE_udata2] = 2, [DW_EH_PE_udata4] = 4,
			 [DW_EH_PE_udata8] = 8, [DW_EH_PE_sdata2] = 2, [DW_EH_PE_sdata4] = 4,
			 [DW_EH_PE_sdata8] = 8};
	int size = sizes[format & 15];
	uint64_t v = 0;

	memcpy(&v, *at, (size_t)size);
	*at += size;
	if (format & 8 && size < 8 && v >> (size * 8 - 1))
		v |= ~0ull << size * 8;
	return v;
}

/* False: an encoding that no linker writes. */
static bool decode(const uint8_t *at, size_t left, uint64_t address, uint8_t encoding,
		   struct fde *ret)
{
	if (left < 16 && (encoding & 7) != DW_EH_PE_udata4 && (encoding & 7) != DW_EH_PE_udata2)
		return false;
	if (left < 8 || (encoding & ~(DW_EH_PE_pcrel | 0x0f)) ||
	    (encoding & 15) == DW_EH_PE_uleb128 || (encoding & 15) == DW_EH_PE_sleb128)
		return false;
	ret->start = read_encoded(&at, encoding);
	if (ret->start && encoding & DW_EH_PE_pcrel)
		ret->start += address;
	ret->end = ret->start + read_encoded(&at, encoding);
	return true;
}

/* Among its instructions (no operand of the usual ones looks like that). */
static bool restores(const Dwarf_CIE *cie)
{
	for (const uint8_t *p = cie->initial_instructions; p < cie->initial_instructions_end; p++)
		if ((*p & 0xc0) == DW_CFA_restore)
			return true;
	return false;
}

static void add_fde(struct oracle *o, Elf *elf, struct fde fde)
{
	o->report->n_fdes++;
	if (!fde.start || fde.end <= fde.start || !executable(elf, &fde)) {
		o->report->n_fdes_no_code++;
		return;
	}
	if (o->n == o->capacity) {
		o->capacity = o->capacity ? o->capacity * 2 : 1024;
		o->fdes = realloc(o->fdes, o->capacity * sizeof(fde));
		if (!o->fdes)
			abort();
	}
	o->fdes[o->n++] = fde;
}

/* False: an FDE is not understood. */
static bool collect(struct oracle *o, Elf *elf, Elf_Data *data, uint64_t address, bool eh)
{
	const unsigned char *ident = (const unsigned char *)elf_getident(elf, NULL);
	Dwarf_Off offset = 0, next, cie_offset = (Dwarf_Off)-1;
	uint8_t encoding = DW_EH_PE_absptr;
	bool cie_restores = false;
	Dwarf_CFI_Entry entry;

	for (;; offset = next) {
		int r = dwarf_next_cfi(ident, data, eh, offset, &next, &entry);
		struct fde fde;

		if (r > 0)
			return true;
		if (r < 0 && next <= offset)
			return false;
		if (r < 0 || dwarf_cfi_cie_p(&entry))
			continue;
		if (entry.fde.CIE_pointer != cie_offset) {
			Dwarf_CFI_Entry cie;
			Dwarf_Off after;

			cie_offset = entry.fde.CIE_pointer;
			if (dwarf_next_cfi(ident, data, eh, cie_offset, &after, &cie) ||
			    !dwarf_cfi_cie_p(&cie))
				return false;
			encoding = eh ? fde_encoding(&cie.cie) : DW_EH_PE_absptr;
			cie_restores = restores(&cie.cie);
		}
		if (!decode(entry.fde.start, (size_t)(entry.fde.end - entry.fde.start),
			    address + (uint64_t)(entry.fde.start - (uint8_t *)data->d_buf),
			    encoding, &fde))
			return false;
		fde.cie_restores = cie_restores;
		add_fde(o, elf, fde);
	}
}

static int by_start(const void *a, const void *b)
{
	const struct fde *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void compare_gap(struct oracle *o, uint64_t start, uint64_t end)
{
	uint32_t before = cfi_table_find(o->table, start - 1);
	uint32_t first = cfi_table_find(o->table, start), last = cfi_table_find(o->table, end - 1);

	if (end - start > MAX_GAP)
		count(o, first || last ? CFI_ORACLE_EXTRA : CFI_ORACLE_GAP_EMPTY, start);
	else
		count(o,
		      first != before || last != before ? CFI_ORACLE_DIFFERENT_WITHIN
							: CFI_ORACLE_GAP_BRIDGED,
		      start);
}

static void compare_all(struct oracle *o)
{
	qsort(o->fdes, o->n, sizeof(*o->fdes), by_start);
	for (size_t i = 0; i < o->n; i++) {
		const struct fde *fde = &o->fdes[i];
		uint64_t end = fde->end;

		if (i && o->fdes[i - 1].start == fde->start)
			continue;
		if (i + 1 < o->n && o->fdes[i + 1].start < end && o->fdes[i + 1].start > fde->start)
			end = o->fdes[i + 1].start;
		compare_fde(o, fde, end);
		if (i + 1 < o->n && o->fdes[i + 1].start > fde->end)
			compare_gap(o, fde->end, o->fdes[i + 1].start);
	}
}

static Elf_Data *section(Elf *elf, const char *wanted, uint64_t *ret_address)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr mem, *sh = gelf_getshdr(scn, &mem);
		const char *name = sh ? elf_strptr(elf, names, sh->sh_name) : NULL;

		if (!name || strcmp(name, wanted) || sh->sh_type == SHT_NOBITS)
			continue;
		if (sh->sh_flags & SHF_COMPRESSED && elf_compress(scn, 0, 0) < 0)
			return NULL;
		*ret_address = sh->sh_addr;
		return elf_rawdata(scn, NULL);
	}
	return NULL;
}

static void compare_elf(struct oracle *o, Elf *elf)
{
	bool eh = o->table->has_eh_frame;
	Dwarf *dwarf = eh ? NULL : dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	Elf_Data *data;
	uint64_t address;

	o->cfi = eh ? dwarf_getcfi_elf(elf) : dwarf ? dwarf_getcfi(dwarf) : NULL;
	data = section(elf, eh ? ".eh_frame" : ".debug_frame", &address);
	if (!o->cfi || !data || !collect(o, elf, data, address, eh))
		o->report->skipped = true;
	else
		compare_all(o);
	if (eh && o->cfi)
		dwarf_cfi_end(o->cfi);
	dwarf_end(dwarf);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void cfi_oracle_table(int fd, const struct cfi_table *t, const struct cfi_rules *rules,
		      struct cfi_oracle_report *ret)
{
	bool x86 = t->machine == EM_X86_64;
	struct oracle o = {.table = t,
			   .rules = rules,
			   .report = ret,
			   .random = 0x5eed,
			   .fp = x86 ? 6 : 29,
			   .sp = x86 ? 7 : 31,
			   .ra = x86 ? 16 : 30};
	Elf *elf;

	ret->n_table_rows = t->n;
	ret->n_table_rows_raw = t->n_rows_raw;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf)
		compare_elf(&o, elf);
	else
		ret->skipped = true;
	elf_end(elf);
	free(o.fdes);
}

void cfi_oracle_file(const char *path, struct cfi_rules *rules, struct cfi_oracle_report *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct cfi_table *table = NULL;
	double start = seconds();

	memset(ret, 0, sizeof(*ret));
	ret->error = fd < 0 ? -errno : cfi_table_compile_fd(fd, &table);
	ret->compile_seconds = seconds() - start;
	if (!ret->error && rules)
		ret->error = cfi_table_intern(table, rules);
	if (!ret->error)
		cfi_oracle_table(fd, table, rules ? rules : table->rules, ret);
	cfi_table_free(table);
	if (fd >= 0)
		close(fd);
}
