// SPDX-License-Identifier: Apache-2.0
/*
 * target - what a request line asks for: a path and parameters, out of other people's bytes.
 *
 * The path is compared with known ones as it stands and names no file, so it is not decoded: what
 * has an escape in it is no path of ours. Parameters are decoded strictly: "%" without two hex
 * digits, a NUL, and a name given twice are mistakes that are said, not repaired, since an answer
 * to another question than the one asked looks just like an answer.
 */
#ifndef WEB_TARGET_H
#define WEB_TARGET_H

#include <cresset/types.h>

enum { TARGET_MAX_BYTES = 16384, TARGET_MAX_PARAMS = 32 };

struct target_param {
	const char *name;
	const char *value;
};

struct target {
	char *text; /* what the others point into */
	const char *path;
	struct target_param params[TARGET_MAX_PARAMS];
	size_t n;
};

/*
 * raw: "/path?name=value&…", as it was sent. The path is set even if the parameters are bad, so
 * that an error is said in the way of that path. -EINVAL with err, -ENOMEM.
 */
int target_parse(struct target *t, const char *raw, struct cresset_error *err);
void target_release(struct target *t);

/* NULL: not given. */
const char *target_get(const struct target *t, const char *name);
/* -EINVAL, with err naming those that are known, if any other is given. known ends with NULL. */
int target_check(const struct target *t, const char *const *known, struct cresset_error *err);
/* A decimal number in min … max; otherwise if it is not given. -EINVAL with err. */
int target_uint(const struct target *t, const char *name, unsigned int min, unsigned int max,
		unsigned int otherwise, unsigned int *ret, struct cresset_error *err);
/* "1", "true", "yes" or nothing ("&x", "&x="): true; "0", "false", "no", not given: false. */
int target_bool(const struct target *t, const char *name, bool *ret, struct cresset_error *err);

#endif
