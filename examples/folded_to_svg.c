// SPDX-License-Identifier: Apache-2.0
/*
 * Turns folded stacks (or any other profile that cresset can read) into a flame graph.
 *
 *     ./folded_to_svg stacks.folded flame.svg ["a title"]
 */
#include <cresset/cresset.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_error err = {.text = ""};
	struct cresset_profile *profile = NULL;
	int r;

	if (argc < 3) {
		fprintf(stderr, "usage: %s IN OUT.svg [TITLE]\n", argv[0]);
		return 2;
	}
	options.title = argc > 3 ? argv[3] : NULL;
	r = cresset_format_read_file(argv[1], &profile, NULL, &err);
	if (r == 0)
		r = cresset_format_write_file(cresset_format_by_name("svg"), profile, argv[2],
					      &options, &err);
	if (r != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	cresset_profile_free(profile);
	return r != 0;
}
