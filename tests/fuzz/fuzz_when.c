// SPDX-License-Identifier: Apache-2.0
/* Moments as people write them. One that is understood is within its range, and is the same when it
 * is written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/when.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int64_t now_ns = INT64_C(1795352700123456789), second_ns = 1000000000;
	char *text = malloc(size + 1), again[64];
	int64_t ns, back;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (when_parse(text, now_ns, &ns) == 0) {
		if (ns < 0)
			abort();
		when_text(ns, again, sizeof(again));
		if (ns / second_ns < INT64_MAX / second_ns - 1 &&
		    (when_parse(again, now_ns, &back) < 0 || back != ns / second_ns * second_ns))
			abort();
	}
	free(text);
	return 0;
}
