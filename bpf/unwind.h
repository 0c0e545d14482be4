/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * unwind.h - the tables that the native walker walks by: how they are laid out in BPF maps.
 *
 * A rule says how to get from a frame to its caller: where the canonical frame address (CFA) is,
 * where the caller's frame pointer and the return address are, all as offsets (DWARF 5, 6.4). There
 * are few distinct ones (4,399 in 2,501 files of a Debian system), so they are interned in one
 * table over all files and a row is only {pc, rule}: four bytes.
 *
 * Rows of one file are cut into blocks of 1 KiB, each of at most 64 KiB of text; a directory per
 * file says for each 2 KiB of text which block has its first row. So a look-up is: mapping → file →
 * directory cell → block (or one of the next few) → row. A block is made for cold caches: its first
 * cache line says which other line has the row, so a search of 240 rows reads two lines, where a
 * binary search over them would read five.
 *
 *   unwind_procs   HASH   tgid → struct cresset_unwind_proc      which pages describe its memory
 *   unwind_pages   ARRAY  page id → struct cresset_unwind_page   sorted executable mappings
 *   unwind_dsos    ARRAY  dso id → struct cresset_unwind_dso     a file's tables
 *   unwind_dirs    ARRAY  struct cresset_unwind_cells            directory cells, block id + 1
 *   unwind_pools   ARRAY_OF_MAPS → ARRAYs of blocks              block id / POOL_BLOCKS, %
 *   unwind_rules   ARRAY  rule id → struct cresset_unwind_rule
 *   unwind_files   HASH   struct cresset_unwind_file_key → …_file what the kernel has mapped is
 *   unwind_misses  HASH   struct cresset_unwind_miss → __u64     what user space is asked to bring
 *   unwind_jvms    HASH   tgid → struct cresset_unwind_jvm       where a Java VM keeps its code
 *
 * All ARRAYs are MMAPABLE. The kernel rounds each element up to 8 bytes, so an element of
 * unwind_dirs has a line of cells; its mapping is a plain array of __u32, indexed by cell number.
 *
 * User space publishes from the bottom up (blocks, directory, dso, page, proc), and takes away from
 * the top down, so the walker never meets half a table.
 *
 * A frame in a stack is 64 bits: see CRESSET_FRAME_* below. Naming the file in it makes a stack
 * immune to what is unmapped or mapped anew before it is symbolised.
 */
#ifndef BPF_UNWIND_H
#define BPF_UNWIND_H

#include <linux/types.h>

/*
 * Frames. Bits 0-47: address. Bits 48-61: dso id; 0: the address is a run-time address, else it is
 * the file's own virtual address. Bit 62: the frame was found by a fallback, not by a table. Bit
 * 63: the address is that of an interrupted instruction (behind a signal frame), not a return
 * address. The leaf never has bit 63; CRESSET_SAMPLE_LEAF_AFTER of its sample says what its address
 * is.
 */
enum { CRESSET_FRAME_DSO_SHIFT = 48, CRESSET_MAX_DSOS = 1 << 14 };
#define CRESSET_FRAME_ADDRESS  ((1ull << CRESSET_FRAME_DSO_SHIFT) - 1)
#define CRESSET_FRAME_DSO(f)   ((__u32)((f) >> CRESSET_FRAME_DSO_SHIFT) & (CRESSET_MAX_DSOS - 1))
#define CRESSET_FRAME_FALLBACK (1ull << 62)
#define CRESSET_FRAME_EXACT    (1ull << 63)

/* Registers of rules have DWARF's numbers of the architecture (x86-64: 6 rbp, 7 rsp, 10 r10 …). */
enum cresset_cfa_kind {
	CRESSET_CFA_NONE,    /* cannot be expressed: see enum cresset_rule_none */
	CRESSET_CFA_REG,     /* reg + cfa_offset */
	CRESSET_CFA_DEREF,   /* *(reg + cfa_offset) + cfa_add */
	CRESSET_CFA_PLT,     /* sp + cfa_offset + ((pc & 15) >= cfa_add) * 8, pc unadjusted */
	CRESSET_CFA_INDEXED, /* *(sp + reg * 8 + cfa_offset) + cfa_add: OpenSSL's bn_mul_mont */
};

enum cresset_fp_kind {
	CRESSET_FP_SAME,   /* the caller's frame pointer is still in its register */
	CRESSET_FP_AT_CFA, /* *(CFA + fp_offset) */
	CRESSET_FP_AT_FP,  /* *(fp + fp_offset): stack-realign (DRAP) frames */
	CRESSET_FP_LOST,   /* cannot be known: a later rule that needs it fails */
};

enum cresset_ra_kind {
	CRESSET_RA_AT_CFA, /* *(CFA + ra_offset) */
	CRESSET_RA_END,	   /* undefined: this is the outermost frame */
	CRESSET_RA_REG,	   /* in register ra_offset; only known at frame 0 and after signals */
	CRESSET_RA_AT_FP,  /* *(fp + ra_offset) */
};

enum { CRESSET_RULE_SIGNAL = 1 }; /* flags: a signal frame, the registers are in the ucontext */

