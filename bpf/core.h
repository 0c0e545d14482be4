/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * core.h - what event sources and unwinders are written against.
 *
 * A source that samples the running task does, in this order: cresset_slot_id, count `taken`, ask
 * cresset_is_target, fill the scratch (registers, kernel stack, count, flags), call cresset_emit.
 * cresset_emit does the rest and counts exactly one outcome. A source whose samples are of another
 * time takes the steps one by one: cresset_walk_user, cresset_intern_user, later cresset_write.
 *
 * Two rules keep the verifier's work small (some 7,000 instructions, where the naive form passes a
 * million): mutable state lives in map values, and each larger step is a non-static __noinline
 * function that takes and returns scalars, so that it is verified once and not for every path that
 * leads to it. Slots and scratch are plain arrays indexed by CPU and context: their look-up is
 * inlined by all kernels, that of per-CPU arrays is not.
 */
#ifndef BPF_CORE_H
#define BPF_CORE_H

#include "abi.h"
#include "kernel.h"

enum { CRESSET_WINDOW_WORDS = 64 };

/* A piece of the user stack: a read takes some 100 ns, of 16 bytes and hardly more of 512. */
struct cresset_window {
	__u64 start;
	__u64 bytes; /* that are valid; 0: empty */
	__u64 words[CRESSET_WINDOW_WORDS];
};

/* How far the native walk has come: unwind_walk.h. */
struct cresset_walk {
	__u64 pc;
	__u64 value; /* of the last walk_read */
	/* The executable range of the last address, and the tables of its file. */
	__u64 start;
	__u64 bytes;
	__u64 bias;
	__u64 text;
	__u32 text_size;
	__u32 dir;
	__u32 dso;
	__u32 state; /* enum cresset_dso_state */
	__u32 kind;  /* enum cresset_range_kind */
	__u32 n_pages;
	__u32 page;   /* the only one */
	__u32 exact;  /* pc is an instruction's own address and all registers are known */
	__u32 lost;   /* CRESSET_LOST_*: registers that are not known any more */
	__u32 saved;  /* the register of general[] that is known all the same; 0: none */
	__u32 reason; /* enum cresset_stop: why the first fallback was needed; 0: none was */
	__u32 found;  /* enum cresset_found: how pc was found */
	__u32 n_found[4];
	__u32 misses;
	__u32 zero; /* always; the verifier does not know, so what it is added to may be anything */
	__u64 sigframe[CRESSET_N_GENERAL + 2];
};

/* A piece of a Java VM's generated code, and a caller of it that is tried: unwind_hotspot.bpf.c. */
struct cresset_blob {
	__u64 begin;
	__u64 bytes; /* of code; 0: none */
	__u64 complete;
	__u64 name; /* its address */
	__u64 interpreter_begin;
	__u64 interpreter_bytes;
	__u64 range_start; /* of the mapping */
	__u64 range_bytes;
	__u32 frame_bytes; /* 0: not said */
	__u32 interpreter; /* it is the interpreter */
	__u32 label;	   /* the first letters of its name */
	__u32 leaf;	   /* enum leaf */
	__u32 strict;	   /* the return address must be behind a call */
	__u32 trust;	   /* what is asked of it by the candidate at hand */
	__u32 sure;	   /* or a guess */
	__u32 pad;
	__u64 cfa;
	__u64 sender; /* the caller's stack pointer if that is not below; else the CFA is */
	__u64 ra;
	__u64 ra_at;   /* 0: ra is known */
	__u64 fp_at;   /* 0: still in its register */
	__u64 code[3]; /* 8 bytes before pc, 16 from pc on */
	__u64 words[16];
};

enum { CRESSET_SLOTS = 32 };

/* Where a walk found its return addresses: words from the first sp on, for each frame but the leaf.
 */
struct cresset_slots {
	__u64 sp;
	__u32 n;
	__u32 unknown; /* some are not on the stack, or there are too many */
	__u32 uses_fp; /* the frame pointer register had a part in it */
	__u32 pad;
	__u16 at[CRESSET_SLOTS];
};

/* How far a look at remembered words has come: stack_cache.bpf.c. */
struct cresset_search {
	__u64 hash;
	__u64 first; /* word of the window */
	__u32 n;
	__u32 words; /* in the window */
};

/* All state of one sample on its way. */
struct cresset_scratch {
	struct cresset_sample_key key;
	struct cresset_count count; /* what the sample adds */
	struct cresset_registers registers;
	struct cresset_stack kernel;
	struct cresset_stack user;
	struct cresset_slots slots;
	struct cresset_search search;
	struct cresset_window window;
	struct cresset_walk walk;
	struct cresset_blob blob;
	struct cresset_thread_report report;
} __attribute__((aligned(64)));

/* max_entries of all maps are set before loading. */
struct cresset_slots_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cresset_slot);
};

