// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unwind_hotspot.bpf.c - the callers of code that a HotSpot Java VM generated.
 *
 * Such code has no .eh_frame and keeps no frame pointer, but the VM itself must walk it, so it says
 * of each piece ("blob") how large its frame is. Blobs lie in code heaps; a map of bytes, one for
 * each segment of a heap, leads from any address back to its blob. Where all of that is, user space
 * has found out (profiler/unwind/hotspot.h).
 *
 *   compiled methods, stubs with a size   CFA = sp + size, caller's rbp at CFA - 16
 *   the interpreter                       rbp; the caller's sp is at rbp - 8, as a compiled
 * caller's arguments may have been moved other stubs                           rbp, or at the leaf
 * no frame at all
 *
 * The sizes hold at calls, so for all frames but the leaf (and what a signal interrupted), which
 * may be in a prologue or an epilogue: see unwind_hotspot.h. There what is found must lie behind a
 * call. If it does not, other ways are tried, one after the other. Some of them are guesses: their
 * frames are marked as a fallback's.
 *
 * Each way is a candidate, cresset_hotspot_candidate() gives one after the other. They are checked
 * in one place, as calls may not be nested deeper (8) than looking up a return address takes.
 */
#include "unwind_hotspot.h"
#include "unwind_arch.h"
#include "unwind_walk.h"

enum { MAX_HOPS = 24, MAX_FRAME_WORDS = 1 << 18, MAX_CANDIDATES = 11 };
/* Words above the expected return address that are looked at. */
enum { SEARCH_WORDS = 48 };
/* Between the sp of a caller and that of what it has called: arguments that were moved, locals. */
#define MAX_SENDER_BYTES (1ull << 20)
#define MAX_MOVED_BYTES	 2048ull
#define MAX_KEPT_BYTES	 256ull
/* Of stubs' frames. */
#define MAX_STUB_BYTES	 (64ull << 10)

/* What a return address must be: in code; behind a call (or the interpreter's); behind one of this.
 */
enum { TRUST_CODE, TRUST_CALL, TRUST_CALLER };
/* What cresset_hotspot_candidate() says. */
enum { CANDIDATE_NONE, CANDIDATE_SKIP, CANDIDATE_TRY };

struct cresset_jvms_map unwind_jvms SEC(".maps");

#if defined(__TARGET_ARCH_x86)

enum { RAX = 0, RBX = 3, R13 = 13 };

/* ---- Blobs. */

/* The value at an offset of the block that has been read; 32 bits of it. */
static __always_inline __u32 block_u32(const struct cresset_blob *b, __u32 offset)
{
	return b->words[offset >> 3 & 15] >> ((offset & 7) * 8);
}

/* From a segment back to that where its block begins; -1: nothing is there. */
static __always_inline __s64 segment_first(__u64 segmap, __u64 at)
{
	__u8 back = 0;

	for (int i = 0; i < MAX_HOPS; i++) {
		if (bpf_probe_read_user(&back, sizeof(back), (const void *)(segmap + at)))
			return -1;
		if (!back)
			return (__s64)at;
		if (back == 0xff || back > at)
			return -1;
		at -= back;
	}
	return -1;
}

/* What the block says of itself; -1: it is not in use, or the address is not in its code. */
static __always_inline int block_take(struct cresset_blob *b, const struct cresset_unwind_jvm *jvm,
				      __u64 block, __u64 address)
{
	__u64 begin, end;
	__s32 words, complete;

	if (!(block_u32(b, jvm->used) & 0xff))
		return -1;
	if (jvm->flags & CRESSET_JVM_CODE_OFFSETS) {
		begin = block + jvm->blob + block_u32(b, jvm->code_begin);
		end = block + jvm->blob + block_u32(b, jvm->code_end);
	} else {
		begin = b->words[jvm->code_begin >> 3 & 15];
		end = b->words[jvm->code_end >> 3 & 15];
	}
	if (address < begin || address >= end)
		return -1;
	words = (__s32)block_u32(b, jvm->frame_size);
	complete = (__s32)block_u32(b, jvm->frame_complete);
	if (jvm->flags & CRESSET_JVM_COMPLETE_16)
		complete = (__s16)complete;
	if (words > MAX_FRAME_WORDS)
		return -1;
	b->begin = begin;
	b->bytes = end - begin;
	b->frame_bytes = words > 0 ? (__u32)words * 8 : 0;
	b->complete = complete >= 0 ? begin + (__u64)complete : BLOB_NEVER;
	b->name = b->words[jvm->name >> 3 & 15];
	b->interpreter = 0;
	return 0;
}

