/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * stack_cache.h - a thread's last stacks, remembered by where their return addresses lie.
 *
 * A thread that waits again and again mostly waits at the same place. Walking its stack anew costs
 * some 50 ns a frame and the kernel's part half a microsecond; looking whether the same return
 * addresses are still in the same places costs one read of memory for each 512 bytes of stack. So
 * with the id of a stack a thread remembers the stack pointer, the offsets of the words that hold
 * the return addresses, and a hash over them; the stack is the same if all of it is.
 *
 * What this believes: that a walk which starts from the same registers and finds the same return
 * addresses in the same words is the same walk. The frames between are found by rules of those very
 * addresses, and saved frame pointers only by slots between them. Only stacks that were walked to
 * their end are remembered, and none whose return addresses were not all on the stack (signal
 * frames), or of more than CACHE_SLOTS frames.
 *
 * Kernel stacks begin anew with each system call, and at a random distance from the top where the
 * kernel makes that so: below the entry code all is where it was from the stack pointer on, but the
 * outermost return address stays where it was from the top. So that one is looked up by address.
 *
 * An id may only be remembered while user space keeps its stack: for one epoch of the control
 * block.
 */
#ifndef BPF_STACK_CACHE_H
#define BPF_STACK_CACHE_H

#include "core.h"

enum { CACHE_SLOTS = CRESSET_SLOTS };

struct cresset_stack_cache {
	__u64 id;
	__u64 check; /* hash of the words at the slots */
	__u64 sp;
	__u64 ip;
	__u64 fp;
	__u64 last; /* kernel: the address of the outermost word */
	__u32 epoch;
	__u16 n;       /* slots; 0: nothing is remembered */
	__u16 flags;   /* of the sample */
	__u32 uses_fp; /* it depends on fp, which else is any register */
	__u32 pad;
	__u16 slots[CACHE_SLOTS]; /* words from sp, ascending */
};

/*
 * Hash of the words at the cache's slots, 0 if they cannot be read; of user or kernel memory. Uses
 * the scratch's window (stack_cache.bpf.c).
 */
__u64 cresset_cache_hash(__u32 slot_id, struct cresset_stack_cache *cache, int user);
/*
 * Finds the words of a kernel stack, from cache.sp on, that hold the frames of scratch.kernel, and
 * sets slots and n. Returns 1, or 0 if not all were found.
 */
int cresset_cache_find(__u32 slot_id, struct cresset_stack_cache *cache);

static __always_inline bool cache_holds(__u32 slot_id, struct cresset_stack_cache *cache, int user)
{
	return cache->n && cresset_cache_hash(slot_id, cache, user) == cache->check;
}

#endif
