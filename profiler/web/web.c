// SPDX-License-Identifier: Apache-2.0
/* web - options to a running server, and its end. See web.h, and serve.c for requests. */
#include "web/inside.h"

#include "export/secret.h"
#include "idle_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PEM_MAX = 256 << 10 };

static int read_pem(char **to, const char *path, struct cresset_error *err)
{
	struct secret text = {NULL};
	int r = secret_read_all(&text, path, PEM_MAX, err);

	if (r == 0)
		*to = text.text;
	return r;
}

static int read_tls(struct web *w, const struct web_options *o, struct cresset_error *err)
{
	int r;

	if (!o->tls_cert && !o->tls_key)
		return 0;
	if (!o->tls_cert || !o->tls_key)
		return cresset_error_set(err, -EINVAL,
					 "tls_cert and tls_key go together: %s is missing",
					 o->tls_cert ? "tls_key" : "tls_cert");
	r = read_pem(&w->tls_cert, o->tls_cert, err);
	return r ?: read_pem(&w->tls_key, o->tls_key, err);
}

static void describe(struct web *w, const char *listen)
{
	const char *scheme = w->tls_cert ? "https" : "http";
	const char *colon = strrchr(listen, ':');
	int host = colon ? (int)(colon - listen) : 0;

	if (w->address.u.any.sa_family == AF_UNIX)
		snprintf(w->url, sizeof(w->url), "%s", listen);
	else
		snprintf(w->url, sizeof(w->url), "%s://%.*s:%u/", scheme, host ? host : 9,
			 host ? listen : "127.0.0.1", w->port);
	if (w->address.loopback)
		return;
	if (!auth_wanted(&w->auth))
		snprintf(w->warning, sizeof(w->warning),
			 "%.80s can be reached from other machines without a password (set user= "
			 "and password_file=, or bearer_file=)",
			 w->url);
	else if (!w->tls_cert)
		snprintf(w->warning, sizeof(w->warning),
			 "passwords for %.80s travel unencrypted (set tls_cert= and tls_key=)",
			 w->url);
}

static int start(struct web *w, const struct web_options *o, struct cresset_error *err)
{
	const char *listen = o->listen ? o->listen : WEB_DEFAULT_LISTEN;
	int r;

	w->max_query_bytes = o->max_query_bytes;
	w->max_answer = o->max_answer_bytes ? o->max_answer_bytes : WEB_DEFAULT_ANSWER_BYTES;
	w->store_path = w->backend.store_path ? strdup(w->backend.store_path) : NULL;
	w->hosts = o->hosts ? strdup(o->hosts) : NULL;
	if ((w->backend.store_path && !w->store_path) || (o->hosts && !w->hosts))
		return -ENOMEM;
	w->backend.store_path = w->store_path;
	r = page_svg_policy(w->svg_csp, sizeof(w->svg_csp));
	r = r ?: idle_rules_new(NULL, &w->idle, err);
	r = r ?: listen_parse(listen, &w->address, err);
	r = r ?: auth_init(&w->auth, o->user, o->password_file, o->bearer_file, err);
	r = r ?: read_tls(w, o, err);
	r = r ?: listen_open(&w->address, listen, &w->fd, &w->port, err);
	r = r ?: serve_start(w, o, err);
	if (r == 0)
		describe(w, listen);
	return r;
}

int web_new(const struct web_options *options, const struct web_backend *backend, struct web **ret,
	    struct cresset_error *err)
{
	struct web *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->fd = -1;
	w->backend = *backend;
	r = start(w, options, err);
	if (r < 0) {
		web_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

static void free_secret(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void web_free(struct web *w)
{
	if (!w)
		return;
	atomic_store(&w->stopping, true);
	serve_quiesce(w);
	if (w->daemon && w->backend.cancel)
		w->backend.cancel(w->backend.arg);
	if (w->fd >= 0 && w->address.u.any.sa_family == AF_UNIX)
		unlink(w->address.u.un.sun_path);
	serve_stop(w);
	auth_release(&w->auth);
	free_secret(w->tls_cert);
	free_secret(w->tls_key);
	free(w->store_path);
	free(w->hosts);
	idle_rules_free(w->idle);
	free(w);
}

unsigned int web_port(const struct web *w)
{
	return w->port;
}

const char *web_url(const struct web *w)
{
	return w->url;
}

const char *web_warning(const struct web *w)
{
	return w->warning[0] ? w->warning : NULL;
}
