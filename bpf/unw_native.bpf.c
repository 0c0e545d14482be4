// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unw_native.bpf.c - user stacks by tables made of .eh_frame: whole ones, without frame pointers.
 *
 * For each frame: which file is the pc in (unwind_table.bpf.c), which rule holds there, and by it
 * the canonical frame address (CFA, the caller's stack pointer), the return address and the
 * caller's frame pointer. A return address may be the first byte of another function (behind a call
 * that does not return), so rules are looked up by the address before it; but the leaf, and what a
 * signal interrupted, have the very address.
 *
 * Of registers only pc, sp and fp are followed: with those 99.9 % of the rows of real files can be
 * walked from any frame. All others are known where the kernel has saved them, at the leaf and at a
 * signal frame, which is where compilers use them (DRAP prologues, vfork, hand-written assembly).
 *
 * Where no rule does it, the frame pointer is tried (unwind_fallback.bpf.c), and what it finds is
 * marked. A walk that reaches a rule without a return address has proof that it is complete. Stack
 * pointers have to grow from frame to frame, but across signals (alternate stacks), so a walk ends.
 */
#include "unwind_arch.h"
#include "unwind_walk.h"

enum { ANY_REGISTER = CRESSET_N_GENERAL - 1 };

/* The value of a register in this frame. 0, or a stop reason. */
static __always_inline int register_get(struct cresset_scratch *s, __u32 number, __u64 *ret_value)
{
	if (number == CRESSET_REGISTER_SP) {
		*ret_value = s->registers.sp;
		return s->walk.lost & CRESSET_LOST_SP ? CRESSET_STOP_NO_REGISTER : 0;
	}
	if (number == CRESSET_REGISTER_FP) {
		s->slots.uses_fp = 1;
		*ret_value = s->registers.fp;
		return s->walk.lost & CRESSET_LOST_FP ? CRESSET_STOP_NO_REGISTER : 0;
	}
	if (!s->walk.exact && number != s->walk.saved)
		return CRESSET_STOP_NO_REGISTER;
	*ret_value = s->registers.general[number & ANY_REGISTER];
	return 0;
}

static __always_inline int cfa_compute(__u32 slot_id, struct cresset_scratch *s,
				       const struct cresset_unwind_rule *rule, __u64 *ret_cfa)
{
	__u64 value = 0;
	int stop;

	if (rule->cfa == CRESSET_CFA_NONE)
		return rule->none == CRESSET_NONE_NO_FDE ? CRESSET_STOP_NO_INFO
							 : CRESSET_STOP_UNSUPPORTED;
	stop = register_get(s, rule->cfa_reg, &value);
	if (stop)
		return stop;
	if (rule->cfa == CRESSET_CFA_INDEXED)
		value = s->registers.sp + value * 8;
	value += (__s64)rule->cfa_offset;
	if (rule->cfa == CRESSET_CFA_DEREF || rule->cfa == CRESSET_CFA_INDEXED) {
		stop = walk_read(slot_id, s, value);
		if (stop)
			return stop;
		value = s->walk.value + (__s64)rule->cfa_add;
	} else if (rule->cfa == CRESSET_CFA_PLT && (s->walk.pc & 15) >= (__u32)rule->cfa_add) {
		value += 8;
	}
	/* The frame of a leaf may be empty. */
	if (value & (WALK_ALIGNMENT - 1) || value < s->registers.sp + (s->walk.exact ? 0 : 8))
		return CRESSET_STOP_BAD_CFA;
	*ret_cfa = value;
	return 0;
}

/*
 * Where the caller's frame pointer is saved; 0: it is still in its register. A slot that the frame
 * pointer itself points at lies in the frame, else the epilogue has restored it already: compilers
 * do not describe the `leave` of a realigned frame.
 */
static __always_inline __u64 fp_slot(const struct cresset_scratch *s,
				     const struct cresset_unwind_rule *rule, __u64 cfa)
{
	__u64 fp = s->registers.fp;

	if (rule->fp == CRESSET_FP_AT_CFA)
		return cfa + (__s64)rule->fp_offset;
	if (rule->fp == CRESSET_FP_AT_FP && fp >= s->registers.sp && fp < cfa)
		return fp + (__s64)rule->fp_offset;
	return 0;
}

/* The caller's frame pointer. What cannot be had is lost: most callers do not need it. */
static __always_inline void fp_compute(__u32 slot_id, struct cresset_scratch *s,
				       const struct cresset_unwind_rule *rule, __u64 cfa,
				       __u64 *ret_fp, __u32 *ret_lost)
{
	__u64 slot = fp_slot(s, rule, cfa);

	*ret_fp = s->registers.fp;
	*ret_lost = s->walk.lost & CRESSET_LOST_FP;
	if (rule->fp == CRESSET_FP_LOST) {
		*ret_lost = CRESSET_LOST_FP;
	} else if (slot) {
		*ret_lost = walk_read(slot_id, s, slot) ? CRESSET_LOST_FP : 0;
		*ret_fp = s->walk.value;
	}
}

