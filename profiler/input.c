// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel, JIT compilers and processes of the recorded moment alone could name has been
 * named when the raw file was written; only files are left to look into.
 */
#include "input.h"

#include "idle_rules.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

const char *input_problem(const struct vec *words)
{
	if (!words->n)
		return "which file? ('-' is standard input)";
	return words->n > 1 ? "one input at a time" : NULL;
}

int input_read(const char *path, const struct emit_symbols *symbols, struct cresset_profile **ret,
	       struct cresset_error *err)
{
	const struct cresset_format *format = NULL;
	struct cresset_profile *p = NULL;
	int r;

	if (!strcmp(path, "-") && isatty(STDIN_FILENO))
		return cresset_error_set(err, -EINVAL,
					 "standard input is a terminal (name a file, or pipe one "
					 "in)");
	r = cresset_format_read_file(path, &p, &format, err);
	if (r < 0)
		return r;
	if (symbols && (format->flags & CRESSET_FORMAT_RAW)) {
		r = emit_resolve(symbols, p, CRESSET_RESOLVE_FILES, NULL);
		if (r == 0)
			r = cresset_profile_settle(p);
	}
	if (r < 0) {
		cresset_profile_free(p);
		return cresset_error_set(err, r, "cannot resolve names of %s: %s", path,
					 strerror(-r));
	}
	*ret = p;
	return 0;
}

int input_shown_read(struct input_shown *s, const char *path, const char *base_path,
		     const char *rules, const struct emit_symbols *symbols,
		     struct cresset_error *err)
{
	struct idle_rules *idle = NULL;
	int r;

	*s = (struct input_shown){.profile = NULL};
	if (base_path && !strcmp(path, "-") && !strcmp(base_path, "-"))
		return cresset_error_set(err, -EINVAL,
					 "both profiles from standard input (name a file)");
	r = idle_rules_new(rules, &idle, err);
	r = r ?: input_read(path, symbols, &s->profile, err);
	r = r ?: emit_idle_tag(idle, s->profile, err);
	if (r == 0 && base_path)
		r = input_read(base_path, symbols, &s->base, err);
	if (r == 0 && base_path)
		r = emit_idle_tag(idle, s->base, err);
	idle_rules_free(idle);
	return r;
}

void input_shown_release(struct input_shown *s)
{
	cresset_profile_free(s->profile);
	cresset_profile_free(s->base);
}