struct cresset_scratch_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cresset_scratch);
};

struct cresset_targets_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cresset_target);
};

extern struct cresset_targets_map target_pids SEC(".maps");
extern struct cresset_targets_map target_tids SEC(".maps");
extern struct cresset_slots_map slots SEC(".maps");
extern struct cresset_scratch_map scratch SEC(".maps");
extern volatile __u32 cresset_generation;
extern CRESSET_SET_AT_LOAD struct cresset_config cresset_config;

/* Whether the current task is to be sampled (targets.bpf.c). */
int cresset_is_target(void);
/*
 * Walks the user stack by the configured unwinder, interns both stacks, counts the sample or why it
 * is lost. key.source, .state, .flags (without a stop reason), kernel.n, count and registers must
 * be set (core.bpf.c). Returns 0.
 */
int cresset_emit(__u32 slot_id);
/* Walks the user stack from scratch.registers to scratch.user, sets the stop in key.flags. */
int cresset_walk_user(__u32 slot_id);
/* Interns scratch.user, which is not empty, and sets key.user_stack. -1, or a loss. */
int cresset_intern_user(__u32 slot_id);
/* Interns scratch.user (or .kernel) in a generation that was entered, sets its id in the key. */
int cresset_intern(__u32 slot_id, int user, int generation);
/* Interns scratch.kernel and adds scratch.count to the sample of scratch.key. The outcome. */
int cresset_write(__u32 slot_id);

/* Each fills scratch.user from scratch.registers and returns an enum cresset_stop. */
#define CRESSET_X_DECLARE(name) int cresset_unwind_##name(__u32 slot_id);
CRESSET_UNWINDERS(CRESSET_X_DECLARE)

static __always_inline __u32 cresset_slot_id(enum cresset_context context)
{
	return bpf_get_smp_processor_id() * CRESSET_N_CONTEXTS + context;
}

static __always_inline bool cresset_registers_wanted(void)
{
	return cresset_config.unwinder == CRESSET_UNWINDER_native;
}

static __always_inline struct cresset_slot *cresset_slot(__u32 slot_id)
{
	return bpf_map_lookup_elem(&slots, &slot_id);
}

static __always_inline struct cresset_scratch *cresset_scratch(__u32 slot_id)
{
	return bpf_map_lookup_elem(&scratch, &slot_id);
}

/* Whether an entry of a target map, or NULL, means the task that began at this time. */
static __always_inline bool cresset_target_matches(struct cresset_target *target, __u64 start_ns)
{
	if (!target)
		return false;
	if (!target->start_ns)
		target->start_ns = start_ns;
	return target->start_ns == start_ns;
}

/* Registers of user mode, from the event or from the task's entry to the kernel. */
#define CRESSET_REGISTERS_TAKE(s, r)                                                               \
	do {                                                                                       \
		(s)->registers.ip = CRESSET_IP(r);                                                 \
		(s)->registers.sp = CRESSET_SP(r);                                                 \
		(s)->registers.fp = CRESSET_FP(r);                                                 \
		(s)->registers.compat32 = CRESSET_IS_COMPAT32(r);                                  \
		if (cresset_registers_wanted())                                                    \
			CRESSET_GENERAL_TAKE((s)->registers.general, r);                           \
	} while (0)

static __always_inline void cresset_slots_begin(struct cresset_scratch *s)
{
	s->slots.sp = s->registers.sp;
	s->slots.n = 0;
	s->slots.unknown = 0;
	s->slots.uses_fp = 0;
}

/* The return address of the frame that comes next was found here. 0: not on the stack. */
static __always_inline void cresset_slots_add(struct cresset_scratch *s, __u64 address)
{
	__u64 word = (address - s->slots.sp) >> 3;
	__u32 n = s->slots.n;

	barrier_var(n);
	if (word >= 1 << 16 || n >= CRESSET_SLOTS) {
		s->slots.unknown = 1;
		return;
	}
	s->slots.at[n] = word;
	s->slots.n = n + 1;
}

enum { SWITCH_TRIES = 4 };

/* Announces and returns the generation to write to; -1 if it would not hold still. */
static __always_inline int generation_enter(struct cresset_slot *slot)
{
	for (int i = 0; i < SWITCH_TRIES; i++) {
		__u32 generation = cresset_generation;

		CRESSET_TEST_POINT();
		__sync_lock_test_and_set(&slot->busy, (__u64)generation + 1);
		if (cresset_generation == generation)
			return generation & 1;
	}
	return -1;
}

static __always_inline void generation_leave(struct cresset_slot *slot)
{
	CRESSET_STORE_RELEASE(&slot->busy, 0);
}

/* Of a slot that only this CPU in this context writes. */
static __always_inline void cresset_count(struct cresset_slot *slot, enum cresset_stat_id stat)
{
	slot->stats[stat]++;
}

#endif
