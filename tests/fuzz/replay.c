// SPDX-License-Identifier: Apache-2.0
/*
 * replay.c - runs a fuzz target over its corpus, as an ordinary test.
 *
 * Each file is given whole, then damaged in ways that are the same on every run: cut short at many
 * places, and with single bytes and 32-bit words replaced by values that break length and offset
 * checks. What fails is a crash or a sanitizer's report; the input that did it is named first on
 * standard error only then, so the name is written before each run into a buffer that a signal
 * handler prints.
 *
 *     replay_READER DIRECTORY|FILE...
 *
 * An empty or missing corpus is a failure: it would be a test that cannot fail.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MAX_FILE = 16 << 20,
	CUTS = 48,	 /* of each file */
	PATCHES = 96,	 /* of each file */
	LARGE = 1 << 18, /* larger files are only given whole and cut a few times */
};

static char current[512];

static void say_current(int sig)
{
	ssize_t n = write(STDERR_FILENO, current, strnlen(current, sizeof(current)));

	(void)n;
	signal(sig, SIG_DFL);
	raise(sig);
}

static void run(const char *path, const char *how, size_t at, const uint8_t *data, size_t size)
{
	/* Of its own, exactly as large as the input, so that ASan sees the first byte past it. */
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	snprintf(current, sizeof(current), "replay: %s, %s %zu\n", path, how, at);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_patched(const char *path, uint8_t *data, size_t size)
{
	static const uint32_t words[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0};
	uint64_t x = 0x9e3779b97f4a7c15u ^ size;

	for (size_t i = 0; i < PATCHES && size; i++) {
		uint8_t saved[4];
		size_t at, n;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		at = x % size;
		n = size - at < 4 ? size - at : 4;
		memcpy(saved, data + at, n);
		if (i % 2)
			memcpy(data + at, &words[(i / 2) % (sizeof(words) / 4)], n);
		else
			data[at] ^= (uint8_t)(1u << (x >> 60));
		run(path, "byte changed at", at, data, size);
		memcpy(data + at, saved, n);
	}
}

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rbe");
	uint8_t *data;
	size_t size, cuts;

	if (!f) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		return -1;
	}
	data = malloc(MAX_FILE);
	if (!data)
		abort();
	size = fread(data, 1, MAX_FILE, f);
	fclose(f);
	run(path, "whole", size, data, size);
	cuts = size > LARGE ? 8 : CUTS;
	for (size_t i = 0; i < cuts; i++)
		run(path, "cut to", size * i / cuts, data, size * i / cuts);
	if (size <= LARGE)
		run_patched(path, data, size);
	free(data);
	return 0;
}

/* Returns how many files were run, or -1. */
static int replay(const char *path)
{
	struct dirent **entries;
	struct stat st;
	int n, count = 0;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return replay_file(path) ? -1 : 1;
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < n; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && count >= 0)
			count = replay_file(name) ? -1 : count + 1;
		free(entries[i]);
	}
	free(entries);
	return count;
}

int main(int argc, char **argv)
{
	int total = 0;

	signal(SIGABRT, say_current);
	signal(SIGSEGV, say_current);
	signal(SIGBUS, say_current);
	signal(SIGALRM, say_current);
	for (int i = 1; i < argc; i++) {
		int n = replay(argv[i]);

		if (n < 0)
			return 1;
		total += n;
	}
	if (!total) {
		fprintf(stderr, "replay: no corpus\n");
		return 1;
	}
	printf("%d files\n", total);
	return 0;
}
