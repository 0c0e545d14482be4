// SPDX-License-Identifier: Apache-2.0
/*
 * serve - from a connection to a handler and back, on libmicrohttpd.
 *
 * The library's one thread polls (epoll), parses and sends; it must never wait. A request that
 * may take long is suspended, run by a pool (workers.h), and resumed with its answer made. That is
 * better than a thread for each connection, which a few dozen idle browsers would use up, and
 * better than a pool of the library's own threads, where one capture stalls all connections that
 * happened to land on its thread.
 *
 * The life of a request:
 *     on_uri        its line is there: it gets a struct request
 *     on_request 1  its headers are there: method, body, host, site, password, path, parameters
 *     on_request 2  all of it is there: run it, or hand it to a pool and suspend
 *     on_request 3  (resumed) queue what was made
 *     on_completed  sent, or the client is gone
 */
#include "web/inside.h"

#include <microhttpd.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNECTION_MEMORY = 24 << 10, /* request line and headers; more: 414, 431 */
	PENDING_QUERIES = 4,	      /* of each running one */
	PENDING_METRICS = 16,
	STACK_BYTES = 1 << 20,
};

enum state { NEW, READY, MADE };

struct request {
	struct workers_job job;
	struct web *web;
	struct MHD_Connection *connection;
	char *raw;
	struct target target;
	const struct route *route;
	size_t index; /* of the route, for counts */
	enum state state;
	bool counted;
	struct timespec begin;
	struct answer reply;
};

/* What belongs to a connection. */
struct link {
	struct conn *conn;
	struct request *request; /* until it is completed */
};

static struct link *link_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void set_phase(struct MHD_Connection *c, struct web *w, enum conns_phase phase)
{
	struct link *link = link_of(c);

	if (link)
		conns_set(&w->conns, link->conn, phase);
}

static const char *header(const struct request *q, const char *name)
{
	return MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, name);
}

static void request_free(struct request *q)
{
	if (!q)
		return;
	answer_release(&q->reply);
	target_release(&q->target);
	free(q->raw);
	free(q);
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct web *w = cls;
	struct link *link = link_of(connection);
	struct request *q = link ? calloc(1, sizeof(*q)) : NULL;

	if (!q)
		return NULL;
	request_free(link->request);
	link->request = q;
	conns_set(&w->conns, link->conn, CONNS_READING);
	q->web = w;
	q->connection = connection;
	q->index = WEB_MAX_ROUTES;
	q->raw = strdup(uri);
	clock_gettime(CLOCK_MONOTONIC, &q->begin);
	answer_init(&q->reply, w->max_answer, &w->stopping);
	return q;
}

/* ---- Is it to be answered at all? */

static void refuse(struct request *q, enum web_refusal why, unsigned int status, const char *text)
{
	atomic_fetch_add(&q->web->counts.refused[why], 1);
	answer_error(&q->reply, status, text);
}

/*
 * Another site's page can make a browser ask us, though it may not read what we answer. It shall
 * not make us work either; following a link to us is fine, unless that starts a capture.
 */
static bool cross_site(const struct request *q)
{
	const char *site = header(q, "Sec-Fetch-Site"), *mode = header(q, "Sec-Fetch-Mode");
	const char *dest = header(q, "Sec-Fetch-Dest");
	bool foreign = site && (!strcmp(site, "cross-site") || !strcmp(site, "same-site"));
	/* A frame within that page is no link that somebody follows. */
	bool follows = mode && !strcmp(mode, "navigate") && (!dest || !strcmp(dest, "document"));

	return foreign && !(follows && q->route->kind != ROUTE_CAPTURE);
}

