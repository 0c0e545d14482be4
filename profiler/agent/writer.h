// SPDX-License-Identifier: Apache-2.0
/*
 * writer - the thread that makes something of each window: names, labels, the store, the servers,
 * and whoever waits for a capture. It also keeps the store's house. Slow disks and much to name
 * delay it, and never the sampling.
 */
#ifndef AGENT_WRITER_H
#define AGENT_WRITER_H

#include "agent/captures.h"
#include "agent/config.h"
#include "agent/limits.h"
#include "agent/opener.h"
#include "agent/tally.h"
#include "agent/uploads.h"
#include "agent/windows.h"
#include "idle_rules.h"

#include <stdatomic.h>

/* A line for the log, from any thread. */
typedef void (*agent_log_fn)(void *arg, bool is_error, const char *text);

struct writer {
	pthread_t thread;
	bool started;
	/* The agent's. */
	struct windows *windows;
	struct opener *opener;
	struct captures *captures;
	struct uploads *uploads;
	struct tally *tally;
	agent_log_fn log;
	void *log_arg;
	/* Its own. */
	struct cresset_kernel_names *kernel_names; /* NULL: by the kernel's list */
	struct cresset_symbolizer *symbolizer;
	struct agent_labels *labels;
	struct idle_rules *idle;
	struct store *store;
	struct store_options store_options;
	char *store_path;
	struct self_limits limits;
	bool store_failed; /* the last window was not stored: has been said */
	bool house_failed; /* … nor was it tidied up */
	/* A new configuration, taken over before the next window. */
	pthread_mutex_t lock;
	struct agent_labels *next_labels;
	struct cresset_symbolizer *next_symbolizer;
	bool next_store;
	struct store_options next_store_options;
	atomic_ullong progress; /* CLOCK_MONOTONIC, of the last step */
	atomic_bool busy;	/* a window is at hand */
};

/* Opens the store and makes what is needed; err says what is wrong. The pointers above are set. */
int writer_init(struct writer *w, const struct agent_config *c, const struct self_limits *limits,
		struct cresset_error *err);
void writer_release(struct writer *w);
int writer_start(struct writer *w, struct cresset_error *err);
/* Labels by other rules, names by other options, and other bounds of the store, from the next
 * window on; all of it or nothing. The thread ends when the queue is closed and empty. */
int writer_configure(struct writer *w, const struct agent_config *c, unsigned int changes,
		     struct cresset_error *err);

#endif
