// SPDX-License-Identifier: Apache-2.0
/*
 * web - the agent's HTTP surface: a page, an API over the store, pprof endpoints, metrics.
 *
 * It only reads: no request changes anything, and none names a file. It listens on loopback unless
 * told otherwise. See README.md for what it answers and for how much it takes on at once.
 *
 * One thread takes and sends bytes and answers what needs no waiting; what may take long (metrics,
 * queries, captures) is run by a few other threads, each kind by its own, so that a capture of five
 * minutes holds up no scrape. A request that finds all of its kind busy is told 503 and when to try
 * again.
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "store/match.h"

#include <cresset/profile.h>
#include <cresset/sink.h>

#define WEB_DEFAULT_LISTEN "127.0.0.1:4050"

enum {
	WEB_DEFAULT_CONNECTIONS = 64,
	WEB_DEFAULT_CAPTURES = 4,
	WEB_DEFAULT_QUERIES = 2,
	WEB_DEFAULT_READ_S = 20, /* longer than most scrapers' intervals */
	WEB_DEFAULT_SEND_S = 120,
	WEB_DEFAULT_ANSWER_BYTES = 32 << 20,
	WEB_CAPTURE_DEFAULT_S = 30,
	WEB_CAPTURE_MAX_S = 300,
};

struct web;

/* All may be 0 or NULL: the default. Texts and files are read by web_new() alone. */
struct web_options {
	const char *listen; /* see listen.h */
	const char *hosts;  /* more names in "Host" that are answered, between blanks or commas */
	const char *user;   /* HTTP Basic, with password_file */
	const char *password_file; /* its first line */
	const char *bearer_file;   /* a token is enough, too */
	const char *tls_cert;	   /* PEM, with its chain; with tls_key: HTTPS, and no HTTP */
	const char *tls_key;
	unsigned int max_connections;
	unsigned int max_captures;   /* at once; more are refused */
	unsigned int max_queries;    /* at once; four times as many wait */
	unsigned int read_timeout_s; /* until a request is there */
	unsigned int send_timeout_s; /* until its answer is taken */
	size_t max_answer_bytes;
	uint64_t max_query_bytes; /* of memory, for each query */
};

/* The agent. Functions are called from any of web's threads, several at a time. */
struct web_backend {
	void *arg;
	/* Writes all of the agent's metrics (metrics.h); names beginning with cresset_http_ are
	 * web's own. */
	int (*metrics)(void *arg, struct cresset_sink *sink);
	/*
	 * What the machine does in the next seconds: event is "cpu" or "off-cpu", and match may be
	 * NULL. A profile with names. -EBUSY: too many at once; -ECANCELED: the agent ends.
	 */
	int (*capture)(void *arg, const char *event, unsigned int seconds,
		       const struct match *match, struct cresset_profile **ret,
		       struct cresset_error *err);
	/* web ends: captures shall return -ECANCELED at once. May be NULL. */
	void (*cancel)(void *arg);
	/* Does the agent record and store? If not, why: one line. */
	bool (*ready)(void *arg, char *why, size_t size);
	/* Opened read-only, anew for each question. NULL: there is none. */
	const char *store_path;
};

/*
 * Serves until web_free(). -EINVAL: an option; -EADDRINUSE, -EACCES, …: err says what, and what to
 * do about it.
 */
int web_new(const struct web_options *options, const struct web_backend *backend, struct web **ret,
	    struct cresset_error *err);
/* Ends all requests: captures by backend->cancel(), answers where they are. */
void web_free(struct web *w);

/* The port that it listens on (for port 0); 0: a socket file. */
unsigned int web_port(const struct web *w);
/* "http://127.0.0.1:4050/", or "unix:/…" as it was given. */
const char *web_url(const struct web *w);
/* What is unwise about the options (reachable from elsewhere without a password, or with one but
 * without TLS): one line for the log. NULL: nothing. */
const char *web_warning(const struct web *w);

#endif
