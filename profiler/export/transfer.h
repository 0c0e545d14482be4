// SPDX-License-Identifier: Apache-2.0
/*
 * transfer - one request on its way, by libcurl.
 *
 * A transfer is one easy handle, used again and again so that the connection stays. Redirects are
 * not followed and nothing but HTTP is spoken: a body and its credentials go to the server that was
 * named. gRPC is HTTP/2 from the first byte (without TLS) or by ALPN (with it). Debian 12's libcurl
 * fails the second request on a reused connection without TLS (curl issue 10634), so those are not
 * kept.
 */
#ifndef EXPORT_TRANSFER_H
#define EXPORT_TRANSFER_H

#include "export/reply.h"

#include <curl/curl.h>

struct transfer;

struct outcome {
	enum verdict verdict;
	unsigned int code; /* see reply_judge(); 0: no reply */
	uint64_t retry_after_ns;
	char words[256]; /* of the server, or of libcurl; without secrets */
};

int transfer_new(const struct export_config *config, struct transfer **ret);
void transfer_free(struct transfer *t);
/*
 * Makes the handle ready for a request, which must live until transfer_end(). The handle is then to
 * be performed, alone or in a multi handle. -errno: a secret or certificate that cannot be read.
 */
int transfer_begin(struct transfer *t, const struct export_request *r, CURL **ret,
		   struct cresset_error *err);
void transfer_end(struct transfer *t, CURLcode result, struct outcome *ret);
/* The handle of the last transfer_begin(). */
CURL *transfer_handle(const struct transfer *t);
/* Where the request goes, as it may be shown. */
const char *transfer_url(const struct transfer *t);

#endif
