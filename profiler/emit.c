// SPDX-License-Identifier: Apache-2.0
/*
 * See emit.h. A closed pipe on standard output (`cresset report x | head`) is the reader's choice
 * and not worth a message.
 */
#include "emit.h"

#include "idle.h"
#include "term.h"

#include <cresset/recorder.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int emit_resolve(const struct emit_symbols *options, struct cresset_profile *p, unsigned int what,
		 const struct emit_origin *origin)
{
	struct cresset_symbolizer_options so = CRESSET_SYMBOLIZER_OPTIONS_INIT;
	struct cresset_symbolizer *s;
	int r;

	so.no_inlines = options->no_inlines;
	so.no_lines = options->no_lines;
	so.debuginfod = options->debuginfod;
	so.debug_dirs = options->debug_dirs;
	if (origin) {
		so.open = origin->open;
		so.open_arg = origin->open_arg;
		so.kernel_names = origin->kernel_names ? cresset_kernel_names_find : NULL;
		so.kernel_names_arg = origin->kernel_names;
	}
	r = cresset_symbolizer_new(&so, &s);
	if (r < 0)
		return r;
	r = cresset_symbolizer_resolve(s, p, what);
	cresset_symbolizer_free(s);
	return r;
}

int emit_value_index(const struct cresset_profile *p, const char *name, int *ret,
		     struct cresset_error *err)
{
	char known[200] = "";
	size_t used = 0;

	if (!name) {
		*ret = -1;
		return 0;
	}
	for (size_t i = 0; i < cresset_profile_n_value_types(p); i++) {
		struct cresset_value_type t = cresset_profile_value_type(p, i);
		const char *type = cresset_profile_string(p, t.type);

		if (!strcmp(type, name)) {
			*ret = (int)i;
			return 0;
		}
		if (used < sizeof(known))
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%.60s",
						 i ? ", " : "", type);
	}
	return cresset_error_set(err, -EINVAL, "the profile has no value '%s' (it has: %s)", name,
				 known);
}

const char *emit_problem(const struct emit_idle *idle, const struct emit_diff *diff)
{
	if (idle->show && idle->hide)
		return "--idle and --no-idle exclude each other";
	if (diff && diff->normalize && !diff->base)
		return "--normalize is for two profiles (give --diff BASE)";
	return NULL;
}

int emit_idle_tag(const struct idle_rules *rules, struct cresset_profile *p,
		  struct cresset_error *err)
{
	int r = idle_tag(rules, p);

	if (r < 0)
		return cresset_error_set(err, r, "cannot label benign waits: %s", strerror(-r));
	return 0;
}

bool emit_idle_hidden(const struct emit_idle *o, const struct cresset_profile *p)
{
	for (size_t i = 0; !o->show && !o->hide && i < cresset_profile_n_stats(p); i++) {
		struct cresset_stat stat = cresset_profile_stat(p, i);

		if (stat.value && !strcmp(cresset_profile_string(p, stat.name), EMIT_STAT_ALL))
			return true;
	}
	return o->hide;
}

static int emit_one(const struct command *self, const struct output *out,
		    const struct cresset_profile *p, const struct cresset_format_options *options)
{
	struct cresset_format_options fo = *options;
	struct cresset_error err = {.text = ""};
	bool standard = !strcmp(out->path, "-");
	int r;

	if (standard) {
		struct term t = term_of(STDOUT_FILENO);

		fo.color = t.color;
		fo.columns = t.columns;
	}
	r = cresset_format_write_file(out->format, p, out->path, &fo, &err);
	if (r < 0 && !(standard && r == -EPIPE))
		say_error(self, "%s", err.text[0] ? err.text : strerror(-r));
	return r;
}

size_t emit_outputs(const struct command *self, const struct outputs *o, bool raw_only,
		    const struct cresset_profile *p, const struct cresset_format_options *options)
{
	struct output *out;
	size_t failed = 0;

	for (size_t i = 0; (out = outputs_at(o, i)); i++) {
		bool raw = out->format->flags & CRESSET_FORMAT_RAW;

		if (out->done || (raw_only && !raw))
			continue;
		out->done = true;
		if (emit_one(self, out, p, options) < 0)
			failed++;
	}
	return failed;
}