struct cresset_unwind_rule {
	__u8 cfa; /* enum cresset_cfa_kind */
	__u8 cfa_reg;
	__u8 fp;    /* enum cresset_fp_kind */
	__u8 ra;    /* enum cresset_ra_kind */
	__u8 flags; /* CRESSET_RULE_* */
	__u8 none;  /* with CFA_NONE: enum cresset_rule_none */
	/*
	 * A register that is preserved and that this file has CFAs based on: it can be had in
	 * callers only if all frames before say where it is. 0: not followed here, the caller's is
	 * lost. Else the caller's is at CFA + 8 * saved_at, or, at 0, still in the register.
	 */
	__u8 saved;
	__s8 saved_at;
	__s32 cfa_offset;
	__s32 cfa_add;
	__s32 fp_offset;
	__s32 ra_offset;
};

/* Why a row has no rule. */
enum cresset_rule_none {
	CRESSET_NONE_NO_FDE,	     /* a gap: nothing describes this code */
	CRESSET_NONE_CFA_EXPRESSION, /* an expression that is none of the shapes above */
	CRESSET_NONE_CFA_REGISTER,
	CRESSET_NONE_FP_RULE,
	CRESSET_NONE_RA_RULE,
	CRESSET_NONE_OFFSET,  /* does not fit */
	CRESSET_NONE_DAMAGED, /* instructions that make no sense */
	CRESSET_NONE_RULES_FULL,
	CRESSET_N_NONE,
};

enum {
	CRESSET_MAX_RULES = 1 << 14, /* rule ids are 16 bits; id 0 is {CFA_NONE, NO_FDE} */
	CRESSET_LINE_ROWS = 16,	     /* a cache line of rows */
	CRESSET_BLOCK_LINES = 15,
	CRESSET_BLOCK_ROWS = CRESSET_LINE_ROWS * CRESSET_BLOCK_LINES,
	CRESSET_BLOCK_SPAN = 1 << 16,
	CRESSET_POOL_BLOCKS = 4096, /* 4 MiB */
	CRESSET_MAX_POOLS = 128,
	/*
	 * One cell for each 2 KiB of text: on average a block has 20 KiB (2,000 files of a Debian
	 * system), so one look-up in ten takes a second block.
	 */
	CRESSET_DIR_SHIFT = 11,
	CRESSET_PAGE_RANGES = 170,
	CRESSET_MAX_PROC_PAGES = 16,
};

struct cresset_unwind_row {
	__u16 pc;   /* - block.base */
	__u16 rule; /* holds from pc to the next row */
};

struct cresset_unwind_block {
	__u32 base;	 /* of the first row, from the dso's text start */
	__u32 next_base; /* of the next block of this dso; ~0: the last one */
	__u32 next;	 /* its block id */
	__u16 n;
	__u16 dso;
	__u16 pivots[CRESSET_LINE_ROWS]; /* pc of the first row of line i + 1 */
	__u16 pad[8];
	struct cresset_unwind_row rows[CRESSET_BLOCK_ROWS]; /* behind n: the last one again */
};

/* Makes the pivots of a block with n > 0 rows, and fills the rest of it: for who writes blocks. */
static inline void cresset_block_seal(struct cresset_unwind_block *block)
{
	for (__u32 i = block->n; i < CRESSET_BLOCK_ROWS; i++)
		block->rows[i] = block->rows[block->n - 1];
	for (__u32 line = 1; line < CRESSET_BLOCK_LINES; line++)
		block->pivots[line - 1] = block->rows[line * CRESSET_LINE_ROWS].pc;
}

/*
 * Cell i of a directory has 1 + the block whose rows are in force at the first byte of its text:
 * the look-up begins in that block and goes on to `next` while its pc is not below next_base, at
 * most CRESSET_MAX_HOPS times (2 KiB have at most 2,048 rows). Before the first row: the first
 * block. 0: no rows.
 */
enum { CRESSET_DIR_LINE = 16, CRESSET_MAX_HOPS = 9 };

struct cresset_unwind_cells {
	__u32 cell[CRESSET_DIR_LINE];
};

struct cresset_unwind_dso {
	__u64 text;	 /* virtual address of directory cell 0 */
	__u32 text_size; /* bytes that the directory covers */
	__u32 dir;	 /* index of its first cell */
	__u32 state;	 /* enum cresset_dso_state */
	__u32 epoch;	 /* written by the walker: cresset_unwind_epoch at its last use */
	__u32 flags;
	__u32 pad;
};

enum cresset_dso_state {
	CRESSET_DSO_FREE,
	CRESSET_DSO_WANTED, /* no tables yet: a miss is reported, the frame pointer is tried */
	CRESSET_DSO_READY,
	CRESSET_DSO_EVICTED, /* had tables; asked for again on a miss */
	CRESSET_DSO_NONE,    /* has no unwind information at all */
};

/* An executable range of a process. Ranges of a page are sorted by start and do not overlap. */
struct cresset_unwind_range {
	__u64 start;
	__u64 bias;  /* run-time address - bias = the file's virtual address */
	__u32 pages; /* of 4 KiB */
	__u16 dso;   /* 0: none */
	__u16 kind;  /* enum cresset_range_kind */
};