static bool has_body(const struct request *q)
{
	const char *length = header(q, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return header(q, MHD_HTTP_HEADER_TRANSFER_ENCODING) || (length && strcmp(length, "0") != 0);
}

/* True if the request may be run; else the reply says why not. */
static bool admit(struct request *q, const char *method)
{
	struct web *w = q->web;
	struct cresset_error err = {.text = ""};
	int r = q->raw ? target_parse(&q->target, q->raw, &err) : -ENOMEM;
	bool read = !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);

	q->reply.head = !strcmp(method, MHD_HTTP_METHOD_HEAD);
	q->route = q->target.path ? route_find(q->target.path, &q->index) : NULL;
	q->reply.json = q->route ? q->route->json
				 : !strncmp(q->target.path ? q->target.path : "", "/api/", 5);
	if (!listen_host_allowed(&w->address, w->hosts, header(q, MHD_HTTP_HEADER_HOST)))
		refuse(q, WEB_REFUSED_HOST, MHD_HTTP_MISDIRECTED_REQUEST,
		       "this name is not served here (add it to hosts=)");
	else if (!(q->route && q->route->open) &&
		 !auth_allows(&w->auth, header(q, MHD_HTTP_HEADER_AUTHORIZATION)))
		refuse(q, WEB_REFUSED_AUTH, MHD_HTTP_UNAUTHORIZED, "a password or token is needed");
	else if (!q->route)
		answer_error(&q->reply, MHD_HTTP_NOT_FOUND, "there is nothing at this path");
	else if (!read)
		answer_error(&q->reply, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
	else if (has_body(q))
		answer_error(&q->reply, MHD_HTTP_BAD_REQUEST, "a request here has no body");
	else if (cross_site(q))
		refuse(q, WEB_REFUSED_SITE, MHD_HTTP_FORBIDDEN, "not for pages of other sites");
	else if (r < 0 ||
		 (q->route->params && (r = target_check(&q->target, q->route->params, &err)) < 0))
		answer_failed(&q->reply, r, &err);
	else
		return true;
	return false;
}

/* ---- Running. */

static void handle(struct request *q)
{
	struct cresset_error err = {.text = ""};
	int r = q->route->handle(q->web, &q->target, &q->reply, &err);

	if (r == 0 && q->reply.sink)
		r = cresset_sink_error(q->reply.sink);
	if (r < 0)
		answer_failed(&q->reply, r, &err);
	q->state = MADE;
}

static void run_job(struct workers_job *job)
{
	struct request *q = (struct request *)job;
	struct cresset_error err = {.text = ""};

	atomic_fetch_add(&q->web->counts.running[q->route->kind], 1);
	if (atomic_load(&q->web->stopping)) {
		answer_failed(&q->reply, -ECANCELED, &err);
		q->state = MADE;
	} else {
		handle(q);
	}
	atomic_fetch_sub(&q->web->counts.running[q->route->kind], 1);
	/* From here on q belongs to the server's thread again. */
	MHD_resume_connection(q->connection);
}

static void submit(struct request *q)
{
	struct cresset_error err = {.text = ""};
	int r;

	q->job.run = run_job;
	set_phase(q->connection, q->web, CONNS_WORKING);
	MHD_suspend_connection(q->connection);
	r = workers_submit(&q->web->pools[q->route->kind], &q->job);
	if (r == 0)
		return;
	if (r == -EBUSY)
		atomic_fetch_add(&q->web->counts.refused[WEB_REFUSED_BUSY], 1);
	answer_failed(&q->reply, r, &err);
	q->state = MADE;
	MHD_resume_connection(q->connection);
}

/* ---- Answering. */

static void add_headers(struct request *q, struct MHD_Response *response)
{
	const struct answer *r = &q->reply;
	const char *challenge;
	char text[200];

	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(response, "Content-Security-Policy",
				r->csp ? r->csp : "default-src 'none'; frame-ancestors 'none'");
	MHD_add_response_header(response, "Content-Type", r->type);
	if (r->filename[0]) {
		snprintf(text, sizeof(text), "%s; filename=\"%s\"",
			 r->attachment ? "attachment" : "inline", r->filename);
		MHD_add_response_header(response, "Content-Disposition", text);
	}
	if (r->retry_s) {
		snprintf(text, sizeof(text), "%u", r->retry_s);
		MHD_add_response_header(response, "Retry-After", text);
	}
	/* By this go tool pprof knows that the body says what is wrong. */
	if (q->route && q->route->kind == ROUTE_CAPTURE && r->status >= MHD_HTTP_BAD_REQUEST)
		MHD_add_response_header(response, "X-Go-Pprof", "1");
	if (r->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	for (size_t i = 0;
	     r->status == MHD_HTTP_UNAUTHORIZED && (challenge = auth_challenge(&q->web->auth, i));
	     i++)
		MHD_add_response_header(response, "WWW-Authenticate", challenge);
}

static struct MHD_Response *response_of(struct request *q)
{
	struct cresset_error err = {.text = ""};
	struct MHD_Response *response;
	char *body = NULL;
	size_t size = 0;
	int r;

	if (q->reply.fixed)
		return MHD_create_response_from_buffer(q->reply.fixed_size, (void *)q->reply.fixed,
						       MHD_RESPMEM_PERSISTENT);
	r = answer_take(&q->reply, &body, &size);
	if (r < 0) {
		answer_failed(&q->reply, r, &err);
		if (answer_take(&q->reply, &body, &size) < 0)
			return NULL;
	}
	response = MHD_create_response_from_buffer_with_free_callback(size, body, free);
	if (!response)
		free(body);
	else
		atomic_fetch_add(&q->web->counts.bytes, size);
	return response;
}

static void count(struct request *q)
{
	struct web_counts *counts = &q->web->counts;
	unsigned int class = q->reply.status / 100 - 1;
	struct timespec end;
	int64_t us;

	if (q->counted || class >= WEB_STATUS_CLASSES)
		return;
	q->counted = true;
	clock_gettime(CLOCK_MONOTONIC, &end);
	us = (end.tv_sec - q->begin.tv_sec) * 1000000 + (end.tv_nsec - q->begin.tv_nsec) / 1000;
	atomic_fetch_add(&counts->requests[q->index][class], 1);
	atomic_fetch_add(&counts->time_us[q->index], (unsigned long long)(us > 0 ? us : 0));
}

static enum MHD_Result send_answer(struct request *q)
{
	struct MHD_Response *response = response_of(q);
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	add_headers(q, response);
	set_phase(q->connection, q->web, CONNS_SENDING);
	count(q);
	r = MHD_queue_response(q->connection, q->reply.status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **arg)
{
	struct request *q = *arg;

	if (!q)
		return MHD_NO;
	if (q->state == NEW) {
		q->state = admit(q, method) ? READY : MADE;
		/* With a body on its way the answer has to come first: the rest is not read. */
		return q->state == MADE && has_body(q) ? send_answer(q) : MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (q->state == READY && q->route->kind != ROUTE_NOW) {
		submit(q);
		return MHD_YES;
	}
	if (q->state == READY)
		handle(q);
	return send_answer(q);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **arg,
			 enum MHD_RequestTerminationCode code)
{
	struct link *link = link_of(connection);

	if (!link || !*arg)
		return;
	set_phase(connection, cls, CONNS_IDLE);
	request_free(link->request);
	link->request = NULL;
	*arg = NULL;
}

/*
 * The end of a request is not always told: one whose parameters do not fit into the library's
 * memory ends with its connection alone. So a request belongs to its connection, too.
 */
static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct web *w = cls;
	struct link *link = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

		link = info ? calloc(1, sizeof(*link)) : NULL;
		if (link)
			link->conn = conns_add(&w->conns, info->connect_fd);
		*context = link;
	} else if (link) {
		conns_remove(&w->conns, link->conn);
		request_free(link->request);
		free(link);
		*context = NULL;
	}
}

/* Kept for the error of a failed start; the library prints nothing by itself. */
__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *fmt, va_list args)
{
	struct web *w = cls;

	if (atomic_load(&w->serving) || w->log[0])
		return;
	vsnprintf(w->log, sizeof(w->log), fmt, args);
	w->log[strcspn(w->log, "\r\n")] = '\0';
}

/* ---- Starting and ending. */

static int start_daemon(struct web *w, const struct web_options *o, struct cresset_error *err)
{
	unsigned int connections =
		o->max_connections ? o->max_connections : WEB_DEFAULT_CONNECTIONS;
	unsigned int read_s = o->read_timeout_s ? o->read_timeout_s : WEB_DEFAULT_READ_S;
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, w->tls_cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, w->tls_key},
		{MHD_OPTION_HTTPS_PRIORITIES, 0,
		 (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
		{MHD_OPTION_END, 0, NULL},
	};
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
			     MHD_USE_ERROR_LOG | MHD_USE_ITC | (w->tls_cert ? MHD_USE_TLS : 0);

	/* Of its own: some of its failures close the socket, others do not. */
	w->served_fd = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
	if (w->served_fd < 0)
		return cresset_error_set(err, -errno, "cannot serve: %s", strerror(errno));
	w->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, w, MHD_OPTION_EXTERNAL_LOGGER, on_log, w,
		MHD_OPTION_LISTEN_SOCKET, w->served_fd, MHD_OPTION_ARRAY,
		w->tls_cert ? tls : &tls[3], MHD_OPTION_CONNECTION_LIMIT, connections,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, connections - connections / 4,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, read_s, MHD_OPTION_THREAD_STACK_SIZE,
		(size_t)STACK_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK,
		on_uri, w, MHD_OPTION_NOTIFY_COMPLETED, on_completed, w,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, w, MHD_OPTION_END);
	atomic_store(&w->serving, w->daemon != NULL);
	if (w->daemon)
		return 0;
	return cresset_error_set(err, -EIO, "the HTTP server does not start: %s%s",
				 w->log[0] ? w->log : strerror(errno),
				 w->tls_cert
					 ? " (do tls_cert and tls_key hold a PEM certificate and "
					   "its key?)"
					 : "");
}

