// SPDX-License-Identifier: Apache-2.0
/*
 * cresset upload - one profile, from a file, to a server; what the agent does all the time.
 *
 * Secrets are named by file or environment variable only: an argument could be read in
 * /proc/PID/cmdline by everybody on the host.
 */
#include "command.h"
#include "emit.h"
#include "input.h"
#include "suggest.h"
#include "term.h"

#include "export/export.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LABELS_MAX = 100 };

struct upload_options {
	const char *to;
	const char *as;
	const char *service;
	struct vec labels;
	struct vec settings;
	const char *bearer_file, *bearer_env, *user, *password_file, *password_env;
	const char *headers_file, *tenant, *ca;
	struct emit_symbols symbols;
	uint64_t retry_for_ns;
	bool insecure, now, no_symbols, dry_run;
};

static bool kind_choice(size_t i, struct option_choice *ret)
{
	*ret = (struct option_choice){.detail = ""};
	return export_target_at(i, &ret->name, &ret->help);
}

static bool key_choice(size_t i, struct option_choice *ret)
{
	struct export_key key;
	size_t at = 0;

	/* The i-th of those that matter here. */
	do {
		if (!export_key_at(at++, &key))
			return false;
	} while (key.waiting || i-- > 0);
	*ret = (struct option_choice){.name = key.name, .detail = "", .help = key.help};
	return true;
}

#define T struct upload_options

static const struct option_row rows[] = {
	{.kind = OPTION_GROUP, .name = "Server"},
	OPTION_TEXT_ROW(T, "to", "URL", to, "where to send: http:// or https://, host, port, path"),
	{.kind = OPTION_STRING,
	 .name = "as",
	 .arg = "TYPE",
	 .help = "kind of server (default: told from the URL where that is plain)",
	 .offset = offsetof(T, as),
	 .choice = kind_choice},
	OPTION_TEXT_ROW(T, "tenant", "ID", tenant, "X-Scope-OrgID of servers with several tenants"),
	{.kind = OPTION_STRINGS,
	 .name = "set",
	 .arg = "KEY=VALUE",
	 .help = "any other setting of the agent's [upload] sections, see below; may be repeated",
	 .offset = offsetof(T, settings)},
	{.kind = OPTION_DURATION,
	 .name = "retry-for",
	 .arg = "TIME",
	 .help = "try again that long while the server is away or busy (default: one try)",
	 .offset = offsetof(T, retry_for_ns)},
	{.kind = OPTION_GROUP,
	 .name = "Identity (secrets by file or environment, never as arguments)"},
	OPTION_TEXT_ROW(T, "bearer-file", "FILE", bearer_file, "file with a token"),
	OPTION_TEXT_ROW(T, "bearer-env", "NAME", bearer_env, "environment variable with a token"),
	OPTION_TEXT_ROW(T, "user", "NAME", user, "user of HTTP Basic; s3: access key id"),
	OPTION_TEXT_ROW(T, "password-file", "FILE", password_file, "file with the password"),
	OPTION_TEXT_ROW(T, "password-env", "NAME", password_env, "environment variable with it"),
	OPTION_TEXT_ROW(T, "headers-file", "FILE", headers_file,
			"more headers, one 'Name: value' a line"),
	OPTION_TEXT_ROW(T, "ca", "FILE", ca, "certificates to trust (default: the system's)"),
	{.kind = OPTION_FLAG,
	 .name = "insecure",
	 .help = "do not check the server's certificate",
	 .offset = offsetof(T, insecure),
	 .value = true},
	{.kind = OPTION_GROUP, .name = "Profile"},
	OPTION_TEXT_ROW(T, "service", "NAME", service,
			"whose profile it is (default: the name of the file)"),
	{.kind = OPTION_STRINGS,
	 .name = "label",
	 .arg = "KEY=VALUE",
	 .help = "one more label; may be repeated",
	 .offset = offsetof(T, labels)},
	{.kind = OPTION_FLAG,
	 .name = "now",
	 .help = "say that the profile ends now: servers refuse old ones (Pyroscope after an hour)",
	 .offset = offsetof(T, now),
	 .value = true},
	{.kind = OPTION_FLAG,
	 .name = "check",
	 .help = "print the settings in force, send nothing",
	 .offset = offsetof(T, dry_run),
	 .value = true},
	EMIT_INPUT_NAME_ROWS(T, symbols, no_symbols),
	{.kind = OPTION_GROUP, .name = "Other"},
	{.kind = OPTION_END},
};

#undef T

/* ---- Settings. */

static int set(struct export_config *c, const char *key, const char *value,
	       struct cresset_error *err)
{
	return value ? export_config_set(c, key, value, err) : 0;
}

