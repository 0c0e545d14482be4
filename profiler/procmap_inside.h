// SPDX-License-Identifier: Apache-2.0
/*
 * procmap_inside.h - the process map's parts, for procmap.c (asking) and procmap_feed.c (learning).
 */
#ifndef PROFILER_PROCMAP_INSIDE_H
#define PROFILER_PROCMAP_INSIDE_H

#include "dso.h"
#include "perfmaps.h"
#include "procmap.h"
#include "proctab.h"
#include "sideband.h"

struct procmap {
	struct proctab table;
	struct dso_table dsos;
	struct sideband *sideband; /* NULL only in tests */
	struct perfmaps perfmaps;

	/* The profile that ids are cached for; each change is a new epoch (1 and up). */
	const struct cresset_profile *profile;
	uint64_t epoch;
	uint32_t kernel_mapping; /* 0: not added yet */

	/* The image last asked for; NULL after any change of the table. */
	struct image *last_image;
	struct process *last_process;
	uint32_t last_exec_id;

	size_t sweep_at;	   /* binaries, before the next sweep */
	unsigned int rescans_left; /* in this drain */
	uint64_t lost_checked; /* lost records when the table was last checked for dead processes */
	uint64_t lost;	       /* records, so far */
	struct procmap_stats stats; /* the counters that are kept here */
};

/* What a mapping is, as any of the three sources tell it. */
struct procmap_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t pgoff;
	struct dso_identity identity;
};

/* A procmap without side-band. */
int procmap_init(struct procmap *pm);
/* A sideband_fn. */
int procmap_feed(void *procmap, const struct sideband_event *e);
/* A vmascan_fn (declared there). Adds what one record of the scan says. */
struct procmap_record;
int procmap_feed_scan(void *procmap, const struct procmap_record *record, const char *path);
/*
 * Reads /proc of a process that is not (well) known, if that is allowed by now. True if something
 * was read.
 */
bool procmap_rescan(struct procmap *pm, uint32_t pid, uint32_t exec_id);

#endif
