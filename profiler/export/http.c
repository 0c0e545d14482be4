// SPDX-License-Identifier: Apache-2.0
/*
 * http - a plain POST or PUT of gzipped pprof to a URL made from a template: web servers with
 * WebDAV, artifact stores, collectors of one's own. Whatever such a server needs to know of a
 * profile (id, kind, time, labels) goes into the path.
 *
 * Nothing is split: a store of files has no limit that we know of.
 */
#include "export/template.h"

static int encode(const struct export_input *in, struct export_request *r,
		  struct cresset_error *err)
{
	return template_encode("", in, r, err);
}

const struct export_target export_target_http = {
	.name = "http",
	.help = "gzipped pprof by plain HTTP POST or PUT, with a template for the path",
	.path = "",
	.content_type = "application/octet-stream",
	.method = "POST",
	.max_age_s = 24 * 3600,
	.encode = encode,
};
