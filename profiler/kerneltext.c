// SPDX-License-Identifier: Apache-2.0
/* See kerneltext.h. Lists are sorted by address but for the per-CPU part at their start. */
#include "kerneltext.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* No function is longer; and a text section of entries is shorter. */
enum { TEXT_MAX_BYTES = 1 << 20 };

enum text {
	TEXT_WAKER_CALL,
	TEXT_INTERRUPTS_X86, /* the part of the section that is behind exceptions */
	TEXT_INTERRUPTS,
	TEXT_SOFT,
	TEXT_SOFT_OLD, /* of kernels where all of it is in one function of that section */
	N_TEXTS
};

static const struct {
	const char *first;
	const char *last; /* NULL: up to the next address */
} texts[N_TEXTS] = {
	[TEXT_WAKER_CALL] = {"try_to_wake_up", NULL},
	[TEXT_INTERRUPTS_X86] = {"asm_common_interrupt", "__irqentry_text_end"},
	[TEXT_INTERRUPTS] = {"__irqentry_text_start", "__irqentry_text_end"},
	[TEXT_SOFT] = {"handle_softirqs", NULL},
	[TEXT_SOFT_OLD] = {"__softirqentry_text_start", "__softirqentry_text_end"},
};

struct search {
	struct cresset_text found[N_TEXTS];
	bool done[N_TEXTS];
};

/* The compiler's variants of a function have a suffix: "name.isra.0". */
static bool is_name(const char *symbol, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(symbol, name, n) && (!symbol[n] || symbol[n] == '.');
}

static void take(struct search *s, enum text text, uint64_t address, const char *symbol)
{
	struct cresset_text *t = &s->found[text];
	bool last = texts[text].last ? is_name(symbol, texts[text].last) : address > t->start;

	if (s->done[text])
		return;
	if (t->start && last) {
		s->done[text] = true;
		if (address > t->start && address - t->start <= TEXT_MAX_BYTES)
			t->bytes = address - t->start;
	} else if (!t->start && is_name(symbol, texts[text].first)) {
		t->start = address;
	}
}

static const struct cresset_text *either(const struct search *s, enum text a, enum text b)
{
	return &s->found[s->found[a].bytes ? a : b];
}

int kerneltext_parse(FILE *list, struct kerneltext *ret)
{
	struct search s = {.done = {false}};
	struct kerneltext text;
	char *line = NULL, *end;
	bool hidden = true;
	size_t size = 0;

	while (getline(&line, &size, list) > 0) {
		uint64_t address = strtoull(line, &end, 16);
		char *symbol = end;

		/* "address type name": one letter. */
		if (end == line || !address || *symbol++ != ' ' || !*symbol++ || *symbol++ != ' ')
			continue;
		hidden = false;
		symbol[strcspn(symbol, " \t\n")] = '\0';
		for (int i = 0; i < N_TEXTS; i++)
			take(&s, i, address, symbol);
	}
	free(line);
	text.waker_call = s.found[TEXT_WAKER_CALL];
	text.interrupts[0] = *either(&s, TEXT_INTERRUPTS_X86, TEXT_INTERRUPTS);
	text.interrupts[1] = *either(&s, TEXT_SOFT, TEXT_SOFT_OLD);
	if (hidden)
		return -EACCES;
	if (!text.waker_call.bytes || !text.interrupts[0].bytes || !text.interrupts[1].bytes)
		return -ENOENT;
	*ret = text;
	return 0;
}

int kerneltext_read(struct kerneltext *ret)
{
	FILE *list = fopen("/proc/kallsyms", "re");
	int r;

	if (!list)
		return -errno;
	r = kerneltext_parse(list, ret);
	fclose(list);
	return r;
}
