// SPDX-License-Identifier: Apache-2.0
/*
 * debugfile - where the debug information of a stripped binary lies on this host.
 *
 * Two ways lead to it (GDB manual, "Separate Debug Files"): the build-id names a file
 * DIR/.build-id/xx/yyyy.debug, and the section .gnu_debuglink names a file, with its CRC, that is
 * looked for beside the binary, in .debug/ there and in DIR/<directory of the binary>. dwz moves
 * what many debug files share into another file, which .gnu_debugaltlink names by path and
 * build-id. DIR runs over a ':' separated list, usually /usr/lib/debug.
 *
 * What is found must be what was meant: its build-id must be the wanted one, or, where one side has
 * none, its CRC. Reading a big file for its CRC is what the build-id saves.
 */
#ifndef SYMBOLIZE_DEBUGFILE_H
#define SYMBOLIZE_DEBUGFILE_H

#include <limits.h>

#define DEBUGFILE_DEFAULT_DIRS "/usr/lib/debug"

struct elf_image;

struct debugfile {
	struct elf_image *image; /* the caller's to free */
	char path[PATH_MAX];
};

/* All: -ENOENT if there is none that fits, -ENOMEM. */
int debugfile_find_build_id(const char *dirs, const char *build_id, struct debugfile *ret);
/* Of a binary that the process saw at path. */
int debugfile_find_link(const char *dirs, const char *path, struct elf_image *binary,
			struct debugfile *ret);
/* The dwz file of an image at path. */
int debugfile_find_alt(const char *dirs, const char *path, struct elf_image *image,
		       struct debugfile *ret);

#endif
