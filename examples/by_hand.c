// SPDX-License-Identifier: Apache-2.0
/*
 * Makes a profile from numbers of its own, as an interpreter or a simulator would, and writes it
 * for `go tool pprof`. A profile interns everything: the same name, stack or sample added twice is
 * one entry, and values add up.
 *
 *     ./by_hand profile.pb.gz
 */
#include <cresset/cresset.h>
#include <stdio.h>
#include <string.h>

/* Adds one sample of a stack that is written root first, "main;parse;read". */
static int add(struct cresset_profile *p, const char *folded, int64_t calls, int64_t nanoseconds)
{
	uint32_t frames[32], stack;
	const int64_t values[] = {calls, nanoseconds};
	size_t n = 0, first = 32;
	int r = 0;

	/* A stack is kept leaf first, so the array is filled from its end. */
	for (const char *name = folded; r == 0 && *name && n < 32; n++) {
		size_t len = strcspn(name, ";");

		r = cresset_profile_add_frame(p, name, len, 0, &frames[--first]);
		name += len + (name[len] == ';');
	}
	if (r == 0)
		r = cresset_profile_add_stack(p, frames + first, n, &stack);
	return r ? r : cresset_profile_add_sample(p, stack, 0, values);
}

int main(int argc, char **argv)
{
	struct cresset_error err = {.text = "out of memory"};
	struct cresset_profile *p = NULL;
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: %s OUT.pb.gz\n", argv[0]);
		return 2;
	}
	r = cresset_profile_new(&p);
	if (r == 0)
		r = cresset_profile_add_value_type(p, "calls", "count");
	if (r == 0)
		r = cresset_profile_add_value_type(p, "time", "nanoseconds");
	if (r == 0) {
		cresset_profile_set_default_type(p, 1);
		r = add(p, "main;parse;read", 10, 2500000);
	}
	if (r == 0)
		r = add(p, "main;parse;tokenize", 200, 1500000);
	if (r == 0)
		r = add(p, "main;parse;read", 5, 1000000); /* adds to the first one */
	if (r == 0)
		r = cresset_format_write_file(cresset_format_by_name("pprof"), p, argv[1], NULL,
					      &err);
	if (r != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	cresset_profile_free(p);
	return r != 0;
}
