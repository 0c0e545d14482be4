// SPDX-License-Identifier: Apache-2.0
/*
 * The parser of option tables. getopt_long() would need a second table made from the first, keeps
 * its state in globals and prints by itself, so the words are read here: a word that begins with
 * "--" is a long option, one with "-" and more is letters, "--" ends the options, "-" alone is a
 * word (standard input or output).
 */
#include "options.h"

#include "bytesize.h"
#include "duration.h"
#include "suggest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define foreach_row(row, rows) for (row = (rows); row->kind != OPTION_END; row++)

struct parser {
	const struct option_row *rows;
	char *const *args;
	size_t n;
	size_t next; /* index of the word behind the one being read */
	void *base;
	struct cresset_error *err;
};

void options_init(const struct option_row *rows, void *base)
{
	const struct option_row *row;

	foreach_row(row, rows)
	{
		void *at = (char *)base + row->offset;

		if (row->kind == OPTION_STRINGS)
			vec_init(at, sizeof(const char *));
		else if (row->kind == OPTION_IDS)
			vec_init(at, sizeof(uint32_t));
	}
}

void options_release(const struct option_row *rows, void *base)
{
	const struct option_row *row;

	foreach_row(row, rows)
	{
		if (row->kind == OPTION_STRINGS || row->kind == OPTION_IDS)
			vec_release((void *)((char *)base + row->offset));
	}
}

bool option_choice_valid(option_choice_fn choice, const char *name)
{
	struct option_choice c;

	for (size_t i = 0; choice(i, &c); i++) {
		if (!strcmp(c.name, name))
			return true;
	}
	return false;
}

