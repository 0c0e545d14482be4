// SPDX-License-Identifier: Apache-2.0
/*
 * top_threads - where each thread's time went: the second table of the format "top", for profiles
 * of time by state. A row is a thread, a column a state, and what is left out is summed up, so that
 * the last row is always the whole.
 */
#ifndef FORMATS_TOP_THREADS_H
#define FORMATS_TOP_THREADS_H

#include <cresset/format.h>

#include "formats/times.h"

/* Writes nothing if no sample has the label "tid". -ENOMEM; errors of the sink stay there. */
int top_threads_write(const struct cresset_profile *p, const struct times *times,
		      const struct cresset_format_options *options, struct cresset_sink *sink);

#endif
