// SPDX-License-Identifier: Apache-2.0
/* fixture - see fixture.h. */
#include "support/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void fixture_init(struct fixture *f)
{
	snprintf(f->dir, sizeof(f->dir), "/tmp/cresset-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
}

void fixture_release(struct fixture *f)
{
	fixture_run(f, "rm -rf '%s'", f->dir);
}

const char *fixture_path(const struct fixture *f, const char *name)
{
	static char paths[8][512];
	static unsigned int next;
	char *path = paths[next++ % 8];

	assert_true(snprintf(path, sizeof(paths[0]), "%s/%s", f->dir, name) <
		    (int)sizeof(paths[0]));
	return path;
}

static bool run(const struct fixture *f, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static bool run(const struct fixture *f, const char *fmt, va_list ap)
{
	char command[4096];
	int n = snprintf(command, sizeof(command), "cd '%s' && ", f->dir);

	n += vsnprintf(command + n, sizeof(command) - (size_t)n, fmt, ap);
	assert_true(n < (int)sizeof(command));
	return system(command) == 0;
}

bool fixture_try(const struct fixture *f, const char *fmt, ...)
{
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = run(f, fmt, ap);
	va_end(ap);
	return ok;
}

void fixture_run(const struct fixture *f, const char *fmt, ...)
{
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = run(f, fmt, ap);
	va_end(ap);
	if (!ok)
		fail_msg("failed: %s", fmt);
}

void fixture_write(const struct fixture *f, const char *name, const void *data, size_t size)
{
	FILE *file = fopen(fixture_path(f, name), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

uint64_t fixture_symbol(const struct fixture *f, const char *binary, const char *symbol,
			uint64_t *ret_size)
{
	unsigned long long address = 0, size = 0;
	char line[512], name[256];
	bool found = false;
	FILE *nm;

	snprintf(line, sizeof(line), "cd '%s' && { nm -S '%s'; nm -DS '%s'; } 2>/dev/null", f->dir,
		 binary, binary);
	nm = popen(line, "re");
	assert_non_null(nm);
	/* "name@@VERSION" is that name. */
	while (!found && fgets(line, sizeof(line), nm))
		found = sscanf(line, "%llx %llx %*c %255[^@\n]", &address, &size, name) == 3 &&
			strcmp(name, symbol) == 0;
	while (fgets(line, sizeof(line), nm))
		;
	pclose(nm);
	if (!found)
		fail_msg("%s has no %s", binary, symbol);
	*ret_size = size;
	return address;
}

static uint32_t add_string(struct cresset_profile *p, const char *s)
{
	uint32_t id;

	assert_int_equal(cresset_profile_add_string(p, s, strlen(s), &id), 0);
	return id;
}

uint32_t fixture_mapping(struct cresset_profile *p, enum cresset_mapping_kind kind,
			 const char *file, const char *build_id, uint32_t pid)
{
	struct cresset_mapping m = {.limit = UINT64_MAX, .kind = (uint8_t)kind, .pid = pid};
	uint32_t id;

	m.file = add_string(p, file);
	m.build_id = add_string(p, build_id);
	assert_int_equal(cresset_profile_add_mapping(p, &m, &id), 0);
	return id;
}

uint32_t fixture_location(struct cresset_profile *p, uint32_t mapping, uint64_t address)
{
	struct cresset_location loc = {.address = address, .mapping = mapping};
	uint32_t id;

	assert_int_equal(cresset_profile_add_location(p, &loc, NULL, &id), 0);
	return id;
}

static struct cresset_line line_of(const struct cresset_profile *p, uint32_t location, size_t line)
{
	const struct cresset_location *loc = cresset_profile_location(p, location);

	if (line >= loc->n_lines)
		return (struct cresset_line){0};
	return cresset_profile_lines(p, location)[line];
}

const char *fixture_name(const struct cresset_profile *p, uint32_t location, size_t line)
{
	uint32_t function = line_of(p, location, line).function;

	return cresset_profile_string(p, cresset_profile_function(p, function)->name);
}

const char *fixture_filename(const struct cresset_profile *p, uint32_t location, size_t line)
{
	uint32_t function = line_of(p, location, line).function;

	return cresset_profile_string(p, cresset_profile_function(p, function)->filename);
}

uint32_t fixture_line(const struct cresset_profile *p, uint32_t location, size_t line)
{
	return line_of(p, location, line).line;
}
