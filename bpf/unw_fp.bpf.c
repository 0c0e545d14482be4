// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unw_fp.bpf.c - user stacks by frame pointers.
 *
 * Code built with -fno-omit-frame-pointer keeps a linked list on the stack: the frame pointer
 * register points to {caller's frame pointer, return address}. Following it needs no tables. The
 * stack is read in windows, as most frames are small and a read costs the same for 16 bytes and for
 * 256: that halves the cost of a walk. It is blind to code without frame pointers, which uses the
 * register for anything; so nothing read is trusted. Each frame must lie above the last one, near
 * it, and aligned, and a return address must be a user address. Whichever test fails first is the
 * walk's stop reason. The ABI has _start and clone set the frame pointer to 0: that, and only that,
 * proves a stack whole.
 *
 * Known gap: in a leaf function without a frame of its own, and in the first two instructions of
 * any function, the register still holds the caller's frame, so the direct caller is missing.
 */
#include "core.h"

/* Frames with larger local variables than this are not followed. */
#define FP_MAX_FRAME_BYTES (8ull << 20)
/* No code is ever mapped below (vm.mmap_min_addr). */
#define FP_MIN_CODE	   4096ull
#define FP_GO_ON	   (-1)

/* Larger windows read more that nobody needs: this walk only wants two words of each frame. */
enum { FP_WINDOW_WORDS = 32 };
_Static_assert((int)FP_WINDOW_WORDS <= (int)CRESSET_WINDOW_WORDS, "a part of the window");

static __always_inline int fp_check(__u64 fp, __u64 low, bool first)
{
	if (fp & 7)
		return CRESSET_STOP_MISALIGNED;
	if (fp < low)
		return first ? CRESSET_STOP_OUTSIDE : CRESSET_STOP_NOT_GROWING;
	if (fp - low > FP_MAX_FRAME_BYTES)
		return CRESSET_STOP_OUTSIDE;
	return FP_GO_ON;
}

static __always_inline int ra_check(__u64 ra)
{
	/* Some thread starts leave a zero here instead of a zero frame pointer. */
	if (!ra)
		return CRESSET_STOP_END;
	if (ra < FP_MIN_CODE || ra >= CRESSET_USER_LIMIT)
		return CRESSET_STOP_BAD_RA;
	return FP_GO_ON;
}

/* Reads the stack from fp on; false if not even one frame can be had. */
static __always_inline bool window_read(struct cresset_window *w, __u64 fp)
{
	w->bytes = FP_WINDOW_WORDS * sizeof(__u64);
	if (!bpf_probe_read_user(w->words, FP_WINDOW_WORDS * sizeof(__u64), (const void *)fp))
		return true;
	/* Near the end of the stack, or of what is resident of it. */
	w->bytes = 2 * sizeof(__u64);
	return !bpf_probe_read_user(w->words, 2 * sizeof(__u64), (const void *)fp);
}

/*
 * Walks as far as one window of the stack reaches: from the frame at registers.fp, which must lie
 * at or above registers.sp, with user.n frames found so far. Returns the stop reason, or FP_GO_ON
 * with the registers of the next frame. Verified once for all windows.
 */
__noinline int cresset_fp_window(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	__u64 fp, low, start, at, ra;
	int stop = FP_GO_ON;
	__u32 n;

	if (!s)
		return CRESSET_STOP_NO_REGS;
	start = fp = s->registers.fp;
	low = s->registers.sp;
	n = s->user.n;
	for (int i = 0; i < FP_WINDOW_WORDS / 2; i++) {
		if (!fp)
			stop = CRESSET_STOP_END;
		else
			stop = fp_check(fp, low, n == 1);
		if (stop != FP_GO_ON)
			break;
		if (!i && !window_read(&s->window, fp)) {
			stop = CRESSET_STOP_READ_FAULT;
			break;
		}
		at = (fp - start) >> 3;
		if (at >= FP_WINDOW_WORDS - 1 || (at + 1) * sizeof(__u64) >= s->window.bytes)
			break;
		/* The masks are for the verifier: that of 6.12 forgets the comparison. */
		barrier_var(at);
		ra = s->window.words[(at + 1) & (CRESSET_WINDOW_WORDS - 1)];
		stop = ra_check(ra);
		if (stop != FP_GO_ON)
			break;
		barrier_var(n);
		if (n >= CRESSET_MAX_FRAMES) {
			stop = CRESSET_STOP_DEPTH;
			break;
		}
		s->user.frames[n] = ra;
		cresset_slots_add(s, fp + 8);
		n++;
		low = fp + 2 * sizeof(__u64);
		fp = s->window.words[at & (CRESSET_WINDOW_WORDS - 1)];
	}
	s->registers.fp = fp;
	s->registers.sp = low;
	s->user.n = n;
	return stop;
}

__noinline int cresset_unwind_fp(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	int stop;

	if (!s)
		return CRESSET_STOP_NO_REGS;
	s->user.frames[0] = s->registers.ip;
	s->user.n = 1;
	cresset_slots_begin(s);
	s->slots.uses_fp = 1;
	/* Each window gives a frame, or an end. */
	for (int i = 0; i <= CRESSET_MAX_FRAMES; i++) {
		stop = cresset_fp_window(slot_id);
		if (stop != FP_GO_ON)
			return stop;
	}
	return CRESSET_STOP_DEPTH;
}
