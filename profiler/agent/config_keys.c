// SPDX-License-Identifier: Apache-2.0
/* config_keys - see config_keys.h. The texts end up in the manual. */
#include "agent/config_keys.h"

#include "agent/config_checks.h"
#include "agent/label_rules.h"
#include "agent/service_rules.h"
#include "export/export.h"

#include "bytesize.h"
#include "duration.h"

#include <cresset/sink.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1e9
#define BLANKS " \t,"

#define ROW(section_, name_, arg_, standard_, kind_, field_, min_, max_, change_, check_, help_)   \
	{                                                                                          \
		.section = section_, .name = name_, .arg = arg_, .help = help_,                    \
		.standard = standard_, .kind = CONFIG_##kind_,                                     \
		.offset = offsetof(struct agent_config, field_), .min = min_, .max = max_,         \
		.change = AGENT_CHANGE_##change_, .check = check_                                  \
	}

static const struct config_row rows[] = {
	ROW("agent", "events", "LIST", "cpu off-cpu", EVENTS, agent.cpu, 0, 0, RECORDER, NULL,
	    "what is recorded: cpu, off-cpu, or both"),
	ROW("agent", "freq", "HZ", "19", UINT, agent.freq_hz, 1, 1000, RECORDER, NULL,
	    "samples a second on each CPU"),
	ROW("agent", "window", "TIME", "10s", DURATION, agent.window_ns, SECOND, 600 * SECOND,
	    RECORDER, NULL, "length of one profile; it is stored and sent when it is over"),
	ROW("agent", "unwind", "auto|fp|dwarf", "auto", UNWIND, agent.unwind, 0, 0, RECORDER, NULL,
	    "how user stacks are found: by unwind tables, else frame pointers; by frame pointers "
	    "only; by tables only"),
	ROW("agent", "min_wait", "TIME", "", DURATION, agent.min_wait_ns, 1, 3600 * SECOND,
	    RECORDER, NULL, "waits shorter than this are left out"),
	ROW("agent", "overhead_budget", "PERCENT", "0.5", PERCENT, agent.overhead_budget, 0.01, 100,
	    RECORDER, NULL,
	    "of each CPU, that following context switches may cost in the kernel; past that only "
	    "some waits are recorded, with weights"),
	ROW("agent", "cpu_budget", "PERCENT", "0.5", PERCENT, agent.cpu_budget, 0.01, 100, PROCESS,
	    NULL,
	    "of each CPU, that the agent itself may use; freq is lowered before it is used up"),
	ROW("agent", "max_memory", "BYTES", "256M", BYTES, agent.max_memory_bytes, 64 << 20, 0,
	    PROCESS, NULL, "of unwind tables, symbols, labels, queues and caches together"),
	ROW("agent", "inlines", "yes|no", "yes", YES, agent.inlines, 0, 0, NAMES, NULL,
	    "show calls that the compiler inlined as frames"),
	ROW("agent", "lines", "yes|no", "yes", YES, agent.lines, 0, 0, NAMES, NULL,
	    "keep source files and line numbers"),
	ROW("agent", "debuginfod", "yes|no", "no", YES, agent.debuginfod, 0, 0, NAMES, NULL,
	    "ask the servers of DEBUGINFOD_URLS for debug information; build-ids of all that runs "
	    "here are told to them"),
	ROW("agent", "user", "NAME", "", TEXT, agent.user, 0, 0, PROCESS, config_check_user,
	    "run as this user, with the few capabilities that are needed, when started by root"),
	ROW("agent", "seccomp", "yes|no", "yes", YES, agent.seccomp, 0, 0, PROCESS, NULL,
	    "refuse all system calls that the agent does not need once it has started"),

	ROW("store", "path", "DIR", "/var/lib/cresset", TEXT, store.path, 0, 0, PROCESS,
	    config_check_path, "where profiles are kept"),
	ROW("store", "max_bytes", "BYTES", "2G", BYTES, store.max_bytes, 8 << 20, 0, STORE, NULL,
	    "the oldest profiles go when the store is larger"),
	ROW("store", "max_age", "TIME", "7d", DURATION, store.max_age_ns, 60 * SECOND,
	    1000.0 * 86400 * SECOND, STORE, NULL, "profiles older than this go"),
	ROW("store", "spool", "DIR", "", TEXT, store.spool, 0, 0, PROCESS, config_check_path,
	    "where uploads wait while their server is away (default: spool in the store's "
	    "directory)"),

	ROW("http", "listen", "HOST:PORT|no", "127.0.0.1:4050", TEXT, http.listen, 0, 0, HTTP,
	    config_check_listen, "address of the pages, the API and /metrics"),
	ROW("http", "user", "NAME", "", TEXT, http.user, 0, 0, HTTP, NULL,
	    "ask for this user and a password (HTTP Basic)"),
	ROW("http", "password_file", "FILE", "", TEXT, http.password_file, 0, 0, HTTP,
	    config_check_path, "file with the password"),
	ROW("http", "bearer_file", "FILE", "", TEXT, http.bearer_file, 0, 0, HTTP,
	    config_check_path, "ask for the token in this file"),
	ROW("http", "tls_cert", "FILE", "", TEXT, http.tls_cert, 0, 0, HTTP, config_check_path,
	    "serve HTTPS with this certificate chain (PEM)"),
	ROW("http", "tls_key", "FILE", "", TEXT, http.tls_key, 0, 0, HTTP, config_check_path,
	    "its private key (PEM)"),

	ROW("labels", "static", "LABEL=VALUE", "", LINE, labels.statics, 0, 0, LABELS,
	    config_check_static, "a label of every profile; also host=NAME"),
	ROW("labels", "env", "VARIABLE[=LABEL] ...", "", WORDS, labels.env, 0, 0, LABELS,
	    config_check_env,
	    "environment variables that become labels (default name: in lower case)"),
	ROW("labels", "otel", "ATTRIBUTE ...",
	    "service.namespace service.version deployment.environment deployment.environment.name",
	    WORDS, labels.otel, 0, 0, LABELS, config_check_attribute,
	    "attributes of OTEL_RESOURCE_ATTRIBUTES that become labels, dots as '_'"),
	ROW("labels", "service", "RULE ...", "otel unit container exe comm", WORDS, labels.service,
	    0, 0, LABELS, service_rule_check,
	    "where the label service comes from, the first that is there: otel (OTEL_SERVICE_NAME, "
	    "or the attribute service.name), env:VARIABLE, unit, container, container_id, pod_uid, "
	    "slice, cgroup, exe, comm, text:NAME"),
	ROW("labels", "keep", "LABEL[=VALUE]", "", RULE, labels.rules, 0, 0, LABELS,
	    label_rule_check,
	    "regular expressions of the whole name, and value, of labels that stay; others go"),
	ROW("labels", "drop", "LABEL[=VALUE]", "", RULE, labels.rules, 0, 0, LABELS,
	    label_rule_check, "the same of labels that go"),
	ROW("labels", "rename", "LABEL NEW", "", RULE, labels.rules, 0, 0, LABELS, label_rule_check,
	    "a regular expression of the whole name, and the new name, with \\1 to \\9 for groups"),
	ROW("labels", "max_series", "N", "4096", UINT, labels.max_series, 1, 1000000, LABELS, NULL,
	    "sets of labels at a time; more fold into one with overflow=true"),
};

