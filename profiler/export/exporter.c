// SPDX-License-Identifier: Apache-2.0
/*
 * exporter - the thread that gets requests to one server.
 *
 * Requests wait in a list in memory, and on disk while there is trouble. Numbers, given at the
 * push, keep their order: the next to go is the lowest of both places. All disk and network is in
 * the thread, which sits in curl's poll and is woken by a push; pushes only take the lock.
 *
 *     spill: the queue moves to the spool when the server fails, when older requests are there
 *            already, when the queue is half full, and at the end
 *     fetch: the lowest number is taken (not yet removed from the spool)
 *     settle: sent or refused: removed; to be tried again: back to where it was, and a pause
 *
 * Counting: a request is in exactly one of queue, flight, spool, or one of the final counters, and
 * moves between them under the lock.
 */
#include "export/export.h"

#include "export/age.h"
#include "export/backoff.h"
#include "export/spool.h"
#include "export/transfer.h"
#include "export/words.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quiet_thread.h"

#define MS_NS UINT64_C(1000000)

enum { IDLE_MS = 30000, SPILL_PAUSE_MS = 1000, FETCH_PAUSE_MS = 1000 };

struct exporter {
	struct export_config *config;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t settled;
	bool running, curl;
	CURLM *multi;
	struct transfer *transfer;
	struct spool *spool; /* the thread's alone; NULL: none */

	/* Under the lock. */
	struct export_request *first, **last; /* by seq */
	uint64_t next_seq;
	uint64_t queue_max_bytes;
	bool stopping;
	uint64_t deadline_ns;	/* of the stop, monotonic: until then it sends … */
	uint64_t sync_until_ns; /* … and until then it waits for the disk */
	struct exporter_stats stats;

	/* The thread's alone. */
	struct export_request *flight;
	bool from_spool;
	bool in_multi;
	uint64_t next_try_ns, next_spill_ns;
	struct age age;
};

/* ---- Counting; all under the lock. */

static void note_error(struct exporter *e, const char *text)
{
	snprintf(e->stats.last_error, sizeof(e->stats.last_error), "%.250s", text);
	e->stats.last_error_ns = export_realtime_ns();
}

static void drop(struct exporter *e, enum export_drop why, uint64_t n)
{
	e->stats.dropped[why] += n;
	pthread_cond_broadcast(&e->settled);
}

static void count_refused(struct exporter *e, unsigned int code)
{
	size_t i = 0;

	while (i + 1 < EXPORT_CODES_MAX && e->stats.refused_by[i].code != code &&
	       e->stats.refused_by[i].count)
		i++;
	if (i + 1 == EXPORT_CODES_MAX)
		code = 0;
	e->stats.refused_by[i].code = code;
	e->stats.refused_by[i].count++;
}

static void count_spool(struct exporter *e)
{
	e->stats.spooled = e->spool ? spool_count(e->spool) : 0;
	e->stats.spooled_bytes = e->spool ? spool_bytes(e->spool) : 0;
}

/* ---- The queue; under the lock. */

static void queue_add(struct exporter *e, struct export_request *r)
{
	r->next = NULL;
	*e->last = r;
	e->last = &r->next;
}

static struct export_request *queue_take(struct exporter *e)
{
	struct export_request *r = e->first;

	if (r) {
		e->first = r->next;
		if (!e->first)
			e->last = &e->first;
		r->next = NULL;
	}
	return r;
}

static void queue_put_back(struct exporter *e, struct export_request *r)
{
	r->next = e->first;
	e->first = r;
	if (!r->next)
		e->last = &r->next;
}

/* Out of memory, for good or to the spool. */
static void queue_forget(struct exporter *e, struct export_request *r)
{
	e->stats.queued--;
	e->stats.queued_bytes -= export_request_memory(r);
	export_request_free(r);
}

/* ---- Pushing. */

static enum export_drop drop_of(int error)
{
	return error == -EOPNOTSUPP ? EXPORT_DROP_unsupported
	       : error == -E2BIG    ? EXPORT_DROP_too_large
				    : EXPORT_DROP_no_memory;
}

