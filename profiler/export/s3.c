// SPDX-License-Identifier: Apache-2.0
/*
 * s3 - an object for each profile in S3 or what speaks it (MinIO, Ceph): a PUT that libcurl signs
 * with AWS Signature Version 4. The URL names the endpoint and, in its path, the bucket.
 */
#include "export/template.h"

static int encode(const struct export_input *in, struct export_request *r,
		  struct cresset_error *err)
{
	return template_encode("/{service}/{date}/{name}-{time}-{id}.pb.gz", in, r, err);
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