const struct config_row *config_row_at(size_t i)
{
	return i < sizeof(rows) / sizeof(*rows) ? &rows[i] : NULL;
}

bool config_row_many(const struct config_row *row)
{
	return row->kind == CONFIG_WORDS || row->kind == CONFIG_LINE || row->kind == CONFIG_RULE;
}

static void *place(const struct agent_config *c, const struct config_row *row)
{
	return (char *)c + row->offset;
}

/* ---- Lists. */

static void list_clear(struct vec *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(*(char **)vec_at(list, i));
	list->n = 0;
}

static int list_add(struct vec *list, const struct config_row *row, const char *value, size_t len,
		    struct cresset_error *err)
{
	char *copy;
	int r = 0;

	if (list->n >= AGENT_CONFIG_MAX_LIST)
		return cresset_error_set(err, -EINVAL, "%s has more than %d values", row->name,
					 AGENT_CONFIG_MAX_LIST);
	if (row->kind == CONFIG_RULE)
		r = asprintf(&copy, "%s %.*s", row->name, (int)len, value) < 0 ? -ENOMEM : 0;
	else if (!(copy = strndup(value, len)))
		r = -ENOMEM;
	if (r < 0)
		return r;
	if (row->check)
		r = row->check(row->name, copy, err);
	if (r == 0 && !vec_push(list, &copy, 1))
		r = -ENOMEM;
	if (r < 0)
		free(copy);
	return r;
}

