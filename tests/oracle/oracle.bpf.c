// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * oracle.bpf.c - cresset's own CPU source and walker, with another end: instead of being counted,
 * each stack goes to a ring buffer with its time, and perf is told to write its own sample too.
 *
 * The source is the very file, with cresset_emit() replaced. Targets and unwind tables are the maps
 * of a session that is recording (the test hands them over at load); scratch and counters are not.
 */
#define cresset_emit oracle_emit
#include "bpf/src_cpu.bpf.c"
#undef cresset_emit

#include "tests/oracle/record.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} oracle_records SEC(".maps");

volatile __u64 oracle_dropped = 0;

__noinline int oracle_emit(__u32 slot_id)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct task_struct *task = bpf_get_current_task_btf();
	struct oracle_record *r;

	if (!s || !s->registers.ip || s->registers.compat32)
		return 0;
	r = bpf_ringbuf_reserve(&oracle_records, sizeof(*r), 0);
	if (!r) {
		__sync_fetch_and_add(&oracle_dropped, 1);
		return 0;
	}
	r->time_ns = bpf_ktime_get_ns();
	r->ip = s->registers.ip;
	r->sp = s->registers.sp;
	r->pid = s->key.pid = task->tgid;
	r->tid = s->key.tid = task->pid;
	s->key.exec_id = task->self_exec_id;
	s->user.n = 0;
	r->stop = cresset_unwind_native(slot_id);
	r->n = s->user.n;
	for (__u32 i = 0; i < ORACLE_RECORD_FRAMES; i++)
		r->frames[i] = i < CRESSET_MAX_FRAMES ? s->user.frames[i] : 0;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 1;
}
