/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * core.h - what event sources and unwinders are written against.
 *
 * A source does, in this order: cresset_slot_id, count `taken`, ask cresset_is_target, fill the
 * scratch (registers, kernel stack, flags), call cresset_emit. cresset_emit does the rest and
 * counts exactly one outcome.
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

/* Of user mode. An ip of 0: there are none. */
struct cresset_registers {
	__u64 ip;
	__u64 sp;
	__u64 fp;
	__u64 compat32; /* 32-bit code: frames of another shape, only its address is kept */
	/* All of them, by DWARF's numbers. Only set for unwinders that ask:
	 * cresset_registers_wanted. */
	__u64 general[CRESSET_N_GENERAL];
};

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
	__u32 n_found[3];
	__u32 misses;
	__u64 sigframe[CRESSET_N_GENERAL + 2];
};

/* All state of one sample on its way. */
struct cresset_scratch {
	struct cresset_sample_key key;
	struct cresset_registers registers;
	struct cresset_stack kernel;
	struct cresset_stack user;
	struct cresset_window window;
	struct cresset_walk walk;
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

extern struct cresset_slots_map slots SEC(".maps");
extern struct cresset_scratch_map scratch SEC(".maps");
extern CRESSET_SET_AT_LOAD struct cresset_config cresset_config;

/* Whether the current task is to be sampled (targets.bpf.c). */
int cresset_is_target(void);
/*
 * Walks the user stack by the configured unwinder, interns both stacks, counts the sample or why it
 * is lost. key.source, .state, .flags (without a stop reason), kernel.n and registers must be set
 * (core.bpf.c). Returns 0.
 */
int cresset_emit(__u32 slot_id);

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

/* Of a slot that only this CPU in this context writes. */
static __always_inline void cresset_count(struct cresset_slot *slot, enum cresset_stat_id stat)
{
	slot->stats[stat]++;
}

#endif
