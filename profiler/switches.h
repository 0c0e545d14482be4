// SPDX-License-Identifier: Apache-2.0
/*
 * switches - the user half of following context switches (bpf/thread.h).
 *
 * BPF does the accounting. What is left is: to say when it begins and ends; to run its iterator
 * over all threads (seed at the start, sweeps of long waits, a flush when a window or the recording
 * ends); to keep stacks for waits that are not over; to read those that BPF could not take; and to
 * set the probability with which waits are recorded, so that the overhead stays within its budget.
 *
 * The budget. BPF estimates what its scheduler programs cost (every 64th run is timed). When that
 * is more than the budget, the probability goes down in proportion; when there is room, up again.
 * The part of the cost that does not depend on it (following marks without any stack, and looking
 * at switches of threads that are no target) is the floor. Where the floor alone is near the budget
 * or past it, stacks still get a quarter of the budget: giving up on them would not make it cheap.
 */
#ifndef PROFILER_SWITCHES_H
#define PROFILER_SWITCHES_H

#include <cresset/types.h>

#include "drain.h"
#include "kept.h"
#include "threads.h"
#include "tickets.h"

struct session;
struct ring_buffer;
struct bpf_link;

enum { SWITCHES_N_LINKS = 4 };

/* Counters of scheduler programs over all CPUs, and what user space counts beside them. */
struct switches_sums {
	uint64_t time[CRESSET_N_TIMES];
	uint64_t stats[CRESSET_N_STATS]; /* of waits alone */
	uint64_t blocked_variance;
	uint64_t runnable_variance;
	uint64_t wakers;
	uint64_t run_slices[CRESSET_N_LENGTHS];
	uint64_t run_delays[CRESSET_N_LENGTHS];
	uint64_t tickets_given;
	uint64_t tickets_late;
	uint64_t tickets_failed;
	uint64_t reports_lost; /* out of memory */
};

struct switches {
	struct session *session;
	struct bpf_link *links[SWITCHES_N_LINKS];
	struct bpf_link *scan_link;
	struct ring_buffer *ring;
	struct kept kept;
	struct tickets tickets;
	struct threads threads;
	volatile struct cresset_sched_control *control; /* in BPF's memory */
	uint64_t sweep_at_ns;
	unsigned int n_sweeps; /* that are still worth it */
	uint64_t n_given;      /* tickets, as of the last look at them … */
	unsigned int retry_ms; /* … and how long to wait before the next */
	uint64_t n_broken;     /* walks that ended early for want of tables, as of the last sweep */
	uint64_t budget_ns;    /* when the overhead was last looked at … */
	uint64_t budget_self;  /* … and what it was, all in all … */
	uint64_t budget_work;  /* … and the part that the probability decides on */
	double overhead;       /* CPUs, of one, lately */
	bool prune_next;
	bool scanning;
	uint64_t reports_lost; /* out of memory */
	/* Of the window: the sum over the looks tells the average. */
	double probability_sum;
	uint64_t n_looks;
	struct switches_sums taken; /* by earlier windows */
};

/* The programs are loaded. */
int switches_new(struct session *s, struct switches **ret, struct cresset_error *err);
void switches_free(struct switches *sw);
/* Follows all threads of targets from now on: session.start_ns. */
int switches_attach(struct switches *sw, struct cresset_error *err);
/* Counts what is open up to now, for the window that ends. */
int switches_flush(struct switches *sw, uint64_t now_ns);
/* … whose profile is finished. -ENOMEM: ended threads are still remembered. */
int switches_taken(struct switches *sw);
/* Counts what is open up to now; nothing counts any more. Then detaches. */
int switches_stop(struct switches *sw, uint64_t now_ns);
void switches_detach(struct switches *sw);
/* Between switching the generation and reading its rows. */
int switches_drain(struct switches *sw);
/* The rows of a drain have been read, not yet written … */
int switches_rows(struct switches *sw, const struct drain *drain);
/* … and written. */
int switches_drained(struct switches *sw);
/* Now and then, at least every *ret_ms: reads stacks of sleepers, sweeps. */
void switches_serve(struct switches *sw, unsigned int *ret_ms);

/* The wall source's last step: samples of a thread share its time on a CPU. */
int switches_spread_cpu(struct session *s);
/* Stats of the profile: time.*, waits.*. */
int switches_finish(struct session *s);
/* All counters up to now. */
void switches_sum(const struct switches *sw, struct switches_sums *ret);

#endif
