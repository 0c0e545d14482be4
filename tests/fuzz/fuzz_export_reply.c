// SPDX-License-Identifier: Apache-2.0
/*
 * What any server may answer: the first byte picks the kind of server and how the bytes come in,
 * the rest is head, blank line, body, and behind a second blank line trailers. Whatever it is: a
 * verdict, a bounded pause, and words that are one printable line of UTF-8.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "export/reply.h"
#include "formats/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines up to a blank one; returns how many bytes they took, the blank one included. */
static size_t give_lines(struct reply *r, const char *at, size_t size)
{
	size_t used = 0, n;

	while (used < size) {
		const char *end = memchr(at + used, '\n', size - used);

		n = end ? (size_t)(end - at) + 1 - used : size - used;
		reply_header(r, at + used, n);
		used += n;
		if (n == 1)
			break;
	}
	return used;
}

static void check_words(const char *words, size_t size)
{
	size_t n = strnlen(words, size);

	if (n == size || !text_is_utf8(words, n))
		abort();
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)words[i] < ' ' || words[i] == 0x7f)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const kinds[] = {"pyroscope", "otlp", "parca", "http"};
	const struct export_target *target;
	const char *at = (const char *)data + 1, *end;
	char words[256];
	struct reply r;
	unsigned int code;
	enum verdict verdict;
	size_t n, step;

	if (!size)
		return 0;
	size--;
	target = export_target_by_name(kinds[data[0] % 4]);
	step = data[0] & 0x80 ? (size_t)1 + data[0] % 7 : SIZE_MAX;
	reply_init(&r);
	n = give_lines(&r, at, size);
	at += n;
	size -= n;
	end = memmem(at, size, "\n\n", 2);
	n = end ? (size_t)(end - at) : size;
	for (size_t i = 0; i < n; i += step) {
		if (reply_body(&r, at + i, n - i < step ? n - i : step) < 0)
			abort();
		if (step == SIZE_MAX)
			break;
	}
	if (end)
		give_lines(&r, end + 2, size - n - 2);
	memset(words, 'x', sizeof(words));
	verdict = reply_judge(&r, target, words, sizeof(words), &code);
	check_words(words, sizeof(words));
	if (r.body.n > REPLY_BODY_MAX ||
	    r.retry_after_ns > REPLY_RETRY_AFTER_MAX_S * UINT64_C(1000000000))
		abort();
	/* Nothing but a success by the protocol is one. */
	if ((verdict == VERDICT_SENT || verdict == VERDICT_PARTIAL) &&
	    !(target->grpc ? code == 1000 : code >= 200 && code < 300))
		abort();
	reply_release(&r);
	return 0;
}
