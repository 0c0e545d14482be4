// SPDX-License-Identifier: Apache-2.0
/*
 * parca_json - Parca's WriteRaw by its JSON gateway: for where HTTP/2 does not get through. The
 * same message as in parca.c, a third larger for its base64.
 */
#include "export/series.h"
#include "export/words.h"

static int put_label(struct vec *out, const char *before, const char *name, const char *value)
{
	int r = words_put(out, before);

	r = r ? r : words_put(out, "{\"name\":");
	r = r ? r : words_put_json(out, name);
	r = r ? r : words_put(out, ",\"value\":");
	r = r ? r : words_put_json(out, value);
	return r ? r : words_put(out, "}");
}

static int put_series(const struct export_input *in, const struct labels *labels,
		      const struct vec *pprof, struct vec *out)
{
	char name[LABEL_NAME_MAX];
	int r;

	export_profile_name(in->profile, name, sizeof(name));
	r = words_put(out, "{\"series\":[{\"labels\":{\"labels\":[");
	r = r ? r : put_label(out, "", "__name__", name);
	for (size_t i = 0; i < labels->n && r == 0; i++)
		r = put_label(out, ",", labels->list[i].name, labels->list[i].value);
	r = r ? r : words_put(out, "]},\"samples\":[{\"rawProfile\":\"");
	r = r ? r : words_put_base64(out, pprof->data, pprof->n);
	return r ? r : words_put(out, "\"}]}],\"normalized\":true}");
}

static int build(const struct export_input *in, const struct labels *labels,
		 const struct vec *pprof, struct export_request *r)
{
	struct vec out;
	int e;

	vec_init(&out, 1);
	e = put_series(in, labels, pprof, &out);
	if (e == 0)
		export_request_take(r, &out);
	vec_release(&out);
	return e;
}

static int encode(const struct export_input *in, struct export_request *r,
		  struct cresset_error *err)
{
	return series_encode(in, r, 1, build, err);
}

const struct export_target export_target_parca_json = {
	.name = "parca_json",
	.help = "the same by Parca's JSON gateway, without HTTP/2",
	.path = "/api/profiles/writeraw",
	.content_type = "application/json",
	.method = "POST",
	.max_samples = 12000,
	.max_raw_bytes = 3u << 20,
	.max_age_s = 24 * 3600,
	.encode = encode,
};
