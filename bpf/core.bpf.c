// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * core.bpf.c - the maps that all sources share, and how a sample gets into them.
 *
 * A stack is named by a 64-bit hash of its frames. The stacks map keeps a second hash beside it, so
 * two stacks with one name are noticed: the later sample is counted as lost, never merged. A stack
 * that is known costs one look-up and no copy.
 *
 * Generations. User space flips `cresset_generation` and drains the maps that it no longer names.
 * A CPU may have read the old value just before, so it announces what it writes to in its slot and
 * then looks again: either it sees the flip and takes the new one, or user space, which looks at
 * the slots after the flip, sees the announcement and waits. That needs the announcement to be
 * visible before the second look (an atomic exchange is a full barrier), and nothing else: no
 * sample is ever written to maps that are being drained, and none is counted twice.
 */
#include "core.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

CRESSET_SET_AT_LOAD struct cresset_config cresset_config = {};
volatile __u32 cresset_generation = 0;

struct cresset_slots_map slots SEC(".maps");
struct cresset_scratch_map scratch SEC(".maps");

struct cresset_samples_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct cresset_sample_key);
	__type(value, struct cresset_count);
} samples_0 SEC(".maps"), samples_1 SEC(".maps");

struct cresset_stacks_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, struct cresset_short_stack);
} stacks_0 SEC(".maps"), stacks_1 SEC(".maps");

struct cresset_deep_stacks_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct cresset_stack);
} deep_stacks_0 SEC(".maps"), deep_stacks_1 SEC(".maps");

static __always_inline __u64 mix(__u64 h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	h ^= h >> 32;
	return h;
}

/*
 * Two multiplicative hashes with different constants and start values run in one pass, so that one
 * failing to spread leaves the other.
 */
struct cresset_hash {
	__u64 a;
	__u64 b;
};

enum { HASH_FRAMES = 16 };

/* Adds the frames of a stack from one on. A function, as the verifier follows each round of a loop:
 * so there are 16 of them and 16 here, where one loop had 256. */
__noinline int cresset_hash_frames(struct cresset_hash *h, struct cresset_stack *stack, __u32 from)
{
	__u64 a, b, frame;
	__u32 n;

	if (!h || !stack)
		return 0;
	a = h->a;
	b = h->b;
	n = stack->n;
	for (__u32 i = 0; i < HASH_FRAMES; i++) {
		if (from + i >= n)
			break;
		frame = stack->frames[(from + i) & (CRESSET_MAX_FRAMES - 1)];
		a = (a ^ frame) * 0x9e3779b97f4a7c15ull;
		a ^= a >> 29;
		b = (b + frame) * 0xc2b2ae3d27d4eb4full;
		b = b << 31 | b >> 33;
	}
	h->a = a;
	h->b = b;
	return 0;
}

/* The stack's id, never 0, tagged with the map it belongs to; sets its check. */
__noinline __u64 cresset_stack_hash(struct cresset_stack *stack)
{
	struct cresset_hash h = {cresset_config.hash_seed, ~cresset_config.hash_seed};
	__u64 id;
	__u32 n;

	if (!stack)
		return 0;
	n = stack->n;
	for (__u32 from = 0; from < CRESSET_MAX_FRAMES; from += HASH_FRAMES) {
		if (from >= n)
			break;
		cresset_hash_frames(&h, stack, from);
	}
	stack->check = mix(h.b + n);
	id = mix(h.a ^ n) & ~CRESSET_STACK_DEEP;
	if (n > CRESSET_SHORT_FRAMES)
		id |= CRESSET_STACK_DEEP;
	return id ? id : 2;
}

/* Only n and check of what it returns may be looked at. */
static __always_inline struct cresset_short_stack *stack_find(int generation, const __u64 *id)
{
	if (*id & CRESSET_STACK_DEEP) {
		if (generation)
			return bpf_map_lookup_elem(&deep_stacks_1, id);
		return bpf_map_lookup_elem(&deep_stacks_0, id);
	}
	if (generation)
		return bpf_map_lookup_elem(&stacks_1, id);
	return bpf_map_lookup_elem(&stacks_0, id);
}

static __always_inline long stack_add(int generation, const __u64 *id, struct cresset_stack *stack)
{
	if (*id & CRESSET_STACK_DEEP) {
		if (generation)
			return bpf_map_update_elem(&deep_stacks_1, id, stack, BPF_NOEXIST);
		return bpf_map_update_elem(&deep_stacks_0, id, stack, BPF_NOEXIST);
	}
	if (generation)
		return bpf_map_update_elem(&stacks_1, id, stack, BPF_NOEXIST);
	return bpf_map_update_elem(&stacks_0, id, stack, BPF_NOEXIST);
}

/* Stores the stack under its id. Returns a loss, or -1 if all is well. */
static __always_inline int stack_intern(int generation, struct cresset_stack *stack, __u64 *ret_id)
{
	struct cresset_short_stack *known;
	__u64 id = cresset_stack_hash(stack);
	long err;

	*ret_id = id;
	known = stack_find(generation, &id);
	if (!known) {
		err = stack_add(generation, &id, stack);
		if (!err)
			return -1;
		if (err == -CRESSET_E2BIG)
			return CRESSET_STAT_lost_stacks_full;
		if (err != -CRESSET_EEXIST)
			return CRESSET_STAT_lost_map_busy;
		/* Another CPU was faster with this id. */
		known = stack_find(generation, &id);
		if (!known)
			return CRESSET_STAT_lost_map_busy;
	}
	if (known->check != stack->check || known->n != stack->n)
		return CRESSET_STAT_lost_collision;
	return -1;
}

