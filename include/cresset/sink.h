/*
 * cresset/sink.h - where a format writes to.
 *
 * A sink takes bytes in order and reports the first error from then on, so a writer may ignore the
 * result of single writes and look at what cresset_sink_close() says. Sinks stack: a gzip sink
 * writes into another sink.
 *
 *     struct cresset_sink *s;
 *     int r = cresset_sink_file("flame.svg", &s);
 *     if (r == 0) {
 *             r = format->write(profile, s, &options, &err);
 *             r = cresset_sink_finish(s, r);      // renamed into place only if both went well
 *     }
 */
#ifndef CRESSET_SINK_H
#define CRESSET_SINK_H

#include <cresset/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes to a descriptor, which stays the caller's. */
CRESSET_API int cresset_sink_fd(int fd, struct cresset_sink **ret);
/*
 * Writes to a temporary name beside path, which is renamed to path when the sink is closed well and
 * unlinked otherwise. Paths that exist and are not regular files (/dev/stdout, a pipe, /dev/full)
 * are written directly. A new file gets mode 0666 less the umask; an old one keeps its mode.
 */
CRESSET_API int cresset_sink_file(const char *path, struct cresset_sink **ret);
/* Keeps everything in memory; see cresset_sink_data(). */
CRESSET_API int cresset_sink_memory(struct cresset_sink **ret);
/* Compress into inner, which is closed with them. level 0: the default. */
CRESSET_API int cresset_sink_gzip(struct cresset_sink *inner, int level, struct cresset_sink **ret);
CRESSET_API int cresset_sink_zstd(struct cresset_sink *inner, int level, struct cresset_sink **ret);

CRESSET_API int cresset_sink_write(struct cresset_sink *s, const void *data, size_t size);
CRESSET_API int cresset_sink_puts(struct cresset_sink *s, const char *text);
CRESSET_API int cresset_sink_printf(struct cresset_sink *s, const char *fmt, ...)
	CRESSET_PRINTF(2, 3);
/* First error so far, or 0. */
CRESSET_API int cresset_sink_error(const struct cresset_sink *s);
/* Memory sinks: what was written. Valid until the next write or close. */
CRESSET_API const void *cresset_sink_data(const struct cresset_sink *s, size_t *ret_size);

/* Flushes, frees, and returns the first error. NULL is allowed. */
CRESSET_API int cresset_sink_close(struct cresset_sink *s);
/* Frees and leaves nothing behind where that is possible. NULL is allowed. */
CRESSET_API void cresset_sink_abort(struct cresset_sink *s);
/* Closes if r is 0, else aborts; returns the first error of the two. */
CRESSET_API int cresset_sink_finish(struct cresset_sink *s, int r);

#ifdef __cplusplus
}
#endif
#endif
