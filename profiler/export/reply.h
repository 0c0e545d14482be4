// SPDX-License-Identifier: Apache-2.0
/*
 * reply - what a server said, and what follows from it: done, try again, or give up.
 *
 * The one rule of all targets. Tried again: 429, 502, 503, 504, no reply at all, and gRPC's
 * UNAVAILABLE, ABORTED and DEADLINE_EXCEEDED; also a 422 that speaks of "resource_exhausted", as
 * older Pyroscopes answer where they mean 429. Every other refusal is final, whoever is wrong: the
 * same bytes would be refused again. Retry-After is seconds or a date, and bounded.
 *
 * A reply is hostile: only so much of it is kept, and what is shown of it is one printable line.
 */
#ifndef EXPORT_REPLY_H
#define EXPORT_REPLY_H

#include "export/inside.h"

enum { REPLY_BODY_MAX = 16384, REPLY_RETRY_AFTER_MAX_S = 600, REPLY_GRPC_NONE = -1 };

struct reply {
	unsigned int status; /* HTTP; 0: there was no reply */
	int grpc;	     /* REPLY_GRPC_NONE: no grpc-status */
	char grpc_message[256];
	uint64_t retry_after_ns;
	bool protobuf; /* by its content type */
	struct vec body;
};

enum verdict { VERDICT_SENT, VERDICT_PARTIAL, VERDICT_RETRY, VERDICT_REFUSED };

void reply_init(struct reply *r);
void reply_release(struct reply *r);
/* One line of the reply's head or trailers, without its line end. A status line begins anew. */
void reply_header(struct reply *r, const char *line, size_t n);
/* -ENOMEM. What is past REPLY_BODY_MAX is let go. */
int reply_body(struct reply *r, const void *data, size_t n);

/*
 * words: what the server says, "" if nothing. code: the HTTP status, or 1000 + the gRPC status.
 */
enum verdict reply_judge(const struct reply *r, const struct export_target *target, char *words,
			 size_t size, unsigned int *ret_code);

#endif
