// SPDX-License-Identifier: Apache-2.0
/*
 * ingest - Pyroscope's older /ingest: the profile is the body, all else is in the query.
 *
 * format=pprof means the bare body: a multipart one would be taken for pprof too. The server
 * guesses the kind of profile from the types, and takes whatever has "cpu" in its name for CPU
 * time; so anything but CPU time is refused here rather than filed under a wrong name there.
 * Labels are "app{k=v,…}" without any way to escape: what would end a label becomes '_'.
 */
#include "export/labels.h"

#include "export/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put_name(struct vec *name, const struct labels *labels)
{
	int r = 0;

	/* The first is service_name, the application. */
	for (size_t i = 0; i < labels->n && r == 0; i++) {
		char *value = labels->list[i].value;

		for (char *c = value; *c; c++)
			if (strchr("{},= ", *c))
				*c = '_';
		if (i) {
			r = words_put(name, i == 1 ? "{" : ",");
			r = r ? r : words_put(name, labels->list[i].name);
			r = r ? r : words_put(name, "=");
		}
		r = r ? r : words_put(name, value);
	}
	r = r == 0 && labels->n > 1 ? words_put(name, "}") : r;
	return r == 0 && !vec_push(name, "", 1) ? -ENOMEM : r;
}

static int build(const struct export_input *in, const struct labels *labels,
		 struct export_request *r)
{
	int64_t from = cresset_profile_time_ns(in->profile);
	int64_t until = from + cresset_profile_duration_ns(in->profile);
	struct vec name, query;
	char times[96];
	int e;

	vec_init(&name, 1);
	vec_init(&query, 1);
	snprintf(times, sizeof(times), "&from=%lld&until=%lld", (long long)(from / 1000000000),
		 (long long)(until / 1000000000));
	e = put_name(&name, labels);
	e = e ? e : words_put(&query, "?name=");
	e = e ? e : words_put_url(&query, name.data);
	e = e ? e : words_put(&query, times);
	e = e ? e : words_put(&query, "&format=pprof&spyName=cresset");
	e = e || vec_push(&query, "", 1) ? e : -ENOMEM;
	if (e == 0) {
		char *suffix = strdup(query.data);

		if (suffix) {
			free(r->suffix);
			r->suffix = suffix;
		} else {
			e = -ENOMEM;
		}
	}
	vec_release(&query);
	vec_release(&name);
	return e;
}

static int encode(const struct export_input *in, struct export_request *r,
		  struct cresset_error *err)
{
	struct labels labels;
	char name[64];
	struct vec pprof;
	int e;

	export_profile_name(in->profile, name, sizeof(name));
	if (strcmp(name, "process_cpu") != 0)
		return cresset_error_set(err, -EOPNOTSUPP,
					 "/ingest would file '%s' under a wrong name "
					 "(send it as type pyroscope)",
					 name);
	e = labels_init(&labels, LABELS_PROMETHEUS, in, 0);
	if (e < 0)
		return e;
	vec_init(&pprof, 1);
	e = export_pprof(in->profile, &pprof, &r->raw_bytes, err);
	e = e ? e : build(in, &labels, r);
	if (e == 0)
		export_request_take(r, &pprof);
	vec_release(&pprof);
	labels_release(&labels);
	return e;
}

const struct export_target export_target_ingest = {
	.name = "ingest",
	.help = "Pyroscope's older /ingest; CPU profiles only",
	.path = "/ingest",
	.content_type = "application/octet-stream",
	.method = "POST",
	.max_samples = 12000,
	.max_raw_bytes = 3u << 20,
	.max_age_s = 55 * 60,
	.encode = encode,
};