static int set_pair(struct export_config *c, const char *pair, struct cresset_error *err)
{
	const char *equals = strchr(pair, '=');
	struct export_key row;
	char key[64];

	if (!equals || equals == pair || equals - pair >= (int)sizeof(key))
		return cresset_error_set(err, -EINVAL, "--set needs KEY=VALUE");
	snprintf(key, sizeof(key), "%.*s", (int)(equals - pair), pair);
	for (size_t i = 0; export_key_at(i, &row); i++)
		if (row.waiting && !strcmp(row.name, key))
			return cresset_error_set(err, -EINVAL,
						 "%s is for the agent: this command sends now or "
						 "fails (see --retry-for)",
						 key);
	return export_config_set(c, key, equals + 1, err);
}

static int configure(const struct upload_options *o, struct export_config *c,
		     struct cresset_error *err)
{
	int r = set(c, "type", o->as, err);

	r = r ? r : set(c, "url", o->to, err);
	r = r ? r : set(c, "tenant", o->tenant, err);
	r = r ? r : set(c, "bearer_file", o->bearer_file, err);
	r = r ? r : set(c, "bearer_env", o->bearer_env, err);
	r = r ? r : set(c, "user", o->user, err);
	r = r ? r : set(c, "password_file", o->password_file, err);
	r = r ? r : set(c, "password_env", o->password_env, err);
	r = r ? r : set(c, "headers_file", o->headers_file, err);
	r = r ? r : set(c, "ca", o->ca, err);
	r = r ? r : set(c, "insecure", o->insecure ? "yes" : NULL, err);
	for (size_t i = 0; i < o->settings.n && r == 0; i++)
		r = set_pair(c, *(const char **)vec_at(&o->settings, i), err);
	if (r < 0)
		return r;
	r = export_config_check(c, err);
	if (r == -EINVAL && !*export_config_type(c) && !o->as)
		return cresset_error_set(err, r,
					 "the URL does not tell the kind of server (give --as)");
	return r;
}

/* ---- Labels. */

struct labels {
	struct export_label list[LABELS_MAX];
	size_t n;
	char *texts[LABELS_MAX];
	char host[256];
	char service[256];
};

static int add_pairs(struct labels *l, const struct vec *pairs, struct cresset_error *err)
{
	for (size_t i = 0; i < pairs->n; i++) {
		char *text = strdup(*(const char **)vec_at(pairs, i));
		char *equals = text ? strchr(text, '=') : NULL;

		if (!equals || equals == text || l->n == LABELS_MAX) {
			free(text);
			return cresset_error_set(err, -EINVAL,
						 text ? "--label needs KEY=VALUE, %d at most"
						      : "out of memory for %d labels",
						 LABELS_MAX - 2);
		}
		*equals = '\0';
		l->texts[l->n] = text;
		l->list[l->n++] = (struct export_label){text, equals + 1};
	}
	return 0;
}

static bool has(const struct labels *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->list[i].name, name))
			return true;
	return false;
}

static int make_labels(struct labels *l, const struct upload_options *o, const char *path,
		       struct cresset_error *err)
{
	const char *base = strrchr(path, '/');
	int r;

	base = base ? base + 1 : path;
	snprintf(l->service, sizeof(l->service), "%.*s",
		 (int)(strcmp(path, "-") ? strcspn(base, ".") : 0), base);
	if (o->service)
		snprintf(l->service, sizeof(l->service), "%s", o->service);
	r = add_pairs(l, &o->labels, err);
	if (r < 0)
		return r;
	if (!has(l, "host") && gethostname(l->host, sizeof(l->host) - 1) == 0 && l->n < LABELS_MAX)
		l->list[l->n++] = (struct export_label){"host", l->host};
	if ((o->service || !has(l, "service")) && l->n < LABELS_MAX)
		l->list[l->n++] =
			(struct export_label){"service", l->service[0] ? l->service : "cresset"};
	return 0;
}

static void labels_release(struct labels *l)
{
	for (size_t i = 0; i < LABELS_MAX; i++)
		free(l->texts[i]);
}

/* ---- Sending. */

static void set_time(struct cresset_profile *p, bool now)
{
	int64_t duration = cresset_profile_duration_ns(p);
	struct timespec t;

	if (!now && cresset_profile_time_ns(p) > 0)
		return;
	clock_gettime(CLOCK_REALTIME, &t);
	cresset_profile_set_time(p, (int64_t)t.tv_sec * 1000000000 + t.tv_nsec - duration,
				 duration);
}

static void report(const struct export_config *c, const struct export_result *result)
{
	printf("accepted by %s (%s): %zu request%s, %zu bytes, last id %s\n", result->url,
	       export_config_type(c), result->requests, result->requests == 1 ? "" : "s",
	       result->bytes, result->id);
	if (result->words[0])
		printf("the server says: %s\n", result->words);
	if (result->labels_cut)
		printf("labels left out for the server's limits: %u\n", result->labels_cut);
}