/* The blob that has the address, to scratch.blob. 0, or -1: none that is known. */
__noinline int cresset_hotspot_find(__u32 slot_id, __u64 address)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_unwind_jvm *jvm;
	struct cresset_blob *b;
	__u64 low = 0, segmap = 0;
	__s64 segment;

	if (!s)
		return -1;
	b = &s->blob;
	if (address - b->begin < b->bytes)
		return 0;
	b->bytes = 0;
	jvm = bpf_map_lookup_elem(&unwind_jvms, &s->key.pid);
	if (!jvm || jvm->exec_id != s->key.exec_id)
		return -1;
	b->interpreter_begin = jvm->interpreter;
	b->interpreter_bytes = jvm->interpreter_bytes;
	if (jvm->flags & CRESSET_JVM_INCOMPLETE)
		cresset_walk_miss(slot_id, 0, address);
	if (address - jvm->interpreter < jvm->interpreter_bytes) {
		b->begin = jvm->interpreter;
		b->bytes = jvm->interpreter_bytes;
		b->interpreter = 1;
		return 0;
	}
	for (int i = 0; i < CRESSET_JVM_HEAPS; i++) {
		if (address - jvm->heaps[i].low >= jvm->heaps[i].bytes)
			continue;
		low = jvm->heaps[i].low;
		segmap = jvm->heaps[i].segmap;
	}
	if (!low)
		return -1;
	segment = segment_first(segmap, (address - low) >> (jvm->segment_shift & 31));
	if (segment < 0)
		return -1;
	low += (__u64)segment << (jvm->segment_shift & 31);
	if (bpf_probe_read_user(b->words, sizeof(b->words), (const void *)low))
		return -1;
	return block_take(b, jvm, low, address);
}

static __always_inline bool in_interpreter(const struct cresset_blob *b, __u64 address)
{
	return address - b->interpreter_begin < b->interpreter_bytes;
}

/* The first four letters of its name. */
static __always_inline __u32 blob_name(const struct cresset_blob *b)
{
	__u32 name = 0;

	if (bpf_probe_read_user(&name, sizeof(name), (const void *)b->name))
		return 0;
	return name;
}

static __always_inline bool is_method(const struct cresset_blob *b)
{
	return blob_name(b) == 0x74656d6e /* nmet */;
}

static __always_inline int code_read(struct cresset_scratch *s)
{
	return bpf_probe_read_user(s->blob.code, sizeof(s->blob.code),
				   (const void *)(s->walk.pc - 8));
}

/* ---- Candidates. */

/* The return address below `cfa`; saved: the caller's rbp is below that. */
static __always_inline int try_frame(struct cresset_blob *b, __u64 cfa, bool saved)
{
	b->cfa = cfa;
	b->ra_at = cfa - 8;
	b->fp_at = saved ? cfa - 16 : 0;
	return CANDIDATE_TRY;
}

/* The return address is in a register. The caller's stack begins at `sender` if that can be. */
static __always_inline int try_register(struct cresset_scratch *s, __u64 ra, __u64 sender)
{
	struct cresset_blob *b = &s->blob;

	b->cfa = s->registers.sp;
	b->ra = ra;
	b->ra_at = b->fp_at = 0;
	b->sender = sender;
	return CANDIDATE_TRY;
}

/* The same, and the return address is on top of the stack. */
static __always_inline int try_top(struct cresset_scratch *s, __u64 sender)
{
	s->blob.sender = sender;
	return try_frame(&s->blob, s->registers.sp + 8, false);
}

