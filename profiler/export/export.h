// SPDX-License-Identifier: Apache-2.0
/*
 * export - profiles out to the servers that people already run.
 *
 * A target is a const descriptor (EXPORT_TARGETS): how a profile and its labels become the body of
 * one HTTP request, and where that goes. All that is hard is common to them: one exporter per
 * configured server owns a thread, a bounded queue and, if it has a path for one, a spool on disk.
 *
 *     export_config_new("central", &c);
 *     export_config_set(c, "url", "https://pyroscope:4040", &err);      // one call for each key
 *     export_config_set(c, "type", "pyroscope", &err);
 *     export_config_check(c, &err);                                      // are they a whole?
 *     exporter_new(c, &e, &err);                                         // e owns c from now on
 *     exporter_push(e, profile, labels, n, &err);                        // any number of times
 *     exporter_stop(e, 2000);                                            // what is left: spooled
 *     exporter_free(e);
 *
 * What holds:
 *   - exporter_push() encodes (CPU time only: some 8 ms for 2,000 stacks) and queues. It touches no
 *     disk and no network, and waits for nothing but a short lock. The profile is not kept.
 *   - A request's id and bytes are made once, before the first try; every retry, also that of a
 *     later process from the spool, sends the same bytes under the same id.
 *   - Requests leave in the order of their pushes, one at a time for each exporter.
 *   - 429, 502, 503, 504, failed connections and gRPC's UNAVAILABLE, ABORTED, DEADLINE_EXCEEDED are
 *     tried again (1 s … 60 s, full jitter, Retry-After). Any other refusal drops that request.
 *   - pushed + restored = sent + queued + spooled + the sum of dropped[], at any time.
 *   - No secret is in a text that comes from here: they are named by file or variable, read anew
 *     before each try, and cut out of what a server says.
 */
#ifndef EXPORT_EXPORT_H
#define EXPORT_EXPORT_H

#include <cresset/profile.h>
#include <cresset/types.h>

/* One row a target; its file is <name>.c, with const struct export_target export_target_<name>. */
#define EXPORT_TARGETS(X) X(pyroscope) X(ingest) X(parca) X(parca_json) X(otlp) X(http) X(s3)

/* The layout of OTLP profiles that is written (opentelemetry-proto). Another one is refused, or
 * worse, taken for empty by servers: for --version. */
#define EXPORT_OTLP_VERSION "1.10"

#define EXPORT_DEFAULT_QUEUE_BYTES (UINT64_C(8) << 20)

struct export_config;
struct exporter;

/* Whose profile it is: "service", "host", "comm", … Names and values may be any text; each target
 * makes of them what its server takes. */
struct export_label {
	const char *name;
	const char *value;
};

/* ---- Configuration: pairs of key and value, from a file's section or from options. */

/* The i-th key, for sample files, --help and "did you mean"; false past the end. */
struct export_key {
	const char *name;
	const char *arg; /* "URL", "FILE", … */
	const char *help;
	bool many;    /* may be set more than once */
	bool waiting; /* of an exporter's queue and spool: nothing to export_once() */
};
bool export_key_at(size_t i, struct export_key *ret);
/* The i-th target: name and help; false past the end. */
bool export_target_at(size_t i, const char **ret_name, const char **ret_help);

/* name: how statistics and the spool's folder call it; [A-Za-z0-9_.-], 64 at most. */
int export_config_new(const char *name, struct export_config **ret);
void export_config_free(struct export_config *c);
/* 0, -ENOENT (no such key, with a "did you mean"), -EINVAL (bad value), -ENOMEM; err says what and
 * what to write instead, without the value where that could be a secret. */
int export_config_set(struct export_config *c, const char *key, const char *value,
		      struct cresset_error *err);
/* What can be wrong with the whole: a missing url, two kinds of auth, a file that cannot be read.
 * Fills in what follows from the rest (the type from the URL). */
int export_config_check(struct export_config *c, struct cresset_error *err);
/* Where a key that is not set would be taken from: exporter_new() needs a spool under this
 * directory unless "spool" is set. Default: no spool. */
int export_config_default_spool(struct export_config *c, const char *directory);
/* Appends "key = value" lines as they are in force to a sink; nothing in them is secret. */
int export_config_print(const struct export_config *c, struct cresset_sink *sink);
const char *export_config_name(const struct export_config *c);
const char *export_config_type(const struct export_config *c);
uint64_t export_config_queue_bytes(const struct export_config *c);
/* The URL as it may be shown. */
const char *export_config_url(const struct export_config *c);
/* Equal in every key, both checked: a reload may keep the exporter. Otherwise stop the old one
 * first: the new one takes its spool over. */
bool export_config_equal(const struct export_config *a, const struct export_config *b);

/* ---- The exporter. */

