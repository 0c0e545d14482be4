// SPDX-License-Identifier: Apache-2.0
/*
 * api - what the handlers of /api/v1/ share: a store opened for one question, the question's texts
 * out of the request, and the parts of answers that are alike.
 */
#ifndef WEB_API_H
#define WEB_API_H

#include "store/ask.h"
#include "web/inside.h"
#include "web/json.h"

struct api {
	struct store *store;
	struct asked asked;
	struct ask ask;
	const char *keep[8]; /* what ask.keep_labels points to */
	char keep_text[160];
};

/*
 * Texts from t ("match", "event", "from", …, if it may have them), and the store. -ENOENT without a
 * store. api_close() after success only.
 */
int api_open(struct web *w, const struct target *t, struct api *a, struct cresset_error *err);
void api_close(struct api *a);

/* An object begins, with what was asked: "from_ns", "to_ns", "match". */
int api_begin(struct answer *reply, const struct api *a, struct json *ret);
/* How complete the answer is: a member of that name. */
void api_completeness(struct json *j, const char *key, const struct store_result *result);

#endif
