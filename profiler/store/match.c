// SPDX-License-Identifier: Apache-2.0
/*
 * See match.h. glibc's regcomp() copies what is repeated once for every repetition it is asked for,
 * and once for a '+'; nested, as in "(a+)+" or "a++", that multiplies. So the product of all
 * repetitions of an expression is bounded before it gets to see it. An expression is compiled
 * twice: alone, so that "a)(b" is an error, and then between "^(" and ")$".
 */
#include "store/match.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REPEAT = 100, MAX_REPEATS = 4096 };

enum match_op { OP_EQUAL, OP_NOT_EQUAL, OP_REGEX, OP_NOT_REGEX };

struct term {
	char *name;
	char *value;
	enum match_op op;
	bool compiled;
	regex_t regex;
};

struct match {
	size_t n;
	struct term terms[MATCH_MAX_TERMS];
};

struct parser {
	const char *text;
	const char *at;
	struct cresset_error *err;
};

void match_free(struct match *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		free(m->terms[i].name);
		free(m->terms[i].value);
		if (m->terms[i].compiled)
			regfree(&m->terms[i].regex);
	}
	free(m);
}

static int bad(const struct parser *p, const char *what)
{
	return cresset_error_set(p->err, -EINVAL,
				 "match '%.200s': %s at character %zu (e.g. "
				 "service=\"api\",comm=~\"redis.*\")",
				 p->text, what, (size_t)(p->at - p->text) + 1);
}

static void skip_blanks(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n')
		p->at++;
}

static int read_name(struct parser *p, struct term *t)
{
	const char *begin = p->at;

	if (!isalpha((unsigned char)*p->at) && *p->at != '_')
		return bad(p, "a label's name is expected");
	while (isalnum((unsigned char)*p->at) || (*p->at && strchr("_.-", *p->at)))
		p->at++;
	t->name = strndup(begin, (size_t)(p->at - begin));
	return t->name ? 0 : -ENOMEM;
}

static int read_op(struct parser *p, struct term *t)
{
	static const struct {
		const char *text;
		enum match_op op;
	} ops[] = {{"=~", OP_REGEX}, {"!~", OP_NOT_REGEX}, {"!=", OP_NOT_EQUAL}, {"=", OP_EQUAL}};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		size_t len = strlen(ops[i].text);

		if (strncmp(p->at, ops[i].text, len) == 0) {
			t->op = ops[i].op;
			p->at += len;
			return 0;
		}
	}
	return bad(p, "one of = != =~ !~ is expected");
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character behind a backslash. */
static int read_escape(struct parser *p, char *ret)
{
	static const char from[] = "\\\"'ntr", to[] = "\\\"'\n\t\r";
	const char *found = *p->at ? strchr(from, *p->at) : NULL;

	if (found) {
		*ret = to[found - from];
		p->at++;
		return 0;
	}
	if (*p->at == 'x' && hex_digit(p->at[1]) >= 0 && hex_digit(p->at[2]) >= 0) {
		*ret = (char)(hex_digit(p->at[1]) << 4 | hex_digit(p->at[2]));
		p->at += 3;
		if (*ret)
			return 0;
	}
	return bad(p, "an unknown escape (\\\\ \\\" \\' \\n \\t \\r \\xNN)");
}

static int read_value(struct parser *p, struct term *t)
{
	char quote = *p->at;
	size_t n = 0;
	int r;

	if (quote != '"' && quote != '\'')
		return bad(p, "a value in quotes is expected");
	t->value = malloc(strlen(p->at) + 1);
	if (!t->value)
		return -ENOMEM;
	for (p->at++; *p->at && *p->at != quote;) {
		if (*p->at != '\\') {
			t->value[n++] = *p->at++;
			continue;
		}
		p->at++;
		/* "\." and the like of a regular expression may be written as they are. */
		if ((t->op == OP_REGEX || t->op == OP_NOT_REGEX) && *p->at &&
		    strchr(".[](){}*+?|^$-/", *p->at)) {
			t->value[n++] = '\\';
			t->value[n++] = *p->at++;
			continue;
		}
		r = read_escape(p, &t->value[n]);
		if (r < 0)
			return r;
		n++;
	}
	t->value[n] = '\0';
	if (!*p->at)
		return bad(p, "a closing quote is missing");
	p->at++;
	return 0;
}

