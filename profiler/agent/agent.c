// SPDX-License-Identifier: Apache-2.0
/* See agent.h. */
#include "agent/agent.h"

#include "agent/clock.h"
#include "agent/exposition.h"
#include "agent/privilege.h"
#include "agent/seccomp.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STOP_MS = 1800, UPLOADS_LEAST_MS = 300 };
/* A thread that does not move for so long hangs. */
#define HANGS_NS UINT64_C(60000000000)
/* … and a store that has had nothing for so many windows is not ready. */
enum { LATE_WINDOWS = 4, LATE_SECONDS = 10 };

static void say(struct agent *a, bool is_error, const char *fmt, ...) CRESSET_PRINTF(3, 4);

static void say(struct agent *a, bool is_error, const char *fmt, ...)
{
	char text[700];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	a->log(a->log_arg, is_error, text);
}

/* ---- HTTP. */

static int web_metrics(void *arg, struct cresset_sink *sink)
{
	return exposition_write(arg, sink);
}

static int web_capture(void *arg, const char *event, unsigned int seconds,
		       const struct match *match, struct cresset_profile **ret,
		       struct cresset_error *err)
{
	struct agent *a = arg;

	return captures_run(&a->captures, event, seconds, match, ret, err);
}

static void web_cancel(void *arg)
{
	struct agent *a = arg;

	captures_cancel(&a->captures);
}

static bool web_ready(void *arg, char *why, size_t size)
{
	struct agent *a = arg;
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC), late, stored;
	struct sampler_state state;
	bool failed;

	tally_lock(&a->tally);
	failed = a->tally.store_error[0] != '\0';
	snprintf(why, size, "%s", a->tally.store_error);
	stored = a->tally.last_stored_ns;
	tally_unlock(&a->tally);
	if (failed)
		return false;
	sampler_get_state(&a->sampler, &state);
	if (state.error[0]) {
		snprintf(why, size, "%s", state.error);
		return false;
	}
	late = LATE_WINDOWS * atomic_load(&a->window_ns) + LATE_SECONDS * UINT64_C(1000000000);
	if (stored && now - stored < late)
		return true;
	snprintf(why, size,
		 stored ? "no window was stored for some time"
			: "the first window is being recorded");
	return false;
}

static int start_web(struct agent *a, const struct agent_http_config *http,
		     struct cresset_error *err)
{
	const struct web_options options = {.listen = http->listen,
					    .user = http->user,
					    .password_file = http->password_file,
					    .bearer_file = http->bearer_file,
					    .tls_cert = http->tls_cert,
					    .tls_key = http->tls_key};
	const struct web_backend backend = {.arg = a,
					    .metrics = web_metrics,
					    .capture = web_capture,
					    .cancel = web_cancel,
					    .ready = web_ready,
					    /* Of the store that is written. */
					    .store_path = a->writer.store_path};
	int r;

	if (!strcmp(http->listen, "no"))
		return 0;
	captures_open(&a->captures);
	r = web_new(&options, &backend, &a->web, err);
	if (r < 0)
		return r;
	say(a, false, "serving %s", web_url(a->web));
	if (web_warning(a->web))
		say(a, true, "%s", web_warning(a->web));
	return 0;
}

/* ---- Start. */

/* As root for another user: the store's directory is to be that user's. One that is there is left
 * as it is: it may be anybody's. */
static int make_store_directory(const struct agent_config *c, struct cresset_error *err)
{
	const struct passwd *user = c->agent.user ? getpwnam(c->agent.user) : NULL;
	const char *path = c->store.path;

	if (geteuid() != 0 || !user)
		return 0;
	if (mkdir(path, 0750))
		return errno == EEXIST
			       ? 0
			       : cresset_error_set(err, -errno,
						   "cannot make the store's directory %s: %s", path,
						   strerror(errno));
	if (chown(path, user->pw_uid, user->pw_gid))
		return cresset_error_set(err, -errno, "cannot give %s to the user %s: %s", path,
					 c->agent.user, strerror(errno));
	return 0;
}

static void upload_failed(void *arg, const char *name, const struct cresset_error *err)
{
	say(arg, true, "upload %s: %s", name, err->text);
}

