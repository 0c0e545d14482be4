/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * unwind_hotspot.h - inside unwind_hotspot.bpf.c: what the instructions around a pc say of the
 * frame of code that HotSpot has compiled.
 *
 * Only a leaf may be where its frame is not whole: in the prologue, which makes it, or in the
 * epilogue, which drops it. The compilers (C1, C2) and the generator of stubs write these in few
 * ways, listed below; bytes are compared in the order in which they stand in memory, so constants
 * read backwards. Code in the middle that looks the same would be misread, but what comes of it
 * must then still be a return address.
 *
 * blob.code has 8 bytes before pc and 16 from pc on.
 */
#ifndef BPF_UNWIND_HOTSPOT_H
#define BPF_UNWIND_HOTSPOT_H

#include "core.h"

/* How a frame is left from where a leaf is. */
enum leaf {
	LEAF_FULL,   /* the frame is whole */
	LEAF_NONE,   /* only the return address */
	LEAF_PUSHED, /* the return address, and rbp below it */
	LEAF_SAVING, /* whole, but rbp is not saved yet */
};

/* blob.complete: it is not said from where on the frame is whole. */
#define BLOB_NEVER (~0ull)

static __always_inline __u64 code_at(const struct cresset_blob *b, int bytes)
{
	return bytes == 8 ? b->code[1] : b->code[1] & ((1ull << bytes * 8) - 1);
}

static __always_inline __u64 code_before(const struct cresset_blob *b, int from, int bytes)
{
	return b->code[0] >> (8 - from) * 8 & (bytes == 8 ? ~0ull : (1ull << bytes * 8) - 1);
}

/* `add $n,%rsp` ends where `before` bytes before pc begin. */
static __always_inline bool frame_dropped(const struct cresset_blob *b, int before)
{
	return code_before(b, before + 4, 3) == 0xc48348 ||
	       (before == 0 && code_before(b, 7, 3) == 0xc48148) ||
	       (before == 1 && code_before(b, 8, 3) == 0xc48148);
}

/*
 * Behind the prologue. Epilogues are add $n,%rsp; pop %rbp; then a poll for safepoints, which is
 * cmp x(%r15),%rsp; ja, or a read of a page; ret. Out of line behind that: lea, mov, jmp. Those of
 * wrappers of native methods: leave; cmpq $0,x(%r15); jne; ret.
 */
static __always_inline enum leaf leaf_in_body(const struct cresset_blob *b)
{
	__u64 byte = code_at(b, 1), three = code_at(b, 3);

	if (byte == 0xc3 || byte == 0xc2)
		return LEAF_NONE;
	if (byte == 0x5d)
		return frame_dropped(b, 0) || (b->code[1] >> 8 & 0xffffff) == 0xa73b49 ||
				       (b->code[1] >> 8 & 0xff) == 0xc3
			       ? LEAF_PUSHED
			       : LEAF_FULL;
	if (code_before(b, 1, 1) == 0x5d && frame_dropped(b, 1))
		return LEAF_NONE;
	/* cmp x(%r15),%rsp; ja */
	if (three == 0xa73b49 || (three == 0x673b49 && code_before(b, 1, 1) == 0x5d))
		return LEAF_NONE;
	if ((code_at(b, 2) == 0x870f || byte == 0x77) &&
	    (code_before(b, 7, 3) == 0xa73b49 || code_before(b, 4, 3) == 0x673b49))
		return LEAF_NONE;
	/* test %eax,x(%rip); ret, test %eax,(%r10); ret, and mov x(%r15),%r10 before the latter */
	if ((code_at(b, 2) == 0x0585 && (b->code[1] >> 48 & 0xff) == 0xc3) ||
	    code_at(b, 4) == 0xc3028541 ||
	    (three == 0x978b4d && b->code[1] >> 56 == 0x41 && (b->code[2] & 0xffffff) == 0xc30285))
		return LEAF_NONE;
	/* lea x(%rip),%r10; mov %r10,x(%r15); jmp */
	if ((three == 0x158d4c && b->code[1] >> 56 == 0x4d && (b->code[2] & 0xffff) == 0x9789) ||
	    (three == 0x97894d && code_before(b, 7, 3) == 0x158d4c) ||
	    (byte == 0xe9 && code_before(b, 7, 3) == 0x97894d))
		return LEAF_NONE;
	/* cmpq $0,x(%r15) of stubs is found by the pop before it; jne; ret */
	if (code_at(b, 2) == 0x850f && (b->code[1] >> 48 & 0xff) == 0xc3)
		return LEAF_NONE;
	if ((three == 0x7f8349 && code_before(b, 1, 1) == 0xc9) ||
	    (code_at(b, 2) == 0x850f && code_before(b, 6, 4) == 0x7f8349c9))
		return LEAF_NONE;
	return LEAF_FULL;
}

/*
 * In the prologue: push %rbp; maybe mov %rsp,%rbp; sub $n,%rsp; or sub; mov %rbp,n(%rsp); before
 * them a check of the class and a touch of the stack to come, behind them cmpl $x,y(%r15); jne.
 */
static __always_inline enum leaf leaf_in_prologue(const struct cresset_blob *b)
{
	__u64 four = code_at(b, 4);

	if (code_at(b, 1) == 0x55)
		return LEAF_NONE;
	if (four == 0x246c8948 || four == 0x24ac8948)
		return LEAF_SAVING;
	if (code_before(b, 1, 1) == 0x55 &&
	    (code_at(b, 3) == 0xec8348 || code_at(b, 3) == 0xec8148 || code_at(b, 3) == 0xec8b48))
		return LEAF_PUSHED;
	if (code_before(b, 3, 3) == 0xec8b48)
		return LEAF_PUSHED;
	if (code_before(b, 4, 3) == 0xec8348 || code_before(b, 7, 3) == 0xec8148 ||
	    code_before(b, 5, 4) == 0x246c8948 || code_before(b, 8, 4) == 0x24ac8948)
		return LEAF_FULL;
	if (code_at(b, 3) == 0x7f8141 || code_before(b, 8, 3) == 0x7f8141 ||
	    code_at(b, 3) == 0x7f8341 || code_before(b, 5, 3) == 0x7f8341)
		return LEAF_FULL;
	return LEAF_NONE;
}

/* Where in its frame a leaf is. */
static __always_inline enum leaf leaf_find(const struct cresset_blob *b, __u64 at)
{
	if (b->complete != BLOB_NEVER)
		return at >= b->complete ? leaf_in_body(b) : leaf_in_prologue(b);
	if (code_at(b, 4) == 0xec8b4855)
		return LEAF_NONE;
	if (code_before(b, 1, 1) == 0x55 && code_at(b, 3) == 0xec8b48)
		return LEAF_PUSHED;
	return leaf_in_body(b);
}

#endif
