// SPDX-License-Identifier: Apache-2.0
/*
 * s3 - an object for each profile in S3 or what speaks it (MinIO, Ceph): a PUT that libcurl signs
 * with AWS Signature Version 4. The URL names the endpoint and, in its path, the bucket.
 */
#include "export/template.h"

#include <stdlib.h>

#define S3_TEMPLATE "/{service}/{date}/{name}-{time}-{id}.pb.gz"

static int encode(const struct export_input *in, struct export_request *r,
		  struct cresset_error *err)
{
	struct vec pprof;
	char *suffix = NULL;
	int e = template_fill(in->config->path ? in->config->path : S3_TEMPLATE, in, r, &suffix);

	if (e < 0)
		return e;
	free(r->suffix);
	r->suffix = suffix;
	vec_init(&pprof, 1);
	e = export_pprof(in->profile, &pprof, &r->raw_bytes, err);
	if (e == 0)
		export_request_take(r, &pprof);
	vec_release(&pprof);
	return e;
}

const struct export_target export_target_s3 = {
	.name = "s3",
	.help = "an object for each profile in S3 or alike (Signature Version 4)",
	.path = "",
	.content_type = "application/octet-stream",
	.method = "PUT",
	.sigv4 = true,
	.max_age_s = 24 * 3600,
	.encode = encode,
};
