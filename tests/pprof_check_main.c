// SPDX-License-Identifier: Apache-2.0
/*
 * pprof_check [--recorded] FILE... - prints what strict readers would refuse, and fails if there is
 * anything. --recorded: the files are recordings, and have a time, a duration and a period.
 */
#include <stdlib.h>
#include <string.h>

#include "pprof_check.h"

static char *read_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "rb");
	char *data = NULL;
	size_t size = 0, n;

	if (!f)
		return NULL;
	do {
		char *bigger = realloc(data, size + 65536);

		if (!bigger)
			abort();
		data = bigger;
		n = fread(data + size, 1, 65536, f);
		size += n;
	} while (n);
	fclose(f);
	*ret_size = size;
	return data;
}

int main(int argc, char **argv)
{
	struct pprof_check_options options = {0};
	size_t breaches = 0, files = 0;

	for (int i = 1; i < argc; i++) {
		size_t size;
		char *data;

		if (strcmp(argv[i], "--recorded") == 0) {
			options.recorded = true;
			continue;
		}
		data = read_file(argv[i], &size);
		if (!data) {
			perror(argv[i]);
			return 2;
		}
		breaches += pprof_check(data, size, options, stdout);
		free(data);
		files++;
	}
	if (!files) {
		fprintf(stderr, "usage: pprof_check [--recorded] FILE...\n");
		return 2;
	}
	return breaches ? 1 : 0;
}
