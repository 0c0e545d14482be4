// SPDX-License-Identifier: Apache-2.0
/* metrics - see metrics.h. Prometheus: docs/instrumenting/exposition_formats. */
#include "web/metrics.h"

#include "formats/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

int metrics_init(struct metrics *m, struct cresset_sink *sink)
{
	memset(m, 0, sizeof(*m));
	m->sink = sink;
	vec_init(&m->line, 1);
	m->error = strtab_init(&m->seen);
	return m->error;
}

static void fail(struct metrics *m, int r)
{
	if (!m->error)
		m->error = r;
}

static bool name_valid(const char *name, bool colon)
{
	size_t n = strlen(name);

	if (!n || n > METRICS_NAME_MAX || (name[0] >= '0' && name[0] <= '9'))
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || (colon && c == ':')))
			return false;
	}
	return true;
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n > k && !strcmp(s + n - k, end);
}

/* False if the text has been there before, or there is no memory. */
static bool is_new(struct metrics *m, const char *text, size_t n)
{
	uint32_t before = strtab_count(&m->seen), id = 0;
	int r = strtab_add(&m->seen, text, n, &id);

	if (r < 0 || id <= before)
		fail(m, r < 0 ? r : -EEXIST);
	return r == 0 && id > before;
}

static void put(struct metrics *m, const char *s)
{
	if (!vec_push(&m->line, s, strlen(s)))
		fail(m, -ENOMEM);
}

/* Text with what would end it written as an escape; quote: within quotes. */
static void put_escaped(struct metrics *m, const char *s, bool quote)
{
	struct vec text;

	vec_init(&text, 1);
	if (text_append_utf8(&text, s, strlen(s)) < 0)
		fail(m, -ENOMEM);
	for (size_t i = 0; i < text.n; i++) {
		char c = ((const char *)text.data)[i];

		if (c == '\n')
			put(m, "\\n");
		else if (c == '\\')
			put(m, "\\\\");
		else if (c == '"' && quote)
			put(m, "\\\"");
		else if (!vec_push(&m->line, &c, 1))
			fail(m, -ENOMEM);
	}
	vec_release(&text);
}

static void flush(struct metrics *m)
{
	cresset_sink_write(m->sink, m->line.data, m->line.n);
	m->line.n = 0;
}

void metrics_family(struct metrics *m, const char *name, enum metrics_kind kind, const char *help)
{
	bool total = ends_in(name, "_total");

	m->open = false;
	if (!name_valid(name, true) || total != (kind == METRICS_COUNTER)) {
		fail(m, -EINVAL);
		return;
	}
	if (!is_new(m, name, strlen(name)))
		return;
	m->line.n = 0;
	put(m, "# HELP ");
	put(m, name);
	put(m, " ");
	put_escaped(m, help, false);
	put(m, "\n# TYPE ");
	put(m, name);
	put(m, kind == METRICS_COUNTER ? " counter\n" : " gauge\n");
	flush(m);
	snprintf(m->family, sizeof(m->family), "%s", name);
	m->open = true;
}

static bool labels_valid(const struct metrics_label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!name_valid(labels[i].name, false) || !strncmp(labels[i].name, "__", 2))
			return false;
		for (size_t k = 0; k < i; k++)
			if (!strcmp(labels[i].name, labels[k].name))
				return false;
	}
	return n <= METRICS_MAX_LABELS;
}

static void value(struct metrics *m, const char *number, const struct metrics_label *labels,
		  size_t n)
{
	if (!m->open || !labels_valid(labels, n)) {
		fail(m, -EINVAL);
		return;
	}
	m->line.n = 0;
	put(m, m->family);
	for (size_t i = 0; i < n; i++) {
		put(m, i ? "," : "{");
		put(m, labels[i].name);
		put(m, "=\"");
		put_escaped(m, labels[i].value ? labels[i].value : "", true);
		put(m, "\"");
	}
	/* The family's own name is known already, so a series without labels needs an end too. */
	put(m, n ? "} " : " ");
	if (!is_new(m, m->line.data, m->line.n))
		return;
	put(m, number);
	put(m, "\n");
	flush(m);
}

void metrics_uint(struct metrics *m, uint64_t number, const struct metrics_label *labels, size_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	value(m, text, labels, n);
}

void metrics_double(struct metrics *m, double number, const struct metrics_label *labels, size_t n)
{
	char text[40];

	if (isnan(number))
		snprintf(text, sizeof(text), "NaN");
	else if (isinf(number))
		snprintf(text, sizeof(text), number > 0 ? "+Inf" : "-Inf");
	else
		snprintf(text, sizeof(text), "%.15g", number);
	value(m, text, labels, n);
}

void metrics_one(struct metrics *m, const char *name, enum metrics_kind kind, const char *help,
		 uint64_t number)
{
	metrics_family(m, name, kind, help);
	metrics_uint(m, number, NULL, 0);
}

void metrics_one_double(struct metrics *m, const char *name, enum metrics_kind kind,
			const char *help, double number)
{
	metrics_family(m, name, kind, help);
	metrics_double(m, number, NULL, 0);
}

int metrics_release(struct metrics *m)
{
	int r = m->error ? m->error : cresset_sink_error(m->sink);

	vec_release(&m->line);
	strtab_release(&m->seen);
	return r;
}