/* Why a request was given up; the names are for metrics. */
#define EXPORT_DROPS(X)                                                                            \
	X(queue_full, "memory for waiting requests was full and there was no spool to write to")   \
	X(spool_full, "oldest in a full spool, or larger than all of it")                          \
	X(too_old, "older than max_age before the server could be reached")                        \
	X(refused, "the server refused it, and would again")                                       \
	X(unsupported, "this type of server cannot take such a profile")                           \
	X(too_large, "a single stack larger than the server takes")                                \
	X(damaged, "an entry of the spool that is not whole any more")                             \
	X(stopped, "left when the exporter ended without a spool")                                 \
	X(no_memory, "out of memory")

enum export_drop {
#define X(name, help) EXPORT_DROP_##name,
	EXPORT_DROPS(X)
#undef X
		EXPORT_DROP_COUNT
};
const char *export_drop_name(enum export_drop drop);
const char *export_drop_help(enum export_drop drop);

enum { EXPORT_CODES_MAX = 16 };

struct exporter_stats {
	uint64_t pushed;       /* requests made by exporter_push() */
	uint64_t restored;     /* requests found in the spool at the start */
	uint64_t sent;	       /* accepted by the server */
	uint64_t sent_bytes;   /* bodies of these */
	uint64_t tries;	       /* requests that went out, again or not */
	uint64_t retried;      /* tries that are to be made again */
	uint64_t partial;      /* accepted, but the server says that it left out something */
	uint64_t labels_cut;   /* labels left out for the server's limits */
	uint64_t spool_errors; /* failed writes to the spool: the request stayed in memory */
	uint64_t dropped[EXPORT_DROP_COUNT];
	uint64_t queued, queued_bytes;	 /* in memory now, the one on its way included */
	uint64_t queue_max_bytes;	 /* that is in force */
	uint64_t spooled, spooled_bytes; /* on disk now */
	/* Refusals by code: an HTTP status, or 1000 + a gRPC status; code 0 is all that did not
	 * fit. */
	struct {
		unsigned int code;
		uint64_t count;
	} refused_by[EXPORT_CODES_MAX];
	int64_t last_sent_ns;  /* CLOCK_REALTIME; 0: never */
	int64_t last_error_ns; /* … */
	uint64_t failures;     /* in a row, now */
	char last_error[256];  /* the server's or the system's own words, made fit for a line */
};

/*
 * Checks config, opens the spool (-EBUSY: another process or exporter has it; stop that first) and
 * starts the thread. The exporter owns config on success only.
 */
int exporter_new(struct export_config *config, struct exporter **ret, struct cresset_error *err);
/*
 * Queues one profile, in as many requests as the server's limits need. The profile must have a time
 * and names (locations without lines are sent as "[binary+0xaddress]"). Any thread, one at a time
 * for each profile. -ENOMEM, -EOPNOTSUPP, -E2BIG, -ESHUTDOWN: what was not queued is counted.
 */
int exporter_push(struct exporter *e, const struct cresset_profile *profile,
		  const struct export_label *labels, size_t n, struct cresset_error *err);
void exporter_get_stats(struct exporter *e, struct exporter_stats *ret);
/* Memory for waiting requests, where that is less than the configuration's. 0: as configured. */
void exporter_limit_queue(struct exporter *e, uint64_t bytes);
const struct export_config *exporter_config(const struct exporter *e);
/* Waits until all is sent. -ETIMEDOUT. */
int exporter_flush(struct exporter *e, unsigned int deadline_ms);
/*
 * Takes no more, goes on sending until all is sent or the deadline (0: at once), writes the rest to
 * the spool and ends the thread; the deadline includes the writing. Returns how many requests stay,
 * in the spool or lost (stats tell which); a second call does nothing.
 *
 * Several exporters that are to end within one deadline: exporter_begin_stop(), which does not
 * wait, for each, then exporter_stop() for each. The earlier of two deadlines holds.
 */
void exporter_begin_stop(struct exporter *e, unsigned int deadline_ms);
size_t exporter_stop(struct exporter *e, unsigned int deadline_ms);
/* Stops at once if need be. NULL is allowed. */
void exporter_free(struct exporter *e);

/* ---- One profile, now, without thread, queue and spool: for `cresset upload`. */

struct export_result {
	size_t requests; /* that the profile was split into */
	size_t accepted; /* of these */
	size_t bytes;	 /* of the accepted ones */
	char url[512];	 /* of the last one, as it may be shown */
	char id[37];	 /* … its id */
	char words[256]; /* what the server said of it, "" for nothing */
	unsigned int labels_cut;
};

/*
 * Sends and waits; what may be tried again is, until wait_ms have passed since the call (0: one
 * try). 0 if all was accepted. Otherwise err says what failed, in the server's own words, and ret
 * (which is written in any case) how far it got.
 */
int export_once(const struct export_config *config, const struct cresset_profile *profile,
		const struct export_label *labels, size_t n, unsigned int wait_ms,
		struct export_result *ret, struct cresset_error *err);

#endif
