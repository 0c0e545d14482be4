// SPDX-License-Identifier: Apache-2.0
/*
 * source.h - the user half of an event source.
 *
 * A source says what its values mean and which BPF programs it needs; the session drives it:
 * configure (skeleton open, nothing loaded), attach (loaded), cpu_online and cpu_offline as CPUs
 * come and go, detach (all its programs have ended when it returns, or end by themselves).
 *
 * A row may give two samples: a wait was blocked, then runnable. Wakers are of time blocked.
 */
#ifndef SOURCES_SOURCE_H
#define SOURCES_SOURCE_H

#include <cresset/types.h>

#include "bpf/abi.h"

struct session;

enum { SOURCE_MAX_VALUES = 4, SOURCE_MAX_SAMPLES = 2 };

struct source_value_type {
	const char *type;
	const char *unit;
};

struct source_sample {
	const char *state; /* CRESSET_LABEL_STATE; NULL: no such label */
	const char *wait;  /* CRESSET_LABEL_WAIT, likewise */
	bool bare;	   /* its stack is without wakers */
	int64_t values[SOURCE_MAX_VALUES];
};

struct source {
	const char *name;
	const char *help;
	struct source_value_type value_types[SOURCE_MAX_VALUES]; /* up to the first type of NULL */
	size_t default_type;
	struct source_value_type period_type;
	bool ticks;    /* samples the CPUs at a steady rate (ticks.h) */
	bool switches; /* follows context switches (switches.h) … */
	bool blocked;  /* … for time blocked … */
	bool runnable; /* … and for time runnable */
	/* What a row says. Returns how many samples, which may be 0. */
	size_t (*samples)(const struct session *s, const struct cresset_sample_key *key,
			  const struct cresset_count *count, struct source_sample *ret);
	/* All rows are in the profile. May be NULL. */
	int (*finish)(struct session *s);
};

#define SOURCE_DECLARE(name) extern const struct source source_##name;
CRESSET_SOURCES(SOURCE_DECLARE)

/* NULL past the end of the table. */
const struct source *source_at(enum cresset_source_id id);
const struct source *source_by_name(const char *name);
size_t source_n_values(const struct source *source);

/* A wait's two parts as samples, blocked first: their labels, and their times in `index` of values.
 */
struct source_part {
	const char *state;
	const char *wait;
	uint64_t ns;
};
void source_parts(const struct cresset_sample_key *key, const struct cresset_count *count,
		  struct source_part *ret_blocked, struct source_part *ret_runnable);

#endif
