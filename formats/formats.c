// SPDX-License-Identifier: Apache-2.0
/*
 * The table of formats, and whole files through it.
 *
 * To add a format: fmt_NAME.c, and X(NAME) here. The order is that of --help, and the one in which
 * formats are asked whether a file is theirs: the most particular ones (a magic number) stand
 * before those that take any text. A file is recognised by its content; its name only decides who
 * explains what is wrong when nobody knows the content.
 */
#include "formats/formats.h"

#include "core/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMATS                                                                                    \
	X(cresset)                                                                                 \
	X(pprof)                                                                                   \
	X(folded)                                                                                  \
	X(svg)                                                                                     \
	X(top)

/* The largest file that is read. */
#define READ_MAX  ((size_t)4 << 30)
#define READ_ROOM ((size_t)64 << 10)

#define X(name) extern const struct cresset_format format_##name;
FORMATS
#undef X

static const struct cresset_format *const formats[] = {
#define X(name) &format_##name,
	FORMATS
#undef X
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

const struct cresset_format *cresset_format_at(size_t i)
{
	return i < N_FORMATS ? formats[i] : NULL;
}

const struct cresset_format *cresset_format_by_name(const char *name)
{
	for (size_t i = 0; name && i < N_FORMATS; i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}

/* Length of the longest of the blank-separated extensions that path ends in; 0: none. A path that
 * is nothing but the extension is a hidden file, not a name with an extension. */
static size_t format_match(const struct cresset_format *f, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t base = strlen(slash ? slash + 1 : path), best = 0;

	for (const char *e = f->extensions; *e;) {
		size_t n = strcspn(e, " ");

		if (n > best && n < base && strncmp(path + strlen(path) - n, e, n) == 0)
			best = n;
		e += n;
		e += strspn(e, " ");
	}
	return best;
}

const struct cresset_format *cresset_format_by_path(const char *path)
{
	const struct cresset_format *found = NULL;
	size_t best = 0;

	for (size_t i = 0; path && i < N_FORMATS; i++) {
		size_t n = format_match(formats[i], path);

		if (n > best) {
			best = n;
			found = formats[i];
		}
	}
	return found;
}

struct cresset_format_options format_options(const struct cresset_format_options *options)
{
	struct cresset_format_options all = CRESSET_FORMAT_OPTIONS_INIT;

	if (options && options->size >= sizeof(options->size)) {
		size_t size = options->size < sizeof(all) ? options->size : sizeof(all);

		memcpy(&all, options, size);
		all.size = sizeof(all);
	}
	return all;
}

int format_value_index(const struct cresset_profile *p,
		       const struct cresset_format_options *options)
{
	size_t n = cresset_profile_n_value_types(p);
	int index = options->value_index;

	if (index < 0)
		index = (int)cresset_profile_default_type(p);
	return (size_t)index < n ? index : -1;
}

int format_base_index(const struct cresset_profile *p, int index,
		      const struct cresset_format_options *options, size_t *ret,
		      struct cresset_error *err)
{
	const struct cresset_profile *base = options->base;
	size_t n = cresset_profile_n_value_types(base);
	struct cresset_value_type want = {0}, t;

	*ret = 0;
	if (!n || !cresset_profile_n_value_types(p))
		return 0;
	if (index >= 0)
		want = cresset_profile_value_type(p, (size_t)index);
	for (size_t i = 0; i < n; i++) {
		t = cresset_profile_value_type(base, i);
		if (!strcmp(cresset_profile_string(p, want.type),
			    cresset_profile_string(base, t.type)) &&
		    !strcmp(cresset_profile_string(p, want.unit),
			    cresset_profile_string(base, t.unit))) {
			*ret = i;
			return 0;
		}
	}
	return cresset_error_set(
		err, -EINVAL, "the base profile has no value '%.60s' in %.60s to compare with",
		cresset_profile_string(p, want.type), cresset_profile_string(p, want.unit));
}

int format_error(struct cresset_error *err, int r, const char *what)
{
	if (r < 0 && err && !err->text[0])
		cresset_error_set(err, r, "cannot write %s: %s", what, strerror(-r));
	return r;
}

static const char *write_remedy(int r)
{
	switch (r) {
	case -ENOSPC:
	case -EDQUOT:
		return " (free some space, or write elsewhere)";
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return " (choose a folder that you may write to)";
	case -ENOENT:
	case -ENOTDIR:
		return " (the folder must exist)";
	default:
		return "";
	}
}

int cresset_format_write_file(const struct cresset_format *format, const struct cresset_profile *p,
			      const char *path, const struct cresset_format_options *options,
			      struct cresset_error *err)
{
	bool standard = strcmp(path, "-") == 0;
	const char *shown = standard ? "standard output" : path;
	struct cresset_error inner = {.text = ""};
	struct cresset_sink *sink = NULL;
	int r, done;

	if (!format->write)
		return cresset_error_set(err, -ENOTSUP, "cannot write %s: %s can only be read",
					 shown, format->name);
	r = standard ? cresset_sink_fd(STDOUT_FILENO, &sink) : cresset_sink_file(path, &sink);
	if (r < 0)
		return cresset_error_set(err, r, "cannot write %s: %s%s", shown, strerror(-r),
					 write_remedy(r));
	r = format->write(p, sink, options, &inner);
	done = cresset_sink_finish(sink, r);
	/* Where the writer failed on its own its text is the better one. */
	if (r < 0 && inner.text[0] && done == r)
		return cresset_error_set(err, r, "cannot write %.200s: %.300s", shown, inner.text);
	if (done < 0)
		return cresset_error_set(err, done, "cannot write %s: %s%s", shown, strerror(-done),
					 write_remedy(done));
	return 0;
}

/* All of fd, at most READ_MAX, into a vec of bytes. A regular file takes one allocation. */
static int read_all(int fd, struct vec *bytes)
{
	struct stat st;
	size_t room = READ_ROOM;

	/* One more than there are, so that the end is seen without growing. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (uint64_t)st.st_size <= READ_MAX)
		room = (size_t)st.st_size + 1;
	for (;;) {
		ssize_t n;

		if (bytes->n == bytes->capacity && vec_reserve(bytes, room) < 0)
			return -ENOMEM;
		n = read(fd, vec_at(bytes, bytes->n), bytes->capacity - bytes->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		bytes->n += (size_t)n;
		if (bytes->n > READ_MAX)
			return -EFBIG;
		room = READ_ROOM;
	}
}

static const struct cresset_format *format_of_content(const void *data, size_t size,
						      const char *path)
{
	const struct cresset_format *named = cresset_format_by_path(path);

	for (size_t i = 0; i < N_FORMATS; i++)
		if (formats[i]->sniff && formats[i]->sniff(data, size))
			return formats[i];
	return named && named->read ? named : NULL;
}

/* Parses what was read; the prefix of an error's text is the file's name. */
static int read_profile(const char *shown, const char *path, const void *data, size_t size,
			struct cresset_profile **ret, const struct cresset_format **ret_format,
			struct cresset_error *err)
{
	const struct cresset_format *format = format_of_content(data, size, path);
	struct cresset_error inner = {.text = ""};
	struct cresset_profile *p;
	int r;

	if (!size)
		return cresset_error_set(err, -EINVAL, "cannot read %s: the file is empty", shown);
	if (!format)
		return cresset_error_set(
			err, -EINVAL, "cannot read %s: not a .cresset, pprof or folded-stacks file",
			shown);
	r = cresset_profile_new(&p);
	if (r < 0)
		return cresset_error_set(err, r, "cannot read %s: %s", shown, strerror(-r));
	r = format->read(data, size, p, &inner);
	if (r < 0) {
		cresset_profile_free(p);
		return cresset_error_set(err, r, "cannot read %.200s as %s: %.280s", shown,
					 format->name, inner.text[0] ? inner.text : strerror(-r));
	}
	*ret = p;
	if (ret_format)
		*ret_format = format;
	return 0;
}

int cresset_format_read_file(const char *path, struct cresset_profile **ret,
			     const struct cresset_format **ret_format, struct cresset_error *err)
{
	bool standard = strcmp(path, "-") == 0;
	const char *shown = standard ? "standard input" : path;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct vec bytes;
	int r;

	if (fd < 0) {
		r = -errno;
		return cresset_error_set(err, r, "cannot read %s: %s", shown, strerror(-r));
	}
	vec_init(&bytes, 1);
	r = read_all(fd, &bytes);
	if (!standard)
		close(fd);
	if (r == -EFBIG)
		cresset_error_set(err, r, "cannot read %s: larger than 4 GiB", shown);
	else if (r < 0)
		cresset_error_set(err, r, "cannot read %s: %s", shown, strerror(-r));
	else
		r = read_profile(shown, path, bytes.data, bytes.n, ret, ret_format, err);
	vec_release(&bytes);
	return r;
}
