// SPDX-License-Identifier: Apache-2.0
/*
 * config - one target's configuration: set key by key, then checked as a whole.
 *
 * A key is judged when it is set, as far as it can be alone, so that the caller can name file and
 * line; what depends on several keys, on files and on the environment is export_config_check()'s.
 * No message repeats a value that could be a secret: a URL with a password in it is refused without
 * being shown.
 */
#include "export/keys.h"

#include "export/secret.h"

#include "bytesize.h"
#include "duration.h"
#include "suggest.h"

#include <cresset/sink.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

static bool name_valid(const char *name)
{
	size_t n = strlen(name);

	return n && n <= EXPORT_NAME_MAX && name[0] != '.' &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") ==
		       n;
}

int export_config_new(const char *name, struct export_config **ret)
{
	struct export_config *c;

	if (!name_valid(name))
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	vec_init(&c->headers, sizeof(char *));
	c->timeout_ns = 10 * SECOND_NS;
	c->retry_min_ns = SECOND_NS;
	c->retry_max_ns = 60 * SECOND_NS;
	c->queue_max_bytes = EXPORT_DEFAULT_QUEUE_BYTES;
	c->spool_max_bytes = 256u << 20;
	c->name = strdup(name);
	if (!c->name) {
		export_config_free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

void export_config_free(struct export_config *c)
{
	const struct key_row *row;

	if (!c)
		return;
	for (size_t i = 0; (row = key_at(i)); i++) {
		if (row->kind == KEY_STRING || row->kind == KEY_BOOL)
			free(*(char **)key_place(c, row));
	}
	for (size_t i = 0; i < c->headers.n; i++)
		free(*(char **)vec_at(&c->headers, i));
	vec_release(&c->headers);
	free(c->name);
	free(c);
}

static int set_text(char **at, const char *value)
{
	char *copy = NULL;

	if (value) {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	free(*at);
	*at = copy;
	return 0;
}

static int add_text(struct vec *list, const char *value)
{
	char *copy = strdup(value);

	if (copy && vec_push(list, &copy, 1))
		return 0;
	free(copy);
	return -ENOMEM;
}

/* ---- Values. */

/* Scheme, host and port of a URL or proxy. Says nothing of the URL's text but its faults. */
static int check_url(const char *key, const char *url, struct cresset_error *err)
{
	CURLU *u = curl_url();
	char *user = NULL, *password = NULL, *scheme = NULL, *query = NULL, *fragment = NULL;
	const char *why = NULL;

	if (!u)
		return -ENOMEM;
	if (strlen(url) > 2000 || url[strcspn(url, " \t\r\n\\\"<>")] ||
	    curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME))
		why = "is not a URL like https://server:4040";
	else if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
		 (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		why = "must begin with http:// or https://";
	else if (!curl_url_get(u, CURLUPART_USER, &user, 0) ||
		 !curl_url_get(u, CURLUPART_PASSWORD, &password, 0))
		why = "must not have a user or password in it (set user and password_file)";
	else if (!curl_url_get(u, CURLUPART_QUERY, &query, 0) ||
		 !curl_url_get(u, CURLUPART_FRAGMENT, &fragment, 0))
		why = "must not have '?' or '#' in it (a token goes into headers_file)";
	curl_free(user);
	curl_free(password);
	curl_free(scheme);
	curl_free(query);
	curl_free(fragment);
	curl_url_cleanup(u);
	return why ? cresset_error_set(err, -EINVAL, "%s %s", key, why) : 0;
}

/* A path with "{" is a template, and no part of what servers are told apart by. */
static int set_url(struct export_config *c, const char *value, struct cresset_error *err)
{
	const char *host = strstr(value, "://"), *path, *brace;
	char *base;
	size_t n;
	int r;

	host = host ? host + 3 : value;
	path = host + strcspn(host, "/");
	brace = strchr(path, '{');
	n = brace ? (size_t)(path - value) : strlen(value);
	while (n > (size_t)(host - value) && value[n - 1] == '/')
		n--;
	base = strndup(value, n);
	if (!base)
		return -ENOMEM;
	r = check_url("url", base, err);
	if (r == 0 && brace)
		r = export_config_set(c, "path", path, err);
	if (r == 0)
		r = set_text(&c->url, base);
	free(base);
	return r;
}

static int check_path(const char *value, struct cresset_error *err)
{
	int depth = 0;

	for (const char *s = value; *s; s++) {
		depth += (*s == '{') - (*s == '}');
		if (depth < 0 || depth > 1 || (unsigned char)*s <= ' ' || *s == '?' || *s == '#' ||
		    (unsigned char)*s >= 0x7f)
			depth = 9;
		if (depth == 9)
			break;
	}
	if (depth || (*value && *value != '/') || strlen(value) > 1000 || strstr(value, "/../"))
		return cresset_error_set(
			err, -EINVAL,
			"path must be like /profiles/{service}/{id}.pb.gz, without '?' or blanks");
	return 0;
}

static int unknown_type(const char *value, struct cresset_error *err)
{
	const char *name, *help;
	struct suggestion s;
	char all[160] = "";
	size_t n = 0;

	suggestion_init(&s, value);
	for (size_t i = 0; export_target_at(i, &name, &help); i++) {
		suggestion_try(&s, name);
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "", name);
	}
	if (s.best)
		return cresset_error_set(err, -EINVAL, "unknown type '%.40s' (did you mean '%s'?)",
					 value, s.best);
	return cresset_error_set(err, -EINVAL, "unknown type '%.40s' (there are %s)", value, all);
}

static int set_string(struct export_config *c, const struct key_row *row, const char *value,
		      struct cresset_error *err)
{
	int r = 0;

	if (!strcmp(row->name, "url"))
		return set_url(c, value, err);
	if (!strcmp(row->name, "proxy"))
		r = check_url("proxy", value, err);
	else if (!strcmp(row->name, "path"))
		r = check_path(value, err);
	else if (!strcmp(row->name, "type") && !export_target_by_name(value))
		r = unknown_type(value, err);
	else if (!strcmp(row->name, "method") && strcmp(value, "PUT") && strcmp(value, "POST"))
		r = cresset_error_set(err, -EINVAL, "method must be POST or PUT");
	else if (!*value || value[strcspn(value, "\r\n\t")])
		r = cresset_error_set(err, -EINVAL, "%s needs a value: %s", row->name, row->arg);
	return r ? r : set_text(key_place(c, row), value);
}

static int set_value(struct export_config *c, const struct key_row *row, const char *value,
		     struct cresset_error *err)
{
	bool yes = !strcmp(value, "yes") || !strcmp(value, "true") || !strcmp(value, "on");
	int r;

	switch (row->kind) {
	case KEY_STRING:
		return set_string(c, row, value, err);
	case KEY_BOOL:
		if (!yes && strcmp(value, "no") && strcmp(value, "false") && strcmp(value, "off"))
			return cresset_error_set(err, -EINVAL, "%s must be yes or no", row->name);
		return set_text(key_place(c, row), yes ? "yes" : NULL);
	case KEY_LIST:
		if (!header_valid(value))
			return cresset_error_set(
				err, -EINVAL,
				"%s must be like 'X-Name: value', and none that cresset sets itself",
				row->name);
		return add_text(key_place(c, row), value);
	case KEY_DURATION:
		r = duration_parse(value, key_place(c, row));
		return r ? cresset_error_set(err, -EINVAL,
					     "%s needs a time like 10s or 30m, not '%s'", row->name,
					     value)
			 : 0;
	case KEY_BYTES:
		r = bytesize_parse(value, key_place(c, row));
		return r ? cresset_error_set(err, -EINVAL, "%s needs an amount like 64M, not '%s'",
					     row->name, value)
			 : 0;
	}
	return -EINVAL;
}

int export_config_set(struct export_config *c, const char *key, const char *value,
		      struct cresset_error *err)
{
	const struct key_row *row;
	struct suggestion s;

	suggestion_init(&s, key);
	for (size_t i = 0; (row = key_at(i)); i++) {
		if (!strcmp(row->name, key))
			return set_value(c, row, value, err);
		suggestion_try(&s, row->name);
	}
	return cresset_error_set(err, -ENOENT, "unknown key '%.60s'%s%s%s", key,
				 s.best ? " (did you mean '" : "", s.best ? s.best : "",
				 s.best ? "'?)" : "");
}

int export_config_default_spool(struct export_config *c, const char *directory)
{
	char path[4096];

	if (c->spool)
		return 0;
	if (snprintf(path, sizeof(path), "%s/%s", directory, c->name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return set_text(&c->spool, path);
}

/* ---- The whole. */

static int check_readable(const char *key, const char *path, struct cresset_error *err)
{
	if (!path || access(path, R_OK) == 0)
		return 0;
	return cresset_error_set(err, -errno, "cannot read %s %s: %s", key, path, strerror(errno));
}

static int check_auth(const struct export_config *c, struct cresset_error *err)
{
	int bearer = !!c->bearer_file + !!c->bearer_env;
	int password = !!c->password_file + !!c->password_env;
	struct secret s = {NULL};
	int r;

	if (bearer > 1)
		return cresset_error_set(err, -EINVAL, "set bearer_file or bearer_env, not both");
	if (password > 1)
		return cresset_error_set(err, -EINVAL,
					 "set password_file or password_env, not both");
	if (bearer && c->user)
		return cresset_error_set(err, -EINVAL, "set a bearer token or a user, not both");
	if (!!c->user != !!password)
		return cresset_error_set(err, -EINVAL,
					 c->user ? "user needs password_file or password_env"
						 : "password_file and password_env need a user");
	r = secret_from(&s, c->bearer_file, c->bearer_env, err);
	secret_release(&s);
	if (r == 0)
		r = secret_from(&s, c->password_file, c->password_env, err);
	secret_release(&s);
	if (r == 0)
		r = secret_from(&s, c->proxy_auth_file, NULL, err);
	secret_release(&s);
	return r;
}

static int check_files(const struct export_config *c, struct cresset_error *err)
{
	int r = check_readable("ca", c->ca, err);
	struct secret s = {NULL};

	r = r ? r : check_readable("cert", c->cert, err);
	r = r ? r : check_readable("key", c->key, err);
	if (r == 0 && c->headers_file)
		r = secret_each_header(&s, c->headers_file, NULL, NULL, err);
	secret_release(&s);
	if (r == 0 && c->key && !c->cert)
		r = cresset_error_set(err, -EINVAL, "key needs cert");
	return r;
}

static int check_s3(struct export_config *c, struct cresset_error *err)
{
	const char *region = getenv("AWS_REGION");

	if (!c->aws_region && region && *region && set_text(&c->aws_region, region) < 0)
		return -ENOMEM;
	if (!c->aws_region ||
	    strspn(c->aws_region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(c->aws_region))
		return cresset_error_set(err, -EINVAL, "s3 needs aws_region (or AWS_REGION)");
	if (!c->user && !(getenv("AWS_ACCESS_KEY_ID") && getenv("AWS_SECRET_ACCESS_KEY")))
		return cresset_error_set(err, -EINVAL,
					 "s3 needs user and password_file, or "
					 "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
	return 0;
}

/* The endpoint may be given in the URL too: it is added when sending. */
static void strip_endpoint(struct export_config *c)
{
	size_t n = strlen(c->url), end = strlen(c->target->path);

	if (!c->path && end && n > end && !strcmp(c->url + n - end, c->target->path))
		c->url[n - end] = '\0';
}

int export_config_check(struct export_config *c, struct cresset_error *err)
{
	int r;

	if (!c->url)
		return cresset_error_set(err, -EINVAL, "url is missing");
	c->target = c->type ? export_target_by_name(c->type) : export_target_by_url(c->url);
	if (!c->target)
		return cresset_error_set(err, -EINVAL,
					 "the URL does not tell the kind of server (set type)");
	if (!c->type && set_text(&c->type, c->target->name) < 0)
		return -ENOMEM;
	strip_endpoint(c);
	if (c->method && c->target != export_target_by_name("http"))
		return cresset_error_set(err, -EINVAL, "method is for type http only");
	if (!c->max_age_ns)
		c->max_age_ns = c->target->max_age_s * SECOND_NS;
	if (c->retry_min_ns > c->retry_max_ns)
		return cresset_error_set(err, -EINVAL, "retry_min is longer than retry_max");
	if (c->spool && !strcmp(c->spool, "no") && set_text(&c->spool, "") < 0)
		return -ENOMEM;
	r = check_auth(c, err);
	r = r ? r : check_files(c, err);
	return r == 0 && c->target->sigv4 ? check_s3(c, err) : r;
}

/* ---- Telling. */

/* As it can be read again, in the largest unit that it is a whole number of. */
static void print_duration(const char *name, uint64_t ns, struct cresset_sink *sink)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = {{3600 * SECOND_NS, "h"}, {60 * SECOND_NS, "m"}, {SECOND_NS, "s"},
		     {1000000, "ms"},	      {1000, "us"},	     {1, "ns"}};
	size_t i = 0;

	while (ns % units[i].ns)
		i++;
	cresset_sink_printf(sink, "%s = %llu%s\n", name, (unsigned long long)(ns / units[i].ns),
			    units[i].name);
}

static void print_row(const struct export_config *c, const struct key_row *row,
		      struct cresset_sink *sink)
{
	const void *at = key_place(c, row);

	switch (row->kind) {
	case KEY_STRING:
	case KEY_BOOL:
		if (*(char *const *)at)
			cresset_sink_printf(sink, "%s = %s\n", row->name, *(char *const *)at);
		break;
	case KEY_LIST:
		for (size_t i = 0; i < ((const struct vec *)at)->n; i++) {
			const char *line = *(char **)vec_at(at, i);

			cresset_sink_printf(sink, "%s = %.*s: ...\n", row->name,
					    (int)strcspn(line, ":"), line);
		}
		break;
	case KEY_DURATION:
		if (*(const uint64_t *)at)
			print_duration(row->name, *(const uint64_t *)at, sink);
		break;
	case KEY_BYTES:
		cresset_sink_printf(sink, "%s = %llu\n", row->name,
				    (unsigned long long)*(const uint64_t *)at);
		break;
	}
}

int export_config_print(const struct export_config *c, struct cresset_sink *sink)
{
	const struct key_row *row;

	for (size_t i = 0; (row = key_at(i)); i++)
		print_row(c, row, sink);
	return cresset_sink_error(sink);
}

static bool text_equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool row_equal(const struct key_row *row, const void *a, const void *b)
{
	const struct vec *x = a, *y = b;

	if (row->kind == KEY_DURATION || row->kind == KEY_BYTES)
		return *(const uint64_t *)a == *(const uint64_t *)b;
	if (row->kind != KEY_LIST)
		return text_equal(*(char *const *)a, *(char *const *)b);
	for (size_t i = 0; i < x->n && x->n == y->n; i++)
		if (!text_equal(*(char **)vec_at(x, i), *(char **)vec_at(y, i)))
			return false;
	return x->n == y->n;
}

bool export_config_equal(const struct export_config *a, const struct export_config *b)
{
	const struct key_row *row;

	for (size_t i = 0; (row = key_at(i)); i++)
		if (!row_equal(row, key_place(a, row), key_place(b, row)))
			return false;
	return !strcmp(a->name, b->name);
}

const char *export_config_name(const struct export_config *c)
{
	return c->name;
}

const char *export_config_type(const struct export_config *c)
{
	return c->type ? c->type : "";
}

uint64_t export_config_queue_bytes(const struct export_config *c)
{
	return c->queue_max_bytes;
}

const char *export_config_url(const struct export_config *c)
{
	return c->url ? c->url : "";
}