static int add_words(struct vec *list, const struct config_row *row, const char *value,
		     struct cresset_error *err)
{
	int r = 0;

	for (value += strspn(value, BLANKS); r == 0 && *value; value += strspn(value, BLANKS)) {
		size_t n = strcspn(value, BLANKS);

		r = list_add(list, row, value, n, err);
		value += n;
	}
	return r;
}

/* Rules of all three keys share a list, which has no default: nothing to clear. */
static int set_list(struct vec *list, const struct config_row *row, const char *value, bool first,
		    struct cresset_error *err)
{
	if (first && row->kind != CONFIG_RULE)
		list_clear(list);
	if (row->kind == CONFIG_WORDS)
		return add_words(list, row, value, err);
	if (!*value)
		return cresset_error_set(err, -EINVAL, "%s needs a value: %s", row->name, row->arg);
	return list_add(list, row, value, strlen(value), err);
}

/* ---- Single values. */

static int set_text(char **at, const struct config_row *row, const char *value,
		    struct cresset_error *err)
{
	char *copy;
	int r;

	if (!*value)
		return cresset_error_set(err, -EINVAL, "%s needs a value: %s", row->name, row->arg);
	r = row->check ? row->check(row->name, value, err) : 0;
	if (r < 0)
		return r;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static int set_duration(uint64_t *at, const struct config_row *row, const char *value,
			struct cresset_error *err)
{
	uint64_t ns;

	if (duration_parse(value, &ns) < 0)
		return cresset_error_set(err, -EINVAL,
					 "%s needs a time like 10s or 7d, not '%.60s'", row->name,
					 value);
	if ((double)ns < row->min || (double)ns > row->max)
		return cresset_error_set(err, -EINVAL, "%s must be %gs to %gs, not '%.60s'",
					 row->name, row->min / SECOND, row->max / SECOND, value);
	*at = ns;
	return 0;
}

static int set_bytes(uint64_t *at, const struct config_row *row, const char *value,
		     struct cresset_error *err)
{
	uint64_t bytes;

