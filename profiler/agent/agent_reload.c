// SPDX-License-Identifier: Apache-2.0
/*
 * agent_reload - another configuration while the agent runs.
 *
 * What cannot be had is refused part by part: the part that there is stays, and so do its values in
 * the configuration in force. So that one is always what really runs; what the file says beyond it
 * is told, counted, and tried again with the next reload.
 */
#include "agent/agent_inside.h"

#include "agent/clock.h"
#include "agent/privilege.h"

#include <cresset/sink.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_NS UINT64_C(100000000)

/* ---- Without rights. */

static void upload_failed(void *arg, const char *name, const struct cresset_error *err)
{
	struct agent *a = arg;

	agent_say(a, true, "upload %s: %s", name, err->text);
	a->network.uploads_failed++;
}

/* The share of the queues does not depend on how many there are; that of each does. */
static uint64_t queue_share(struct agent *a, size_t n)
{
	struct memory_split split;

	memory_split(a->limits.max_memory_bytes, n, &split);
	atomic_store(&a->n_uploads, n);
	return split.queue;
}

/*
 * The new one first, so that there is always one. On the same address that cannot be: then the old
 * one makes room, and comes back if the new one still cannot be had.
 */
static int change_web(struct agent *a, const struct agent_http_config *http,
		      struct cresset_error *err)
{
	const struct agent_http_config *now = &a->config->http;
	struct cresset_error again = {.text = ""};
	struct web *next = NULL;
	int r = agent_start_web(a, http, &next, err);

	if (r == -EADDRINUSE && a->web && !strcmp(now->listen, http->listen)) {
		web_free(a->web);
		a->web = NULL;
		r = agent_start_web(a, http, &next, err);
		if (r < 0 && agent_start_web(a, now, &a->web, &again) < 0)
			agent_say(a, true, "nothing is served any more: %s", again.text);
	}
	if (r < 0)
		return r;
	web_free(a->web);
	a->web = next;
	/* The old one has cancelled those of its captures. */
	captures_open(&a->captures);
	return 0;
}

static void *run_network(void *arg)
{
	struct agent *a = arg;
	struct agent_network *n = &a->network;

	n->result = privilege_drop_thread(&n->err);
	if (n->result)
		return NULL;
	uploads_configure(&a->uploads, &n->uploads, queue_share(a, n->uploads.n), upload_failed, a);
	if (n->http)
		n->result = change_web(a, n->http, &n->err);
	return NULL;
}

bool agent_join_until(pthread_t thread, bool *started, uint64_t end_ns)
{
	const struct timespec end = {.tv_sec = (time_t)(end_ns / 1000000000),
				     .tv_nsec = (long)(end_ns % 1000000000)};

	if (*started && pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &end))
		return false;
	*started = false;
	return true;
}

static bool is_to_end(void)
{
	sigset_t waiting;

	sigemptyset(&waiting);
	sigpending(&waiting);
	return sigismember(&waiting, SIGTERM) > 0 || sigismember(&waiting, SIGINT) > 0;
}

/* By a thread that gives up its capabilities, so that those it starts have none. This one keeps its
 * own: it makes a new recorder when the configuration says so. */
int agent_network(struct agent *a, struct vec *uploads, const struct agent_http_config *http,
		  struct cresset_error *err)
{
	struct agent_network *n = &a->network;
	int r;

	/* Its own, as the thread may be left behind. */
	n->uploads = *uploads;
	vec_init(uploads, sizeof(struct export_config *));
	n->http = http;
	n->result = 0;
	n->uploads_failed = 0;
	n->err.text[0] = '\0';
	r = pthread_create(&n->thread, NULL, run_network, a);
	if (r) {
		*uploads = n->uploads;
		return cresset_error_set(err, -r, "cannot start a thread: %s", strerror(r));
	}
	n->running = true;
	while (!agent_join_until(n->thread, &n->running, clock_now_ns(CLOCK_MONOTONIC) + STEP_NS)) {
		agent_tick(a);
		if (is_to_end())
			return cresset_error_set(
				err, -EINTR, "it is to end before it has its new configuration");
	}
	vec_release(&n->uploads);
	return n->result ? cresset_error_set(err, n->result, "%s", n->err.text) : 0;
}

/* ---- What is in force. */

