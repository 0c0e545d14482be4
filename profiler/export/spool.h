// SPDX-License-Identifier: Apache-2.0
/*
 * spool - requests that wait on disk while a server is away, in the order of their numbers.
 *
 * One file each, "<number>-<time>.req": a temporary name, fsync, rename, so that a file with that
 * name is whole whatever happens, and a crash leaves at most a temporary file, which the next start
 * removes. The folder is locked: two processes that replay it would send everything twice.
 *
 * Bounded by bytes on disk (whole blocks of 4 KiB) and by age; what falls out is the oldest, and is
 * counted by the caller. The index in memory is 24 bytes a file.
 */
#ifndef EXPORT_SPOOL_H
#define EXPORT_SPOOL_H

#include "export/inside.h"

struct spool;

/* Makes the folder if need be. -EBUSY: it is in use. */
int spool_open(const char *path, uint64_t max_bytes, struct spool **ret, struct cresset_error *err);
void spool_close(struct spool *s);
size_t spool_count(const struct spool *s);
uint64_t spool_bytes(const struct spool *s);
/* The largest number in it, 0 if none. */
uint64_t spool_last(const struct spool *s);
/* The number and time of the first; false if there is none. */
bool spool_first(const struct spool *s, uint64_t *ret_seq, int64_t *ret_time_ns);

/*
 * Writes one under its number; it survives the process. With sync, and after spool_sync(), it
 * survives a power cut too. ret_evicted, written in any case: how many of the oldest had to go,
 * never `keep`. -EFBIG: it is larger than the whole spool.
 */
int spool_put(struct spool *s, const struct export_request *r, const char *type, uint64_t keep,
	      bool sync, size_t *ret_evicted, struct cresset_error *err);
void spool_sync(struct spool *s);
/* Reads the first. -ENOENT: empty; -EBADMSG, -EPROTONOSUPPORT, …: err names the file, which is to
 * be taken out. */
int spool_get(const struct spool *s, const char *type, struct export_request **ret,
	      struct cresset_error *err);
/* Takes that one out, if it is there. */
void spool_remove(struct spool *s, uint64_t seq);

#endif