static void push_list(struct exporter *e, struct export_request *list)
{
	struct export_request *old;

	while (list) {
		struct export_request *r = list;

		list = r->next;
		r->seq = e->next_seq++;
		e->stats.pushed++;
		e->stats.queued++;
		e->stats.queued_bytes += export_request_memory(r);
		queue_add(e, r);
		while (e->stats.queued_bytes > e->queue_max_bytes && (old = queue_take(e))) {
			drop(e, EXPORT_DROP_queue_full, 1);
			queue_forget(e, old);
		}
	}
}

int exporter_push(struct exporter *e, const struct cresset_profile *profile,
		  const struct export_label *labels, size_t n, struct cresset_error *err)
{
	struct cresset_error own = {.text = ""};
	struct export_request *list = NULL;
	unsigned int cut = 0;
	struct export_input in = {.config = e->config,
				  .profile = profile,
				  .labels = labels,
				  .n_labels = n,
				  .labels_cut = &cut};
	int r = export_encode(&in, &list, &own);
	bool stopping;

	pthread_mutex_lock(&e->lock);
	stopping = e->stopping;
	e->stats.labels_cut += cut;
	if (r < 0 || stopping) {
		e->stats.pushed++;
		drop(e, r < 0 ? drop_of(r) : EXPORT_DROP_stopped, 1);
		if (r < 0)
			note_error(e, own.text[0] ? own.text : strerror(-r));
	} else {
		push_list(e, list);
		list = NULL;
	}
	pthread_mutex_unlock(&e->lock);
	while (list) { /* came too late */
		struct export_request *next = list->next;

		export_request_free(list);
		list = next;
	}
	if (r < 0)
		return cresset_error_set(err, r, "%s", own.text[0] ? own.text : strerror(-r));
	if (stopping)
		return cresset_error_set(err, -ESHUTDOWN, "the upload '%s' has been stopped",
					 e->config->name);
	curl_multi_wakeup(e->multi);
	return 0;
}

/* ---- The thread: to the spool and from it. */

/* Writes one request of the queue; false if the disk would not take it. One that is larger than the
 * whole spool falls out of it, and holds up nothing. */
static bool spill_one(struct exporter *e, struct export_request *r, bool sync)
{
	struct cresset_error err = {.text = ""};
	size_t evicted = 0;
	uint64_t keep = e->from_spool && e->flight ? e->flight->seq : 0;
	int result = spool_put(e->spool, r, e->config->target->name, keep, sync, &evicted, &err);

	pthread_mutex_lock(&e->lock);
	drop(e, EXPORT_DROP_spool_full, evicted);
	if (result == -EFBIG) {
		drop(e, EXPORT_DROP_spool_full, 1);
		queue_forget(e, r);
	} else if (result < 0) {
		e->stats.spool_errors++;
		note_error(e, err.text);
		queue_put_back(e, r);
	} else {
		queue_forget(e, r);
	}
	count_spool(e);
	pthread_mutex_unlock(&e->lock);
	return result == 0 || result == -EFBIG;
}

static struct export_request *next_to_spill(struct exporter *e, bool final)
{
	struct export_request *r = NULL;

	pthread_mutex_lock(&e->lock);
	if (final || e->stats.failures || spool_count(e->spool) ||
	    e->stats.queued_bytes > e->queue_max_bytes / 2)
		r = queue_take(e);
	pthread_mutex_unlock(&e->lock);
	return r;
}

/*
 * final: whatever state the server is in, all of it, now. A disk takes milliseconds to make one
 * file certain, and a full queue is a thousand files: past the deadline they are only written. They
 * outlive the process, and one that a power cut hits is found by its checksum.
 */
static void spill(struct exporter *e, bool final)
{
	struct export_request *r;
	size_t n = 0;

	if (!e->spool || (!final && export_monotonic_ns() < e->next_spill_ns))
		return;
	while ((r = next_to_spill(e, final))) {
		if (!spill_one(e, r, !final || export_monotonic_ns() < e->sync_until_ns)) {
			e->next_spill_ns = export_monotonic_ns() + SPILL_PAUSE_MS * MS_NS;
			break;
		}
		n++;
	}
	if (n)
		spool_sync(e->spool);
}

static bool too_old(const struct exporter *e, int64_t time_ns)
{
	int64_t age = export_realtime_ns() - time_ns;

	return age > 0 && (uint64_t)age > e->config->max_age_ns;
}

/* Both places are in order, so only their first can be the oldest. The one on its way is left to
 * what its server says. */
