// SPDX-License-Identifier: Apache-2.0
/*
 * inside - the server's state, and the table of what it answers, for this folder alone.
 *
 * A route is a row of routes[] in routes.c: its path, who runs it, and a handler that fills a
 * reply. Handlers return 0 or -errno, which answer_failed() turns into a status.
 */
#ifndef WEB_INSIDE_H
#define WEB_INSIDE_H

#include "web/answer.h"
#include "web/auth.h"
#include "web/conns.h"
#include "web/listen.h"
#include "web/target.h"
#include "web/web.h"
#include "web/workers.h"

struct MHD_Daemon;
struct idle_rules;

enum { WEB_MAX_ROUTES = 16 };

/* What may be asked for, and by which threads it is answered. */
enum route_kind {
	ROUTE_NOW,     /* by the server's own: nothing that waits */
	ROUTE_METRICS, /* each of these by its pool */
	ROUTE_QUERY,
	ROUTE_CAPTURE,
	ROUTE_KINDS,
};

struct route {
	const char *path;
	const char *name; /* in metrics */
	enum route_kind kind;
	bool open;		   /* needs no password: says nothing */
	bool json;		   /* says errors as JSON */
	const char *const *params; /* NULL: any, they are the page's own */
	int (*handle)(struct web *w, const struct target *t, struct answer *reply,
		      struct cresset_error *err);
};

/* The i-th, NULL past the end. */
const struct route *route_at(size_t i);
const struct route *route_find(const char *path, size_t *ret_index);

/* Why requests were refused, as in cresset_http_refused_total. */
#define WEB_REFUSALS(X)                                                                            \
	X(AUTH, "auth")                                                                            \
	X(HOST, "host")                                                                            \
	X(SITE, "cross_site")                                                                      \
	X(BUSY, "busy")

enum web_refusal {
#define X(name, text) WEB_REFUSED_##name,
	WEB_REFUSALS(X)
#undef X
		WEB_N_REFUSALS,
};

enum { WEB_STATUS_CLASSES = 5 }; /* 1xx … 5xx */

struct web_counts {
	atomic_ullong requests[WEB_MAX_ROUTES + 1][WEB_STATUS_CLASSES]; /* last: no such path */
	atomic_ullong time_us[WEB_MAX_ROUTES + 1];
	atomic_ullong refused[WEB_N_REFUSALS];
	atomic_ullong bytes;
	atomic_uint running[ROUTE_KINDS];
};

struct web {
	struct web_backend backend;
	char *store_path;
	char *hosts;
	char url[160];
	char warning[200];
	struct listen_address address;
	int fd;	       /* listens … */
	int served_fd; /* … and the same, of the library's */
	unsigned int port;
	size_t max_answer;
	uint64_t max_query_bytes;
	struct auth auth;
	char *tls_cert, *tls_key; /* PEM texts */
	char svg_csp[200];
	struct idle_rules *idle; /* which waits are benign */
	struct MHD_Daemon *daemon;
	struct workers pools[ROUTE_KINDS];
	struct conns conns;
	atomic_bool serving, stopping;
	struct web_counts counts;
	char log[200]; /* what the library said while it started */
};

/* The library's server, on w->fd. */
int serve_start(struct web *w, const struct web_options *o, struct cresset_error *err);
/* No new connections. */
void serve_quiesce(struct web *w);
void serve_stop(struct web *w);

/* web's own metrics. */
int web_metrics(struct web *w, struct cresset_sink *sink);

/* For the script in an SVG that stands alone: a policy that allows it, and no other. */
int page_svg_policy(char *buf, size_t size);

/* Handlers. */
#define WEB_HANDLERS(X)                                                                            \
	X(page)                                                                                    \
	X(page_script)                                                                             \
	X(page_style)                                                                              \
	X(page_flame)                                                                              \
	X(page_icon)                                                                               \
	X(healthz)                                                                                 \
	X(readyz)                                                                                  \
	X(metrics)                                                                                 \
	X(pprof_index)                                                                             \
	X(pprof_cpu)                                                                               \
	X(pprof_offcpu)                                                                            \
	X(api_labels)                                                                              \
	X(api_series)                                                                              \
	X(api_query)                                                                               \
	X(api_diff)

#define X(name)                                                                                    \
	int handle_##name(struct web *w, const struct target *t, struct answer *reply,             \
			  struct cresset_error *err);
WEB_HANDLERS(X)
#undef X

#endif
