// SPDX-License-Identifier: Apache-2.0
/* See writer.h. */
#include "agent/writer.h"

#include "agent/clock.h"
#include "emit.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Housekeeping between two windows, at most. */
#define MAINTAIN_NS UINT64_C(300000000)
enum { TRIM_KEEP = 4 << 20 };

static void say(struct writer *w, bool is_error, const char *fmt, ...) CRESSET_PRINTF(3, 4);

static void say(struct writer *w, bool is_error, const char *fmt, ...)
{
	char text[600];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	w->log(w->log_arg, is_error, text);
}

/* ---- One window. */

static int name_window(struct writer *w, const struct window *window)
{
	struct cresset_error err = {.text = ""};
	int r;

	/* Nobody asks at this moment. */
	w->opener->recorder = window->recorder;
	cresset_symbolizer_set_open(w->symbolizer, opener_ask, w->opener);
	r = cresset_symbolizer_resolve(w->symbolizer, window->profile, CRESSET_RESOLVE_ALL);
	if (!r)
		r = cresset_profile_settle(window->profile);
	if (!r)
		r = emit_idle_tag(w->idle, window->profile, &err);
	return r;
}

/* Says it once when the store fails, and once when it works again. */
static void store_result(struct writer *w, int r, const struct cresset_error *err)
{
	if (r < 0 && !w->store_failed)
		say(w, true, "a window could not be stored: %s", err->text);
	else if (!r && w->store_failed)
		say(w, false, "windows are stored again");
	w->store_failed = r < 0;
	tally_lock(w->tally);
	if (r < 0) {
		w->tally->store_errors++;
		snprintf(w->tally->store_error, sizeof(w->tally->store_error), "%s", err->text);
	} else {
		w->tally->stored_windows++;
		w->tally->store_error[0] = '\0';
		w->tally->last_stored_ns = clock_now_ns(CLOCK_MONOTONIC);
	}
	tally_unlock(w->tally);
}

static int reopen_store(struct writer *w, struct cresset_error *err)
{
	store_close(w->store);
	w->store = NULL;
	return store_open(w->store_path, &w->store_options, &w->store, err);
}

static void store_window(struct writer *w, const struct parts *parts)
{
	struct cresset_error err = {.text = "out of memory"};
	struct cresset_profile *p = NULL;
	int r = w->store ? 0 : reopen_store(w, &err);

	if (!r)
		r = parts_new(PARTS_STORED, cresset_profile_period(parts->window), &p);
	if (!r)
		r = parts_add_stored(parts, p);
	if (!r) {
		cresset_profile_set_time(p, cresset_profile_time_ns(parts->window),
					 cresset_profile_duration_ns(parts->window));
		r = store_append(w->store, p, &err);
	}
	cresset_profile_free(p);
	store_result(w, r, &err);
}

static void keep_house(struct writer *w)
{
	uint64_t end = clock_now_ns(CLOCK_MONOTONIC) + MAINTAIN_NS;
	struct cresset_error err = {.text = ""};
	int r = 1;

	while (w->store && r > 0 && clock_now_ns(CLOCK_MONOTONIC) < end)
		r = store_maintain(w->store, (int64_t)clock_now_ns(CLOCK_REALTIME), &err);
	if (r < 0 && !w->house_failed && !w->store_failed)
		say(w, true, "the store cannot be tidied up: %s", err.text);
	w->house_failed = r < 0;
}

static void tell(struct writer *w)
{
	struct store_stats stats;
	struct cresset_error err;
	bool known = w->store && store_stats(w->store, &stats, &err) == 0;

	tally_lock(w->tally);
	if (known)
		w->tally->store = stats;
	agent_labels_get_stats(w->labels, &w->tally->labels);
	cresset_symbolizer_get_stats(w->symbolizer, &w->tally->symbols);
	tally_unlock(w->tally);
}

static void write_window(struct writer *w, const struct window *window)
{
	struct parts parts;
	uint64_t failed = 0;
	int r = name_window(w, window);

	/* With fewer names it is worth as much. */
	if (!r)
		r = parts_init(&parts, window->profile, w->labels);
	if (r) {
		say(w, true, "a window was lost: %s", strerror(-r));
		tally_lock(w->tally);
		w->tally->window_errors++;
		tally_unlock(w->tally);
		return;
	}
	tally_window(w->tally, window->profile);
	store_window(w, &parts);
	captures_feed(w->captures, window->sequence, &parts);
	failed = uploads_push(w->uploads, &parts);
	parts_release(&parts);
	agent_labels_expire(w->labels);
	keep_house(w);
	if (failed) {
		tally_lock(w->tally);
		w->tally->push_errors += failed;
		tally_unlock(w->tally);
	}
	tell(w);
}

/* ---- The thread. */