	if (bytesize_parse(value, &bytes) < 0)
		return cresset_error_set(err, -EINVAL, "%s needs an amount like 64M, not '%.60s'",
					 row->name, value);
	if ((double)bytes < row->min)
		return cresset_error_set(err, -EINVAL, "%s must be at least %gM, not '%.60s'",
					 row->name, row->min / (1 << 20), value);
	*at = bytes;
	return 0;
}

static int set_events(struct agent_recording *a, const char *value, struct cresset_error *err)
{
	bool cpu = false, off_cpu = false;

	for (value += strspn(value, BLANKS); *value; value += strspn(value, BLANKS)) {
		size_t n = strcspn(value, BLANKS);

		if (n == 3 && !strncmp(value, "cpu", n))
			cpu = true;
		else if (n == 7 && !strncmp(value, "off-cpu", n))
			off_cpu = true;
		else
			return cresset_error_set(err, -EINVAL,
						 "events are cpu and off-cpu, not '%.*s'",
						 n < 40 ? (int)n : 40, value);
		value += n;
	}
	if (!cpu && !off_cpu)
		return cresset_error_set(err, -EINVAL, "events needs cpu, off-cpu, or both");
	a->cpu = cpu;
	a->off_cpu = off_cpu;
	return 0;
}

static const char *const unwinds[] = {
	[CRESSET_UNWIND_AUTO] = "auto",
	[CRESSET_UNWIND_FP] = "fp",
	[CRESSET_UNWIND_DWARF] = "dwarf",
};

static int set_unwind(enum cresset_unwind *at, const char *value, struct cresset_error *err)
{
	for (size_t i = 0; i < sizeof(unwinds) / sizeof(*unwinds); i++) {
		if (!strcmp(unwinds[i], value)) {
			*at = (enum cresset_unwind)i;
			return 0;
		}
	}
	return cresset_error_set(err, -EINVAL, "unwind must be auto, fp or dwarf, not '%.40s'",
				 value);
}

int config_row_set(struct agent_config *c, const struct config_row *row, const char *value,
		   bool first, struct cresset_error *err)
{
	void *at = place(c, row);
	double number;
	int r;

	switch (row->kind) {
	case CONFIG_TEXT:
		return set_text(at, row, value, err);
	case CONFIG_YES:
		return config_yes(row->name, value, at, err);
	case CONFIG_UINT:
	case CONFIG_PERCENT:
		r = config_number(row->name, value, row->kind == CONFIG_PERCENT, row->min, row->max,
				  &number, err);
		if (r == 0 && row->kind == CONFIG_UINT)
			*(unsigned int *)at = (unsigned int)number;
		else if (r == 0)
			*(double *)at = number / 100;
		return r;
	case CONFIG_DURATION:
		return set_duration(at, row, value, err);
	case CONFIG_BYTES:
		return set_bytes(at, row, value, err);
	case CONFIG_UNWIND:
		return set_unwind(at, value, err);
	case CONFIG_EVENTS:
		return set_events(&c->agent, value, err);
	case CONFIG_WORDS:
	case CONFIG_LINE:
	case CONFIG_RULE:
		return set_list(at, row, value, first, err);
	}
	return -EINVAL;
}

int config_defaults(struct agent_config *c)
{
	int r = 0;

	vec_init(&c->uploads, sizeof(struct export_config *));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (config_row_many(&rows[i]))
			vec_init(place(c, &rows[i]), sizeof(char *));
	for (size_t i = 0; r == 0 && i < sizeof(rows) / sizeof(*rows); i++)
		if (*rows[i].standard)
			r = config_row_set(c, &rows[i], rows[i].standard, true, NULL);
	return r;
}

void config_release(struct agent_config *c)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		void *at = place(c, &rows[i]);

		if (rows[i].kind == CONFIG_TEXT) {
			free(*(char **)at);
		} else if (config_row_many(&rows[i])) {
			list_clear(at);
			vec_release(at);
		}
	}
	for (size_t i = 0; i < c->uploads.n; i++)
		export_config_free(*(struct export_config **)vec_at(&c->uploads, i));
	vec_release(&c->uploads);
}

/* ---- Comparing and printing. */

static bool text_equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool list_equal(const struct vec *a, const struct vec *b)
{
	for (size_t i = 0; i < a->n && a->n == b->n; i++)
		if (!text_equal(*(char **)vec_at(a, i), *(char **)vec_at(b, i)))
			return false;
	return a->n == b->n;
}

bool config_row_equal(const struct config_row *row, const struct agent_config *x,
		      const struct agent_config *y)
{
	const void *a = place(x, row), *b = place(y, row);

	switch (row->kind) {
	case CONFIG_TEXT:
		return text_equal(*(char *const *)a, *(char *const *)b);
	case CONFIG_YES:
		return *(const bool *)a == *(const bool *)b;
	case CONFIG_UINT:
		return *(const unsigned int *)a == *(const unsigned int *)b;
	case CONFIG_PERCENT:
		return *(const double *)a == *(const double *)b;
	case CONFIG_DURATION:
	case CONFIG_BYTES:
		return *(const uint64_t *)a == *(const uint64_t *)b;
	case CONFIG_UNWIND:
		return x->agent.unwind == y->agent.unwind;
	case CONFIG_EVENTS:
		return x->agent.cpu == y->agent.cpu && x->agent.off_cpu == y->agent.off_cpu;
	case CONFIG_WORDS:
	case CONFIG_LINE:
	case CONFIG_RULE:
		return list_equal(a, b);
	}
	return false;
}