int serve_start(struct web *w, const struct web_options *o, struct cresset_error *err)
{
	size_t queries = o->max_queries ? o->max_queries : WEB_DEFAULT_QUERIES;
	int r;

	r = conns_init(&w->conns, o->read_timeout_s ? o->read_timeout_s : WEB_DEFAULT_READ_S,
		       o->send_timeout_s ? o->send_timeout_s : WEB_DEFAULT_SEND_S);
	r = r ?: workers_init(&w->pools[ROUTE_METRICS], 1, PENDING_METRICS);
	r = r ?: workers_init(&w->pools[ROUTE_QUERY], queries, PENDING_QUERIES * queries);
	r = r
		    ?: workers_init(&w->pools[ROUTE_CAPTURE],
				    o->max_captures ? o->max_captures : WEB_DEFAULT_CAPTURES, 0);
	if (r < 0)
		return cresset_error_set(err, r, "cannot start threads: %s", strerror(-r));
	return start_daemon(w, o, err);
}

void serve_quiesce(struct web *w)
{
	if (w->daemon)
		MHD_quiesce_daemon(w->daemon);
}

void serve_stop(struct web *w)
{
	for (size_t i = 0; i < ROUTE_KINDS; i++)
		workers_release(&w->pools[i]);
	/* The socket is ours again, since it was quiesced; not before its threads are gone. */
	if (w->daemon) {
		MHD_stop_daemon(w->daemon);
		close(w->served_fd);
	}
	w->daemon = NULL;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	conns_release(&w->conns);
}
