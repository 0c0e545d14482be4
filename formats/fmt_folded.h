// SPDX-License-Identifier: Apache-2.0
/* The two halves of the folded format; see fmt_folded.c. */
#ifndef FORMATS_FMT_FOLDED_H
#define FORMATS_FMT_FOLDED_H

#include "formats/formats.h"

int folded_read(const void *data, size_t size, struct cresset_profile *p,
		struct cresset_error *err);
bool folded_sniff(const void *data, size_t size);

#endif
