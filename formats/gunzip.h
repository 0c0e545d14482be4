// SPDX-License-Identifier: Apache-2.0
/* gunzip - one gzip member into memory. */
#ifndef FORMATS_GUNZIP_H
#define FORMATS_GUNZIP_H

#include <cresset/types.h>

bool gunzip_sniff(const void *data, size_t size);
/* The content is malloc'ed. A second member, or anything else after the first, is an error. */
int gunzip(const void *data, size_t size, size_t max, void **ret, size_t *ret_size,
	   struct cresset_error *err);

#endif