static void expire(struct exporter *e)
{
	struct export_request *r;
	uint64_t seq;
	int64_t time_ns;

	if (!age_trusts(&e->age, export_realtime_ns(), export_boottime_ns()))
		return;
	while (!(e->flight && e->from_spool) && e->spool && spool_first(e->spool, &seq, &time_ns) &&
	       too_old(e, time_ns)) {
		spool_remove(e->spool, seq);
		pthread_mutex_lock(&e->lock);
		drop(e, EXPORT_DROP_too_old, 1);
		count_spool(e);
		pthread_mutex_unlock(&e->lock);
	}
	pthread_mutex_lock(&e->lock);
	while (e->first && too_old(e, e->first->time_ns)) {
		r = queue_take(e);
		drop(e, EXPORT_DROP_too_old, 1);
		queue_forget(e, r);
	}
	pthread_mutex_unlock(&e->lock);
}

/* What a later try may well read. */
static bool is_passing(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static struct export_request *fetch_spooled(struct exporter *e)
{
	struct cresset_error err = {.text = ""};
	struct export_request *r = NULL;
	uint64_t seq;
	int64_t time_ns;
	int result;

	while (e->spool && spool_first(e->spool, &seq, &time_ns)) {
		result = spool_get(e->spool, e->config->target->name, &r, &err);
		if (result == 0 || is_passing(result))
			return r;
		spool_remove(e->spool, seq);
		pthread_mutex_lock(&e->lock);
		drop(e, result == -EPROTONOSUPPORT ? EXPORT_DROP_unsupported : EXPORT_DROP_damaged,
		     1);
		note_error(e, err.text);
		count_spool(e);
		pthread_mutex_unlock(&e->lock);
	}
	return NULL;
}

/* The request with the lowest number. */
static struct export_request *fetch(struct exporter *e)
{
	struct export_request *r;
	uint64_t seq = UINT64_MAX, queued = UINT64_MAX;
	int64_t time_ns;

	if (e->spool)
		spool_first(e->spool, &seq, &time_ns);
	pthread_mutex_lock(&e->lock);
	if (e->first)
		queued = e->first->seq;
	r = queued < seq ? queue_take(e) : NULL;
	pthread_mutex_unlock(&e->lock);
	e->from_spool = false;
	if (r)
		return r;
	e->from_spool = true;
	return fetch_spooled(e);
}

/* ---- The thread: sending. */

static void land(struct exporter *e, const struct outcome *o)
{
	struct export_request *r = e->flight;
	bool again = o->verdict == VERDICT_RETRY;

	if (e->from_spool && !again)
		spool_remove(e->spool, r->seq);
	pthread_mutex_lock(&e->lock);
	if (o->verdict == VERDICT_SENT || o->verdict == VERDICT_PARTIAL) {
		e->stats.sent++;
		e->stats.sent_bytes += r->bytes;
		e->stats.last_sent_ns = export_realtime_ns();
		e->stats.partial += o->verdict == VERDICT_PARTIAL;
	} else if (!again) {
		drop(e, EXPORT_DROP_refused, 1);
		count_refused(e, o->code);
	}
	if (!e->from_spool && again)
		queue_put_back(e, r);
	else if (!e->from_spool)
		queue_forget(e, r);
	if (e->from_spool)
		export_request_free(r);
	count_spool(e);
	e->flight = NULL;
	pthread_cond_broadcast(&e->settled);
	pthread_mutex_unlock(&e->lock);
}

static void settle(struct exporter *e, const struct outcome *o)
{
	bool again = o->verdict == VERDICT_RETRY;

	pthread_mutex_lock(&e->lock);
	e->stats.failures = again ? e->stats.failures + 1 : 0;
	e->stats.retried += again;
	if (o->verdict != VERDICT_SENT) {
		char text[320];
		int n = o->code ? snprintf(text, sizeof(text), "%s %u%s%s",
					   o->code >= 1000 ? "gRPC" : "HTTP", o->code % 1000,
					   o->words[0] ? ": " : "", o->words)
				: snprintf(text, sizeof(text), "%s", o->words);
		(void)n;
		note_error(e, text);
	}
	pthread_mutex_unlock(&e->lock);
	e->next_try_ns = 0;
	if (again)
		e->next_try_ns =
			export_monotonic_ns() +
			backoff_ns(e->stats.failures, e->config->retry_min_ns,
				   e->config->retry_max_ns, o->retry_after_ns, backoff_random());
	land(e, o);
}

static void launch(struct exporter *e)
{
	struct cresset_error err = {.text = ""};
	struct outcome o = {.verdict = VERDICT_RETRY};
	CURL *curl = NULL;
	int r;

	expire(e);
	e->flight = fetch(e);
	if (!e->flight) {
		if (e->spool && spool_count(e->spool)) /* cannot be read just now */
			e->next_try_ns = export_monotonic_ns() + FETCH_PAUSE_MS * MS_NS;
		return;
	}
	pthread_mutex_lock(&e->lock);
	e->stats.tries++;
	pthread_mutex_unlock(&e->lock);
	r = transfer_begin(e->transfer, e->flight, &curl, &err);
	if (r == 0 && curl_multi_add_handle(e->multi, curl) == CURLM_OK) {
		e->in_multi = true;
		return;
	}
	if (r == 0)
		transfer_end(e->transfer, CURLE_OUT_OF_MEMORY, &o);
	else
		snprintf(o.words, sizeof(o.words), "%.250s", err.text[0] ? err.text : strerror(-r));
	settle(e, &o);
}

/* Has the one in flight ended? */
static void look(struct exporter *e)
{
	struct outcome o;
	CURLMsg *message;
	int running, left;

	curl_multi_perform(e->multi, &running);
	while ((message = curl_multi_info_read(e->multi, &left))) {
		CURLcode result = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_multi_remove_handle(e->multi, message->easy_handle);
		e->in_multi = false;
		transfer_end(e->transfer, result, &o);
		settle(e, &o);
		return;
	}
}

/* At the end: what is on its way comes back to where it was. */
static void recall(struct exporter *e, CURL *curl)
{
	struct outcome o = {.verdict = VERDICT_RETRY, .words = "stopped while sending"};
	struct outcome ignored;

	if (!e->flight)
		return;
	curl_multi_remove_handle(e->multi, curl);
	e->in_multi = false;
	transfer_end(e->transfer, CURLE_ABORTED_BY_CALLBACK, &ignored);
	land(e, &o);
}

/* ---- The thread: its loop. */

static bool is_done(struct exporter *e, uint64_t now)
{
	bool done;

	pthread_mutex_lock(&e->lock);
	done = e->stopping &&
	       (now >= e->deadline_ns ||
		(!e->flight && (e->next_try_ns > e->deadline_ns ||
				(!e->first && !(e->spool && spool_count(e->spool))))));
	pthread_mutex_unlock(&e->lock);
	return done;
}

static int pause_ms(struct exporter *e, uint64_t now)
{
	uint64_t until = now + IDLE_MS * MS_NS;

	pthread_mutex_lock(&e->lock);
	if (!e->flight && e->next_try_ns > now && e->next_try_ns < until)
		until = e->next_try_ns;
	if (e->next_spill_ns > now && e->next_spill_ns < until && e->first)
		until = e->next_spill_ns;
	if (e->stopping && e->deadline_ns < until)
		until = e->deadline_ns;
	pthread_mutex_unlock(&e->lock);
	return until > now ? (int)((until - now + MS_NS - 1) / MS_NS) : 0;
}

static bool has_work(struct exporter *e)
{
	bool work;

	pthread_mutex_lock(&e->lock);
	work = e->first || (e->spool && spool_count(e->spool));
	pthread_mutex_unlock(&e->lock);
	return work;
}

static void *run(void *exporter)
{
	struct exporter *e = exporter;
	uint64_t now;

	for (;;) {
		now = export_monotonic_ns();
		if (is_done(e, now))
			break;
		expire(e);
		spill(e, false);
		if (!e->flight && now >= e->next_try_ns)
			launch(e);
		if (e->in_multi)
			look(e);
		now = export_monotonic_ns();
		if (!e->flight && now >= e->next_try_ns && has_work(e))
			continue;
		curl_multi_poll(e->multi, NULL, 0, pause_ms(e, now), NULL);
	}
	if (e->flight)
		recall(e, transfer_handle(e->transfer));
	spill(e, true);
	return NULL;
}

/* ---- From outside. */

static int start_thread(struct exporter *e)
{
	int r = quiet_thread_start(&e->thread, NULL, run, e);

	e->running = r == 0;
	return r;
}

static int prepare(struct exporter *e, struct cresset_error *err)
{
	const struct export_config *c = e->config;
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	e->curl = true;
	e->multi = curl_multi_init();
	if (!e->multi)
		return -ENOMEM;
	r = transfer_new(c, &e->transfer);
	if (r == 0 && c->spool && c->spool[0])
		r = spool_open(c->spool, c->spool_max_bytes, &e->spool, err);
	if (r < 0)
		return r;
	e->next_seq = 1;
	if (e->spool) {
		e->next_seq = spool_last(e->spool) + 1;
		e->stats.restored = spool_count(e->spool);
		count_spool(e);
	}
	return start_thread(e);
}

int exporter_new(struct export_config *config, struct exporter **ret, struct cresset_error *err)
{
	struct cresset_error own = {.text = ""};
	pthread_condattr_t monotonic;
	struct exporter *e = NULL;
	int r = export_config_check(config, &own);

	if (r == 0) {
		e = calloc(1, sizeof(*e));
		r = e ? 0 : -ENOMEM;
	}
	if (r < 0)
		return cresset_error_set(err, r, "%s", own.text[0] ? own.text : strerror(-r));
	e->config = config;
	e->queue_max_bytes = e->stats.queue_max_bytes = config->queue_max_bytes;
	e->last = &e->first;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&e->settled, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r = prepare(e, &own);
	if (r < 0) {
		e->config = NULL; /* still the caller's */
		exporter_free(e);
		return cresset_error_set(err, r, "%s", own.text[0] ? own.text : strerror(-r));
	}
	*ret = e;
	return 0;
}

void exporter_get_stats(struct exporter *e, struct exporter_stats *ret)
{
	pthread_mutex_lock(&e->lock);
	*ret = e->stats;
	pthread_mutex_unlock(&e->lock);
}

void exporter_limit_queue(struct exporter *e, uint64_t bytes)
{
	uint64_t own = e->config->queue_max_bytes;

	pthread_mutex_lock(&e->lock);
	e->queue_max_bytes = bytes && bytes < own ? bytes : own;
	e->stats.queue_max_bytes = e->queue_max_bytes;
	pthread_mutex_unlock(&e->lock);
}

const struct export_config *exporter_config(const struct exporter *e)
{
	return e->config;
}

int exporter_flush(struct exporter *e, unsigned int deadline_ms)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += deadline_ms / 1000;
	until.tv_nsec += deadline_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&e->lock);
	while (r == 0 && (e->stats.queued || e->stats.spooled))
		r = pthread_cond_timedwait(&e->settled, &e->lock, &until);
	pthread_mutex_unlock(&e->lock);
	return -r;
}

