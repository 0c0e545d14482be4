// SPDX-License-Identifier: Apache-2.0
/*
 * health - for those who watch the agent: is it there, does it work, and its metrics with the
 * server's own appended.
 */
#include "web/inside.h"
#include "web/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int handle_healthz(struct web *w, const struct target *t, struct answer *reply,
		   struct cresset_error *err)
{
	static const char ok[] = "ok\n";

	reply->fixed = ok;
	reply->fixed_size = strlen(ok);
	return 0;
}

int handle_readyz(struct web *w, const struct target *t, struct answer *reply,
		  struct cresset_error *err)
{
	char why[300] = "";

	if (w->backend.ready && !w->backend.ready(w->backend.arg, why, sizeof(why))) {
		answer_error(reply, 503, why[0] ? why : "not ready");
		return 0;
	}
	return handle_healthz(w, t, reply, err);
}

/* Routes of one name are one series: the place of the first of them. */
static size_t series_of(size_t i)
{
	const struct route *route = route_at(i);
	size_t at = 0;

	if (!route)
		return WEB_MAX_ROUTES;
	while (strcmp(route_at(at)->name, route->name) != 0)
		at++;
	return at;
}

static const char *handler_name(size_t i)
{
	return route_at(i) ? route_at(i)->name : "none";
}

static void put_requests(struct web *w, struct metrics *m)
{
	static const char *const codes[WEB_STATUS_CLASSES] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
	unsigned long long sums[WEB_MAX_ROUTES + 1][WEB_STATUS_CLASSES] = {{0}};

	for (size_t i = 0; i <= WEB_MAX_ROUTES; i++)
		for (size_t k = 0; k < WEB_STATUS_CLASSES; k++)
			sums[series_of(i)][k] += atomic_load(&w->counts.requests[i][k]);
	metrics_family(m, "cresset_http_requests_total", METRICS_COUNTER,
		       "Requests answered, by what was asked for and class of status.");
	for (size_t i = 0; i <= WEB_MAX_ROUTES; i++)
		for (size_t k = 0; k < WEB_STATUS_CLASSES; k++)
			if (sums[i][k])
				metrics_uint(m, sums[i][k],
					     (struct metrics_label[]){{"handler", handler_name(i)},
								      {"code", codes[k]}},
					     2);
}

static void put_times(struct web *w, struct metrics *m)
{
	unsigned long long sums[WEB_MAX_ROUTES + 1] = {0};

	for (size_t i = 0; i <= WEB_MAX_ROUTES; i++)
		sums[series_of(i)] += atomic_load(&w->counts.time_us[i]);
	metrics_family(m, "cresset_http_request_seconds_total", METRICS_COUNTER,
		       "Time from a request to its answer, waiting included, summed.");
	for (size_t i = 0; i <= WEB_MAX_ROUTES; i++)
		if (sums[i])
			metrics_double(m, (double)sums[i] / 1e6,
				       (struct metrics_label[]){{"handler", handler_name(i)}}, 1);
}

static void put_refused(struct web *w, struct metrics *m)
{
	static const char *const reasons[] = {
#define X(name, text) text,
		WEB_REFUSALS(X)
#undef X
	};

	metrics_family(m, "cresset_http_refused_total", METRICS_COUNTER,
		       "Requests refused: without a password, for another host name, by another "
		       "site's page, or because too many were running.");
	for (size_t i = 0; i < WEB_N_REFUSALS; i++)
		metrics_uint(m, atomic_load(&w->counts.refused[i]),
			     (struct metrics_label[]){{"reason", reasons[i]}}, 1);
}

int web_metrics(struct web *w, struct cresset_sink *sink)
{
	static const char *const kinds[ROUTE_KINDS] = {
		[ROUTE_METRICS] = "metrics", [ROUTE_QUERY] = "query", [ROUTE_CAPTURE] = "capture"};
	uint64_t open, late;
	struct metrics m;

	if (metrics_init(&m, sink) < 0)
		return metrics_release(&m);
	conns_count(&w->conns, &open, &late);
	put_requests(w, &m);
	put_times(w, &m);
	put_refused(w, &m);
	metrics_one(&m, "cresset_http_response_bytes_total", METRICS_COUNTER,
		    "Bytes of answers, without headers and the page's own files.",
		    atomic_load(&w->counts.bytes));
	metrics_one(&m, "cresset_http_connections", METRICS_GAUGE, "Connections that are open.",
		    open);
	metrics_one(&m, "cresset_http_slow_connections_total", METRICS_COUNTER,
		    "Connections shut because a request or the taking of an answer took too long.",
		    late);
	metrics_family(&m, "cresset_http_running", METRICS_GAUGE,
		       "Requests that are being worked on, by the pool that does.");
	for (size_t i = 0; i < ROUTE_KINDS; i++)
		if (kinds[i])
			metrics_uint(&m, atomic_load(&w->counts.running[i]),
				     (struct metrics_label[]){{"pool", kinds[i]}}, 1);
	return metrics_release(&m);
}

int handle_metrics(struct web *w, const struct target *t, struct answer *reply,
		   struct cresset_error *err)
{
	struct cresset_sink *sink;
	int r = answer_sink(reply, &sink);

	reply->type = "text/plain; version=0.0.4; charset=utf-8";
	if (r == 0 && w->backend.metrics)
		r = w->backend.metrics(w->backend.arg, sink);
	return r ?: web_metrics(w, sink);
}
