// SPDX-License-Identifier: Apache-2.0
/*
 * See outputs.h. The early look at a path cannot promise that it will be writable later; the sink
 * has the last word.
 */
#include "outputs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool choice(size_t i, bool written, struct option_choice *ret)
{
	const struct cresset_format *f;

	for (size_t k = 0; (f = cresset_format_at(k)); k++) {
		if (!(written ? f->write != NULL : f->read != NULL) || i--)
			continue;
		*ret = (struct option_choice){f->name, f->extensions, f->help};
		return true;
	}
	return false;
}

bool outputs_choice(size_t i, struct option_choice *ret)
{
	return choice(i, true, ret);
}

bool outputs_choice_read(size_t i, struct option_choice *ret)
{
	return choice(i, false, ret);
}

struct output *outputs_at(const struct outputs *o, size_t i)
{
	return i < o->list.n ? vec_at(&o->list, i) : NULL;
}

static bool is_stdout(const char *path)
{
	return !strcmp(path, "-") || !strcmp(path, "/dev/stdout") || !strcmp(path, "/dev/fd/1") ||
	       !strcmp(path, "/proc/self/fd/1");
}

static bool is_terminal(const char *path)
{
	return is_stdout(path) ? isatty(STDOUT_FILENO) : !strcmp(path, "/dev/tty");
}

/* Every known extension: ".svg, .pb.gz, …". */
static const char *known_extensions(char *buf, size_t size)
{
	struct option_choice c;
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; outputs_choice(i, &c) && used < size; i++) {
		size_t len = strcspn(c.detail, " ");

		if (len)
			used += (size_t)snprintf(buf + used, size - used, "%s%.*s",
						 used ? ", " : "", (int)len, c.detail);
	}
	return buf;
}

static int pick_format(const char *path, const char *forced, bool single,
		       const struct cresset_format **ret, struct cresset_error *err)
{
	const struct cresset_format *by_name = forced ? cresset_format_by_name(forced) : NULL;
	const struct cresset_format *by_path = cresset_format_by_path(path);
	char known[128];

	*ret = single || !by_path ? by_name : by_path;
	if (!*ret)
		*ret = by_path;
	if (!*ret && !strcmp(path, "-"))
		return cresset_error_set(err, -EINVAL, "-o - needs a format: give -f NAME");
	if (!*ret)
		return cresset_error_set(err, -EINVAL,
					 "cannot tell the format of '%s' by its extension (known: "
					 "%s; or give -f NAME)",
					 path, known_extensions(known, sizeof(known)));
	if (!(*ret)->write)
		return cresset_error_set(err, -EINVAL, "format %s can only be read", (*ret)->name);
	if (((*ret)->flags & CRESSET_FORMAT_BINARY) && is_terminal(path))
		return cresset_error_set(err, -EINVAL,
					 "%s is binary and would garble the terminal: redirect the "
					 "output, or give -o FILE",
					 (*ret)->name);
	return 0;
}

/* Would a file of this name be written? */
static int check_path(const char *path, struct cresset_error *err)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	const char *remedy = "";
	struct stat st;
	int r = 0;

	if (is_stdout(path))
		return 0;
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return cresset_error_set(err, -EISDIR,
						 "cannot write %s: it is a folder (name a file in "
						 "it)",
						 path);
		if (access(path, W_OK) < 0)
			r = -errno;
	}
	if (r == 0 && !(stat(path, &st) == 0 && !S_ISREG(st.st_mode))) {
		snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1,
			 slash ? path : ".");
		if (access(folder, W_OK | X_OK) < 0)
			r = -errno;
	}
	if (r == -ENOENT || r == -ENOTDIR)
		remedy = " (the folder must exist)";
	else if (r < 0)
		remedy = " (choose a folder that you may write to)";
	if (r < 0)
		return cresset_error_set(err, r, "cannot write %s: %s%s", path, strerror(-r),
					 remedy);
	return 0;
}

static int add(struct outputs *o, const char *path, const char *format, bool single,
	       struct cresset_error *err)
{
	struct output out = {.path = path};
	const struct output *other;
	int r;

	if (!*path)
		return cresset_error_set(err, -EINVAL, "-o needs a file name");
	for (size_t i = 0; (other = outputs_at(o, i)); i++) {
		if (!strcmp(other->path, path))
			return cresset_error_set(err, -EINVAL, "output '%s' is given twice", path);
	}
	r = pick_format(path, format, single, &out.format, err);
	if (r == 0)
		r = check_path(path, err);
	if (r == 0 && !vec_push(&o->list, &out, 1))
		r = -ENOMEM;
	return r;
}

int outputs_init(struct outputs *o, const struct vec *paths, const char *format,
		 const char *fallback, struct cresset_error *err)
{
	int r = 0;

	vec_init(&o->list, sizeof(struct output));
	if (!paths->n)
		return add(o, "-", format ? format : fallback, true, err);
	for (size_t i = 0; i < paths->n && r == 0; i++)
		r = add(o, *(const char **)vec_at(paths, i), format, paths->n == 1, err);
	return r;
}

void outputs_release(struct outputs *o)
{
	vec_release(&o->list);
}

bool outputs_any_raw(const struct outputs *o)
{
	const struct output *out;

	for (size_t i = 0; (out = outputs_at(o, i)); i++) {
		if (out->format->flags & CRESSET_FORMAT_RAW)
			return true;
	}
	return false;
}

bool outputs_all_raw(const struct outputs *o)
{
	const struct output *out;

	for (size_t i = 0; (out = outputs_at(o, i)); i++) {
		if (!(out->format->flags & CRESSET_FORMAT_RAW))
			return false;
	}
	return true;
}

int outputs_check_diff(const struct outputs *o, struct cresset_error *err)
{
	const struct output *out;

	for (size_t i = 0; (out = outputs_at(o, i)); i++) {
		if (!(out->format->flags & CRESSET_FORMAT_DIFF))
			return cresset_error_set(err, -EINVAL,
						 "format %s cannot show what changed (folded, svg "
						 "and top can)",
						 out->format->name);
	}
	return 0;
}
