// SPDX-License-Identifier: Apache-2.0
/*
 * cresset agent - records everything all the time, until SIGTERM.
 *
 * Signals are waited for, not handled: SIGHUP reads the configuration again, SIGTERM and SIGINT end
 * it with the last window written, or after two seconds without; a second one ends it at once.
 * Lines of the log go to standard error, with systemd's "<N>" before them where systemd reads it.
 */
#include "agent/agent.h"
#include "command.h"
#include "term.h"

#include <cresset/sink.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct agent_options {
	const char *config;
	bool check;
};

#define T struct agent_options

static const struct option_row rows[] = {
	{.kind = OPTION_GROUP, .name = "Options"},
	{.kind = OPTION_STRING,
	 .letter = 'c',
	 .name = "config",
	 .arg = "FILE",
	 .help = "configuration (default " AGENT_CONFIG_DEFAULT_PATH " if it is there, else none)",
	 .offset = offsetof(T, config)},
	{.kind = OPTION_FLAG,
	 .name = "check",
	 .help = "say what is wrong with the configuration, print it with its defaults and its "
		 "digest, and end",
	 .offset = offsetof(T, check),
	 .value = true},
	{.kind = OPTION_GROUP, .name = "Other"},
	{.kind = OPTION_END},
};

#undef T

/* The default file may be missing, one that was named may not. */
static const char *path_of(const struct agent_options *o)
{
	if (o->config)
		return o->config;
	return access(AGENT_CONFIG_DEFAULT_PATH, F_OK) ? NULL : AGENT_CONFIG_DEFAULT_PATH;
}

static int load(const struct command *self, const char *path, struct agent_config **ret)
{
	struct agent_complaints complaints = {.n = 0};
	int r = agent_config_load(path, ret, &complaints);

	for (size_t i = 0; i < complaints.n; i++) {
		if (complaints.list[i].warning)
			say_warning(self, "%s", complaints.list[i].text);
		else
			say_error(self, "%s", complaints.list[i].text);
	}
	if (complaints.left_out)
		say_error(self, "and %zu more", complaints.left_out);
	return r;
}

static int check(const struct command *self, const char *path)
{
	struct agent_config *config = NULL;
	struct cresset_sink *sink = NULL;
	uint64_t digest;
	int r = load(self, path, &config);

	if (r < 0)
		return EXIT_FAILED;
	r = agent_config_digest(config, &digest);
	if (r == 0)
		r = cresset_sink_fd(STDOUT_FILENO, &sink);
	if (r == 0) {
		cresset_sink_printf(sink, "# digest %016llx\n", (unsigned long long)digest);
		r = cresset_sink_finish(sink, agent_config_print(config, sink));
	}
	if (r < 0)
		say_error(self, "cannot print: %s", strerror(-r));
	agent_config_free(config);
	return r < 0 ? EXIT_FAILED : 0;
}

static void log_line(void *arg, bool is_error, const char *text)
{
	const char *under_systemd = arg;

	if (under_systemd)
		fprintf(stderr, "<%d>%s\n", is_error ? 4 : 6, text);
	else
		fprintf(stderr, "cresset agent: %s\n", text);
}

static void signals_of(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

/* Until a signal says to end. */
static void serve(struct agent *a)
{
	const struct timespec second = {.tv_sec = 1};
	sigset_t set;

	signals_of(&set);
	for (;;) {
		int signal = sigtimedwait(&set, NULL, &second);

		if (signal == SIGHUP)
			agent_reload(a);
		else if (signal > 0)
			return;
		agent_tick(a);
	}
}

static int run_agent(const struct command *self, const char *path)
{
	struct agent *a = calloc(1, sizeof(*a));
	struct cresset_error err = {.text = ""};
	struct agent_config *config = NULL;
	sigset_t set, others;
	int r;

	if (!a || load(self, path, &config) < 0) {
		free(a);
		return EXIT_FAILED;
	}
	signal(SIGPIPE, SIG_IGN);
	/* One heap for all threads: each of their own would keep its largest window for ever. */
	mallopt(M_ARENA_MAX, 1);
	/* Before the first thread. */
	signals_of(&set);
	sigprocmask(SIG_BLOCK, &set, &others);
	r = agent_start(a, config, path, log_line, getenv("JOURNAL_STREAM"), &err);
	if (r < 0) {
		say_failure(self, r, &err);
	} else {
		serve(a);
		/* A second signal ends it at once; but not a reload that comes too late. */
		signal(SIGHUP, SIG_IGN);
		sigprocmask(SIG_SETMASK, &others, NULL);
		agent_stop(a);
	}
	/* Threads that hang on a disk still use it. */
	if (a->unfinished)
		_exit(EXIT_FAILED);
	sigprocmask(SIG_SETMASK, &others, NULL);
	free(a);
	return r < 0 ? EXIT_FAILED : 0;
}

static int run_parsed(const struct command *self, const struct agent_options *o,
		      const struct vec *words)
{
	if (words->n)
		return say_usage(self, "the agent takes no arguments but options");
	return o->check ? check(self, path_of(o)) : run_agent(self, path_of(o));
}

static int run(const struct command *self, char *const *args, size_t n)
{
	struct agent_options o = {.config = NULL};
	struct vec words;
	int code;

	if (command_begin(self, OPTION_WORDS_MIXED, args, n, &o, &words, &code))
		code = run_parsed(self, &o, &words);
	command_end(self, &o, &words);
	return code;
}

/* "[agent] freq=HZ" for each key of the file. */
static bool key_choice(size_t i, struct option_choice *ret)
{
	static _Thread_local char name[96];
	struct agent_key key;

	if (!agent_key_at(i, &key))
		return false;
	snprintf(name, sizeof(name), "[%s] %s=%s", key.section, key.name, key.arg);
	*ret = (struct option_choice){.name = name, .detail = "", .help = key.help};
	return true;
}

const struct command command_agent = {
	.name = "agent",
	.summary = "record everything all the time, keep it, serve it, upload it",
	.words = "",
	.description =
		"Records all processes, on the CPU and off it, in windows of ten seconds; keeps days "
		"of them on disk for 'cresset query'; serves them, metrics and profiles for 'go tool "
		"pprof' on http://127.0.0.1:4050/; and sends them to the servers of the "
		"configuration. Works without any configuration. SIGHUP reads it again, SIGTERM ends "
		"it.",
	.options = rows,
	.lists = (const struct command_list[]){{"Keys of the configuration", key_choice}, {0}},
	.notes =
		"It needs what 'cresset record' needs, and may be started by root for another user "
		"([agent] user) who keeps only that. examples/systemd has a unit for it.",
	.examples =
		(const struct command_example[]){
			{"without any configuration, as root", "cresset agent"},
			{"is this configuration right?", "cresset agent -c cresset.conf --check"},
			{0}},
	.run = run,
};