static int print_force(struct agent *a, struct cresset_sink *sink)
{
	int r = agent_config_print(a->config, sink);

	return r ? r : uploads_print(&a->uploads, sink);
}

void agent_note_digest(struct agent *a)
{
	struct cresset_sink *sink = NULL;
	const void *text = NULL;
	size_t size = 0;

	atomic_store(&a->digest, 0);
	if (cresset_sink_memory(&sink))
		return;
	if (print_force(a, sink) == 0) {
		text = cresset_sink_data(sink, &size);
		atomic_store(&a->digest, agent_config_digest_text(text, size));
	}
	cresset_sink_finish(sink, 0);
}

/* ---- Reload. */

static void say_change(void *arg, const char *section, const char *key, enum agent_change change)
{
	if (key)
		agent_say(arg, false, "[%s] %s has changed: %s", section, key,
			  agent_change_text(change));
	else
		agent_say(arg, false, "[%s] has changed: %s", section, agent_change_text(change));
}

static void say_kept(void *arg, const char *section, const char *line)
{
	struct agent *a = arg;

	agent_say(a, true, "still in force: [%s] %s", section, line);
	a->pending++;
}

/* Returns the changes that could not be made. */
static unsigned int apply(struct agent *a, const struct agent_config *c, unsigned int changes)
{
	const unsigned int writers =
		changes & (AGENT_CHANGE_LABELS | AGENT_CHANGE_STORE | AGENT_CHANGE_NAMES);
	struct cresset_error err = {.text = ""};
	unsigned int refused = 0;

	if (writers && writer_configure(&a->writer, c, changes, &err) < 0) {
		agent_say(a, true, "labels, names and the store stay as they were: %s", err.text);
		refused |= writers;
	}
	if (changes & AGENT_CHANGE_RECORDER && sampler_configure(&a->sampler, c, &err) < 0) {
		agent_say(a, true, "the recording goes on as it was: %s", err.text);
		refused |= AGENT_CHANGE_RECORDER;
	}
	return refused;
}

static unsigned int apply_network(struct agent *a, struct agent_config *next, unsigned int changes)
{
	bool serve = changes & AGENT_CHANGE_HTTP || (!a->web && strcmp(next->http.listen, "no"));
	struct cresset_error err = {.text = ""};
	int r = agent_network(a, &next->uploads, serve ? &next->http : NULL, &err);

	if (a->network.running)
		return 0;
	if (r) {
		agent_say(a, true, "the HTTP server stays as it was: %s", err.text);
		return AGENT_CHANGE_HTTP;
	}
	return a->network.uploads_failed ? AGENT_CHANGE_UPLOADS : 0;
}

static bool load(struct agent *a, struct agent_config **ret)
{
	struct agent_complaints complaints = {.n = 0};
	int r = agent_config_load(a->config_path, ret, &complaints);

	for (size_t i = 0; i < complaints.n; i++)
		agent_say(a, true, "%s", complaints.list[i].text);
	if (r == 0)
		return true;
	agent_say(a, true, "the configuration stays as it was");
	return false;
}

static void take(struct agent *a, struct agent_config *next)
{
	unsigned int changes, refused;
	size_t n_uploads = next->uploads.n;

	/* Exporters own theirs, and compare them by themselves. */
	next->uploads.n = 0;
	changes = agent_config_diff(a->config, next, say_change, a);
	next->uploads.n = n_uploads;
	refused = apply(a, next, changes);
	refused |= apply_network(a, next, changes);
	/* It is to end, and the thread has both of them. */
	if (a->network.running) {
		a->next = next;
		return;
	}
	a->pending = 0;
	agent_config_keep(next, a->config, refused | AGENT_CHANGE_PROCESS, say_kept, a);
	agent_config_free(a->config);
	a->config = next;
	agent_note_digest(a);
	atomic_store(&a->window_ns, next->agent.window_ns);
	atomic_store(&a->keys_pending, a->pending);
	atomic_fetch_add(refused ? &a->reload_errors : &a->reloads, 1);
	agent_say(a, refused, "%s",
		  refused ? "some of the configuration was refused; what was in force for it stays"
			  : "the configuration was read again");
}

void agent_reload(struct agent *a)
{
	struct agent_config *next = NULL;

	notify_reloading(&a->notify);
	if (load(a, &next))
		take(a, next);
	else
		atomic_fetch_add(&a->reload_errors, 1);
	notify_ready(&a->notify);
}