static void take_configuration(struct writer *w)
{
	struct cresset_error err = {.text = ""};
	bool reopen;

	pthread_mutex_lock(&w->lock);
	if (w->next_labels) {
		agent_labels_free(w->labels);
		w->labels = w->next_labels;
		w->next_labels = NULL;
	}
	if (w->next_symbolizer) {
		cresset_symbolizer_free(w->symbolizer);
		w->symbolizer = w->next_symbolizer;
		w->next_symbolizer = NULL;
	}
	reopen = w->next_store;
	w->next_store = false;
	if (reopen)
		w->store_options = w->next_store_options;
	pthread_mutex_unlock(&w->lock);
	/* The disk may take its time. */
	if (reopen && reopen_store(w, &err) < 0)
		say(w, true, "%s", err.text);
}

static void *run(void *arg)
{
	struct writer *w = arg;
	struct window window;

	while (windows_next(w->windows, &window)) {
		atomic_store(&w->busy, true);
		atomic_store(&w->progress, clock_now_ns(CLOCK_MONOTONIC));
		take_configuration(w);
		write_window(w, &window);
		windows_pop(w->windows);
		/* What a large window took is the system's again. */
		malloc_trim(TRIM_KEEP);
		atomic_store(&w->busy, false);
		atomic_store(&w->progress, clock_now_ns(CLOCK_MONOTONIC));
	}
	return NULL;
}

static int make_symbolizer(const struct writer *w, const struct agent_config *c,
			   struct cresset_symbolizer **ret)
{
	struct cresset_symbolizer_options o = CRESSET_SYMBOLIZER_OPTIONS_INIT;

	o.no_inlines = !c->agent.inlines;
	o.no_lines = !c->agent.lines;
	o.debuginfod = c->agent.debuginfod;
	o.max_bytes = w->limits.memory.symbols;
	o.max_files = w->limits.files.symbols;
	o.kernel_names = w->kernel_names ? cresset_kernel_names_find : NULL;
	o.kernel_names_arg = w->kernel_names;
	return cresset_symbolizer_new(&o, ret);
}

static int make_labels(const struct writer *w, const struct agent_config *c,
		       struct agent_labels **ret, struct cresset_error *err)
{
	const struct agent_labels_options o = {.max_memory = w->limits.memory.labels};

	return agent_labels_new(&c->labels, &o, ret, err);
}

static struct store_options store_options_of(const struct writer *w, const struct agent_config *c)
{
	return (struct store_options){.max_bytes = c->store.max_bytes,
				      .max_age_ns = (int64_t)c->store.max_age_ns,
				      .max_memory = w->limits.memory.store};
}

int writer_init(struct writer *w, const struct agent_config *c, const struct self_limits *limits,
		struct cresset_error *err)
{
	int r;

	w->limits = *limits;
	w->store_options = store_options_of(w, c);
	w->store_path = strdup(c->store.path);
	pthread_mutex_init(&w->lock, NULL);
	cresset_kernel_names_new(&w->kernel_names);
	if (!w->store_path || make_symbolizer(w, c, &w->symbolizer) < 0)
		return cresset_error_set(err, -ENOMEM, "out of memory");
	r = make_labels(w, c, &w->labels, err);
	if (!r)
		r = idle_rules_new(NULL, &w->idle, err);
	if (!r)
		r = store_open(w->store_path, &w->store_options, &w->store, err);
	atomic_store(&w->progress, clock_now_ns(CLOCK_MONOTONIC));
	return r;
}

void writer_release(struct writer *w)
{
	store_close(w->store);
	agent_labels_free(w->labels);
	agent_labels_free(w->next_labels);
	idle_rules_free(w->idle);
	cresset_symbolizer_free(w->symbolizer);
	cresset_symbolizer_free(w->next_symbolizer);
	cresset_kernel_names_free(w->kernel_names);
	free(w->store_path);
	pthread_mutex_destroy(&w->lock);
}

int writer_start(struct writer *w, struct cresset_error *err)
{
	int r = pthread_create(&w->thread, NULL, run, w);

	w->started = r == 0;
	return r ? cresset_error_set(err, -r, "cannot start a thread: %s", strerror(r)) : 0;
}

int writer_configure(struct writer *w, const struct agent_config *c, unsigned int changes,
		     struct cresset_error *err)
{
	struct agent_labels *labels = NULL;
	struct cresset_symbolizer *symbolizer = NULL;
	int r = changes & AGENT_CHANGE_LABELS ? make_labels(w, c, &labels, err) : 0;

	if (!r && changes & AGENT_CHANGE_NAMES) {
		r = make_symbolizer(w, c, &symbolizer);
		if (r)
			cresset_error_set(err, r, "cannot look up names: %s", strerror(-r));
	}
	if (r) {
		agent_labels_free(labels);
		return r;
	}
	pthread_mutex_lock(&w->lock);
	if (symbolizer) {
		cresset_symbolizer_free(w->next_symbolizer);
		w->next_symbolizer = symbolizer;
	}
	if (labels) {
		agent_labels_free(w->next_labels);
		w->next_labels = labels;
	}
	if (changes & AGENT_CHANGE_STORE) {
		w->next_store = true;
		w->next_store_options = store_options_of(w, c);
	}
	pthread_mutex_unlock(&w->lock);
	return 0;
}
