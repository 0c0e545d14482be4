// SPDX-License-Identifier: Apache-2.0
/*
 * config_keys - the keys of the agent's configuration as a table; see config.h.
 *
 * A default is written as it would be in a file and set by the same function, so the manual, the
 * sample and the program agree on it.
 */
#ifndef AGENT_CONFIG_KEYS_H
#define AGENT_CONFIG_KEYS_H

#include "agent/config.h"

enum config_kind {
	CONFIG_TEXT,	 /* char * */
	CONFIG_YES,	 /* bool */
	CONFIG_UINT,	 /* unsigned int, min … max */
	CONFIG_PERCENT,	 /* double, a fraction; min … max percent */
	CONFIG_DURATION, /* uint64_t, min … max ns */
	CONFIG_BYTES,	 /* uint64_t, at least min */
	CONFIG_UNWIND,	 /* enum cresset_unwind */
	CONFIG_EVENTS,	 /* cpu and off_cpu of struct agent_recording */
	CONFIG_WORDS,	 /* vec of char *: blanks or commas between them; every use adds */
	CONFIG_LINE,	 /* vec of char *: every use adds one */
	CONFIG_RULE,	 /* the same, with the key in front: "drop REGEX" */
};

struct config_row {
	const char *section, *name, *arg, *help, *standard;
	enum config_kind kind;
	size_t offset;
	double min, max;
	enum agent_change change;
	/* Of each text that is set; 0 or -EINVAL with a reason. */
	int (*check)(const char *key, const char *value, struct cresset_error *err);
};

/* NULL past the end. */
const struct config_row *config_row_at(size_t i);
bool config_row_many(const struct config_row *row);
/* Prepares lists and sets every default. c is all zero. */
int config_defaults(struct agent_config *c);
void config_release(struct agent_config *c);
/*
 * 0, -EINVAL with the reason, -ENOMEM. first: this key was not in the file before, so what is in a
 * list is the default and goes.
 */
int config_row_set(struct agent_config *c, const struct config_row *row, const char *value,
		   bool first, struct cresset_error *err);
bool config_row_equal(const struct config_row *row, const struct agent_config *a,
		      const struct agent_config *b);
/* Changes the values of two configurations. */
void config_row_swap(const struct config_row *row, struct agent_config *x, struct agent_config *y);
/* "key = value" lines. */
void config_row_print(const struct config_row *row, const struct agent_config *c,
		      struct cresset_sink *sink);

#endif
