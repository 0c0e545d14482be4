// SPDX-License-Identifier: Apache-2.0
/*
 * answer - one answer while it is made: status, type, and a body that is bounded.
 *
 * A body is made in whole before its first byte is sent, so that what fails half way is an error to
 * the client, not half an answer with status 200. The sink refuses more than `max` bytes (-EFBIG),
 * and everything once the server ends (-ECANCELED), so a writer in the middle of it comes back.
 */
#ifndef WEB_ANSWER_H
#define WEB_ANSWER_H

#include <cresset/sink.h>

#include <stdatomic.h>

struct answer {
	unsigned int status;
	const char *type;  /* Content-Type; a constant */
	const char *csp;   /* Content-Security-Policy, NULL: nothing is allowed */
	const char *fixed; /* a constant body of fixed_size bytes instead of the sink's */
	size_t fixed_size;
	bool attachment;      /* to be saved, not shown */
	char filename[128];   /* "": none; letters, digits, ".", "_", "-" */
	unsigned int retry_s; /* Retry-After; 0: none */
	bool json;	      /* errors are said as JSON */
	bool head;	      /* HEAD: no body will be sent */
	struct cresset_sink *sink;
	size_t max;
	const atomic_bool *stop;
};

void answer_init(struct answer *r, size_t max, const atomic_bool *stop);
void answer_release(struct answer *r);
/* The body's sink, opened by the first call. Never closed by who writes to it. */
int answer_sink(struct answer *r, struct cresset_sink **ret);
/* The body, which is the caller's to free; once. -errno of the sink. */
int answer_take(struct answer *r, char **ret, size_t *ret_size);

/* Drops what there is, and says instead what went wrong: text may be any bytes. */
void answer_error(struct answer *r, unsigned int status, const char *text);
/* The same for -errno of a handler. */
void answer_failed(struct answer *r, int error, const struct cresset_error *err);

/* A name of which nothing but the characters that are harmless in a header and a folder is left:
 * appends text to filename with "_" for the others, at most max bytes. */
void answer_filename_add(struct answer *r, const char *text, size_t max);

#endif
