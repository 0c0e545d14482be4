// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unwind_fallback.bpf.c - how the native walker goes on where no rule tells it.
 *
 * In this order, each only if what it finds is plausible:
 *
 * 1. A signal frame known by its code: C libraries that do not describe their sigreturn. Its caller
 *    is certain, so it counts like one from a table.
 * 2. At the leaf: a return address at the top of the stack (or in the link register), if it points
 *    right behind a call in known code. Leaf functions and function entries, hand-written assembly.
 *    If that call went to other code, only after 3: it may be left over from an earlier one.
 * 3. The frame pointer: {caller's frame pointer, return address} not far above sp, the return
 *    address in known code and behind a call. Generated code need not be behind a call:
 * interpreters of virtual machines push addresses by hand.
 *
 * What 2 and 3 find may be wrong, so the frame says where it comes from. In code without any unwind
 * information a frame pointer of zero is the end of the chain, as the ABI has entry code make it.
 */
#include "unwind_arch.h"
#include "unwind_walk.h"

/* Frames with larger local variables than this are not followed. */
#define FALLBACK_MAX_FRAME_BYTES (8ull << 20)

__noinline int cresset_behind_call(__u64 address, int unread)
{
	__u64 code;

	if (bpf_probe_read_user(&code, sizeof(code), (const void *)(address - sizeof(code))))
		return unread;
	return WALK_BEHIND_CALL(code);
}

/* Does a call of something else than the code around pc end at this address? Not if unsure. */
__noinline int cresset_behind_other_call(__u64 address, __u64 pc)
{
	__u64 code;

	if (bpf_probe_read_user(&code, sizeof(code), (const void *)(address - sizeof(code))))
		return 0;
	return WALK_CALLS_OTHER(code, address, pc);
}

static __always_inline bool return_address_plausible(__u32 slot_id, const struct cresset_walk *w,
						     __u64 ra)
{
	if (!walk_pc_plausible(ra))
		return false;
	/* Of an unknown process nothing is known about its code. */
	if (w->n_pages) {
		if (cresset_walk_locate(slot_id, ra - 1)) {
			cresset_walk_miss(slot_id, 0, ra - 1);
			return false;
		}
		if (w->kind == CRESSET_RANGE_ANON)
			return true;
	}
	/* Code of a known mapping gets the benefit of the doubt, else it is more likely no code. */
	return cresset_behind_call(ra, w->n_pages != 0);
}

/* Without unwind information: is this the code that a signal handler returns to? */
static __always_inline bool at_sigreturn(const struct cresset_walk *w)
{
	__u64 code;

	if (bpf_probe_read_user(&code, sizeof(code), (const void *)w->pc))
		return false;
	return WALK_SIGRETURN(code);
}

static __always_inline bool leaf_step(__u32 slot_id, struct cresset_scratch *s, bool strict)
{
	__u64 ra;

#if WALK_CALL_PUSHES
	if (walk_read(slot_id, s, s->registers.sp))
		return false;
	ra = s->walk.value;
#else
	ra = WALK_STRIP(s->registers.general[CRESSET_REGISTER_LR]);
#endif
	if (!return_address_plausible(slot_id, &s->walk, ra))
		return false;
	if (strict && cresset_behind_other_call(ra, s->walk.pc))
		return false;
	if (WALK_CALL_PUSHES)
		s->registers.sp += 8;
	s->walk.pc = ra;
	return true;
}

static __always_inline bool fp_step(__u32 slot_id, struct cresset_scratch *s)
{
	__u64 fp = s->registers.fp, ra;

	if (s->walk.lost & CRESSET_LOST_FP || fp < s->registers.sp ||
	    fp - s->registers.sp > FALLBACK_MAX_FRAME_BYTES)
		return false;
	s->slots.uses_fp = 1;
	if (walk_read(slot_id, s, fp))
		return false;
	s->registers.fp = s->walk.value;
	if (walk_read(slot_id, s, fp + 8)) {
		s->registers.fp = fp;
		return false;
	}
	ra = WALK_STRIP(s->walk.value);
	if (!return_address_plausible(slot_id, &s->walk, ra)) {
		s->registers.fp = fp;
		return false;
	}
	/* Where a call does not push, the record may lie anywhere in its frame. */
	s->registers.sp = fp + 16;
	s->walk.lost = WALK_CALL_PUSHES ? 0 : CRESSET_LOST_SP;
	s->walk.pc = ra;
	return true;
}

/*
 * What lies on top of the stack may be left from an earlier call, so if the call before it went
 * elsewhere the frame pointer is believed first. But it may have gone through a jump (a PLT), so
 * where the frame pointer is none it is taken all the same.
 */
static __always_inline bool caller_guess(__u32 slot_id, struct cresset_scratch *s)
{
	if (s->walk.exact && leaf_step(slot_id, s, true))
		return true;
	return fp_step(slot_id, s) || (s->walk.exact && leaf_step(slot_id, s, false));
}

__noinline int cresset_walk_fallback(__u32 slot_id, int reason)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	bool jit = reason == CRESSET_STOP_JIT;

	if (!s)
		return CRESSET_STOP_NO_REGS;
	if (reason == CRESSET_STOP_NO_INFO) {
		if (at_sigreturn(&s->walk))
			return cresset_walk_signal(slot_id);
		if (!s->registers.fp && !s->walk.lost && s->user.n >= 2)
			return CRESSET_STOP_END;
	}
	if (cresset_config.tables_only)
		return reason;
	if (!caller_guess(slot_id, s))
		return reason;
	if (!s->walk.reason)
		s->walk.reason = reason;
	s->walk.exact = 0;
	s->walk.saved = 0;
	s->walk.found = jit ? CRESSET_FOUND_JIT : CRESSET_FOUND_FALLBACK;
	return WALK_GO_ON;
}
