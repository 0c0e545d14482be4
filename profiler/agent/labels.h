// SPDX-License-Identifier: Apache-2.0
/*
 * labels - whose sample it is: the label set of a process.
 *
 *     agent_labels_new(&config->labels, NULL, &l, &err);
 *     set = agent_labels_of(l, pid, exec_id, comm);          // never fails; 1 at worst
 *     for (i = 0; agent_labels_at(l, set, i, &name, &value); i++) …
 *     agent_labels_expire(l);                                // once a window, when its ids are
 * done
 *
 * A process is read in /proc when it is first asked for, and again after an exec, when its name
 * changed, and now and then; in between the answer is a look into a hash. It has these labels, as
 * far as they are known:
 *
 *     service        by the configured rules; never missing
 *     host           this machine
 *     comm, exe      names of the process and of its program
 *     unit, slice    of systemd
 *     cgroup         the path (see cgroup.h: which hierarchy)
 *     container_id, container, pod_uid
 *     what the configuration adds: variables, attributes, static labels
 *
 * Kernel threads have service="kernel", and a comm without the part behind "/". A process that
 * cannot be read, or is gone, has host, comm and a service made of those; each cause is counted.
 *
 * Everything in /proc is the process's own word: what is read is bounded, and values are made valid
 * UTF-8 without control characters, at most LABEL_VALUE_MAX bytes. Sets are interned. When there
 * are max_series of them (or their memory is used up) new ones fold into one more set,
 * {host, overflow="true", service="overflow"}, and that is counted.
 *
 * One thread. A set's id and texts stand until agent_labels_expire().
 */
#ifndef AGENT_LABELS_H
#define AGENT_LABELS_H

#include "agent/config.h"

enum { AGENT_LABELS_OVERFLOW = 1 }; /* the id of that set, from the start; there is no id 0 */

struct agent_labels;

struct agent_labels_options {
	const char *proc;    /* NULL: "/proc" */
	const char *host;    /* NULL: the machine's name */
	uint64_t max_memory; /* bytes for sets and processes; 0: 16 MiB */
};

/* Why a process has fewer labels than it could; the names are for metrics. */
#define AGENT_LABELS_CAUSES(X)                                                                     \
	X(gone, "the process was gone before it could be read")                                    \
	X(denied, "the process may not be read at all")                                            \
	X(exe_denied, "its program may not be seen (CAP_SYS_PTRACE)")                              \
	X(environ_denied, "its environment may not be read (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH)") \
	X(environ_cut, "its environment is larger than what is read")                              \
	X(otel_malformed, "its OTEL_RESOURCE_ATTRIBUTES is malformed and was not used")            \
	X(value_cut, "a value was cut to its limit")                                               \
	X(failed, "reading failed in another way, or memory was out")

enum agent_labels_cause {
#define X(name, help) AGENT_LABELS_##name,
	AGENT_LABELS_CAUSES(X)
#undef X
		AGENT_LABELS_N_CAUSES
};

struct agent_labels_stats {
	uint64_t sets;	    /* now, the overflow's not counted */
	uint64_t processes; /* now in the cache */
	uint64_t memory_bytes;
	uint64_t reads;	     /* processes read in /proc, all in all */
	uint64_t overflowed; /* processes that got the overflow set, at each time they were read */
	uint64_t expired_sets;
	uint64_t expired_processes;
	uint64_t causes[AGENT_LABELS_N_CAUSES];
};

/* options may be NULL. The configuration is copied. -EINVAL: a rule is wrong. */
int agent_labels_new(const struct agent_labels_config *config,
		     const struct agent_labels_options *options, struct agent_labels **ret,
		     struct cresset_error *err);
void agent_labels_free(struct agent_labels *l);

/* comm: as the recorder saw it; NULL or "": read from /proc. pid 0 is the kernel. */
uint32_t agent_labels_of(struct agent_labels *l, uint32_t pid, uint32_t exec_id, const char *comm);
/* The i-th label in the order of names; false past the end. */
bool agent_labels_at(const struct agent_labels *l, uint32_t set, size_t i, const char **ret_name,
		     const char **ret_value);
/* The value of one label, "" if there is none. */
const char *agent_labels_get(const struct agent_labels *l, uint32_t set, const char *name);
/* Ends a window: forgets processes not asked for in the last 30 windows, and sets without one. */
void agent_labels_expire(struct agent_labels *l);
void agent_labels_get_stats(const struct agent_labels *l, struct agent_labels_stats *ret);
const char *agent_labels_cause_name(enum agent_labels_cause cause);
const char *agent_labels_cause_help(enum agent_labels_cause cause);

#endif
