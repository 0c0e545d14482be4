// SPDX-License-Identifier: Apache-2.0
/* Conditions on labels, as they come from URLs: bounded whatever they are, and evaluated. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *value(void *arg, const char *name)
{
	return strcmp(name, "comm") == 0 ? "redis-server" : strcmp(name, "long") == 0 ? arg : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char many[300];
	struct cresset_error err = {.text = ""};
	struct match *m;
	char *text;

	/* Longer ones are refused unread; short ones find all there is to find. */
	if (size > 512)
		size = 512;
	memset(many, 'a', sizeof(many) - 1);
	text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (match_new(text, &m, &err) == 0) {
		match_eval(m, value, many);
		match_free(m);
	} else if (!err.text[0]) {
		abort();
	}
	free(text);
	return 0;
}
