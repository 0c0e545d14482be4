// SPDX-License-Identifier: Apache-2.0
/*
 * keys - the keys of a target's configuration as a table.
 *
 * One row says how a key is called, what it takes and where it goes, so that setting, printing,
 * comparing and freeing are loops, and --help, the sample file and the program cannot differ.
 */
#ifndef EXPORT_KEYS_H
#define EXPORT_KEYS_H

#include "export/inside.h"

enum key_kind {
	KEY_STRING,
	KEY_BOOL, /* a string: "yes" or NULL */
	KEY_LIST, /* a vec of char *; every use adds one */
	KEY_DURATION,
	KEY_BYTES,
};

struct key_row {
	const char *name;
	const char *arg;
	const char *help;
	enum key_kind kind;
	size_t offset;
	bool waiting; /* of an exporter, which keeps what it cannot send */
};

/* NULL past the end. */
const struct key_row *key_at(size_t i);

static inline void *key_place(const struct export_config *c, const struct key_row *row)
{
	return (char *)c + row->offset;
}

#endif
