// SPDX-License-Identifier: Apache-2.0
/*
 * fixture.h - a temporary directory, files and real binaries for tests of what reads them.
 *
 * Binaries are made by the compiler and binutils that built the tests: what those write is what the
 * readers meet in life. A failure here fails the test that asked.
 */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include <cresset/profile.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fixture {
	char dir[64];
};

void fixture_init(struct fixture *f);
/* Removes the directory with all that is in it. */
void fixture_release(struct fixture *f);
/* "DIR/name" in one of a few buffers that are used in turn. */
const char *fixture_path(const struct fixture *f, const char *name);
/* A shell command with the directory as working directory; false if it fails. */
bool fixture_try(const struct fixture *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, which must not fail. */
void fixture_run(const struct fixture *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void fixture_write(const struct fixture *f, const char *name, const void *data, size_t size);
/* The symbol's address and size, by nm; of .dynsym if there is no other table. */
uint64_t fixture_symbol(const struct fixture *f, const char *binary, const char *symbol,
			uint64_t *ret_size);

/* A mapping of a whole file (or of "[vdso]" …) and a location without lines in it. */
uint32_t fixture_mapping(struct cresset_profile *p, enum cresset_mapping_kind kind,
			 const char *file, const char *build_id, uint32_t pid);
uint32_t fixture_location(struct cresset_profile *p, uint32_t mapping, uint64_t address);
/* Name, file name and line number of a location's line; "" and 0 past its lines. */
const char *fixture_name(const struct cresset_profile *p, uint32_t location, size_t line);
const char *fixture_filename(const struct cresset_profile *p, uint32_t location, size_t line);
uint32_t fixture_line(const struct cresset_profile *p, uint32_t location, size_t line);

#endif
