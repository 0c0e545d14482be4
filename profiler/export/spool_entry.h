// SPDX-License-Identifier: Apache-2.0
/*
 * spool_entry - one waiting request as the bytes of a file.
 *
 *     "cresset!" "spool\0\0\1"             16 bytes
 *     XXH3-64 of all that follows           8 bytes, little endian
 *     fields as in protobuf:  1 type of target  2 id  3 time  4 flags  5 suffix  6 body's size
 *                             7 body, zstd
 *
 * The checksum covers the body compressed, so damage is found before anything is unpacked. A file
 * is hostile all the same: sizes are believed only as far as memory may go.
 */
#ifndef EXPORT_SPOOL_ENTRY_H
#define EXPORT_SPOOL_ENTRY_H

#include "export/inside.h"

enum { SPOOL_BODY_MAX = 256 << 20, SPOOL_ENTRY_MAX = SPOOL_BODY_MAX + (1 << 20) };

/* Appends to out. */
int spool_entry_write(const struct export_request *r, const char *type, struct vec *out);
/* -EBADMSG: damaged; -EPROTONOSUPPORT: for a target of another type. */
int spool_entry_read(const void *data, size_t n, const char *type, struct export_request **ret);

#endif
