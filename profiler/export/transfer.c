// SPDX-License-Identifier: Apache-2.0
/* transfer - see transfer.h. */
#include "export/transfer.h"

#include "export/secret.h"
#include "export/words.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_SHARE = 2 };

struct transfer {
	const struct export_config *config;
	CURL *curl;
	struct curl_slist *headers;
	struct reply reply;
	struct secret bearer, password, headers_file, proxy_auth, session;
	char *url;
	char error[CURL_ERROR_SIZE];
};

int transfer_new(const struct export_config *config, struct transfer **ret)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->config = config;
	reply_init(&t->reply);
	t->curl = curl_easy_init();
	if (!t->curl) {
		transfer_free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

static void forget_secrets(struct transfer *t)
{
	secret_release(&t->bearer);
	secret_release(&t->password);
	secret_release(&t->headers_file);
	secret_release(&t->proxy_auth);
	secret_release(&t->session);
}

void transfer_free(struct transfer *t)
{
	if (!t)
		return;
	curl_easy_cleanup(t->curl);
	curl_slist_free_all(t->headers);
	reply_release(&t->reply);
	forget_secrets(t);
	free(t->url);
	free(t);
}

const char *transfer_url(const struct transfer *t)
{
	return t->url ? t->url : "";
}

CURL *transfer_handle(const struct transfer *t)
{
	return t->curl;
}

/* ---- What the server sends. */

static size_t on_header(char *data, size_t size, size_t n, void *transfer)
{
	reply_header(&((struct transfer *)transfer)->reply, data, size * n);
	return size * n;
}

static size_t on_body(char *data, size_t size, size_t n, void *transfer)
{
	return reply_body(&((struct transfer *)transfer)->reply, data, size * n) < 0 ? 0 : size * n;
}

/* ---- What is sent. */

static int add_header(struct transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->headers, line);

	if (!more)
		return -ENOMEM;
	t->headers = more;
	return 0;
}

static int add_pair(struct transfer *t, const char *name, const char *value)
{
	char *line = NULL;
	int r;

	if (!value)
		return 0;
	if (asprintf(&line, "%s: %s", name, value) < 0)
		return -ENOMEM;
	r = add_header(t, line);
	explicit_bzero(line, strlen(line));
	free(line);
	return r;
}

/* S3 wants it; Debian 12's libcurl signs it, but does not add it. */
static int add_content_hash(struct transfer *t, const struct export_request *r)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	char hex[2 * EVP_MAX_MD_SIZE + 1] = "";

	if (!EVP_Digest(r->body, r->bytes, hash, &n, EVP_sha256(), NULL))
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", hash[i]);
	return add_pair(t, "x-amz-content-sha256", hex);
}

static int add_line(void *transfer, const char *line)
{
	return add_header(transfer, line);
}

static int add_headers(struct transfer *t, const struct export_request *r,
		       struct cresset_error *err)
{
	const struct export_config *c = t->config;
	int e = add_pair(t, "Content-Type", c->target->content_type);

	/* No "Expect: 100-continue": it costs a round trip, or a second where nobody answers it.
	 * But libcurl would sign the line that says so. */
	if (e == 0)
		e = c->target->sigv4 ? add_content_hash(t, r) : add_header(t, "Expect:");
	if (e == 0 && c->target->header)
		e = add_header(t, c->target->header);
	if (e == 0 && r->flags & EXPORT_GZIP)
		e = add_pair(t, "Content-Encoding", "gzip");
	e = e ? e : add_pair(t, "X-Scope-OrgID", c->tenant);
	for (size_t i = 0; i < c->headers.n && e == 0; i++)
		e = add_header(t, *(char **)vec_at(&c->headers, i));
	if (e == 0 && c->headers_file)
		e = secret_each_header(&t->headers_file, c->headers_file, add_line, t, err);
	if (e == 0 && (c->bearer_file || c->bearer_env))
		e = secret_from(&t->bearer, c->bearer_file, c->bearer_env, err);
	if (e == 0 && t->bearer.text) {
		char *token = NULL;

		if (asprintf(&token, "Bearer %s", t->bearer.text) < 0)
			return -ENOMEM;
		e = add_pair(t, "Authorization", token);
		explicit_bzero(token, strlen(token));
		free(token);
	}
	return e;
}

static int set_aws(struct transfer *t, struct cresset_error *err)
{
	const struct export_config *c = t->config;
	const char *user = c->user ? c->user : getenv("AWS_ACCESS_KEY_ID");
	char provider[128];
	int r = 0;

	if (!c->user) {
		r = secret_from_env(&t->password, "AWS_SECRET_ACCESS_KEY", err);
		if (r == 0 && getenv("AWS_SESSION_TOKEN"))
			r = secret_from_env(&t->session, "AWS_SESSION_TOKEN", err);
		r = r ? r : add_pair(t, "x-amz-security-token", t->session.text);
	}
	snprintf(provider, sizeof(provider), "aws:amz:%s:s3", c->aws_region);
	curl_easy_setopt(t->curl, CURLOPT_AWS_SIGV4, provider);
	curl_easy_setopt(t->curl, CURLOPT_USERNAME, user ? user : "");
	curl_easy_setopt(t->curl, CURLOPT_PASSWORD, t->password.text ? t->password.text : "");
	return r;
}

