// SPDX-License-Identifier: Apache-2.0
/*
 * format_corpus DIRECTORY - makes the seeds of fuzz_folded, fuzz_pprof and fuzz_cresset: each case
 * of support/cases.c (but the two large ones), packed and bare, and texts that once were, or could
 * be, taken the wrong way. `format_corpus tests/fuzz/corpus` after a change of a format.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "formats/fmt_cresset.h"
#include "formats/gunzip.h"
#include "support/cases.h"
#include "support/formats.h"

static void put(const char *folder, const char *format, const char *name, const char *suffix,
		const void *data, size_t size)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s%s", folder, format, name, suffix);
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

static void put_bare_pprof(const char *folder, const char *name, const char *data, size_t size)
{
	size_t n;
	void *bare;

	if (gunzip(data, size, (size_t)1 << 24, &bare, &n, NULL) < 0)
		exit(1);
	put(folder, "pprof", name, ".pb", bare, n);
	free(bare);
}

static void put_bare_cresset(const char *folder, const char *name, const char *data, size_t size)
{
	unsigned long long n =
		ZSTD_getFrameContentSize(data + CRESSET_HEADER, size - CRESSET_HEADER);
	void *bare = malloc(n + 1);

	if (!bare ||
	    ZSTD_isError(ZSTD_decompress(bare, n, data + CRESSET_HEADER, size - CRESSET_HEADER)))
		exit(1);
	put(folder, "cresset", name, ".payload", bare, n);
	free(bare);
}

static void put_case(const char *folder, const struct test_case *c)
{
	struct cresset_profile *p = test_case_profile(c->name);
	char *data;
	size_t n;

	if (format_to_memory("folded", p, NULL, &data, &n) < 0)
		exit(1);
	put(folder, "folded", c->name, ".folded", data, n);
	free(data);
	if (format_to_memory("pprof", p, NULL, &data, &n) < 0)
		exit(1);
	put(folder, "pprof", c->name, ".pb.gz", data, n);
	put_bare_pprof(folder, c->name, data, n);
	free(data);
	if (format_to_memory("cresset", p, NULL, &data, &n) < 0)
		exit(1);
	put(folder, "cresset", c->name, ".cresset", data, n);
	put_bare_cresset(folder, c->name, data, n);
	free(data);
	cresset_profile_free(p);
}

static const char *const texts[][2] = {
	{"crlf", "a;b 1\r\n# c\r\n\r\na;c 2\r\n"},
	{"diff", "a;b 1 2\n"},
	{"decimal", "a;b 12.5\n"},
	{"overflow", "a 9223372036854775807\na 9223372036854775807\nb 9223372036854775808\n"},
	{"holes", ";;a 1\na;; 2\n; 3\n;;; 4\n"},
	{"prefixes", "aaaaaaaa;bbbbbbbb 1\naaaaaaaa;bbbbbbbbb 2\naaaaaaaa 3\naaaaaaaa;b 4\n"},
	{"flags", "a_[k];b_[i];_[j];[error: ;[error: x] 1\n"},
	{"ends", "a;b 1\na;c"},
	{"blanks", "\t \n a  b 1\n  2\n 3 4\n"},
	{"marks", "#a 1\n_#a;#b 2\n"},
};

int main(int argc, char **argv)
{
	const struct test_case *c;

	if (argc != 2) {
		fprintf(stderr, "usage: format_corpus DIRECTORY\n");
		return 2;
	}
	for (size_t i = 0; (c = test_case_at(i)); i++)
		if (strcmp(c->name, "deep") != 0 && strcmp(c->name, "hostile") != 0)
			put_case(argv[1], c);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		put(argv[1], "folded", texts[i][0], ".txt", texts[i][1], strlen(texts[i][1]));
	return 0;
}