enum cresset_range_kind {
	CRESSET_RANGE_FILE,
	CRESSET_RANGE_VDSO,
	CRESSET_RANGE_ANON, /* JIT: frame pointers */
};

struct cresset_unwind_page {
	__u32 n;
	__u32 pad[3];
	struct cresset_unwind_range ranges[CRESSET_PAGE_RANGES];
};

/* Of a tgid. With more than one page, page i begins at first[i]. */
struct cresset_unwind_proc {
	__u32 exec_id; /* pages of another image of the process are not used */
	__u32 n_pages;
	__u32 pages[CRESSET_MAX_PROC_PAGES];
	__u64 first[CRESSET_MAX_PROC_PAGES];
};

/*
 * Of a file whose code is mapped in one way only, for processes that are not known yet. dev is as
 * the kernel has it (20 bits of minor number). {0, 0}: the vdso.
 */
struct cresset_unwind_file_key {
	__u64 ino;
	__u32 dev;
	__u32 pad;
};

struct cresset_unwind_file {
	/* Else it is another file by now. */
	__u64 size;
	__s64 mtime_sec;
	__u32 mtime_nsec;
	__u32 dso;
	__u64 code_start; /* offsets in the file */
	__u64 code_end;
	__u64 shift; /* offset in the file - the file's virtual address */
};

/* dso != 0: its tables are wanted. dso == 0: the process (and this page of it) is not known. */
struct cresset_unwind_miss {
	__u32 pid;
	__u32 exec_id;
	__u32 dso;
	__u32 pad;
	__u64 address; /* dso == 0: 2 MiB aligned */
};

/*
 * A HotSpot Java VM: where its generated code is, and how it describes it (unwind_hotspot.bpf.c).
 * Code heaps do not move and their reserved ends do not change, so this is read once they are made.
 */
struct cresset_jvm_heap {
	__u64 low;
	__u64 bytes;  /* reserved, not all of it is in use */
	__u64 segmap; /* a byte for each segment: 0xff free, 0 a block begins, n: go back by n */
};

/* A piece of the interpreter that makes a frame; offsets from the interpreter's first byte. */
struct cresset_jvm_entry {
	__u32 begin;
	__u32 pop;  /* the instruction that takes the return address off the stack, into rax */
	__u32 push; /* … and puts it back; push %rbp and mov %rsp,%rbp follow */
	__u32 end;
};

enum {
	CRESSET_JVM_HEAPS = 8,
	CRESSET_JVM_ENTRIES = 8,
	CRESSET_JVM_BLOCK_BYTES = 128, /* the offsets in a block are below */
};

enum {
	CRESSET_JVM_INCOMPLETE = 1, /* still being started: misses are reported */
	CRESSET_JVM_CODE_OFFSETS =
		2, /* begin and end of code are s32 from the CodeBlob, else addresses */
	CRESSET_JVM_COMPLETE_16 = 4, /* frame_complete is 16 bits wide, else 32 */
};

struct cresset_unwind_jvm {
	__u32 exec_id; /* as in cresset_unwind_proc */
	__u32 flags;   /* CRESSET_JVM_* */
	__u8 n_heaps;
	__u8 n_entries;
	__u8 segment_shift;
	/* Offsets from a block's first byte, its HeapBlock header, behind which the CodeBlob is. */
	__u8 used; /* bool */
	__u8 blob;
	__u8 name; /* const char * */
	__u8 code_begin;
	__u8 code_end;
	__u8 frame_size; /* s32, words, return address included; below 1: by frame pointer, or none
			  */
	__u8 frame_complete; /* from code_begin on; -1: it does not say */
	__u8 pad[2];
	__u32 interpreter_bytes;
	__u64 interpreter;
	__u32 entries_begin; /* entry points of methods, offsets from `interpreter` */
	__u32 entries_end;
	struct cresset_jvm_heap heaps[CRESSET_JVM_HEAPS];
	struct cresset_jvm_entry entries[CRESSET_JVM_ENTRIES];
};

_Static_assert(sizeof(struct cresset_unwind_rule) == 24, "padding");
_Static_assert(sizeof(struct cresset_unwind_jvm) == 40 + 24 * 8 + 16 * 8, "padding");
_Static_assert(sizeof(struct cresset_unwind_block) == 1024, "a block is one KiB");
_Static_assert(sizeof(struct cresset_unwind_cells) == 64, "cells without padding");
_Static_assert(sizeof(struct cresset_unwind_dso) == 32, "padding");
_Static_assert(sizeof(struct cresset_unwind_range) == 24, "padding");
_Static_assert(sizeof(struct cresset_unwind_page) == 4096, "a page");
_Static_assert(sizeof(struct cresset_unwind_miss) == 24, "padding");
_Static_assert(sizeof(struct cresset_unwind_file_key) == 16, "padding");
_Static_assert(sizeof(struct cresset_unwind_file) == 48, "padding");

#endif