void exporter_begin_stop(struct exporter *e, unsigned int deadline_ms)
{
	uint64_t now = export_monotonic_ns(), until = now + deadline_ms * MS_NS;
	/* The last quarter is the disk's. */
	uint64_t sending = e->spool ? until - deadline_ms * MS_NS / 4 : until;

	if (!e->running)
		return;
	pthread_mutex_lock(&e->lock);
	if (!e->stopping || until < e->sync_until_ns) {
		e->deadline_ns = sending;
		e->sync_until_ns = until;
	}
	e->stopping = true;
	pthread_mutex_unlock(&e->lock);
	curl_multi_wakeup(e->multi);
}

size_t exporter_stop(struct exporter *e, unsigned int deadline_ms)
{
	struct export_request *r;
	size_t left = 0;

	if (!e->running)
		return 0;
	exporter_begin_stop(e, deadline_ms);
	pthread_join(e->thread, NULL);
	e->running = false;
	pthread_mutex_lock(&e->lock);
	left = e->stats.queued + e->stats.spooled;
	while ((r = queue_take(e))) {
		drop(e, EXPORT_DROP_stopped, 1);
		queue_forget(e, r);
	}
	pthread_mutex_unlock(&e->lock);
	/* For the next one. */
	spool_close(e->spool);
	e->spool = NULL;
	return left;
}

void exporter_free(struct exporter *e)
{
	if (!e)
		return;
	exporter_stop(e, 0);
	spool_close(e->spool);
	transfer_free(e->transfer);
	if (e->multi)
		curl_multi_cleanup(e->multi);
	if (e->curl)
		curl_global_cleanup();
	pthread_cond_destroy(&e->settled);
	pthread_mutex_destroy(&e->lock);
	export_config_free(e->config);
	free(e);
}
