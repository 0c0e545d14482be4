// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * wakers.bpf.c - the parts of wakers.h that are larger: each is verified once.
 */
#include "wakers.h"

volatile __u32 cresset_waker_skip = 0;

static __always_inline bool in_text(__u64 start, __u64 bytes, __u64 address)
{
	return address - start < bytes;
}

/* Index of the first frame in the function that calls the tracepoint; -1: it is not near the top.
 */
static __always_inline int call_find(const struct cresset_scratch *s)
{
	for (__u32 i = 0; i < WAKER_MAX_SKIP; i++) {
		if (i >= s->kernel.n)
			break;
		if (in_text(cresset_config.waker_call.start, cresset_config.waker_call.bytes,
			    s->kernel.frames[i]))
			return i;
	}
	return -1;
}

static __always_inline bool is_interrupt(__u64 address)
{
	return in_text(cresset_config.interrupts[0].start, cresset_config.interrupts[0].bytes,
		       address) ||
	       in_text(cresset_config.interrupts[1].start, cresset_config.interrupts[1].bytes,
		       address);
}

__noinline int cresset_waker_cut(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	int at;

	if (!s)
		return -1;
	at = call_find(s);
	if (at)
		return at;
	for (__u32 i = 0; i < CRESSET_MAX_KERNEL_FRAMES; i++) {
		if (i >= s->kernel.n)
			break;
		if (is_interrupt(s->kernel.frames[i])) {
			s->key.flags |= CRESSET_SAMPLE_WAKER_IRQ;
			s->kernel.n = i + 1;
			break;
		}
	}
	return 0;
}

static __always_inline int waker_write(__u32 slot_id, struct cresset_scratch *s, int generation)
{
	__u64 *words = s->user.frames;
	int lost = -1;

	if (s->kernel.n)
		lost = cresset_intern(slot_id, 0, generation);
	if (lost < 0 && s->user.n)
		lost = cresset_intern(slot_id, 1, generation);
	if (lost >= 0)
		return lost;
	words[CRESSET_WAKER_KERNEL] = s->key.kernel_stack;
	words[CRESSET_WAKER_USER] = s->key.user_stack;
	words[CRESSET_WAKER_TASK] = s->key.pid | (__u64)s->key.exec_id << 32;
	words[CRESSET_WAKER_FLAGS] = s->key.flags | (__u64)s->key.tid << CRESSET_WAKER_SKIP_SHIFT;
	__builtin_memcpy(&words[CRESSET_WAKER_COMM], s->key.comm, sizeof(s->key.comm));
	s->user.n = CRESSET_WAKER_WORDS;
	lost = cresset_intern(slot_id, 1, generation);
	s->key.waker = s->key.user_stack;
	return lost;
}

__noinline int cresset_waker_intern(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_slot *slot = cresset_slot(slot_id);
	int generation, lost = CRESSET_STAT_lost_switch;

	if (!s || !slot)
		return lost;
	generation = generation_enter(slot);
	if (generation >= 0)
		lost = waker_write(slot_id, s, generation);
	generation_leave(slot);
	return lost;
}

__noinline int cresset_waker_list(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	int lost;

	if (!s)
		return CRESSET_STAT_lost_map_busy;
	lost = cresset_intern_user(slot_id);
	s->key.waker = s->key.user_stack;
	return lost;
}
