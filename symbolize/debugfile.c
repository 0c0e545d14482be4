// SPDX-License-Identifier: Apache-2.0
/*
 * debugfile - see debugfile.h. Each candidate path is opened, checked and either taken or passed
 * over; only being out of memory ends the search early.
 */
#include "debugfile.h"

#include "elf_image.h"
#include "openfile.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CRC_CHUNK_BYTES (256u << 10)
#define CRC_MAX_BYTES	((off_t)2 << 30) /* more is a sparse file to keep us busy */

/* What a candidate is compared with. build_id "": not known; then the CRC decides. */
struct wanted {
	const char *build_id;
	bool has_crc;
	uint32_t crc;
};

static int check_crc(int fd, uint32_t wanted)
{
	uint32_t crc = libdeflate_crc32(0, NULL, 0);
	uint8_t *buf = malloc(CRC_CHUNK_BYTES);
	ssize_t n = 0;
	off_t at = 0;

	if (!buf)
		return -ENOMEM;
	while (at < CRC_MAX_BYTES && (n = pread(fd, buf, CRC_CHUNK_BYTES, at)) > 0) {
		crc = libdeflate_crc32(crc, buf, (size_t)n);
		at += n;
	}
	free(buf);
	return n == 0 && crc == wanted ? 0 : -ENOENT;
}

static int try_path(const struct wanted *w, struct debugfile *ret)
{
	int fd = openfile_regular(ret->path, NULL), r = 0;
	struct elf_image *image;
	bool same_id;

	if (fd < 0)
		return fd == -ENOMEM ? fd : -ENOENT;
	r = elf_image_open_fd(fd, &image);
	if (r < 0) {
		close(fd);
		return r == -ENOMEM ? r : -ENOENT;
	}
	/* The image has the descriptor now, and holds it open while it lives. */
	same_id = strcmp(elf_image_build_id(image), w->build_id) == 0;
	if (*w->build_id && (*elf_image_build_id(image) || !w->has_crc))
		r = same_id ? 0 : -ENOENT;
	else
		r = w->has_crc ? check_crc(fd, w->crc) : -ENOENT;
	if (r < 0) {
		elf_image_free(image);
		return r;
	}
	ret->image = image;
	return 0;
}

static int try_format(const struct wanted *w, struct debugfile *ret, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int try_format(const struct wanted *w, struct debugfile *ret, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ret->path, sizeof(ret->path), fmt, ap);
	va_end(ap);
	return n > 0 && (size_t)n < sizeof(ret->path) ? try_path(w, ret) : -ENOENT;
}

/* Steps over the ':' separated list; false at its end. Empty entries are passed over. */
static bool next_dir(const char **dirs, int *ret_len, const char **ret_dir)
{
	size_t len;

	*dirs += strspn(*dirs, ":");
	len = strcspn(*dirs, ":");
	if (len == 0 || len >= PATH_MAX)
		return false;
	*ret_dir = *dirs;
	*ret_len = (int)len;
	*dirs += len;
	return true;
}

static int try_build_id(const char *dirs, const char *build_id, struct debugfile *ret)
{
	const struct wanted w = {.build_id = build_id};
	const char *dir;
	int len, r = -ENOENT;

	if (!openfile_is_build_id(build_id) || strlen(build_id) < 4)
		return -ENOENT;
	while (r == -ENOENT && next_dir(&dirs, &len, &dir))
		r = try_format(&w, ret, "%.*s/.build-id/%.2s/%s.debug", len, dir, build_id,
			       build_id + 2);
	return r;
}

int debugfile_find_build_id(const char *dirs, const char *build_id, struct debugfile *ret)
{
	return try_build_id(dirs, build_id, ret);
}

int debugfile_find_link(const char *dirs, const char *path, struct elf_image *binary,
			struct debugfile *ret)
{
	struct wanted w = {.build_id = elf_image_build_id(binary), .has_crc = true};
	const char *name, *dir, *slash = strrchr(path, '/');
	int r, len, parent = slash ? (int)(slash - path) : 0;

	if (*path != '/' || strlen(path) >= PATH_MAX)
		return -ENOENT;
	r = elf_image_debuglink(binary, &name, &w.crc);
	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	if (strchr(name, '/') || !*name)
		return -ENOENT;
	r = try_format(&w, ret, "%.*s/%s", parent, path, name);
	if (r == -ENOENT)
		r = try_format(&w, ret, "%.*s/.debug/%s", parent, path, name);
	while (r == -ENOENT && next_dir(&dirs, &len, &dir))
		r = try_format(&w, ret, "%.*s%.*s/%s", len, dir, parent, path, name);
	return r;
}

int debugfile_find_alt(const char *dirs, const char *path, struct elf_image *image,
		       struct debugfile *ret)
{
	const char *alt, *build_id, *slash = strrchr(path, '/');
	struct wanted w = {0};
	int r = elf_image_debugaltlink(image, &alt, &build_id);

	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	if (!openfile_is_build_id(build_id))
		return -ENOENT;
	w.build_id = build_id;
	r = try_build_id(dirs, build_id, ret);
	if (r != -ENOENT)
		return r;
	if (*alt == '/')
		return try_format(&w, ret, "%s", alt);
	return slash ? try_format(&w, ret, "%.*s/%s", (int)(slash - path), path, alt) : -ENOENT;
}
