// SPDX-License-Identifier: Apache-2.0
/* fuzz - see fuzz.h. */
#include "support/fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/formats.h"

static void fail(const char *what)
{
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

/* malloc'ed, or NULL when memory is out. */
static char *write_or_abort(const char *format, const struct cresset_profile *p, size_t *ret_size)
{
	char *data = NULL;
	int r = format_to_memory(format, p, NULL, &data, ret_size);

	if (r < 0 && r != -ENOMEM)
		fail("what was read cannot be written");
	return data;
}

static void check_round(const char *format, const struct cresset_profile *p)
{
	struct cresset_profile *q = NULL;
	struct cresset_error err;
	size_t n, n2;
	char *first = write_or_abort(format, p, &n), *second;

	if (!first)
		return;
	if (format_from_memory(format, first, n, &q, &err) < 0)
		fail(err.text);
	second = write_or_abort(format, q, &n2);
	/* Not equal to p's own, as a file may say one thing twice; from then on it must stay. */
	if (second) {
		struct cresset_profile *q2 = NULL;
		char *third;
		size_t n3;

		if (format_from_memory(format, second, n2, &q2, &err) < 0)
			fail(err.text);
		third = write_or_abort(format, q2, &n3);
		if (third && (n2 != n3 || memcmp(second, third, n2) != 0))
			fail("what was written is not written the same again");
		free(third);
		cresset_profile_free(q2);
	}
	free(first);
	free(second);
	cresset_profile_free(q);
}

void fuzz_format(const char *format, const void *data, size_t size)
{
	const struct cresset_format *f;
	struct cresset_profile *p;
	struct cresset_error err;
	int r = format_from_memory(format, data, size, &p, &err);

	if (r < 0) {
		if (r != -ENOMEM && !err.text[0])
			fail("refused without a reason");
		return;
	}
	check_round(format, p);
	for (size_t i = 0; (f = cresset_format_at(i)); i++) {
		size_t n;

		if (f->write)
			free(write_or_abort(f->name, p, &n));
	}
	cresset_profile_free(p);
}