/* The larger count of "{m,n" as a factor; 0: too large. */
static unsigned long repeat_factor(const char *s)
{
	unsigned long largest = 0, x = 0;

	for (s++; *s && *s != '}'; s++) {
		if (isdigit((unsigned char)*s))
			x = x * 10 + (unsigned long)(*s - '0');
		else
			x = 0;
		if (x > MAX_REPEAT)
			return 0;
		if (x > largest)
			largest = x;
	}
	return largest + 1;
}

static bool regex_bounded(const char *s)
{
	unsigned long product = 1;
	bool group = false;

	if (strlen(s) > MATCH_MAX_REGEX_BYTES)
		return false;
	for (; *s; s++) {
		if (*s == '\\') {
			if (isdigit((unsigned char)s[1]) || !s[1])
				return false;
			s++;
			group = false;
			continue;
		}
		if (*s == '{')
			product *= repeat_factor(s);
		else if (*s == '+' && group)
			product *= 2;
		if (!product || product > MAX_REPEATS)
			return false;
		/* What stands behind a group or a repetition repeats all of it again. */
		group = strchr(")+*?{}", *s);
	}
	return true;
}

static int compile(struct parser *p, struct term *t)
{
	char *anchored;
	int r;

	if (!regex_bounded(t->value))
		return cresset_error_set(
			p->err, -EINVAL,
			"match: regular expression '%.200s' repeats too much, is too "
			"long, or has a back reference",
			t->value);
	r = regcomp(&t->regex, t->value, REG_EXTENDED | REG_NOSUB);
	if (r == 0) {
		regfree(&t->regex);
		if (asprintf(&anchored, "^(%s)$", t->value) < 0)
			return -ENOMEM;
		r = regcomp(&t->regex, anchored, REG_EXTENDED | REG_NOSUB);
		free(anchored);
	}
	if (r == REG_ESPACE)
		return -ENOMEM;
	if (r) {
		char why[128];

		regerror(r, NULL, why, sizeof(why));
		return cresset_error_set(p->err, -EINVAL, "match: regular expression '%.200s': %s",
					 t->value, why);
	}
	t->compiled = true;
	return 0;
}

static int read_term(struct parser *p, struct match *m)
{
	struct term *t;
	int r;

	if (m->n == MATCH_MAX_TERMS)
		return bad(p, "too many terms");
	t = &m->terms[m->n++];
	r = read_name(p, t);
	skip_blanks(p);
	r = r ?: read_op(p, t);
	skip_blanks(p);
	r = r ?: read_value(p, t);
	if (r == 0 && (t->op == OP_REGEX || t->op == OP_NOT_REGEX))
		r = compile(p, t);
	return r;
}

static int read_terms(struct parser *p, struct match *m)
{
	bool braces;
	int r = 0;

	skip_blanks(p);
	braces = *p->at == '{';
	p->at += braces;
	skip_blanks(p);
	while (*p->at && !(braces && *p->at == '}') && r == 0) {
		r = read_term(p, m);
		skip_blanks(p);
		if (r == 0 && *p->at == ',') {
			p->at++;
			skip_blanks(p);
		} else if (r == 0 && *p->at && !(braces && *p->at == '}')) {
			r = bad(p, "a comma is expected");
		}
	}
	if (r == 0 && braces) {
		if (*p->at != '}')
			return bad(p, "a closing brace is missing");
		p->at++;
		skip_blanks(p);
		if (*p->at)
			return bad(p, "nothing is expected");
	}
	return r;
}

int match_new(const char *text, struct match **ret, struct cresset_error *err)
{
	struct parser p = {.text = text ?: "", .at = text ?: "", .err = err};
	struct match *m;
	int r;

	if (strnlen(p.text, MATCH_MAX_BYTES + 1) > MATCH_MAX_BYTES)
		return cresset_error_set(err, -EINVAL, "match is longer than %d bytes",
					 MATCH_MAX_BYTES);
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	r = read_terms(&p, m);
	if (r < 0) {
		match_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

bool match_eval(const struct match *m, match_value_fn value, void *arg)
{
	for (size_t i = 0; m && i < m->n; i++) {
		const struct term *t = &m->terms[i];
		const char *have = value(arg, t->name) ?: "";
		bool negated = t->op == OP_NOT_EQUAL || t->op == OP_NOT_REGEX;
		bool hit = t->compiled ? regexec(&t->regex, have, 0, NULL, 0) == 0
				       : strcmp(have, t->value) == 0;

		if (hit == negated)
			return false;
	}
	return true;
}
