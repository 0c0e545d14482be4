// SPDX-License-Identifier: Apache-2.0
/* request - one HTTP request that waits for its turn; its id is made here, once. */
#include "export/inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

int64_t export_realtime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t export_boottime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

uint64_t export_monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A random UUID: RFC 4122, version 4. */
int export_uuid(char ret[EXPORT_ID_SIZE])
{
	unsigned char b[16];

	/* So few bytes are never cut short. */
	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return -EIO;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(ret, EXPORT_ID_SIZE,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
	return 0;
}

int export_request_new(struct export_request **ret)
{
	struct export_request *r = calloc(1, sizeof(*r));

	if (r)
		r->suffix = strdup("");
	if (!r || !r->suffix || export_uuid(r->id) < 0) {
		export_request_free(r);
		return -ENOMEM;
	}
	r->time_ns = export_realtime_ns();
	*ret = r;
	return 0;
}

void export_request_free(struct export_request *r)
{
	if (!r)
		return;
	free(r->suffix);
	free(r->body);
	free(r);
}

size_t export_request_memory(const struct export_request *r)
{
	return sizeof(*r) + r->bytes + strlen(r->suffix) + 1;
}

void export_request_take(struct export_request *r, struct vec *bytes)
{
	char *fit = realloc(bytes->data, bytes->n ? bytes->n : 1);

	free(r->body);
	r->body = fit ? fit : bytes->data;
	r->bytes = bytes->n;
	vec_init(bytes, 1);
}
