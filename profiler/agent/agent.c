// SPDX-License-Identifier: Apache-2.0
/* See agent.h. */
#include "agent/agent_inside.h"

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

/* A thread that does not move for so long hangs. */
#define HANGS_NS UINT64_C(60000000000)
/* … and a store that has had nothing for so many windows is not ready. */
enum { LATE_WINDOWS = 4, LATE_SECONDS = 10 };

void agent_say(struct agent *a, bool is_error, const char *fmt, ...)
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

int agent_start_web(struct agent *a, const struct agent_http_config *http, struct web **ret,
		    struct cresset_error *err)
{
	struct query_limits queries;
	struct web_options options = {.listen = http->listen,
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

	memory_queries(&a->limits.memory, &queries);
	options.max_queries = queries.at_once;
	options.max_query_bytes = queries.query_bytes;
	options.max_answer_bytes = queries.answer_bytes;
	options.max_connections = a->limits.files.connections;
	if (!strcmp(http->listen, "no"))
		return 0;
	captures_open(&a->captures);
	r = web_new(&options, &backend, ret, err);
	if (r < 0)
		return r;
	agent_say(a, false, "serving %s", web_url(*ret));
	if (web_warning(*ret))
		agent_say(a, true, "%s", web_warning(*ret));
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

	windows_init(&a->windows, memory_waiting(&a->limits.memory));
	opener_init(&a->opener);
	captures_init(&a->captures, a->limits.memory.captures);
	uploads_init(&a->uploads);
	r = tally_init(&a->tally);
	a->begun = true;
	share_parts(a);
	if (notify_init(&a->notify, err) < 0)
		agent_say(a, true, "%s", err->text);
	return r ? cresset_error_set(err, r, "out of memory") : 0;
}

/* What needs rights, then what must not have any. */
static int start_all(struct agent *a, struct cresset_error *err)
{
	char missing[160];
	int r;

	r = make_store_directory(a->config, err);
	r = r ? r : privilege_drop(a->config->agent.user, err);
	if (r)
		return r;
	if (privilege_missing(missing, sizeof(missing))[0])
		agent_say(a, true, "these capabilities are missing, and some things with them: %s",
			  missing);
	r = writer_init(&a->writer, a->config, &a->limits, err);
	r = r ? r : sampler_init(&a->sampler, a->config, &a->limits, err);
	r = r ? r : writer_start(&a->writer, err);
	r = r ? r : sampler_start(&a->sampler, err);
	return r;
}

static void filter_calls(struct agent *a)
{
	struct cresset_error err = {.text = ""};

	if (a->config->agent.seccomp && agent_seccomp_apply(&err) < 0)
		agent_say(a, true, "%s", err.text);
}

int agent_start(struct agent *a, struct agent_config *config, const char *config_path,
		agent_log_fn log, void *log_arg, struct cresset_error *err)
{
	int r;

	memset(a, 0, sizeof(*a));
	a->config = config;
	a->config_path = config_path;
	a->log = log;
	a->log_arg = log_arg;
	a->start_ns = (int64_t)clock_now_ns(CLOCK_REALTIME);
	atomic_store(&a->window_ns, config->agent.window_ns);
	a->limits.max_memory_bytes = config->agent.max_memory_bytes;
	memory_split(config->agent.max_memory_bytes, config->uploads.n, &a->limits.memory);
	r = begin(a, err);
	r = r ? r
	      : file_limits_raise((unsigned int)sysconf(_SC_NPROCESSORS_CONF), config->uploads.n,
				  &a->limits.files, err);
	r = r ? r : start_all(a, err);
	r = r ? r : agent_network(a, &config->uploads, &config->http, err);
	if (r) {
		agent_stop(a);
		return r;
	}
	agent_note_digest(a);
	filter_calls(a);
	notify_ready(&a->notify);
	return 0;
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
