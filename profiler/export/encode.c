// SPDX-License-Identifier: Apache-2.0
/*
 * encode - a profile as the requests that a server takes: split first by its number of samples,
 * then, as only the result tells its size, by halves until each part fits.
 *
 * The size that counts is that of the profile unpacked, which gzip keeps in its last four bytes.
 */
#include "export/inside.h"

#include "export/words.h"

#include <cresset/format.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPLITS_MAX = 4096 };

int export_pprof(const struct cresset_profile *p, struct vec *out, size_t *ret_raw,
		 struct cresset_error *err)
{
	const struct cresset_format *format = cresset_format_by_name("pprof");
	struct cresset_sink *sink = NULL;
	const uint8_t *data;
	size_t n;
	int r = cresset_sink_memory(&sink);

	if (r < 0)
		return r;
	r = format->write(p, sink, NULL, err);
	data = cresset_sink_data(sink, &n);
	r = r ? r : cresset_sink_error(sink);
	if (r == 0) {
		if (n < 18) /* a gzip member's least */
			r = -EIO;
		else if (!vec_push(out, data, n))
			r = -ENOMEM;
		else
			*ret_raw = (size_t)data[n - 4] | (size_t)data[n - 3] << 8 |
				   (size_t)data[n - 2] << 16 | (size_t)data[n - 1] << 24;
	}
	cresset_sink_abort(sink);
	return r;
}

void export_profile_name(const struct cresset_profile *p, char *buf, size_t size)
{
	struct cresset_value_type t =
		cresset_profile_value_type(p, cresset_profile_default_type(p));
	const char *type = cresset_profile_string(p, t.type);

	if (!strcmp(type, "cpu"))
		snprintf(buf, size, "process_cpu");
	else
		words_identifier(*type ? type : "samples", buf, size);
}

/* Splits of one push, a list of requests in order. */
struct split {
	const struct export_input *in;
	const struct export_target *target;
	struct export_request *first, **last;
	unsigned int made;
	struct cresset_error *err;
};

static int encode_part(struct split *s, const struct cresset_profile *part,
		       struct export_request **ret)
{
	struct export_input in = *s->in;
	struct export_request *r = NULL;
	int64_t end = cresset_profile_time_ns(part) + cresset_profile_duration_ns(part);
	int e = export_request_new(&r);

	in.profile = part;
	if (e == 0)
		e = s->target->encode(&in, r, s->err);
	if (e < 0) {
		export_request_free(r);
		return e;
	}
	/* The future would never grow old. */
	if (end > 0 && end < r->time_ns)
		r->time_ns = end;
	*ret = r;
	return 0;
}

static bool fits(const struct export_target *t, const struct export_request *r)
{
	return !t->max_raw_bytes || r->raw_bytes <= t->max_raw_bytes;
}

static int encode_range(struct split *s, size_t first, size_t n)
{
	size_t total = cresset_profile_n_samples(s->in->profile);
	struct cresset_profile *part = NULL;
	struct export_request *r = NULL;
	int e = 0;

	if (first || n < total)
		e = export_slice(s->in->profile, first, n, &part);
	if (e == 0)
		e = encode_part(s, part ? part : s->in->profile, &r);
	cresset_profile_free(part);
	if (e < 0)
		return e;
	if (fits(s->target, r)) {
		*s->last = r;
		s->last = &r->next;
		return ++s->made > SPLITS_MAX ? -E2BIG : 0;
	}
	export_request_free(r);
	if (n < 2)
		return cresset_error_set(
			s->err, -E2BIG,
			"one stack alone is larger than the %zu bytes that %s takes",
			s->target->max_raw_bytes, s->target->name);
	e = encode_range(s, first, n / 2);
	return e ? e : encode_range(s, first + n / 2, n - n / 2);
}

int export_encode(const struct export_input *in, struct export_request **ret,
		  struct cresset_error *err)
{
	struct split s = {.in = in, .target = in->config->target, .err = err};
	size_t n = cresset_profile_n_samples(in->profile), most = s.target->max_samples;
	size_t parts = most && n > most ? (n + most - 1) / most : 1;
	int e = 0;

	s.last = &s.first;
	for (size_t i = 0; i < parts && e == 0; i++)
		e = encode_range(&s, n * i / parts, n * (i + 1) / parts - n * i / parts);
	if (e < 0) {
		while (s.first) {
			struct export_request *next = s.first->next;

			export_request_free(s.first);
			s.first = next;
		}
		return e;
	}
	*ret = s.first;
	return 0;
}
