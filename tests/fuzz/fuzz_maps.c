// SPDX-License-Identifier: Apache-2.0
/* The text of /proc/PID/maps: whatever it is, entries are well-formed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "maps.h"
#include "perfmaps.h"

static int check(void *arg, const struct maps_entry *e)
{
	if (e->start >= e->end || !e->executable || e->path_len >= MAPS_PATH_MAX ||
	    strlen(e->path) != e->path_len)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	uint32_t pid, uid;
	size_t malformed;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	maps_each((const char *)data, size, check, NULL, &malformed);
	perfmaps_parse_status(text, &pid, &uid);
	free(text);
	return 0;
}
