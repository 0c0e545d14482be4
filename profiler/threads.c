// SPDX-License-Identifier: Apache-2.0
/* See threads.h. */
#include "threads.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { KEY_BYTES = offsetof(struct thread_times, exec_id) };

int threads_init(struct threads *t)
{
	return table_init(&t->table, sizeof(struct thread_times), KEY_BYTES);
}

void threads_release(struct threads *t)
{
	table_release(&t->table);
}

int threads_add(struct threads *t, const struct cresset_thread_report *report)
{
	struct thread_times times, *known;
	uint32_t id;
	int r;

	memset(&times, 0, sizeof(times));
	times.born_ns = report->born_ns;
	times.tid = report->tid;
	times.pid = report->pid;
	times.taken_ns = report->born_ns;
	r = table_add(&t->table, &times, &id, NULL);
	if (r)
		return r;
	known = table_get(&t->table, id);
	known->exec_id = report->exec_id;
	known->at_ns = report->at_ns;
	known->ended |= report->kind == CRESSET_REPORT_END;
	memcpy(known->totals, report->totals, sizeof(known->totals));
	memcpy(known->comm, report->comm, sizeof(known->comm));
	return 0;
}

uint32_t threads_count(const struct threads *t)
{
	return table_count(&t->table);
}

const struct thread_times *threads_get(const struct threads *t, uint32_t id)
{
	return table_get(&t->table, id);
}

int threads_taken(struct threads *t)
{
	struct threads left;
	int r = threads_init(&left);

	for (uint32_t id = 1; id <= threads_count(t); id++) {
		struct thread_times *times = table_get(&t->table, id);
		uint32_t new_id;

		memcpy(times->taken, times->totals, sizeof(times->taken));
		times->taken_ns = times->at_ns;
		if (!r && !times->ended)
			r = table_add(&left.table, times, &new_id, NULL);
	}
	if (r) {
		threads_release(&left);
		return r;
	}
	threads_release(t);
	*t = left;
	return 0;
}
