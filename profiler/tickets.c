// SPDX-License-Identifier: Apache-2.0
/* See tickets.h. */
#include "tickets.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "unwind/remote.h"

enum { EXPIRE_MIN = 1024 };

struct ticket {
	uint64_t id;
	struct remote_thread thread;
	uint64_t used_ns; /* when the wait ended; 0: it has not */
	uint64_t walked_ns;
	uint32_t first;
	uint32_t n;
	uint16_t flags;
	bool waiting;
	bool good;
};

void tickets_init(struct tickets *t)
{
	memset(t, 0, sizeof(*t));
	vec_init(&t->list, sizeof(struct ticket));
	vec_init(&t->frames, sizeof(uint64_t));
	hash_init(&t->index);
	vec_push(&t->list, NULL, 1);
}

void tickets_release(struct tickets *t)
{
	vec_release(&t->list);
	vec_release(&t->frames);
	hash_release(&t->index);
}

static uint64_t hash_of(uint64_t id)
{
	return hash_bytes(&id, sizeof(id), 0);
}

static bool same_id(const void *table, uint32_t at, const void *key)
{
	const struct ticket *ticket = vec_at(table, at);

	return ticket->id == *(const uint64_t *)key;
}

static struct ticket *find(const struct tickets *t, uint64_t id)
{
	uint32_t at = hash_find(&t->index, hash_of(id), same_id, &t->list, &id);

	return at ? vec_at(&t->list, at) : NULL;
}

static int add(struct tickets *t, const struct ticket *ticket)
{
	if (!t->list.n || t->list.n >= UINT32_MAX || hash_reserve(&t->index) ||
	    !vec_push(&t->list, ticket, 1))
		return -ENOMEM;
	hash_insert(&t->index, hash_of(ticket->id), (uint32_t)t->list.n - 1);
	return 0;
}

int tickets_add(struct tickets *t, const struct cresset_thread_report *report)
{
	struct ticket ticket = {
		.id = report->user_stack,
		.thread = {.pid = report->pid, .tid = report->tid, .exec_id = report->exec_id},
		.flags = CRESSET_STOP_NOT_TAKEN,
		.waiting = true,
	};
	struct cresset_registers *r = &ticket.thread.registers;
	int code;

	/* The report of a scan that was read twice. */
	if (find(t, ticket.id))
		return 0;
	r->ip = report->ip;
	r->sp = report->sp;
	r->fp = report->fp;
	r->compat32 = report->compat32;
	for (size_t i = 0; i < CRESSET_N_GENERAL && i < CRESSET_MAX_GENERAL; i++)
		r->general[i] = report->general[i];
	if (report->in_syscall)
		ticket.flags |= CRESSET_SAMPLE_LEAF_AFTER;
	code = add(t, &ticket);
	if (!code) {
		t->n_waiting++;
		t->given++;
	}
	return code;
}

void tickets_used(struct tickets *t, uint64_t id, uint64_t at_ns)
{
	struct ticket *ticket = find(t, id);

	if (!ticket || ticket->used_ns)
		return;
	ticket->used_ns = at_ns;
	if (ticket->waiting) {
		ticket->waiting = false;
		t->n_waiting--;
		t->late++;
	} else if (ticket->good && at_ns < ticket->walked_ns) {
		ticket->good = false;
		t->late++;
	}
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool tables_may_come(int stop)
{
	return stop == CRESSET_STOP_NO_TABLE || stop == CRESSET_STOP_NOT_KNOWN ||
	       stop == CRESSET_STOP_EVICTED || stop == CRESSET_STOP_NOT_MAPPED;
}

static void walk(struct tickets *t, struct ticket *ticket, bool last)
{
	uint64_t frames[CRESSET_MAX_FRAMES];
	size_t n = 0;
	int stop = remote_walk(t->remote, &ticket->thread, frames, &n);

	if (!last && (tables_may_come(stop) || stop == -ETIMEDOUT || stop == -EAGAIN))
		return;
	ticket->waiting = false;
	t->n_waiting--;
	if (stop < 0 || t->frames.n + n > UINT32_MAX || (n && !vec_push(&t->frames, frames, n))) {
		t->failed++;
		return;
	}
	ticket->good = true;
	ticket->n = (uint32_t)n;
	ticket->first = (uint32_t)(t->frames.n - n);
	ticket->flags &= (uint16_t)~CRESSET_SAMPLE_STOP;
	ticket->flags |= (uint16_t)stop & CRESSET_SAMPLE_STOP;
	ticket->walked_ns = now_ns();
}

void tickets_walk(struct tickets *t, bool last)
{
	if (!t->remote)
		return;
	for (size_t i = 1; t->n_waiting && i < t->list.n; i++) {
		struct ticket *ticket = vec_at(&t->list, i);

		if (ticket->waiting)
			walk(t, ticket, last);
	}
}

const uint64_t *tickets_frames(const struct tickets *t, uint64_t id, size_t *ret_n,
			       uint16_t *ret_flags)
{
	const struct ticket *ticket = find(t, id);

	*ret_n = 0;
	*ret_flags = CRESSET_STOP_NOT_TAKEN;
	if (!ticket || !ticket->good)
		return NULL;
	*ret_flags = ticket->flags;
	*ret_n = ticket->n;
	return (const uint64_t *)t->frames.data + ticket->first;
}

void tickets_expire(struct tickets *t, uint64_t before_ns)
{
	struct tickets left;
	int r = 0;

	if (t->list.n < EXPIRE_MIN)
		return;
	tickets_init(&left);
	for (size_t i = 1; !r && i < t->list.n; i++) {
		struct ticket ticket = *(struct ticket *)vec_at(&t->list, i);
		const uint64_t *frames = (const uint64_t *)t->frames.data + ticket.first;

		if (ticket.used_ns && ticket.used_ns < before_ns)
			continue;
		ticket.first = (uint32_t)left.frames.n;
		if (ticket.n && !vec_push(&left.frames, frames, ticket.n))
			r = -ENOMEM;
		if (!r)
			r = add(&left, &ticket);
	}
	if (r) {
		tickets_release(&left);
		return;
	}
	left.remote = t->remote;
	left.n_waiting = t->n_waiting;
	left.given = t->given;
	left.late = t->late;
	left.failed = t->failed;
	tickets_release(t);
	*t = left;
}