static int set_auth(struct transfer *t, struct cresset_error *err)
{
	const struct export_config *c = t->config;
	int r = secret_from(&t->password, c->password_file, c->password_env, err);

	if (r == 0 && c->proxy_auth_file)
		r = secret_from_file(&t->proxy_auth, c->proxy_auth_file, err);
	if (r < 0)
		return r;
	if (c->proxy)
		curl_easy_setopt(t->curl, CURLOPT_PROXY, c->proxy);
	if (t->proxy_auth.text)
		curl_easy_setopt(t->curl, CURLOPT_PROXYUSERPWD, t->proxy_auth.text);
	if (c->target->sigv4)
		return set_aws(t, err);
	if (c->user) {
		curl_easy_setopt(t->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(t->curl, CURLOPT_USERNAME, c->user);
		curl_easy_setopt(t->curl, CURLOPT_PASSWORD, t->password.text);
	}
	return 0;
}

static void set_tls(struct transfer *t)
{
	const struct export_config *c = t->config;

	if (c->ca) {
		curl_easy_setopt(t->curl, CURLOPT_CAINFO, c->ca);
		curl_easy_setopt(t->curl, CURLOPT_CAPATH, NULL);
	}
	if (c->cert)
		curl_easy_setopt(t->curl, CURLOPT_SSLCERT, c->cert);
	if (c->key)
		curl_easy_setopt(t->curl, CURLOPT_SSLKEY, c->key);
	if (c->insecure) {
		curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	curl_easy_setopt(t->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

static void set_transport(struct transfer *t)
{
	const struct export_config *c = t->config;
	bool tls = !strncmp(t->url, "https", 5);
	long timeout_ms = (long)(c->timeout_ns / 1000000);
	char agent[64];

	curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, timeout_ms ? timeout_ms : 1);
	curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms / CONNECT_SHARE + 1);
	snprintf(agent, sizeof(agent), "cresset/%s", cresset_version());
	curl_easy_setopt(t->curl, CURLOPT_USERAGENT, agent);
	curl_easy_setopt(t->curl, CURLOPT_PATH_AS_IS, 1L);
	if (!c->target->grpc) {
		curl_easy_setopt(t->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	} else if (tls) {
		curl_easy_setopt(t->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	} else {
		curl_easy_setopt(t->curl, CURLOPT_HTTP_VERSION,
				 (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
		curl_easy_setopt(t->curl, CURLOPT_FORBID_REUSE, 1L);
	}
}

static void set_body(struct transfer *t, const struct export_request *r)
{
	const struct export_config *c = t->config;

	curl_easy_setopt(t->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->bytes);
	curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, r->body);
	curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, c->method ? c->method : c->target->method);
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->error);
}

/* A template is in the suffix already; any other path is where the endpoint is. */
static int set_url(struct transfer *t, const struct export_request *r)
{
	const struct export_config *c = t->config;
	const char *path = !c->target->path[0] ? "" : c->path ? c->path : c->target->path;

	free(t->url);
	t->url = NULL;
	if (asprintf(&t->url, "%s%s%s", c->url, path, r->suffix) < 0) {
		t->url = NULL;
		return -ENOMEM;
	}
	curl_easy_setopt(t->curl, CURLOPT_URL, t->url);
	return 0;
}

int transfer_begin(struct transfer *t, const struct export_request *r, CURL **ret,
		   struct cresset_error *err)
{
	int e;

	curl_easy_reset(t->curl);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	reply_release(&t->reply);
	reply_init(&t->reply);
	t->error[0] = '\0';
	e = set_url(t, r);
	e = e ? e : add_headers(t, r, err);
	e = e ? e : set_auth(t, err);
	if (e < 0) {
		forget_secrets(t);
		return e;
	}
	set_transport(t);
	set_tls(t);
	set_body(t, r);
	*ret = t->curl;
	return 0;
}

static void redact(const struct transfer *t, char *words)
{
	const struct export_config *c = t->config;

	secret_redact(&t->bearer, words);
	secret_redact(&t->password, words);
	secret_redact(&t->proxy_auth, words);
	secret_redact(&t->session, words);
	secret_redact_headers(&t->headers_file, words);
	for (size_t i = 0; i < c->headers.n; i++)
		secret_redact_headers(&(struct secret){*(char **)vec_at(&c->headers, i)}, words);
	secret_redact_basic(c->user, &t->password, words);
	secret_redact_basic(NULL, &t->proxy_auth, words);
}

void transfer_end(struct transfer *t, CURLcode result, struct outcome *ret)
{
	*ret = (struct outcome){.verdict = VERDICT_RETRY};
	if (result == CURLE_OK) {
		ret->verdict = reply_judge(&t->reply, t->config->target, ret->words,
					   sizeof(ret->words), &ret->code);
		ret->retry_after_ns = t->reply.retry_after_ns;
	} else {
		const char *why = t->error[0] ? t->error : curl_easy_strerror(result);

		words_line(why, strlen(why), ret->words, sizeof(ret->words));
	}
	redact(t, ret->words);
	forget_secrets(t);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, NULL);
}