static int send_profile(const struct command *self, const struct upload_options *o,
			const struct export_config *c, const char *path)
{
	struct cresset_error err = {.text = ""};
	struct labels labels = {.n = 0};
	struct export_result result;
	struct cresset_profile *p = NULL;
	uint64_t wait_ms = o->retry_for_ns / 1000000;
	int r = make_labels(&labels, o, path, &err);

	if (r < 0) {
		labels_release(&labels);
		return say_usage(self, err.text);
	}
	r = input_read(path, o->no_symbols ? NULL : &o->symbols, &p, &err);
	if (r == 0) {
		set_time(p, o->now);
		r = export_once(c, p, labels.list, labels.n,
				wait_ms < UINT32_MAX ? (unsigned int)wait_ms : UINT32_MAX, &result,
				&err);
		if (r < 0 && result.accepted)
			say_warning(self, "the first %zu of %zu parts were accepted",
				    result.accepted, result.requests);
		if (r == 0)
			report(c, &result);
	}
	cresset_profile_free(p);
	labels_release(&labels);
	return r < 0 ? say_failure(self, r, &err) : 0;
}

/* Is that "key = value" of an exporter's queue and spool? */
static bool is_waiting(const char *line)
{
	struct export_key key;

	for (size_t i = 0; export_key_at(i, &key); i++)
		if (key.waiting && !strncmp(line, key.name, strlen(key.name)) &&
		    line[strlen(key.name)] == ' ')
			return true;
	return false;
}

static int print_settings(const struct export_config *c, struct cresset_sink *all,
			  struct cresset_sink *out)
{
	const char *at, *end;
	size_t left;
	int r = export_config_print(c, all);

	at = cresset_sink_data(all, &left);
	for (; left && (end = memchr(at, '\n', left)); at = end + 1) {
		size_t n = (size_t)(end - at) + 1;

		if (!is_waiting(at))
			cresset_sink_write(out, at, n);
		left -= n;
	}
	return r ? r : cresset_sink_error(all);
}

static int check(const struct command *self, const struct export_config *c)
{
	struct cresset_sink *all = NULL, *out = NULL;
	int r = cresset_sink_memory(&all);

	r = r ? r : cresset_sink_fd(STDOUT_FILENO, &out);
	if (r == 0)
		r = cresset_sink_finish(out, print_settings(c, all, out));
	cresset_sink_abort(all);
	if (r < 0)
		say_error(self, "cannot print: %s", strerror(-r));
	return r < 0 ? EXIT_FAILED : 0;
}

static int upload(const struct command *self, const struct upload_options *o, const char *path)
{
	struct cresset_error err = {.text = ""};
	struct export_config *c = NULL;
	int r = export_config_new("upload", &c);

	signal(SIGPIPE, SIG_IGN);
	if (r == 0)
		r = configure(o, c, &err);
	if (r == -EINVAL || r == -ENOENT)
		r = say_usage(self, err.text);
	else if (r < 0)
		r = say_failure(self, r, &err);
	else
		r = o->dry_run ? check(self, c) : send_profile(self, o, c, path);
	export_config_free(c);
	return r;
}

static int run_parsed(const struct command *self, const struct upload_options *o,
		      const struct vec *words)
{
	if (!o->to)
		return say_usage(self, "where to? give --to URL");
	/* A check of the settings needs no profile. */
	if (input_problem(words) && (words->n || !o->dry_run))
		return say_usage(self, input_problem(words));
	return upload(self, o, words->n ? *(const char **)vec_at(words, 0) : "-");
}

static int run(const struct command *self, char *const *args, size_t n)
{
	struct upload_options o = {.to = NULL};
	struct vec words;
	int code;

	if (command_begin(self, OPTION_WORDS_MIXED, args, n, &o, &words, &code))
		code = run_parsed(self, &o, &words);
	command_end(self, &o, &words);
	return code;
}

const struct command command_upload = {
	.name = "upload",
	.summary = "send a recorded profile to a server",
	.words = "IN --to URL",
	.description =
		"Reads a profile (.cresset, pprof or folded stacks, recognised by content; '-' is "
		"standard input), sends it, and prints what the server said. Large profiles go in "
		"several requests, as servers bound what they take in one.",
	.options = rows,
	.lists = (const struct command_list[]){{"Kinds of servers", kind_choice},
					       {"Settings for --set", key_choice},
					       {0}},
	.notes =
		"The exit status is 0 if the server accepted all of it, 1 if it refused or could not "
		"be reached, 2 for wrong usage.",
	.examples =
		(const struct command_example[]){
			{"to Pyroscope, as a profile of the service 'api'",
			 "cresset upload run.cresset --to http://pyroscope:4040 --service api"},
			{"to Parca over TLS, with a token",
			 "cresset upload run.cresset --to https://parca:7070 --bearer-file token"},
			{"to an OpenTelemetry collector",
			 "cresset upload run.pb.gz --to http://collector:4318 --label env=prod"},
			{"into a bucket",
			 "cresset upload run.pb.gz --as s3 --to https://s3.eu-west-1.amazonaws.com/b "
			 "--set aws_region=eu-west-1"},
			{0}},
	.run = run,
};