static __always_inline int ra_compute(__u32 slot_id, struct cresset_scratch *s,
				      const struct cresset_unwind_rule *rule, __u64 cfa,
				      __u64 *ret_ra)
{
	__u64 address = cfa;
	int stop;

	if (rule->ra == CRESSET_RA_REG) {
		stop = register_get(s, rule->ra_offset, ret_ra);
	} else {
		stop = 0;
		if (rule->ra == CRESSET_RA_AT_FP)
			stop = register_get(s, CRESSET_REGISTER_FP, &address);
		if (!stop)
			stop = walk_read(slot_id, s, address + (__s64)rule->ra_offset);
		*ret_ra = s->walk.value;
	}
	if (stop)
		return stop;
	*ret_ra = WALK_STRIP(*ret_ra);
	if (*ret_ra && !walk_pc_plausible(*ret_ra))
		return CRESSET_STOP_BAD_RA;
	return 0;
}

__noinline int cresset_walk_signal(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);

	if (!s)
		return CRESSET_STOP_NO_REGS;
	if (bpf_probe_read_user(s->walk.sigframe, sizeof(s->walk.sigframe),
				(const void *)(s->registers.sp + WALK_SIGFRAME_OFFSET)))
		return CRESSET_STOP_READ_FAULT;
	WALK_SIGFRAME_TAKE(&s->registers, s->walk.pc, s->walk.sigframe);
	if (!walk_pc_plausible(s->walk.pc))
		return CRESSET_STOP_BAD_RA;
	s->walk.exact = 1;
	s->walk.lost = 0;
	s->walk.found = CRESSET_FOUND_TABLE;
	return WALK_GO_ON;
}

/* The register that a file asks to follow, as the caller has it. */
static __always_inline void saved_take(__u32 slot_id, struct cresset_scratch *s,
				       const struct cresset_unwind_rule *rule, __u64 cfa)
{
	__u32 number = rule->saved;

	if (!rule->saved_at) {
		if (!s->walk.exact && s->walk.saved != number)
			number = 0;
	} else if (walk_read(slot_id, s, cfa + 8 * (__s64)rule->saved_at)) {
		number = 0;
	} else {
		s->registers.general[number & ANY_REGISTER] = s->walk.value;
	}
	s->walk.saved = number;
}

/* Sets the registers to the caller's. WALK_GO_ON, END, or a reason to try something else. */
static __always_inline int rule_apply(__u32 slot_id, struct cresset_scratch *s,
				      const struct cresset_unwind_rule *rule)
{
	__u64 cfa = 0, fp = 0, ra = 0;
	__u32 lost = 0;
	int stop;

	stop = cfa_compute(slot_id, s, rule, &cfa);
	/* Before the return address, as it lies below: one window then has both. */
	if (!stop)
		fp_compute(slot_id, s, rule, cfa, &fp, &lost);
	if (!stop)
		stop = ra_compute(slot_id, s, rule, cfa, &ra);
	if (stop)
		return stop;
	/* Thread starts without unwind information of their own leave a zero. */
	if (!ra)
		return CRESSET_STOP_END;
	saved_take(slot_id, s, rule, cfa);
	s->registers.sp = cfa;
	s->registers.fp = fp;
	s->walk.pc = ra;
	s->walk.lost = lost;
	s->walk.exact = 0;
	s->walk.found = CRESSET_FOUND_TABLE;
	return WALK_GO_ON;
}

/* The same, whatever the rule; a reason of 0 or more to end the walk, or to try a fallback. */
static __always_inline int step_by_rule(__u32 slot_id, struct cresset_scratch *s, __u32 rule_id)
{
	struct cresset_unwind_rule *rule = bpf_map_lookup_elem(&unwind_rules, &rule_id);
	int stop;

	if (!rule)
		return CRESSET_STOP_BAD_TABLE;
	if (rule->flags & CRESSET_RULE_SIGNAL)
		return cresset_walk_signal(slot_id);
	if (rule->ra == CRESSET_RA_END)
		return CRESSET_STOP_WHOLE;
	stop = rule_apply(slot_id, s, rule);
	if (stop == WALK_GO_ON || stop == CRESSET_STOP_END)
		return stop;
	return cresset_walk_fallback(slot_id, stop);
}

/* Notes the frame at pc. */
static __always_inline int frame_push(struct cresset_scratch *s, bool located)
{
	__u64 frame = s->walk.pc & CRESSET_FRAME_ADDRESS, address;
	__u32 n = s->user.n, found = s->walk.found;

	barrier_var(n);
	if (n >= CRESSET_MAX_FRAMES)
		return CRESSET_STOP_DEPTH;
	address = s->walk.pc - s->walk.bias;
	if (located && s->walk.dso && address <= CRESSET_FRAME_ADDRESS)
		frame = address | (__u64)s->walk.dso << CRESSET_FRAME_DSO_SHIFT;
	if (n && s->walk.exact)
		frame |= CRESSET_FRAME_EXACT;
	if (found == CRESSET_FOUND_JIT || found == CRESSET_FOUND_FALLBACK)
		frame |= CRESSET_FRAME_FALLBACK;
	s->user.frames[n] = frame;
	s->user.n = n + 1;
	barrier_var(found);
	if (n && found < CRESSET_N_FOUND)
		s->walk.n_found[found]++;
	return WALK_GO_ON;
}

