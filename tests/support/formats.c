// SPDX-License-Identifier: Apache-2.0
/* formats - see formats.h. */
#include "support/formats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int format_to_memory(const char *format, const struct cresset_profile *p,
		     const struct cresset_format_options *options, char **ret, size_t *ret_size)
{
	struct cresset_sink *sink;
	const void *data;
	size_t size;
	int r = cresset_sink_memory(&sink);

	if (r < 0)
		return r;
	r = cresset_format_by_name(format)->write(p, sink, options, NULL);
	data = cresset_sink_data(sink, &size);
	if (r == 0)
		r = cresset_sink_error(sink);
	if (r == 0) {
		*ret = malloc(size + 1);
		if (*ret) {
			memcpy(*ret, data, size);
			(*ret)[size] = '\0';
			*ret_size = size;
		} else {
			r = -ENOMEM;
		}
	}
	return cresset_sink_finish(sink, r);
}

int format_from_memory(const char *format, const void *data, size_t size,
		       struct cresset_profile **ret, struct cresset_error *err)
{
	int r = cresset_profile_new(ret);

	if (r < 0)
		return r;
	err->text[0] = '\0';
	r = cresset_format_by_name(format)->read(data, size, *ret, err);
	if (r < 0) {
		cresset_profile_free(*ret);
		*ret = NULL;
	}
	return r;
}