static void share_parts(struct agent *a)
{
	a->writer.windows = a->sampler.windows = &a->windows;
	a->writer.opener = a->sampler.opener = &a->opener;
	a->writer.captures = a->sampler.captures = &a->captures;
	a->writer.uploads = &a->uploads;
	a->writer.tally = &a->tally;
	a->writer.log = a->sampler.log = a->log;
	a->writer.log_arg = a->sampler.log_arg = a->log_arg;
}

static int begin(struct agent *a, struct cresset_error *err)
{
	int r;

	windows_init(&a->windows);
	opener_init(&a->opener);
	captures_init(&a->captures);
	uploads_init(&a->uploads);
	r = tally_init(&a->tally);
	a->begun = true;
	share_parts(a);
	if (notify_init(&a->notify, err) < 0)
		say(a, true, "%s", err->text);
	return r ? cresset_error_set(err, r, "out of memory") : 0;
}

/* What needs rights, then what must not have any. */
static int start_all(struct agent *a, struct cresset_error *err)
{
	size_t n_uploads = a->config->uploads.n;
	char missing[160];
	int r;

	r = make_store_directory(a->config, err);
	r = r ? r : privilege_drop(a->config->agent.user, err);
	if (r)
		return r;
	if (privilege_missing(missing, sizeof(missing))[0])
		say(a, true, "these capabilities are missing, and some things with them: %s",
		    missing);
	r = writer_init(&a->writer, a->config, err);
	r = r ? r : sampler_init(&a->sampler, a->config, n_uploads, err);
	r = r ? r : writer_start(&a->writer, err);
	r = r ? r : sampler_start(&a->sampler, err);
	return r;
}

/* ---- Without rights. */

struct network {
	struct agent *agent;
	struct vec *uploads;		       /* struct export_config * */
	const struct agent_http_config *http;  /* web is to be started, anew if it runs; or NULL */
	const struct agent_http_config *other; /* if it cannot: as it was; or NULL */
	int result;
	struct cresset_error *err;
};

static void *run_network(void *arg)
{
	struct network *n = arg;
	struct agent *a = n->agent;
	struct cresset_error again = {.text = ""};

	n->result = privilege_drop_thread(n->err);
	if (n->result)
		return NULL;
	uploads_configure(&a->uploads, n->uploads, upload_failed, a);
	if (!n->http)
		return NULL;
	web_free(a->web);
	a->web = NULL;
	n->result = start_web(a, n->http, n->err);
	if (n->result && n->other && start_web(a, n->other, &again) < 0)
		say(a, true, "%s", again.text);
	return NULL;
}

/* By a thread that gives up its capabilities, so that those it starts have none. This one keeps its
 * own: it makes a new recorder when the configuration says so. */
static int start_network(struct network *n)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, run_network, n);

	if (r)
		return cresset_error_set(n->err, -r, "cannot start a thread: %s", strerror(r));
	pthread_join(thread, NULL);
	return n->result;
}

static void filter_calls(struct agent *a)
{
	struct cresset_error err = {.text = ""};

	if (a->config->agent.seccomp && agent_seccomp_apply(&err) < 0)
		say(a, true, "%s", err.text);
}

int agent_start(struct agent *a, struct agent_config *config, const char *config_path,
		agent_log_fn log, void *log_arg, struct cresset_error *err)
{
	struct network network = {
		.agent = a, .uploads = &config->uploads, .http = &config->http, .err = err};
	struct file_limits files;
	int r;

	memset(a, 0, sizeof(*a));
	a->config = config;
	a->config_path = config_path;
	a->log = log;
	a->log_arg = log_arg;
	a->start_ns = (int64_t)clock_now_ns(CLOCK_REALTIME);
	atomic_store(&a->window_ns, config->agent.window_ns);
	r = begin(a, err);
	r = r ? r
	      : file_limits_raise((unsigned int)sysconf(_SC_NPROCESSORS_CONF), config->uploads.n,
				  &files, err);
	r = r ? r : start_all(a, err);
	r = r ? r : start_network(&network);
	if (r) {
		agent_stop(a);
		return r;
	}
	filter_calls(a);
	notify_ready(&a->notify);
	return 0;
}

/* ---- Reload. */

static void say_change(void *arg, const char *section, const char *key, enum agent_change change)
{
	if (key)
		say(arg, false, "[%s] %s has changed: %s", section, key, agent_change_text(change));
	else
		say(arg, false, "[%s] has changed: %s", section, agent_change_text(change));
}