/*
 * Interns the kernel (0) or user (1) stack of a scratch and sets its id in the key.
 */
__noinline int cresset_intern(__u32 slot_id, int user, int generation)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);

	if (!s)
		return CRESSET_STAT_lost_map_busy;
	if (user)
		return stack_intern(generation, &s->user, &s->key.user_stack);
	return stack_intern(generation, &s->kernel, &s->key.kernel_stack);
}

static __always_inline struct cresset_count *sample_find(int generation,
							 const struct cresset_sample_key *key)
{
	if (generation)
		return bpf_map_lookup_elem(&samples_1, key);
	return bpf_map_lookup_elem(&samples_0, key);
}

static __always_inline long sample_add(int generation, const struct cresset_scratch *s)
{
	if (generation)
		return bpf_map_update_elem(&samples_1, &s->key, &s->count, BPF_NOEXIST);
	return bpf_map_update_elem(&samples_0, &s->key, &s->count, BPF_NOEXIST);
}

/* Returns the outcome. */
static __always_inline int sample_count(int generation, const struct cresset_scratch *s)
{
	struct cresset_count *count = sample_find(generation, &s->key);
	long err;

	if (!count) {
		err = sample_add(generation, s);
		if (!err)
			return CRESSET_STAT_counted;
		if (err == -CRESSET_E2BIG)
			return CRESSET_STAT_lost_samples_full;
		if (err != -CRESSET_EEXIST)
			return CRESSET_STAT_lost_map_busy;
		count = sample_find(generation, &s->key);
		if (!count)
			return CRESSET_STAT_lost_map_busy;
	}
	__sync_fetch_and_add(&count->n, s->count.n);
	if (s->count.blocked_ns)
		__sync_fetch_and_add(&count->blocked_ns, s->count.blocked_ns);
	if (s->count.runnable_ns)
		__sync_fetch_and_add(&count->runnable_ns, s->count.runnable_ns);
	return CRESSET_STAT_counted;
}

/* Writes stacks and sample to one generation and returns the outcome. */
static __always_inline int sample_write(__u32 slot_id, int generation, struct cresset_scratch *s,
					bool with_user)
{
	int lost = -1;

	if (s->kernel.n)
		lost = cresset_intern(slot_id, 0, generation);
	if (with_user && lost < 0 && s->user.n)
		lost = cresset_intern(slot_id, 1, generation);
	if (lost >= 0)
		return lost;
	return sample_count(generation, s);
}

static __always_inline int unwind(__u32 slot_id, struct cresset_scratch *s)
{
	s->user.n = 0;
	if (!s->registers.ip)
		return CRESSET_STOP_NO_USER;
	if (s->registers.compat32) {
		s->user.frames[0] = s->registers.ip;
		s->user.n = 1;
		return CRESSET_STOP_COMPAT32;
	}
#define CRESSET_X_UNWIND(name)                                                                     \
	if (cresset_config.unwinder == CRESSET_UNWINDER_##name)                                    \
		return cresset_unwind_##name(slot_id);
	CRESSET_UNWINDERS(CRESSET_X_UNWIND)
	return CRESSET_STOP_NO_USER;
}

static __always_inline void key_fill(struct cresset_sample_key *key)
{
	struct task_struct *task = bpf_get_current_task_btf();

	key->pid = task->tgid;
	key->tid = task->pid;
	key->exec_id = task->self_exec_id;
	key->cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(key->comm, sizeof(key->comm));
}

/* Inlined: the verifier allows eight frames of calls, and the walk needs most of them. */
static __always_inline void walk_user(__u32 slot_id, struct cresset_slot *slot,
				      struct cresset_scratch *s)
{
	__u32 stop = unwind(slot_id, s);

	s->key.flags |= stop & CRESSET_SAMPLE_STOP;
	if (stop < CRESSET_N_STOPS)
		slot->stops[stop]++;
}

__noinline int cresset_walk_user(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_slot *slot = cresset_slot(slot_id);

	if (s && slot)
		walk_user(slot_id, slot, s);
	return 0;
}

__noinline int cresset_intern_user(__u32 slot_id)
{
	struct cresset_slot *slot = cresset_slot(slot_id);
	int generation, lost = CRESSET_STAT_lost_switch;

	if (!slot)
		return lost;
	generation = generation_enter(slot);
	if (generation >= 0)
		lost = cresset_intern(slot_id, 1, generation);
	generation_leave(slot);
	return lost;
}

__noinline int cresset_write(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_slot *slot = cresset_slot(slot_id);
	int generation, outcome = CRESSET_STAT_lost_switch;

	if (!s || !slot)
		return outcome;
	generation = generation_enter(slot);
	if (generation >= 0)
		outcome = sample_write(slot_id, generation, s, false);
	generation_leave(slot);
	return outcome;
}

__noinline int cresset_emit(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_slot *slot = cresset_slot(slot_id);
	int generation, outcome = CRESSET_STAT_lost_switch;

	if (!s || !slot)
		return 0;
	key_fill(&s->key);
	s->key.kernel_stack = 0;
	s->key.user_stack = 0;
	walk_user(slot_id, slot, s);
	generation = generation_enter(slot);
	if (generation >= 0)
		outcome = sample_write(slot_id, generation, s, true);
	generation_leave(slot);
	if ((__u32)outcome < CRESSET_N_STATS)
		slot->stats[outcome]++;
	return 0;
}