/* Bytes of a value. Lists are moved whole. */
static size_t size_of(const struct config_row *row)
{
	switch (row->kind) {
	case CONFIG_TEXT:
		return sizeof(char *);
	case CONFIG_YES:
		return sizeof(bool);
	case CONFIG_UINT:
		return sizeof(unsigned int);
	case CONFIG_PERCENT:
		return sizeof(double);
	case CONFIG_DURATION:
	case CONFIG_BYTES:
		return sizeof(uint64_t);
	case CONFIG_UNWIND:
		return sizeof(enum cresset_unwind);
	case CONFIG_EVENTS:
		return sizeof(bool[2]); /* cpu, off_cpu */
	case CONFIG_WORDS:
	case CONFIG_LINE:
	case CONFIG_RULE:
		return sizeof(struct vec);
	}
	return 0;
}

void config_row_swap(const struct config_row *row, struct agent_config *x, struct agent_config *y)
{
	char value[sizeof(struct vec)];
	size_t n = size_of(row);

	memcpy(value, place(x, row), n);
	memcpy(place(x, row), place(y, row), n);
	memcpy(place(y, row), value, n);
}

/* In the largest unit that says it exactly, so that it can be read again. */
static void print_units(struct cresset_sink *sink, const char *name, uint64_t value,
			const char *const *units, const uint64_t *scales, size_t n)
{
	size_t i = 0;

	while (i + 1 < n && value % scales[i])
		i++;
	cresset_sink_printf(sink, "%s = %llu%s\n", name, (unsigned long long)(value / scales[i]),
			    units[i]);
}

static void print_list(const struct config_row *row, const struct vec *list,
		       struct cresset_sink *sink)
{
	size_t n = strlen(row->name);

	if (row->kind == CONFIG_WORDS)
		cresset_sink_printf(sink, "%s =", row->name);
	for (size_t i = 0; i < list->n; i++) {
		const char *text = *(char **)vec_at(list, i);

		if (row->kind == CONFIG_WORDS)
			cresset_sink_printf(sink, " %s", text);
		else if (row->kind == CONFIG_LINE)
			cresset_sink_printf(sink, "%s = %s\n", row->name, text);
		else if (!strncmp(text, row->name, n) && text[n] == ' ')
			cresset_sink_printf(sink, "%s = %s\n", row->name, text + n + 1);
	}
	if (row->kind == CONFIG_WORDS)
		cresset_sink_puts(sink, "\n");
}

void config_row_print(const struct config_row *row, const struct agent_config *c,
		      struct cresset_sink *sink)
{
	static const char *const times[] = {"d", "h", "m", "s", "ms", "us", "ns"};
	static const uint64_t time_scales[] = {
		86400000000000, 3600000000000, 60000000000, 1000000000, 1000000, 1000, 1};
	static const char *const sizes[] = {"G", "M", "k", ""};
	static const uint64_t size_scales[] = {1 << 30, 1 << 20, 1 << 10, 1};
	const void *at = place(c, row);

	if (row->kind == CONFIG_TEXT && *(char *const *)at)
		cresset_sink_printf(sink, "%s = %s\n", row->name, *(char *const *)at);
	else if (row->kind == CONFIG_YES)
		cresset_sink_printf(sink, "%s = %s\n", row->name, *(const bool *)at ? "yes" : "no");
	else if (row->kind == CONFIG_UINT)
		cresset_sink_printf(sink, "%s = %u\n", row->name, *(const unsigned int *)at);
	else if (row->kind == CONFIG_PERCENT)
		cresset_sink_printf(sink, "%s = %.10g\n", row->name, *(const double *)at * 100);
	else if (row->kind == CONFIG_DURATION && *(const uint64_t *)at)
		print_units(sink, row->name, *(const uint64_t *)at, times, time_scales, 7);
	else if (row->kind == CONFIG_BYTES)
		print_units(sink, row->name, *(const uint64_t *)at, sizes, size_scales, 4);
	else if (row->kind == CONFIG_UNWIND)
		cresset_sink_printf(sink, "%s = %s\n", row->name, unwinds[c->agent.unwind]);
	else if (row->kind == CONFIG_EVENTS)
		cresset_sink_printf(sink, "%s =%s%s\n", row->name, c->agent.cpu ? " cpu" : "",
				    c->agent.off_cpu ? " off-cpu" : "");
	else if (config_row_many(row))
		print_list(row, at, sink);
}
