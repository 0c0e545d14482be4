// SPDX-License-Identifier: Apache-2.0
/*
 * source.h - the user half of an event source.
 *
 * A source says what its values mean and how its BPF programs get attached; the session drives it:
 * configure (skeleton open, nothing loaded), attach (loaded), cpu_online and cpu_offline as CPUs
 * come and go, detach (all its programs have ended when it returns, or end by themselves).
 */
#ifndef SOURCES_SOURCE_H
#define SOURCES_SOURCE_H

#include <cresset/types.h>

#include "bpf/abi.h"

struct session;

enum { SOURCE_MAX_VALUES = 4 };

struct source_value_type {
	const char *type;
	const char *unit;
};

struct source {
	const char *name;
	const char *help;
	struct source_value_type value_types[SOURCE_MAX_VALUES]; /* up to the first type of NULL */
	struct source_value_type period_type;
	/* Chooses the event; sets the session's event_name, freq_hz, period, rate_hz. */
	int (*configure)(struct session *s, struct cresset_error *err);
	int (*attach)(struct session *s, struct cresset_error *err);
	void (*detach)(struct session *s);
	int (*cpu_online)(struct session *s, int cpu, struct cresset_error *err);
	void (*cpu_offline)(struct session *s, int cpu);
	/* The values of a row that was counted so many times. */
	void (*values)(const struct session *s, const struct cresset_sample_key *key,
		       uint64_t count, int64_t *ret_values);
};

#define SOURCE_DECLARE(name) extern const struct source source_##name;
CRESSET_SOURCES(SOURCE_DECLARE)

/* NULL past the end of the table. */
const struct source *source_at(enum cresset_source_id id);
const struct source *source_by_name(const char *name);
size_t source_n_values(const struct source *source);

#endif