/* By rbp. */
static __always_inline int try_fp(struct cresset_scratch *s, __u64 sender)
{
	if (s->walk.lost & CRESSET_LOST_FP || s->registers.fp < s->registers.sp)
		return CANDIDATE_SKIP;
	s->blob.sender = sender;
	return try_frame(&s->blob, s->registers.fp + 16, true);
}

/* A frame with a size. */
static __always_inline int try_sized(struct cresset_scratch *s, enum leaf leaf)
{
	__u64 sp = s->registers.sp;

	if (leaf == LEAF_NONE)
		return try_frame(&s->blob, sp + 8, false);
	if (leaf == LEAF_PUSHED)
		return try_frame(&s->blob, sp + 16, true);
	return try_frame(&s->blob, sp + s->blob.frame_bytes, leaf == LEAF_FULL);
}

/*
 * Code in a method that is out of its way (barriers of a garbage collector) may have more on the
 * stack than its frame when it calls C++. What looks like a return address above is then taken: how
 * far above `from` the stack of the caller begins; 0: nothing.
 */
__noinline int cresset_hotspot_search(__u32 slot_id, __u64 from)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	__u64 word;

	if (!s || cresset_walk_fill(slot_id, from))
		return 0;
	for (__u64 i = 0; i < SEARCH_WORDS && i * 8 < s->window.bytes; i++) {
		word = s->window.words[i];
		if (in_interpreter(&s->blob, word) ||
		    (word - s->blob.range_start < s->blob.range_bytes &&
		     cresset_behind_call(word, 0)))
			return (i + 1) * 8;
	}
	return 0;
}

static __always_inline int try_search(__u32 slot_id, struct cresset_scratch *s, __u64 from,
				      bool saved)
{
	__u64 over = cresset_hotspot_search(slot_id, from);

	return over ? try_frame(&s->blob, from + over, saved) : CANDIDATE_SKIP;
}

/* ---- Frames with a size. */

/*
 * By rbp, where it is in the frame: stubs that push registers one by one, or align the stack for a
 * call to C++.
 */
static __always_inline int sized_by_fp(struct cresset_scratch *s)
{
	if (s->registers.fp + 8 > s->registers.sp + s->blob.frame_bytes)
		return CANDIDATE_SKIP;
	return try_fp(s, 0);
}

/* Code that searches strings keeps some words on the stack, and the frame's sp on top of them. */
static __always_inline int sized_by_saved_sp(__u32 slot_id, struct cresset_scratch *s)
{
	__u64 above;

	if (walk_read(slot_id, s, s->registers.sp))
		return CANDIDATE_SKIP;
	above = s->walk.value - s->registers.sp;
	if (!above || above > MAX_KEPT_BYTES || above & 7)
		return CANDIDATE_SKIP;
	return try_frame(&s->blob, s->walk.value + s->blob.frame_bytes, true);
}

static __always_inline int sized_first(struct cresset_scratch *s)
{
	struct cresset_blob *b = &s->blob;
	__u64 at = s->walk.pc - !s->walk.exact;

	b->leaf = LEAF_FULL;
	b->strict = s->walk.exact;
	if (s->walk.exact) {
		if (code_read(s))
			return CANDIDATE_NONE;
		b->leaf = leaf_find(b, at);
	} else if (b->complete != BLOB_NEVER && at < b->complete) {
		b->strict = 1; /* a guard of the entry, called when the frame is there */
	} else if (s->walk.found == CRESSET_FOUND_TABLE) {
		b->strict = is_method(b); /* it has called C++ */
	}
	if (s->walk.exact ? b->complete == BLOB_NEVER && b->leaf == LEAF_FULL
			  : s->registers.fp + 8 == s->registers.sp + b->frame_bytes)
		return sized_by_fp(s);
	return CANDIDATE_SKIP;
}

/*
 * What is left on the stack from earlier calls looks like callers too, so those that have called
 * this very code come first. At a leaf in the middle of a method's code more than its frame may be
 * on the stack: code for comparing strings pushes a register for a while.
 */