const char *option_choice_hint(option_choice_fn choice, const char *typed, char *buf, size_t size)
{
	struct suggestion s;
	struct option_choice c;
	size_t used;

	suggestion_init(&s, typed);
	for (size_t i = 0; choice(i, &c); i++)
		suggestion_try(&s, c.name);
	if (s.best) {
		snprintf(buf, size, " (did you mean '%s'?)", s.best);
		return buf;
	}
	used = (size_t)snprintf(buf, size, " (there is");
	for (size_t i = 0; choice(i, &c) && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s %s", i ? "," : "", c.name);
	if (used < size)
		snprintf(buf + used, size - used, ")");
	return buf;
}

static int unknown_long(const struct parser *p, const char *name, size_t len)
{
	char typed[64];
	struct suggestion s;
	const struct option_row *row;

	snprintf(typed, sizeof(typed), "%.*s", (int)(len < 60 ? len : 60), name);
	suggestion_init(&s, typed);
	suggestion_try(&s, "help");
	foreach_row(row, p->rows)
	{
		if (row->kind != OPTION_GROUP)
			suggestion_try(&s, row->name);
	}
	if (s.best)
		return cresset_error_set(p->err, -EINVAL,
					 "unknown option '--%s' (did you mean '--%s'?)", typed,
					 s.best);
	return cresset_error_set(p->err, -EINVAL, "unknown option '--%s'", typed);
}

/* "-p" or "--pid", as the user would write it. */
static const char *row_text(const struct option_row *row, char *buf, size_t size)
{
	if (row->letter)
		snprintf(buf, size, "-%c", row->letter);
	else
		snprintf(buf, size, "--%s", row->name);
	return buf;
}

static int set_ids(struct vec *ids, const char *text)
{
	const char *s = text;

	for (;;) {
		uint64_t id = 0;
		bool known = false;
		const char *start = s;

		for (; *s >= '0' && *s <= '9' && id <= UINT32_MAX; s++)
			id = id * 10 + (uint64_t)(*s - '0');
		if (s == start || id == 0 || id > INT32_MAX || (*s && *s != ','))
			return -EINVAL;
		for (size_t i = 0; i < ids->n; i++)
			known |= *(uint32_t *)vec_at(ids, i) == id;
		if (!known && !vec_push(ids, &(uint32_t){(uint32_t)id}, 1))
			return -ENOMEM;
		if (!*s++)
			return 0;
	}
}

/* Plain decimals only: strtod() alone would take hex, "inf" and "nan". */
static int parse_number(const char *text, double *ret)
{
	char *end;

	if (!*text || text[strspn(text, "0123456789.")])
		return -EINVAL;
	*ret = strtod(text, &end);
	return *end ? -EINVAL : 0;
}

static int set_number(const struct parser *p, const struct option_row *row, const char *text)
{
	void *at = (char *)p->base + row->offset;
	char name[64];
	double value;

	row_text(row, name, sizeof(name));
	if (parse_number(text, &value) < 0 || (row->kind == OPTION_UINT && strchr(text, '.')))
		return cresset_error_set(p->err, -EINVAL, "%s needs a %snumber, not '%s'", name,
					 row->kind == OPTION_UINT ? "whole " : "", text);
	if (value < row->min || value > row->max)
		return cresset_error_set(p->err, -EINVAL, "%s must be %.15g to %.15g, not %s", name,
					 row->min, row->max, text);
	if (row->kind == OPTION_UINT)
		*(unsigned int *)at = (unsigned int)value;
	else
		*(double *)at = value;
	return 0;
}

static int set_string(const struct parser *p, const struct option_row *row, const char *text)
{
	char hint[256];

	if (row->choice && !option_choice_valid(row->choice, text))
		return cresset_error_set(p->err, -EINVAL, "unknown %s '%s'%s", row->name, text,
					 option_choice_hint(row->choice, text, hint, sizeof(hint)));
	*(const char **)((char *)p->base + row->offset) = text;
	return 0;
}

static int set_value(const struct parser *p, const struct option_row *row, const char *text)
{
	void *at = (char *)p->base + row->offset;
	char name[64];
	int r;

	row_text(row, name, sizeof(name));
	switch (row->kind) {
	case OPTION_STRING:
		return set_string(p, row, text);
	case OPTION_STRINGS:
		return vec_push(at, &text, 1) ? 0 : -ENOMEM;
	case OPTION_IDS:
		r = set_ids(at, text);
		if (r == -EINVAL)
			return cresset_error_set(p->err, r,
						 "%s needs ids like 123 or 123,456, not '%s'", name,
						 text);
		return r;
	case OPTION_UINT:
	case OPTION_NUMBER:
		return set_number(p, row, text);
	case OPTION_DURATION:
		r = duration_parse(text, at);
		if (r < 0)
			return cresset_error_set(
				p->err, -EINVAL,
				"%s needs a time like 10s, 1m or 500ms%s, not '%s'", name,
				r == -ERANGE ? " (up to 1000d)" : "", text);
		return 0;
	case OPTION_BYTES:
		r = bytesize_parse(text, at);
		if (r < 0)
			return cresset_error_set(
				p->err, -EINVAL,
				"%s needs an amount of memory like 64M or 1G%s, not '%s'", name,
				r == -ERANGE ? " (up to 1024T)" : "", text);
		return 0;
	default:
		return -EINVAL;
	}
}

/* The row takes a value: the rest of this word, or the whole next one. */
static int take_value(struct parser *p, const struct option_row *row, const char *attached)
{
	char name[64];

	if (attached)
		return set_value(p, row, attached);
	if (p->next < p->n)
		return set_value(p, row, p->args[p->next++]);
	return cresset_error_set(p->err, -EINVAL, "%s needs a value: %s",
				 row_text(row, name, sizeof(name)), row->arg);
}

static int parse_long(struct parser *p, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct option_row *row;

	if (len == 4 && !memcmp(word, "help", 4))
		return OPTIONS_HELP;
	foreach_row(row, p->rows)
	{
		if (row->kind == OPTION_GROUP || strlen(row->name) != len ||
		    memcmp(row->name, word, len))
			continue;
		if (row->kind != OPTION_FLAG)
			return take_value(p, row, equals ? equals + 1 : NULL);
		if (equals)
			return cresset_error_set(p->err, -EINVAL, "--%s takes no value", row->name);
		*(bool *)((char *)p->base + row->offset) = row->value;
		return 0;
	}
	return unknown_long(p, word, len);
}

static int parse_letters(struct parser *p, const char *letters)
{
	for (const char *l = letters; *l; l++) {
		const struct option_row *row;

		if (*l == 'h')
			return OPTIONS_HELP;
		foreach_row(row, p->rows)
		{
			if (row->kind != OPTION_GROUP && row->letter == *l)
				break;
		}
		if (row->kind == OPTION_END)
			return cresset_error_set(p->err, -EINVAL, "unknown option '-%c'", *l);
		if (row->kind != OPTION_FLAG)
			return take_value(p, row, l[1] ? l + 1 : NULL);
		*(bool *)((char *)p->base + row->offset) = row->value;
	}
	return 0;
}

int options_parse(const struct option_row *rows, enum option_words how, char *const *args, size_t n,
		  void *base, struct vec *words, struct cresset_error *err)
{
	struct parser p = {.rows = rows, .args = args, .n = n, .base = base, .err = err};
	bool options = true;

	while (p.next < n) {
		const char *word = args[p.next++];
		int r = 0;

		if (options && !strcmp(word, "--")) {
			options = false;
		} else if (options && word[0] == '-' && word[1]) {
			r = word[1] == '-' ? parse_long(&p, word + 2) : parse_letters(&p, word + 1);
		} else {
			if (!vec_push(words, &word, 1))
				r = -ENOMEM;
			if (how == OPTION_WORDS_TAIL)
				options = false;
		}
		if (r)
			return r;
	}
	return OPTIONS_PARSED;
}
