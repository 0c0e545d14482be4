// SPDX-License-Identifier: Apache-2.0
/*
 * input - a profile read from a file, with its names found where the file has addresses only.
 */
#ifndef PROFILER_INPUT_H
#define PROFILER_INPUT_H

#include "emit.h"

/*
 * Reads path ("-": standard input) in any readable format. A raw profile is then resolved from the
 * files of this host unless symbols is NULL. On failure err has a line with the remedy.
 */
int input_read(const char *path, const struct emit_symbols *symbols, struct cresset_profile **ret,
	       struct cresset_error *err);

#endif
