// SPDX-License-Identifier: Apache-2.0
/* answer - see answer.h. */
#include "web/answer.h"

#include "core/vec.h"
#include "formats/sink.h"
#include "formats/text.h"
#include "web/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct body {
	struct cresset_sink base;
	struct vec bytes;
	size_t max;
	const atomic_bool *stop;
};

static int body_write(struct cresset_sink *s, const void *data, size_t size)
{
	struct body *b = (struct body *)s;

	if (b->stop && atomic_load(b->stop))
		return -ECANCELED;
	if (size > b->max - b->bytes.n)
		return -EFBIG;
	return size && !vec_push(&b->bytes, data, size) ? -ENOMEM : 0;
}

static int body_close(struct cresset_sink *s, int r)
{
	vec_release(&((struct body *)s)->bytes);
	return 0;
}

static void body_abort(struct cresset_sink *s)
{
	body_close(s, 0);
}

static const void *body_data(const struct cresset_sink *s, size_t *ret_size)
{
	const struct body *b = (const struct body *)s;

	*ret_size = b->bytes.n;
	return b->bytes.data;
}

static const struct sink_ops body_ops = {
	.write = body_write, .close = body_close, .abort = body_abort, .data = body_data};

void answer_init(struct answer *r, size_t max, const atomic_bool *stop)
{
	*r = (struct answer){
		.status = 200, .type = "text/plain; charset=utf-8", .max = max, .stop = stop};
}

void answer_release(struct answer *r)
{
	cresset_sink_abort(r->sink);
	r->sink = NULL;
}

int answer_sink(struct answer *r, struct cresset_sink **ret)
{
	struct body *b;
	int error;

	if (!r->sink) {
		error = sink_new(&body_ops, sizeof(*b), &r->sink);
		if (error < 0) {
			r->sink = NULL;
			return error;
		}
		b = (struct body *)r->sink;
		vec_init(&b->bytes, 1);
		b->max = r->max;
		b->stop = r->stop;
	}
	*ret = r->sink;
	return 0;
}

int answer_take(struct answer *r, char **ret, size_t *ret_size)
{
	struct body *b = (struct body *)r->sink;
	size_t size;

	if (b)
		cresset_sink_data(r->sink, &size);
	if (b && cresset_sink_error(r->sink) < 0)
		return cresset_sink_error(r->sink);
	*ret = b ? b->bytes.data : NULL;
	*ret_size = b ? b->bytes.n : 0;
	if (b)
		vec_init(&b->bytes, 1);
	return 0;
}

static void put_error(struct answer *r, struct cresset_sink *s, const char *text)
{
	struct vec clean;
	struct json j;

	vec_init(&clean, 1);
	if (text_append_shown(&clean, text, strlen(text)) < 0 || !vec_push(&clean, "", 1)) {
		vec_release(&clean);
		return;
	}
	if (r->json) {
		json_init(&j, s);
		json_begin(&j, NULL, '{');
		json_put_string(&j, "error", clean.data);
		json_end(&j);
	} else {
		cresset_sink_printf(s, "%s\n", (const char *)clean.data);
	}
	vec_release(&clean);
}

void answer_error(struct answer *r, unsigned int status, const char *text)
{
	struct cresset_sink *s;

	answer_release(r);
	r->status = status;
	r->type = r->json ? "application/json" : "text/plain; charset=utf-8";
	r->csp = r->fixed = NULL;
	r->filename[0] = '\0';
	r->attachment = false;
	/* Also said while the server ends. */
	r->stop = NULL;
	if (answer_sink(r, &s) == 0)
		put_error(r, s, text);
}

void answer_failed(struct answer *r, int error, const struct cresset_error *err)
{
	const char *text = err->text[0] ? err->text : strerror(-error);

	switch (error) {
	case -EINVAL:
	case -ERANGE:
		answer_error(r, 400, text);
		return;
	case -ENOENT:
		answer_error(r, 404, text);
		return;
	case -EFBIG:
	case -E2BIG:
		answer_error(r, 422,
			     err->text[0] ? err->text
					  : "the answer is too large (ask for a shorter "
					    "range, a narrower match or another format)");
		return;
	case -EBUSY:
		r->retry_s = 5;
		answer_error(r, 503, err->text[0] ? err->text : "busy, try again later");
		return;
	case -ECANCELED:
		r->retry_s = 10;
		answer_error(r, 503, "the agent ends");
		return;
	case -ENOMEM:
		r->retry_s = 10;
		answer_error(r, 503, "no memory for this now");
		return;
	default:
		answer_error(r, 500, text);
	}
}

void answer_filename_add(struct answer *r, const char *text, size_t max)
{
	size_t n = strlen(r->filename);

	for (; *text && max && n + 1 < sizeof(r->filename); text++, max--) {
		char c = *text;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			     (c == '.' && n && r->filename[n - 1] != '.');

		r->filename[n++] = plain ? c : '_';
	}
	r->filename[n] = '\0';
}
