// SPDX-License-Identifier: Apache-2.0
/*
 * Entries of the spool, in two ways: as a file, whose checksum stops nearly all damage, and as the
 * fields behind it, for which the head is made here. What was taken must be written and read again
 * as the same, and nothing in it may reach beyond its place in a request.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "export/spool_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_BYTES = 24, BODY_MAX = 16 << 20 };

static void check(const struct export_request *r)
{
	struct export_request *again = NULL;
	struct vec out;

	if (strlen(r->id) != EXPORT_ID_SIZE - 1 || r->flags & ~(unsigned int)EXPORT_GZIP)
		abort();
	for (const char *c = r->suffix; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			abort();
	vec_init(&out, 1);
	if (spool_entry_write(r, "otlp", &out) < 0 ||
	    spool_entry_read(out.data, out.n, "otlp", &again) < 0)
		abort();
	if (strcmp(r->id, again->id) != 0 || strcmp(r->suffix, again->suffix) != 0 ||
	    r->time_ns != again->time_ns || r->flags != again->flags || r->bytes != again->bytes ||
	    memcmp(r->body, again->body, r->bytes) != 0)
		abort();
	/* Another kind of server does not get it. */
	export_request_free(again);
	again = NULL;
	if (spool_entry_read(out.data, out.n, "parca", &again) != -EPROTONOSUPPORT || again)
		abort();
	vec_release(&out);
}

static void try(const uint8_t *data, size_t size)
{
	struct export_request *r = NULL;

	if (spool_entry_read(data, size, "otlp", &r) < 0) {
		if (r)
			abort();
		return;
	}
	/* A frame of zeros may be as large as memory may go; writing it again takes long. */
	if (r->bytes <= BODY_MAX)
		check(r);
	export_request_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t hash = XXH3_64bits(data, size);
	uint8_t *file;

	try(data, size);
	file = malloc(HEAD_BYTES + size);
	if (!file)
		return 0;
	memcpy(file, "cresset!spool\0\0\1", 16);
	for (int i = 0; i < 8; i++)
		file[16 + i] = (uint8_t)(hash >> (8 * i));
	memcpy(file + HEAD_BYTES, data, size);
	try(file, HEAD_BYTES + size);
	free(file);
	return 0;
}
