// SPDX-License-Identifier: Apache-2.0
/*
 * agent - one for each machine, that records all of it all the time.
 *
 *     sampler ──windows──► writer ──► store, captures, uploads (an exporter and a thread each)
 *        ▲ files for names ◄── opener ──┘                ▲ read-only
 *     main: signals, reload, systemd              web: /metrics, queries, captures
 *
 * Who waits for whom: the sampler for nobody, the writer for the sampler (to open files) and for
 * the disk, web for the writer (captures). Rights: all runs as the configured user with the few
 * capabilities of privilege.h; threads that talk to the network are started by one that has given
 * those up, and never have any.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/captures.h"
#include "agent/config.h"
#include "agent/notify.h"
#include "agent/opener.h"
#include "agent/sampler.h"
#include "agent/tally.h"
#include "agent/uploads.h"
#include "agent/windows.h"
#include "agent/writer.h"
#include "web/web.h"

/* What a thread without rights is to do. */
struct agent_network {
	pthread_t thread;
	bool running;
	struct vec uploads; /* struct export_config * */
	const struct agent_http_config *http;
	int result;
	size_t uploads_failed;
	struct cresset_error err;
};

struct agent_ending {
	pthread_t thread;
	bool running;
};

struct agent {
	struct agent_config *config; /* in force */
	struct agent_config *next;   /* while the end found a reload under way; else NULL */
	const char *config_path;     /* NULL: defaults */
	struct self_limits limits;
	atomic_size_t n_uploads;
	struct notify notify;
	struct windows windows;
	struct opener opener;
	struct captures captures;
	struct uploads uploads;
	struct tally tally;
	struct writer writer;
	struct sampler sampler;
	struct web *web;
	struct agent_network network;
	struct agent_ending web_ending, uploads_ending;
	unsigned int uploads_ms; /* until they are to have ended */
	agent_log_fn log;
	void *log_arg;
	int64_t start_ns;	 /* wall clock */
	atomic_ullong window_ns; /* the configured one, for other threads */
	atomic_ullong reloads, reload_errors;
	atomic_ullong digest;	  /* of the configuration in force */
	unsigned int pending;	  /* keys of the file that are not in force, at the last reload */
	atomic_uint keys_pending; /* the same, for other threads */
	bool begun;
	bool unfinished;
};

/*
 * Starts everything: takes over config, drops rights, opens the store, records, serves. err says
 * what failed and what to do about it. config_path is read again by agent_reload().
 */
int agent_start(struct agent *a, struct agent_config *config, const char *config_path,
		agent_log_fn log, void *log_arg, struct cresset_error *err);
/* Reads the configuration again. A file that is wrong changes nothing; of one that is right, what
 * cannot be had stays as it was. Both are logged. */
void agent_reload(struct agent *a);
/* To be called every second or so: tells systemd, unless a thread hangs. Returns whether all is
 * well. */
bool agent_tick(struct agent *a);
/*
 * The last window is written, uploads are sent or spooled; 2 seconds at most. If that is not enough
 * a->unfinished says so: threads still run, so the process is to end by _exit(), and `a` stays.
 */
void agent_stop(struct agent *a);

#endif