/* Why there is no table for the located range; WALK_GO_ON: there is one. */
static __always_inline int table_missing(__u32 slot_id, const struct cresset_walk *w)
{
	if (w->kind == CRESSET_RANGE_ANON)
		return CRESSET_STOP_JIT;
	if (w->state == CRESSET_DSO_READY)
		return WALK_GO_ON;
	if (w->state == CRESSET_DSO_NONE)
		return CRESSET_STOP_NO_INFO;
	cresset_walk_miss(slot_id, w->dso, 0);
	return w->state == CRESSET_DSO_EVICTED ? CRESSET_STOP_EVICTED : CRESSET_STOP_NO_TABLE;
}

__noinline int cresset_walk_step(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	bool located;
	__u64 at;
	int r;

	if (!s)
		return CRESSET_STOP_NO_REGS;
	at = s->walk.pc - !s->walk.exact;
	located = at - s->walk.start < s->walk.bytes || !cresset_walk_locate(slot_id, at);
	r = frame_push(s, located);
	if (r != WALK_GO_ON)
		return r;
	if (!located) {
		cresset_walk_miss(slot_id, 0, at);
		r = s->walk.n_pages ? CRESSET_STOP_NOT_MAPPED : CRESSET_STOP_NOT_KNOWN;
		return cresset_walk_fallback(slot_id, r);
	}
	r = table_missing(slot_id, &s->walk);
	if (r == WALK_GO_ON) {
		r = cresset_walk_rule(slot_id, at);
		if (r >= 0)
			return step_by_rule(slot_id, s, r);
		r = -r;
	}
	if (r == CRESSET_STOP_JIT) {
		r = cresset_walk_hotspot(slot_id);
		if (r == WALK_GO_ON)
			return r;
	}
	return cresset_walk_fallback(slot_id, r);
}

static __always_inline void walk_begin(struct cresset_scratch *s)
{
	struct cresset_unwind_proc *proc = bpf_map_lookup_elem(&unwind_procs, &s->key.pid);
	struct cresset_walk *w = &s->walk;

	w->pc = s->registers.ip;
	w->bytes = 0;
	w->n_pages = 0;
	if (proc && proc->exec_id == s->key.exec_id) {
		w->n_pages = proc->n_pages;
		w->page = proc->pages[0];
	}
	w->exact = 1;
	w->lost = 0;
	w->saved = 0;
	w->reason = 0;
	w->found = CRESSET_FOUND_TABLE;
	w->misses = 0;
	w->zero = 0;
	for (int i = 0; i < CRESSET_N_FOUND; i++)
		w->n_found[i] = 0;
	s->blob.bytes = 0;
	s->window.bytes = 0;
	s->user.n = 0;
}

static __always_inline void walk_count(struct cresset_slot *slot, const struct cresset_walk *w)
{
	slot->stats[CRESSET_STAT_frames_table] += w->n_found[CRESSET_FOUND_TABLE];
	slot->stats[CRESSET_STAT_frames_jit] += w->n_found[CRESSET_FOUND_JIT];
	slot->stats[CRESSET_STAT_frames_hotspot] += w->n_found[CRESSET_FOUND_HOTSPOT];
	slot->stats[CRESSET_STAT_frames_fallback] += w->n_found[CRESSET_FOUND_FALLBACK];
	if (w->n_found[CRESSET_FOUND_FALLBACK])
		slot->stats[CRESSET_STAT_stacks_fallback]++;
}

/*
 * Where the return address lay that the step found: below the caller's stack pointer, whichever
 * rule it was, but for machines that keep it elsewhere. Looked at in the window that it came from.
 * A function, as in the loop it would be verified for each of its rounds.
 */
__noinline int cresset_slot_note(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	__u64 at, word;

	/* Only threads that stop running remember their stacks. */
	if (!s || slot_id % CRESSET_N_CONTEXTS != CRESSET_CONTEXT_SCHED)
		return 0;
	at = s->registers.sp - 8 - s->window.start;
	word = at >> 3;
	barrier_var(word);
	if (at >= s->window.bytes ||
	    s->window.words[word & (CRESSET_WINDOW_WORDS - 1)] != s->walk.pc)
		s->slots.unknown = 1;
	else
		cresset_slots_add(s, s->registers.sp - 8);
	return 0;
}

__noinline int cresset_unwind_native(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_slot *slot = cresset_slot(slot_id);
	int stop = CRESSET_STOP_DEPTH;

	if (!s || !slot)
		return CRESSET_STOP_NO_REGS;
	walk_begin(s);
	cresset_slots_begin(s);
	/* Each step notes a frame or ends the walk. */
	for (int i = 0; i <= CRESSET_MAX_FRAMES; i++) {
		stop = cresset_walk_step(slot_id);
		if (stop != WALK_GO_ON)
			break;
		cresset_slot_note(slot_id);
	}
	walk_count(slot, &s->walk);
	return stop;
}