static __always_inline int sized_candidate(__u32 slot_id, struct cresset_scratch *s, __u32 i)
{
	struct cresset_blob *b = &s->blob;
	bool full = s->walk.exact && b->leaf == LEAF_FULL;

	if (i == 0)
		return sized_first(s);
	if (i <= 3 && !s->walk.exact)
		return CANDIDATE_SKIP;
	b->trust = i <= 3 ? TRUST_CALLER : b->strict ? TRUST_CALL : TRUST_CODE;
	if (i == 1 || i == 4)
		return try_sized(s, b->leaf);
	if (!b->strict)
		return CANDIDATE_NONE;
	if (i == 5)
		return sized_by_fp(s);
	b->sure = i < 6;
	if (i == 2 || i == 6)
		return full ? sized_by_saved_sp(slot_id, s) : CANDIDATE_SKIP;
	if (i == 3 || i == 7)
		return full ? try_frame(b, s->registers.sp + b->frame_bytes + 8, true)
			    : CANDIDATE_SKIP;
	if (i == 8)
		return b->leaf != LEAF_FULL ? try_sized(s, LEAF_FULL) : CANDIDATE_SKIP;
	if (i == 9)
		return full ? try_sized(s, LEAF_NONE) : CANDIDATE_SKIP;
	return try_search(slot_id, s, s->registers.sp + b->frame_bytes, true);
}

/* ---- The interpreter. */

/* The leaf is in the code by which methods are entered: is its frame there yet? */
static __always_inline int entry_candidate(struct cresset_scratch *s,
					   const struct cresset_unwind_jvm *jvm, __u32 at, __u32 i)
{
	__u64 sender = s->registers.general[R13], rax = s->registers.general[RAX];
	__u32 pop = 0, push = 0;

	for (int k = 0; k < CRESSET_JVM_ENTRIES; k++) {
		const struct cresset_jvm_entry *e = &jvm->entries[k];

		if (at - e->begin >= e->end - e->begin)
			continue;
		pop = e->pop;
		push = e->push;
	}
	if (!push) /* does all of its work without one */
		return i ? try_register(s, rax, sender) : try_top(s, sender);
	if (i)
		return CANDIDATE_NONE;
	if (at <= pop || at == push + 1)
		return try_top(s, sender);
	if (at <= push)
		return try_register(s, rax, sender);
	if (at == push + 2)
		s->registers.fp = s->registers.sp; /* as the next instruction will do */
	if (at < push + 7)
		return try_fp(s, sender);
	return CANDIDATE_SKIP;
}

/* leave; maybe movb $0,x(%r15); pop %r13; mov %rbx,%rsp; maybe a check of x(%r15); jmp *%r13 */
static __always_inline int return_candidate(struct cresset_scratch *s)
{
	const struct cresset_blob *b = &s->blob;
	__u64 sender = s->registers.general[RBX], ra = s->registers.general[R13];

	if (code_read(s))
		return CANDIDATE_SKIP;
	if (code_at(b, 5) == 0xe38b485d41 ||
	    (code_at(b, 3) == 0x87c641 && code_before(b, 1, 1) == 0xc9))
		return try_top(s, sender);
	if (code_at(b, 3) == 0xe38b48 && code_before(b, 2, 2) == 0x5d41)
		return try_register(s, ra, sender);
	if (code_at(b, 3) == 0xe5ff41 || code_before(b, 5, 5) == 0xe38b485d41 ||
	    (code_at(b, 2) == 0x0b72 && (b->code[2] >> 40 & 0xffffff) == 0xe5ff41) ||
	    (code_at(b, 3) == 0x87c749 && (b->code[2] >> 24 & 0xffffff) == 0xe5ff41))
		return try_register(s, ra, 0);
	return CANDIDATE_SKIP;
}

static __always_inline int interpreter_candidate(__u32 slot_id, struct cresset_scratch *s, __u32 i)
{
	struct cresset_unwind_jvm *jvm = bpf_map_lookup_elem(&unwind_jvms, &s->key.pid);
	__u32 at;

	if (!jvm)
		return CANDIDATE_NONE;
	at = s->walk.pc - jvm->interpreter;
	s->blob.trust = s->walk.exact ? TRUST_CALL : TRUST_CODE;
	if (s->walk.exact && at - jvm->entries_begin < jvm->entries_end - jvm->entries_begin) {
		int r = i < 2 ? entry_candidate(s, jvm, at, i) : CANDIDATE_NONE;

		if (r != CANDIDATE_SKIP)
			return r;
	} else if (s->walk.exact && !i) {
		return return_candidate(s);
	} else if (i > 1) {
		return CANDIDATE_NONE;
	}
	if (s->walk.lost & CRESSET_LOST_FP || walk_read(slot_id, s, s->registers.fp - 8))
		return CANDIDATE_NONE;
	return try_fp(s, s->walk.value);
}

