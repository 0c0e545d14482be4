// SPDX-License-Identifier: Apache-2.0
/*
 * session - one recording: open → configure → load → attach → drain, again and again → detach.
 *
 * The order is made for a fast start. Everything that can fail for a wrong argument is opened
 * first; then BPF is loaded and the side-band rings opened; attaching starts the samples, and only
 * then are the mappings of the processes scanned that were there before. From that point user space
 * only drains: it switches the generation, reads the side-band up to now, and turns the rows into
 * samples of the profile.
 *
 * All from one thread. A session is used by the recorder (the public API) and by tests.
 */
#ifndef PROFILER_SESSION_H
#define PROFILER_SESSION_H

#include <cresset/recorder.h>

#include "accounting.h"
#include "cpus.h"
#include "drain.h"
#include "perf_event.h"
#include "rows.h"
#include "switches.h"
#include "targets.h"

/* Generated; has no headers of its own. */
#include "cresset_bpf.skel.h"

/* What the public options do not offer. 0: chosen from the sampling rate. */
struct session_limits {
	uint32_t max_samples; /* rows of the samples map, per generation */
	uint32_t max_stacks;  /* rows of the stack-trace map, per generation */
	uint32_t max_deep;    /* … of that for deep stacks */
	unsigned int drain_ms;
};

/* What earlier windows have had of counters that only grow. */
struct session_taken {
	struct accounting counters;
	uint64_t samples; /* of those taken, the ones whose fate is in a window */
	uint64_t written;
	uint64_t lost; /* on the way from the maps to the profile */
	uint64_t wakers_lost;
};

struct session {
	struct cresset_recorder_options options; /* the lists in it are only valid in session_new */
	struct session_limits limits;
	const struct source *source;
	const struct unwinder *unwinder;
	void *unwind; /* the unwinder's own */
	struct cresset_bpf *bpf;
	struct procmap *procmap;
	struct cresset_profile *profile;
	struct targets targets;
	struct drain drain;
	struct rows rows;
	struct switches *switches; /* of sources that follow context switches; else NULL */

	/* Of sources with ticks. */
	struct perf_event_kind event;
	const char *event_name;
	int64_t period;	      /* what one count stands for, in the source's unit */
	unsigned int rate_hz; /* samples a CPU gives per second, at most */

	size_t n_cpus; /* possible ones */
	bool *online;
	int *cpu_fds; /* of the source; -1: none */
	struct cresset_slot *slots;
	size_t slots_bytes;

	uint64_t start_ns; /* CLOCK_MONOTONIC; 0: not started */
	/* Of the window that is being filled. */
	uint64_t window_ns;
	int64_t window_time_ns; /* CLOCK_REALTIME */
	struct session_taken taken;
	uint64_t drain_lost; /* samples that were in the maps and never came out, ever */
	uint64_t drained_ns;
	uint64_t serve_ns;	     /* when the unwinder wants to be served */
	uint64_t served_ns;	     /* when it was */
	uint64_t switches_ns;	     /* when the follower of switches wants to be served … */
	uint64_t switches_served_ns; /* … and when it was */
	uint64_t cpus_ns;	     /* when CPUs were last looked for */
	uint64_t memory_bytes;	     /* of maps … */
	uint64_t memory_ns;	     /* … when that was last asked for */
	uint64_t verified_insns;     /* of the program that was most work for the verifier */
	int watch_fd; /* the caller's: session_poll() returns when it is readable; -1 */
	bool attached;
};

int session_new(const struct cresset_recorder_options *options, const struct session_limits *limits,
		struct session **ret, struct cresset_error *err);
void session_free(struct session *s);
int session_start(struct session *s, struct cresset_error *err);
/* As cresset_recorder_poll(). */
int session_poll(struct session *s, int timeout_ms);
/* Drains now. */
int session_drain(struct session *s);
/* As cresset_recorder_take(). */
int session_take(struct session *s, struct cresset_profile **ret, struct cresset_error *err);
/* As cresset_recorder_set_freq(). */
int session_set_freq(struct session *s, unsigned int hz, struct cresset_error *err);
int session_stop(struct session *s, struct cresset_profile **ret, struct cresset_error *err);
void session_get_stats(const struct session *s, struct cresset_recorder_stats *ret);
/* CLOCK_MONOTONIC */
uint64_t session_now_ns(void);

/* session_load.c: options to programs and maps in the kernel. */
int session_load(struct session *s, struct cresset_error *err);
/* session_finish.c: what is true of the whole profile, which is that of a window. */
int session_describe(struct session *s, struct cresset_profile *p);
/*
 * The window ends at to_ns. Samples that BPF had counted before the last drain, `drained` of them,
 * are in the profile or lost; what came later is left to the next window.
 */
int session_finish(struct session *s, uint64_t drained, uint64_t to_ns);
/* What BPF counted since the last window. */
void session_accounting(const struct session *s, struct accounting *ret);
/* The next window began at from_ns. */
void session_window_begin(struct session *s, uint64_t from_ns);

#endif
