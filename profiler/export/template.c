// SPDX-License-Identifier: Apache-2.0
/* template - see template.h. */
#include "export/template.h"

#include "export/labels.h"
#include "export/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEMPLATE_VALUE_MAX = 200 };

static void put_time(const struct export_input *in, const struct export_request *r, bool date,
		     char *buf, size_t size)
{
	int64_t ns = cresset_profile_time_ns(in->profile);
	time_t seconds = (time_t)((ns > 0 ? ns : r->time_ns) / 1000000000);
	struct tm t;

	buf[0] = '\0';
	if (gmtime_r(&seconds, &t)) {
		if (date)
			strftime(buf, size, "%Y-%m-%d", &t);
		else
			strftime(buf, size, "%Y%m%dT%H%M%SZ", &t);
	}
}

static void value_of(const char *key, const struct export_input *in, const struct export_request *r,
		     char *buf, size_t size)
{
	if (!strcmp(key, "name"))
		export_profile_name(in->profile, buf, size);
	else if (!strcmp(key, "date"))
		put_time(in, r, true, buf, size);
	else if (!strcmp(key, "time"))
		put_time(in, r, false, buf, size);
	else if (!strcmp(key, "id"))
		snprintf(buf, size, "%s", r->id);
	else
		words_utf8(strcmp(key, "service") ? labels_find(in, key) : labels_service(in), buf,
			   size);
}

static int put_value(struct vec *out, const char *value)
{
	bool dots = strspn(value, ".") == strlen(value);
	int e = dots ? words_put(out, "_") : 0;

	return e ? e : words_put_url(out, value);
}

static int fill(const char *path, const struct export_input *in, const struct export_request *r,
		struct vec *out)
{
	char key[64], value[TEMPLATE_VALUE_MAX];
	int e = 0;

	while (*path && e == 0) {
		size_t n = strcspn(path, "{");

		if (n && !vec_push(out, path, n))
			return -ENOMEM;
		path += n;
		if (!*path)
			break;
		n = strcspn(path, "}");
		snprintf(key, sizeof(key), "%.*s", (int)(n - 1 < 60 ? n - 1 : 60), path + 1);
		value_of(key, in, r, value, sizeof(value));
		e = put_value(out, value);
		path += n + (path[n] == '}');
	}
	if (e == 0 && !vec_push(out, "", 1))
		e = -ENOMEM;
	return e;
}

int template_fill(const char *path, const struct export_input *in, const struct export_request *r,
		  char **ret)
{
	struct vec out;
	int e;

	vec_init(&out, 1);
	e = fill(path, in, r, &out);
	if (e < 0)
		vec_release(&out);
	else
		*ret = out.data;
	return e;
}

int template_encode(const char *path, const struct export_input *in, struct export_request *r,
		    struct cresset_error *err)
{
	struct vec pprof;
	char *suffix = NULL;
	int e = template_fill(in->config->path ? in->config->path : path, in, r, &suffix);

	if (e < 0)
		return e;
	free(r->suffix);
	r->suffix = suffix;
	vec_init(&pprof, 1);
	e = export_pprof(in->profile, &pprof, &r->raw_bytes, err);
	if (e == 0)
		export_request_take(r, &pprof);
	vec_release(&pprof);
	return e;
}