/* ---- Code without a size. */

/*
 * Adapters and tables of jumps: what they jump to finds the return address where they did. Where
 * arguments are moved for that (I2C/C2I adapters), sp goes down; r13 then is the caller's.
 */
static __always_inline int frameless_candidate(struct cresset_scratch *s, __u32 name, __u32 i)
{
	__u64 sender = s->registers.general[R13];

	if (name != 0x2f433249 /* I2C/ */ || sender - s->registers.sp > MAX_MOVED_BYTES)
		sender = 0;
	if (i > 1)
		return CANDIDATE_NONE;
	return i ? try_register(s, s->registers.general[RAX], sender) : try_top(s, sender);
}

/* At the edges of a frame by rbp. */
static __always_inline int stub_edge(struct cresset_scratch *s)
{
	const struct cresset_blob *b = &s->blob;

	if (code_before(b, 1, 1) == 0x55 &&
	    (code_at(b, 3) == 0xec8b48 || code_at(b, 3) == 0xe58948))
		return try_frame(&s->blob, s->registers.sp + 16, true);
	/* push %rbp, ret, vzeroupper; ret */
	if (code_at(b, 1) == 0x55 || code_at(b, 1) == 0xc3 || code_at(b, 4) == 0xc377f8c5)
		return try_top(s, 0);
	return CANDIDATE_SKIP;
}

/* A stub that guards the entry of methods has a word of its own below the return address. */
static __always_inline int stub_with_cookie(__u32 slot_id, struct cresset_scratch *s)
{
	__u64 fp = s->registers.fp;

	if (s->walk.lost & CRESSET_LOST_FP || walk_read(slot_id, s, fp + 8) ||
	    s->walk.value != ~0ull)
		return CANDIDATE_SKIP;
	try_frame(&s->blob, fp + 24, false);
	s->blob.fp_at = fp;
	return CANDIDATE_TRY;
}

static __always_inline int stub_candidate(__u32 slot_id, struct cresset_scratch *s, __u32 i)
{
	__u64 sp = s->registers.sp, fp = s->registers.fp;

	s->blob.trust = s->walk.exact ? TRUST_CALL : TRUST_CODE;
	if (!i) {
		s->blob.label = s->walk.exact ? blob_name(&s->blob) : 0;
		if (s->walk.exact && code_read(s))
			return CANDIDATE_NONE;
	}
	if (s->blob.label == 0x2f433249 /* I2C/ */ || s->blob.label == 0x62617476 /* vtab */ ||
	    s->blob.label == 0x6874654d /* Meth */)
		return frameless_candidate(s, s->blob.label, i);
	if (i == 0)
		return s->walk.exact ? stub_edge(s) : CANDIDATE_SKIP;
	if (i == 1) {
		s->blob.trust = TRUST_CALLER;
		return s->walk.exact ? try_top(s, 0) : CANDIDATE_SKIP;
	}
	if (i == 2)
		return fp - sp < MAX_STUB_BYTES ? try_fp(s, 0) : CANDIDATE_SKIP;
	if (i == 3)
		return stub_with_cookie(slot_id, s);
	if (i > 4 || !s->walk.exact)
		return CANDIDATE_NONE;
	s->blob.sure = 0;
	return try_search(slot_id, s, sp, false);
}

__noinline int cresset_hotspot_candidate(__u32 slot_id, __u32 i)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);

	if (!s)
		return CANDIDATE_NONE;
	s->blob.sure = 1;
	s->blob.sender = 0;
	s->blob.trust = TRUST_CALL;
	if (s->blob.interpreter)
		return interpreter_candidate(slot_id, s, i);
	if (s->blob.frame_bytes)
		return sized_candidate(slot_id, s, i);
	return stub_candidate(slot_id, s, i);
}

