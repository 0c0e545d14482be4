/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * unwind_walk.h - inside the native walker: its maps and its steps.
 *
 *   cresset_unwind_native    unw_native.bpf.c       starts a walk, and takes steps until one stops
 * it cresset_walk_step        unw_native.bpf.c       notes the frame at walk.pc, finds its caller
 *   cresset_walk_hotspot     unwind_hotspot.bpf.c   … in code that a Java VM generated
 *   cresset_walk_fallback    unwind_fallback.bpf.c  … where there is no rule
 *   cresset_walk_locate      unwind_table.bpf.c     which mapping, so which file, an address is in
 *   cresset_walk_vma         unwind_vma.bpf.c       … by the kernel's mappings
 *   cresset_walk_rule        unwind_table.bpf.c     which rule holds there
 *   cresset_walk_fill        unwind_table.bpf.c     a piece of the stack
 *
 * All are global functions of scalars for the verifier's sake (see core.h); the state is in
 * scratch.walk and scratch.registers. Steps return WALK_GO_ON or the enum cresset_stop to end with.
 */
#ifndef BPF_UNWIND_WALK_H
#define BPF_UNWIND_WALK_H

#include "core.h"
#include "unwind.h"

#define WALK_GO_ON  (-1)
/* No code is ever mapped below (vm.mmap_min_addr). */
#define WALK_MIN_PC 4096ull

enum { CRESSET_LOST_FP = 1, CRESSET_LOST_SP = 2 };

/* Indices of walk.n_found. */
enum cresset_found {
	CRESSET_FOUND_TABLE,
	CRESSET_FOUND_JIT,
	CRESSET_FOUND_FALLBACK,
	CRESSET_FOUND_HOTSPOT,
	CRESSET_N_FOUND, /* a power of two */
};

struct cresset_procs_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct cresset_unwind_proc);
};

struct cresset_misses_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct cresset_unwind_miss);
	__type(value, __u64);
};

struct cresset_files_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct cresset_unwind_file_key);
	__type(value, struct cresset_unwind_file);
};

struct cresset_rules_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CRESSET_MAX_RULES);
	__type(key, __u32);
	__type(value, struct cresset_unwind_rule);
};

struct cresset_jvms_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cresset_unwind_jvm);
};

extern struct cresset_procs_map unwind_procs SEC(".maps");
extern struct cresset_misses_map unwind_misses SEC(".maps");
extern struct cresset_jvms_map unwind_jvms SEC(".maps");
extern struct cresset_rules_map unwind_rules SEC(".maps");
/* What user space calls "now" when it looks for the tables that were not used for longest. */
extern CRESSET_SET_ANY_TIME __u32 cresset_unwind_epoch;

/* 0, or -1: not in any known executable mapping. If found, walk.start to walk.kind are set. */
int cresset_walk_locate(__u32 slot_id, __u64 address);
/* The same by the kernel's own mappings, for what user space has not told. The dso (0: none), or
 * -1. */
int cresset_walk_vma(__u32 slot_id, __u64 address);
/* The rule for an address in the located range, or the negative stop reason if there is no table.
 */
int cresset_walk_rule(__u32 slot_id, __u64 address);
/* Reads a window of the stack that begins at this aligned address. 0, or a stop reason. */
int cresset_walk_fill(__u32 slot_id, __u64 address);
/* Asks user space for the tables of a dso, or, dso 0, for the mappings around an address. */
int cresset_walk_miss(__u32 slot_id, __u32 dso, __u64 address);
int cresset_walk_step(__u32 slot_id);
/* The caller of a signal handler is what was interrupted: all registers from the ucontext at sp. */
int cresset_walk_signal(__u32 slot_id);
/* Notes where the return address lay that the last step found. Returns 0. */
int cresset_slot_note(__u32 slot_id);
/* The caller of code that a Java VM generated; CRESSET_STOP_JIT: not to be had in this way. */
int cresset_walk_hotspot(__u32 slot_id);
/* Does a call end at this address? What to say of code that is not resident is the caller's. */
int cresset_behind_call(__u64 address, int unread);
/* `reason`: why no rule does it; the walk stops with it if nothing else does. */
int cresset_walk_fallback(__u32 slot_id, int reason);

static __always_inline bool walk_pc_plausible(__u64 pc)
{
	return pc >= WALK_MIN_PC && pc < CRESSET_USER_LIMIT;
}

/* The word at an aligned address, to walk.value. 0, or a stop reason. */
static __always_inline int walk_read(__u32 slot_id, struct cresset_scratch *s, __u64 address)
{
	__u64 at = address - s->window.start;
	int stop;

	if (at >= s->window.bytes || at & 7) {
		stop = cresset_walk_fill(slot_id, address);
		if (stop)
			return stop;
		at = 0;
	}
	at >>= 3;
	barrier_var(at);
	s->walk.value = s->window.words[at & (CRESSET_WINDOW_WORDS - 1)];
	return 0;
}

#endif
