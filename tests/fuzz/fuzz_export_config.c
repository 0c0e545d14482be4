// SPDX-License-Identifier: Apache-2.0
/*
 * A target's section of a configuration, "key = value" a line, and the template that may be in it.
 * A refusal must say why in one line; what is accepted, printed and read again must be the same;
 * a header's value is never printed; and a profile whose labels are the input too stays in its
 * place in the path.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cresset/sink.h>

#include "export/inside.h"
#include "export/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set_line(struct export_config *c, const char *line, size_t n)
{
	struct cresset_error err = {.text = ""};
	const char *equals = memchr(line, '=', n);
	char key[64] = "", value[4096];
	size_t length = equals ? (size_t)(equals - line) : 0;

	if (!equals || length >= sizeof(key) || n - length > sizeof(value))
		return;
	memcpy(key, line, length);
	key[strcspn(key, " ")] = '\0';
	equals += equals + 1 < line + n && equals[1] == ' ' ? 2 : 1;
	n -= (size_t)(equals - line);
	memcpy(value, equals, n);
	value[n] = '\0';
	if (export_config_set(c, key, value, &err) < 0 && (!err.text[0] || strchr(err.text, '\n')))
		abort();
}

static void set_all(struct export_config *c, const char *at, size_t size)
{
	while (size) {
		const char *end = memchr(at, '\n', size);
		size_t n = end ? (size_t)(end - at) : size;

		set_line(c, at, n);
		at += end ? n + 1 : n;
		size -= end ? n + 1 : n;
	}
}

static struct cresset_sink *print(const struct export_config *c)
{
	struct cresset_sink *sink = NULL;

	if (cresset_sink_memory(&sink) < 0 || export_config_print(c, sink) < 0)
		abort();
	return sink;
}

/* All but the headers, whose values are not shown. */
static void check_again(const struct export_config *c)
{
	struct export_config *again = NULL;
	struct cresset_sink *first = print(c), *second;
	const char *a, *b;
	size_t n, m;

	if (export_config_new("fuzz", &again) < 0)
		abort();
	a = cresset_sink_data(first, &n);
	set_all(again, a, n);
	second = print(again);
	b = cresset_sink_data(second, &m);
	if (n != m || memcmp(a, b, n) != 0)
		abort();
	for (size_t i = 0; i < c->headers.n; i++) {
		const char *value = strchr(*(char **)vec_at(&c->headers, i), ':') + 1;

		value += strspn(value, " ");
		if (strlen(value) > 40 && memmem(a, n, value, strlen(value)))
			abort();
	}
	export_config_free(again);
	cresset_sink_abort(first);
	cresset_sink_abort(second);
}

static void check_template(const struct export_config *c, const char *label)
{
	struct export_request *r = NULL;
	struct cresset_profile *p = NULL;
	struct export_label labels[] = {{"service", label}, {"x", label}};
	struct export_input in = {.config = c, .labels = labels, .n_labels = 2};
	size_t slashes = 0, had = 0;
	char *path = NULL;

	if (export_request_new(&r) < 0 || cresset_profile_new(&p) < 0)
		abort();
	in.profile = p;
	if (template_fill(c->path, &in, r, &path) < 0)
		abort();
	for (const char *s = path; *s; s++) {
		if (*s <= ' ' || *s == '?' || *s == '#' || (unsigned char)*s >= 0x7f)
			abort();
		slashes += *s == '/';
	}
	for (const char *s = c->path; *s; s++)
		had += *s == '/';
	if (slashes > had)
		abort();
	free(path);
	cresset_profile_free(p);
	export_request_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct export_config *c = NULL;
	char label[256] = "";

	if (export_config_new("fuzz", &c) < 0)
		abort();
	set_all(c, (const char *)data, size);
	check_again(c);
	if (c->path) {
		memcpy(label, data, size < sizeof(label) - 1 ? size : sizeof(label) - 1);
		check_template(c, label);
	}
	export_config_free(c);
	return 0;
}
