// SPDX-License-Identifier: Apache-2.0
/* once - one profile sent while the caller waits; see export_once(). */
#include "export/export.h"

#include "export/backoff.h"
#include "export/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void sleep_ns(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / 1000000000),
			     .tv_nsec = (long)(ns % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

static int try_once(struct transfer *t, const struct export_request *r, struct outcome *o,
		    struct cresset_error *err)
{
	CURL *curl = NULL;
	int e = transfer_begin(t, r, &curl, err);

	if (e == 0)
		transfer_end(t, curl_easy_perform(curl), o);
	return e;
}

static int explain(const struct outcome *o, const char *url, struct cresset_error *err)
{
	const char *what = o->verdict == VERDICT_RETRY ? "cannot deliver to" : "was refused by";

	if (!o->code)
		return cresset_error_set(err, -EHOSTUNREACH, "cannot reach %.200s: %s", url,
					 o->words);
	return cresset_error_set(err, o->verdict == VERDICT_RETRY ? -EAGAIN : -EPROTO,
				 "%s %.200s: %s %u%s%s", what, url,
				 o->code >= 1000 ? "gRPC status" : "HTTP", o->code % 1000,
				 o->words[0] ? ": " : "", o->words);
}

/* until_ns: monotonic; no try begins later, but the first. */
static int deliver(struct transfer *t, const struct export_config *c,
		   const struct export_request *r, uint64_t until_ns, struct export_result *ret,
		   struct cresset_error *err)
{
	struct outcome o;
	uint64_t pause;

	for (uint64_t failures = 1;; failures++) {
		int e = try_once(t, r, &o, err);

		snprintf(ret->url, sizeof(ret->url), "%.500s", transfer_url(t));
		snprintf(ret->id, sizeof(ret->id), "%s", r->id);
		if (e < 0)
			return e;
		snprintf(ret->words, sizeof(ret->words), "%s", o.words);
		if (o.verdict == VERDICT_SENT || o.verdict == VERDICT_PARTIAL) {
			ret->accepted++;
			ret->bytes += r->bytes;
			return 0;
		}
		pause = backoff_ns(failures, c->retry_min_ns, c->retry_max_ns, o.retry_after_ns,
				   backoff_random());
		if (o.verdict == VERDICT_REFUSED || export_monotonic_ns() + pause >= until_ns)
			return explain(&o, ret->url, err);
		sleep_ns(pause);
	}
}

int export_once(const struct export_config *config, const struct cresset_profile *profile,
		const struct export_label *labels, size_t n, unsigned int wait_ms,
		struct export_result *ret, struct cresset_error *err)
{
	uint64_t until = export_monotonic_ns() + wait_ms * UINT64_C(1000000);
	struct export_request *list = NULL;
	struct transfer *t = NULL;
	struct export_input in = {.config = config,
				  .profile = profile,
				  .labels = labels,
				  .n_labels = n,
				  .labels_cut = &ret->labels_cut};
	int e;

	memset(ret, 0, sizeof(*ret));
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	e = export_encode(&in, &list, err);
	for (const struct export_request *r = list; r; r = r->next)
		ret->requests++;
	e = e ? e : transfer_new(config, &t);
	while (list) {
		struct export_request *next = list->next;

		if (e == 0)
			e = deliver(t, config, list, until, ret, err);
		export_request_free(list);
		list = next;
	}
	transfer_free(t);
	curl_global_cleanup();
	return e;
}
