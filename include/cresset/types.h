/*
 * cresset/types.h - what every other public header builds on.
 *
 * Conventions of the whole library:
 *   - Functions that can fail return 0 or a negative errno value. Results come last, in ret_
 *     parameters, and are written only on success.
 *   - Where a number does not say enough (a bad file, a refused BPF program) the function also
 * takes a struct cresset_error and leaves one line of text in it; NULL is allowed.
 *   - Ids are 32-bit and belong to one profile. Id 0 is always "none" or the empty string.
 *   - The library never prints, never exits, and keeps no global state.
 *   - Option structs start with their own size, so that later versions can grow them:
 *         struct cresset_recorder_options opts = CRESSET_RECORDER_OPTIONS_INIT;
 */
#ifndef CRESSET_TYPES_H
#define CRESSET_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CRESSET_API		  __attribute__((visibility("default")))
#define CRESSET_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* One line of text, without a newline: what failed, on which object, and the remedy. */
struct cresset_error {
	char text[512];
};

/* Fills *err (may be NULL) and returns code, so that callers can `return cresset_error_set(…)`. */
CRESSET_API int cresset_error_set(struct cresset_error *err, int code, const char *fmt, ...)
	CRESSET_PRINTF(3, 4);

struct cresset_profile;
struct cresset_sink;
struct cresset_symbolizer;
struct cresset_recorder;

/* "1.2.3", and the git revision it was built from ("unknown" outside a checkout). */
CRESSET_API const char *cresset_version(void);
CRESSET_API const char *cresset_revision(void);

#ifdef __cplusplus
}
#endif
#endif