/* Returns false if something of it could not be done; the rest is. */
static bool apply(struct agent *a, const struct agent_config *c, unsigned int changes)
{
	struct cresset_error err = {.text = ""};
	bool done = true;

	if (changes & (AGENT_CHANGE_LABELS | AGENT_CHANGE_STORE) &&
	    writer_configure(&a->writer, c, changes, &err) < 0) {
		say(a, true, "%s", err.text);
		done = false;
	}
	if (changes & AGENT_CHANGE_RECORDER &&
	    sampler_configure(&a->sampler, c, c->uploads.n, &err) < 0) {
		say(a, true, "the recording goes on as it was: %s", err.text);
		done = false;
	}
	return done;
}

static bool reload_network(struct agent *a, struct agent_config *next, unsigned int changes)
{
	struct cresset_error err = {.text = ""};
	struct network n = {.agent = a, .uploads = &next->uploads, .err = &err};

	if (changes & AGENT_CHANGE_HTTP) {
		n.http = &next->http;
		n.other = &a->config->http;
	}
	if (start_network(&n) == 0)
		return true;
	say(a, true, "%s", err.text);
	return false;
}

void agent_reload(struct agent *a)
{
	struct agent_complaints complaints = {.n = 0};
	struct agent_config *next = NULL;
	unsigned int changes;
	size_t n_uploads;
	bool done;

	notify_reloading(&a->notify);
	if (agent_config_load(a->config_path, &next, &complaints) < 0) {
		for (size_t i = 0; i < complaints.n; i++)
			say(a, true, "%s", complaints.list[i].text);
		say(a, true, "the configuration stays as it was");
		atomic_fetch_add(&a->reload_errors, 1);
		notify_ready(&a->notify);
		return;
	}
	/* Exporters own theirs, and compare them by themselves. */
	n_uploads = next->uploads.n;
	next->uploads.n = 0;
	changes = agent_config_diff(a->config, next, say_change, a);
	next->uploads.n = n_uploads;
	done = apply(a, next, changes);
	done = reload_network(a, next, changes) && done;
	agent_config_free(a->config);
	a->config = next;
	atomic_store(&a->window_ns, next->agent.window_ns);
	atomic_fetch_add(done ? &a->reloads : &a->reload_errors, 1);
	say(a, !done, done ? "the configuration was read again" : "some of it was not taken over");
	notify_ready(&a->notify);
}

/* ---- While it runs. */

bool agent_tick(struct agent *a)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC), windows;
	bool sampling = now - atomic_load(&a->sampler.progress) < HANGS_NS;
	bool writing = !atomic_load(&a->writer.busy) ||
		       now - atomic_load(&a->writer.progress) < 5 * HANGS_NS;

	tally_lock(&a->tally);
	windows = a->tally.stored_windows;
	tally_unlock(&a->tally);
	notify_status(&a->notify, "%llu windows stored", (unsigned long long)windows);
	if (sampling && writing)
		notify_watchdog(&a->notify);
	return sampling && writing;
}

/* ---- The end. */

static unsigned int left_ms(uint64_t end_ns)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);

	return end_ns > now ? (unsigned int)((end_ns - now) / 1000000) : 0;
}

void agent_stop(struct agent *a)
{
	uint64_t end = clock_now_ns(CLOCK_MONOTONIC) + STOP_MS * UINT64_C(1000000);
	unsigned int left;

	if (!a->begun)
		return;
	notify_stopping(&a->notify);
	sampler_stop(&a->sampler);
	web_free(a->web);
	a->web = NULL;
	sampler_join(&a->sampler);
	windows_close(&a->windows);
	opener_close(&a->opener);
	writer_join(&a->writer);
	left = left_ms(end);
	uploads_stop(&a->uploads, left > UPLOADS_LEAST_MS ? left : UPLOADS_LEAST_MS);
	uploads_release(&a->uploads);
	writer_release(&a->writer);
	sampler_release(&a->sampler);
	tally_release(&a->tally);
	captures_release(&a->captures);
	opener_release(&a->opener);
	windows_release(&a->windows);
	notify_release(&a->notify);
	agent_config_free(a->config);
	a->config = NULL;
	a->begun = false;
}
