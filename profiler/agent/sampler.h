// SPDX-License-Identifier: Apache-2.0
/*
 * sampler - the thread that owns the recorder: it drains, and cuts a window every ten seconds, or
 * when a capture begins or ends.
 *
 * A new configuration of the recorder is taken over without a gap: the new one starts, then the old
 * one stops, and stays until its last window has its names. What the new one had recorded until
 * then is in the old one's window, and thrown away; some milliseconds are in both. After each
 * window the governor hears what the agent has cost, and may change the frequency.
 */
#ifndef AGENT_SAMPLER_H
#define AGENT_SAMPLER_H

#include "agent/captures.h"
#include "agent/clock_watch.h"
#include "agent/config.h"
#include "agent/limits.h"
#include "agent/nudge.h"
#include "agent/opener.h"
#include "agent/windows.h"
#include "agent/writer.h" /* agent_log_fn */

/* What metrics want to know of it. */
struct sampler_state {
	unsigned int freq_hz; /* now */
	struct governor governor;
	uint64_t kernel_memory_bytes;
	uint64_t table_memory_bytes;
	uint64_t window_bytes;			 /* of the window that is being filled */
	uint64_t tables_evicted, tables_refused; /* of this recorder, for want of memory */
	uint64_t files_open, files_closed; /* of this recorder; closed: for want of descriptors */
	struct clock_watch clocks;
	uint64_t shortened; /* windows cut before their time, as they were too large */
	uint64_t restarts;  /* of the recorder, for a new configuration */
	uint64_t errors;    /* windows that the recorder could not give */
	char error[256];    /* why it cannot drain; "": it does */
};

struct sampler {
	pthread_t thread;
	bool started;
	/* The agent's. */
	struct windows *windows;
	struct opener *opener;
	struct captures *captures;
	agent_log_fn log;
	void *log_arg;
	/* Its own. */
	struct nudge nudge; /* wakes it; also the opener's and the captures' */
	struct cresset_recorder *recorder;
	struct cresset_recorder *retired; /* until its last window is written */
	uint64_t retired_sequence;
	uint64_t sequence;
	struct self_limits limits;
	uint64_t window_ns, window_begin_ns, window_end_ns;
	uint64_t used_cpu_ns, used_at_ns; /* when the governor was last told */
	atomic_bool stop;
	/* Guarded by lock: state, and what is to be taken over. */
	pthread_mutex_t lock;
	struct sampler_state state;
	struct cresset_recorder *next;
	uint64_t next_window_ns;
	unsigned int next_hz;
	double next_budget;
	atomic_ullong progress;
};

/* Makes the recorder (50 ms), does not start it. */
int sampler_init(struct sampler *s, const struct agent_config *c, const struct self_limits *limits,
		 struct cresset_error *err);
void sampler_release(struct sampler *s);
int sampler_start(struct sampler *s, struct cresset_error *err);
/* It takes its last window, closes the queue, and goes on opening files until the writer is done.
 */
void sampler_stop(struct sampler *s);
/* A recorder by another configuration, from now on. Made and started by the calling thread. */
int sampler_configure(struct sampler *s, const struct agent_config *c, struct cresset_error *err);
void sampler_get_state(struct sampler *s, struct sampler_state *ret);

#endif
