// SPDX-License-Identifier: Apache-2.0
/* One line of text with an error code: see struct cresset_error in cresset/types.h. */
#include <cresset/types.h>

#include <stdarg.h>
#include <stdio.h>

int cresset_error_set(struct cresset_error *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	for (char *c = err->text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return code;
}