/* ---- A step. */

/*
 * Where a method goes on that may not be returned to any more: call to the next instruction; sub
 * $5,(%rsp); or lea of itself, push. Returns to it were made by hand.
 */
static __always_inline bool at_deoptimization(__u64 ra)
{
	__u64 code;

	if (bpf_probe_read_user(&code, sizeof(code), (const void *)ra))
		return false;
	return code == 0x2c834800000000e8ull || code == 0x41fffffff9158d4cull;
}

/* Does a call of this very blob end at the address? */
static __always_inline bool calls_blob(const struct cresset_blob *b, __u64 ra)
{
	__u64 code;

	if (bpf_probe_read_user(&code, sizeof(code), (const void *)(ra - sizeof(code))))
		return false;
	return (code >> 24 & 0xff) == 0xe8 && ra + (__s64)(__s32)(code >> 32) - b->begin < b->bytes;
}

/* Can blob.ra be one? The interpreter pushes addresses by hand. */
static __always_inline bool ra_plausible(__u32 slot_id, struct cresset_scratch *s)
{
	__u64 ra = s->blob.ra;

	if (!walk_pc_plausible(ra) || cresset_walk_locate(slot_id, ra - 1))
		return false;
	/* Native code calls methods through a stub. */
	if (s->walk.kind != CRESSET_RANGE_ANON && s->blob.frame_bytes && is_method(&s->blob))
		return false;
	if (s->blob.trust == TRUST_CALLER)
		return calls_blob(&s->blob, ra);
	if (s->blob.trust == TRUST_CODE || in_interpreter(&s->blob, ra))
		return true;
	if (cresset_behind_call(ra, s->walk.kind == CRESSET_RANGE_FILE))
		return true;
	return s->walk.kind == CRESSET_RANGE_ANON && at_deoptimization(ra);
}

/* Reads what the candidate says, and goes to the caller if that can be one. */
static __always_inline bool candidate_take(__u32 slot_id, struct cresset_scratch *s)
{
	struct cresset_blob *b = &s->blob;
	__u64 fp = s->registers.fp;

	if (b->cfa & 7 || b->cfa < s->registers.sp)
		return false;
	if (b->fp_at) {
		if (walk_read(slot_id, s, b->fp_at))
			return false;
		fp = s->walk.value;
	}
	if (b->ra_at) {
		if (walk_read(slot_id, s, b->ra_at))
			return false;
		b->ra = s->walk.value;
	}
	if (!ra_plausible(slot_id, s))
		return false;
	if (b->sender - b->cfa < MAX_SENDER_BYTES && !(b->sender & 7))
		b->cfa = b->sender;
	s->registers.sp = b->cfa;
	s->registers.fp = fp;
	if (b->fp_at)
		s->walk.lost = 0;
	s->walk.pc = b->ra;
	s->walk.exact = 0;
	s->walk.saved = 0;
	s->walk.found = b->sure ? CRESSET_FOUND_HOTSPOT : CRESSET_FOUND_FALLBACK;
	return true;
}

__noinline int cresset_walk_hotspot(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	int r;

	if (!s || cresset_hotspot_find(slot_id, s->walk.pc - !s->walk.exact))
		return CRESSET_STOP_JIT;
	s->blob.range_start = s->walk.start;
	s->blob.range_bytes = s->walk.bytes;
	for (__u32 i = 0; i < MAX_CANDIDATES; i++) {
		r = cresset_hotspot_candidate(slot_id, i);
		if (r == CANDIDATE_NONE || (!s->blob.sure && cresset_config.tables_only))
			break;
		if (r == CANDIDATE_TRY && candidate_take(slot_id, s))
			return WALK_GO_ON;
	}
	return CRESSET_STOP_JIT;
}

#else

/* Not described yet: by frame pointers, which HotSpot's code for AArch64 keeps. */
__noinline int cresset_walk_hotspot(__u32 slot_id)
{
	return CRESSET_STOP_JIT;
}

#endif
