// SPDX-License-Identifier: Apache-2.0
/*
 * chain - see chain.h. Every step says what it added in struct found; all errors but -ENOMEM mean
 * that this place has nothing for us, and those that mean damage are counted once per binary.
 */
#include "chain.h"

#include "debugfile.h"
#include "debuginfod.h"
#include "gnu_debugdata.h"
#include "index.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct found {
	struct symbol_index *index;
	bool symtab; /* of the binary or of what belongs to it, not only .dynsym */
	bool dwarf;
	bool anything;
	bool damaged;
};

/* Passes -ENOMEM on, notes damage, and swallows the rest. */
static int note(struct found *f, int r)
{
	if (r == -ENOMEM)
		return r;
	if (r == -EBADMSG || r == -EIO || r == -EFBIG || r == -ENOEXEC)
		f->damaged = true;
	return 0;
}

/* -ENOENT: not had, which is counted; a file that is not what was asked for is damage. */
static int fetch_image(const struct chain *c, struct found *f, const char *build_id,
		       enum debuginfod_what what, struct elf_image **ret)
{
	struct elf_image *image;
	int fd, r;

	if (!c->debuginfod)
		return -ENOENT;
	fd = debuginfod_fetch(c->debuginfod, build_id, what);
	if (fd < 0) {
		c->stats->debuginfod_misses += fd != -EINVAL;
		return fd == -ENOMEM ? fd : -ENOENT;
	}
	r = elf_image_open_fd(fd, &image);
	if (r < 0) {
		close(fd);
		r = note(f, r);
		return r < 0 ? r : -ENOENT;
	}
	if (strcmp(elf_image_build_id(image), build_id) != 0) {
		f->damaged = true;
		elf_image_free(image);
		return -ENOENT;
	}
	c->stats->debuginfod_hits++;
	*ret = image;
	return 0;
}

/* The dwz file that e refers to, or NULL. Without it DWARF still has lines, if fewer names. */
static int find_alt(const struct chain *c, struct found *f, struct elf_image *e, const char *path,
		    struct elf_image **ret)
{
	struct debugfile alt = {0};
	const char *alt_path, *build_id;
	int r = debugfile_find_alt(c->debug_dirs, path, e, &alt);

	if (r == -ENOENT && elf_image_debugaltlink(e, &alt_path, &build_id) == 0)
		r = fetch_image(c, f, build_id, DEBUGINFOD_DEBUGINFO, &alt.image);
	if (r == -ENOMEM)
		return r;
	*ret = alt.image;
	return 0;
}

static int add_dwarf(const struct chain *c, struct found *f, struct elf_image *e, const char *path)
{
	struct elf_image *alt = NULL;
	int r;

	if (c->no_lines || f->dwarf || !elf_image_has_dwarf(e))
		return 0;
	r = find_alt(c, f, e, path, &alt);
	if (r < 0)
		return r;
	r = symbol_index_add_dwarf(f->index, e, alt);
	elf_image_free(alt);
	f->dwarf = r == 0;
	return note(f, r);
}

static int add_image(const struct chain *c, struct found *f, struct elf_image *e, const char *path)
{
	int r;

	f->anything = true;
	if (!f->symtab) {
		r = note(f, symbol_index_add_symbols(f->index, e));
		if (r < 0)
			return r;
		f->symtab = elf_image_has_symtab(e);
	}
	return add_dwarf(c, f, e, path);
}

static bool is_complete(const struct chain *c, const struct found *f)
{
	return f->symtab && (f->dwarf || c->no_lines);
}

static int add_debugfile(const struct chain *c, struct found *f, struct elf_image *binary,
			 const char *path, const char *build_id)
{
	struct debugfile file = {0};
	int r = debugfile_find_build_id(c->debug_dirs, build_id, &file);

	if (r == -ENOENT && binary)
		r = debugfile_find_link(c->debug_dirs, path, binary, &file);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = add_image(c, f, file.image, file.path);
	elf_image_free(file.image);
	return r;
}

static int add_debugdata(struct found *f, struct elf_image *binary)
{
	struct elf_image *inner;
	int r = gnu_debugdata_open(binary, &inner);

	if (r < 0)
		return note(f, r);
	r = note(f, symbol_index_add_symbols(f->index, inner));
	/* Its .symtab completes .dynsym, but says nothing of lines: f->symtab is about the names.
	 */
	if (r == 0)
		f->symtab = elf_image_has_symtab(inner);
	elf_image_free(inner);
	return r;
}

static int fetch(const struct chain *c, struct found *f, const char *build_id,
		 enum debuginfod_what what)
{
	struct elf_image *image;
	int r = fetch_image(c, f, build_id, what, &image);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = add_image(c, f, image, "");
	elf_image_free(image);
	return r;
}

static int add_all(const struct chain *c, struct found *f, struct elf_image *binary,
		   const char *path, const char *build_id)
{
	int r = 0;

	if (binary)
		r = add_image(c, f, binary, path);
	if (r == 0 && !is_complete(c, f))
		r = add_debugfile(c, f, binary, path, build_id);
	if (r == 0 && !f->symtab && binary)
		r = add_debugdata(f, binary);
	if (r == 0 && !is_complete(c, f))
		r = fetch(c, f, build_id, DEBUGINFOD_DEBUGINFO);
	if (r == 0 && !f->anything)
		r = fetch(c, f, build_id, DEBUGINFOD_EXECUTABLE);
	return r;
}

int chain_build(const struct chain *c, struct elf_image *binary, const char *path,
		const char *build_id, struct symbol_index **ret)
{
	struct found f = {0};
	int r = symbol_index_new(&f.index);

	if (r < 0)
		return r;
	if (binary && *elf_image_build_id(binary))
		build_id = elf_image_build_id(binary);
	r = add_all(c, &f, binary, path, build_id);
	if (r == 0 && !f.anything)
		r = -ENOENT;
	if (r == 0)
		r = symbol_index_seal(f.index);
	c->stats->binaries_damaged += f.damaged;
	if (r < 0) {
		symbol_index_free(f.index);
		return r;
	}
	c->stats->binaries++;
	*ret = f.index;
	return 0;
}
