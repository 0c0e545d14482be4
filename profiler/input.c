// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel, JIT compilers and processes of the recorded moment alone could name has been
 * named when the raw file was written; only files are left to look into.
 */
#include "input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int input_read(const char *path, const struct emit_symbols *symbols, struct cresset_profile **ret,
	       struct cresset_error *err)
{
	const struct cresset_format *format = NULL;
	struct cresset_profile *p = NULL;
	int r;

	if (!strcmp(path, "-") && isatty(STDIN_FILENO))
		return cresset_error_set(err, -EINVAL,
					 "standard input is a terminal (name a file, or pipe one "
					 "in)");
	r = cresset_format_read_file(path, &p, &format, err);
	if (r < 0)
		return r;
	if (symbols && (format->flags & CRESSET_FORMAT_RAW)) {
		r = emit_resolve(symbols, p, CRESSET_RESOLVE_FILES, NULL, NULL);
		if (r == 0)
			r = cresset_profile_settle(p);
	}
	if (r < 0) {
		cresset_profile_free(p);
		return cresset_error_set(err, r, "cannot resolve names of %s: %s", path,
					 strerror(-r));
	}
	*ret = p;
	return 0;
}
