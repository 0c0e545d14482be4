// SPDX-License-Identifier: Apache-2.0
/*
 * procpages - what processes have mapped, as the walker reads it.
 *
 * A process has an entry in the kernel's hash that names up to 16 pages of sorted ranges. Pages are
 * never changed once an entry names them: a change of the process is new pages and then, in one
 * step, a new entry. A forked child gets a copy of its parent's entry in the kernel before it runs
 * (bpf/unwind_life.bpf.c), so pages are shared without user space knowing. That is why a page is
 * free only when no entry of the kernel's names it, which takes a look at all entries and a wait
 * for the walkers and forks that are at it. The owner does that in time (procpages_collect); when
 * pages run out all the same, it is done while the caller waits.
 *
 * When every page is in use, the processes published longest ago lose theirs; they are asked for
 * again when they run.
 */
#ifndef UNWIND_PROCPAGES_H
#define UNWIND_PROCPAGES_H

#include <stdbool.h>

#include "core/hash.h"
#include "core/vec.h"
#include "unwind/tabmem.h"

enum { PROCPAGES_MAX_RANGES = CRESSET_PAGE_RANGES * CRESSET_MAX_PROC_PAGES };

struct procpages_stats {
	uint64_t processes;  /* known now */
	uint64_t pages;	     /* in use or not yet known to be free */
	uint64_t published;  /* entries written */
	uint64_t unchanged;  /* of what was to be published: it was there already */
	uint64_t ranges_cut; /* beyond what 16 pages hold */
	uint64_t reclaims;
	uint64_t displaced; /* processes that lost their pages to others */
	uint64_t failed;    /* not published: no room, or the kernel refused */
};

struct procpages {
	struct tabmem *mem;
	struct vec free;    /* uint32_t page ids */
	struct vec entries; /* struct procpages_entry */
	struct hash index;
	size_t n_gone;
	uint64_t clock;
	bool *collected; /* pages that nothing named when a collection began; NULL: none is on */
	struct procpages_stats stats;
};

int procpages_init(struct procpages *pp, struct tabmem *mem);
void procpages_release(struct procpages *pp);
/*
 * The ranges of a process, sorted, not overlapping; those of one file that lie side by side should
 * have been joined. Nothing is written if these were published last, unless forced. -ENOSPC,
 * -ENOMEM, or the kernel's error: then it has the entry that it had.
 */
int procpages_publish(struct procpages *pp, uint32_t pid, uint32_t exec_id,
		      const struct cresset_unwind_range *ranges, size_t n, bool force);
/*
 * True if it is time to write an entry anew although nothing changed, as walks miss something in it
 * all the same: after a copy of an older entry by a fork. Each time it takes twice as long until
 * the next time, as misses may also come of wild addresses.
 */
bool procpages_may_force(struct procpages *pp, uint32_t pid, uint64_t now_ns);
/* The child has been given its parent's entry by the kernel. -ENOMEM. */
int procpages_fork(struct procpages *pp, uint32_t pid, uint32_t ppid);
void procpages_remove(struct procpages *pp, uint32_t pid);
/* Has been published (or forked) and not removed; the exec id that it has. */
bool procpages_known(const struct procpages *pp, uint32_t pid, uint32_t *ret_exec_id);
/*
 * True if pages should be collected: then call tabmem's wait, on whatever thread, between
 * procpages_collect() and procpages_collected(). Meanwhile all else may go on.
 */
bool procpages_few(const struct procpages *pp);
int procpages_collect(struct procpages *pp);
/* waited: what the wait returned. */
int procpages_collected(struct procpages *pp, int waited);
/* Sets used[id] for every dso that an entry of the kernel names. */
int procpages_mark(struct procpages *pp, bool *used, size_t n);
void procpages_get_stats(const struct procpages *pp, struct procpages_stats *ret);

#endif
