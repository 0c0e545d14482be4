// SPDX-License-Identifier: Apache-2.0
/* idle_rules - see idle_rules.h. Texts are copied once and cut into words in place. */
#include "idle_rules.h"

#include "idle_default.h"
#include "readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r"

/* What the parser is at. */
struct at {
	struct idle_rules *rules;
	const char *name; /* of the file */
	unsigned int line;
	bool shipped; /* the text is that of the shipped rules */
	struct cresset_error *err;
};

static const char *const kinds[IDLE_N_KINDS] = {
	[IDLE_FRAME] = "frame", [IDLE_LEAF] = "leaf", [IDLE_THREAD] = "thread",
	[IDLE_COMM] = "comm",	[IDLE_WAIT] = "wait", [IDLE_DEPTH] = "depth",
};

static int parse_text(struct at *at, const char *text, size_t size);

#define FAIL(at, fmt, ...)                                                                         \
	cresset_error_set((at)->err, -EINVAL, "%.200s:%u: " fmt, (at)->name, (at)->line,           \
			  ##__VA_ARGS__)

/* '*' takes as little as it can, and one more when the rest does not fit: never exponential. */
static bool glob_matches(const char *glob, const char *text, size_t len)
{
	const char *end = text + len, *star = NULL, *resume = NULL;

	while (text < end) {
		if (*glob == '*') {
			star = ++glob;
			resume = text;
		} else if (*glob && (*glob == '?' || *glob == *text)) {
			glob++;
			text++;
		} else if (star) {
			glob = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}

bool idle_condition_matches(const struct idle_condition *c, const char *text)
{
	/* A symbol's version is not its name: "poll@@GLIBC_2.2.5". */
	size_t len = strlen(text), name = strcspn(text, "@");
	const char *glob = c->globs;

	for (size_t i = 0; i < c->n_globs; i++, glob += strlen(glob) + 1)
		if (glob_matches(glob, text, len) || (name && glob_matches(glob, text, name)))
			return true;
	return false;
}

/* A pattern that fits none of the words that a wait can be is a slip of the pen. */
static bool is_wait(const struct idle_condition *c)
{
	static const char *const waits[] = {"interruptible", "uninterruptible", "io", "stopped",
					    "idle"};

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		if (idle_condition_matches(c, waits[i]))
			return true;
	return false;
}

static int parse_depth(const struct at *at, const char *value, unsigned int *ret)
{
	unsigned long n = 0;

	if (value[0] != '<' || value[1] != '=' || !value[2])
		return FAIL(at, "'depth' is compared like this: depth<=3");
	for (value += 2; *value >= '0' && *value <= '9' && n <= 1000; value++)
		n = n * 10 + (unsigned long)(*value - '0');
	if (*value || n > 1000)
		return FAIL(at, "the depth must be a number of 0 to 1000");
	*ret = (unsigned int)n;
	return 0;
}

static int parse_globs(const struct at *at, char *value, struct idle_condition *c)
{
	char *from = value;

	c->globs = value;
	for (;; from++) {
		size_t n = strcspn(from, "|");
		bool last = !from[n];

		if (!n)
			return FAIL(at, "'%s' has an empty pattern (write A|B, or * for any)",
				    kinds[c->kind]);
		from[n] = '\0';
		from += n;
		c->n_globs++;
		if (last)
			break;
	}
	if (c->kind == IDLE_WAIT && !is_wait(c))
		return FAIL(at,
			    "no wait is called '%.40s' (interruptible, uninterruptible, io, "
			    "stopped, idle)",
			    c->globs);
	return 0;
}

static int parse_condition(const struct at *at, char *word)
{
	struct idle_condition c = {.negated = word[0] == '!'};
	size_t n;
	int r;

	word += c.negated;
	n = strcspn(word, "=<");
	while (c.kind < IDLE_N_KINDS && (strncmp(kinds[c.kind], word, n) != 0 || kinds[c.kind][n]))
		c.kind++;
	if (c.kind == IDLE_N_KINDS || !word[n])
		return FAIL(at,
			    "'%.40s' is no condition (frame=, leaf=, thread=, comm=, wait=, "
			    "depth<=)",
			    word);
	if (c.kind == IDLE_DEPTH)
		r = parse_depth(at, word + n, &c.limit);
	else if (word[n] != '=')
		return FAIL(at, "'%s' takes '='", kinds[c.kind]);
	else
		r = parse_globs(at, word + n + 1, &c);
	if (r < 0)
		return r;
	if (at->rules->conditions.n >= IDLE_MAX_CONDITIONS)
		return FAIL(at, "more than %d conditions", IDLE_MAX_CONDITIONS);
	return vec_push(&at->rules->conditions, &c, 1) ? 0 : -ENOMEM;
}

/* The next word, NUL-terminated; NULL: none is left. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, BLANKS);
	size_t n = strcspn(word, BLANKS);

	if (!n || *word == '#')
		return NULL;
	*line = word + n + (word[n] != '\0');
	word[n] = '\0';
	return word;
}

static int check_name(const struct at *at, const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	if (name[n] || n > IDLE_MAX_NAME)
		return FAIL(at,
			    "'%.40s' is no name of a rule (letters, digits, '-' and '_', at most "
			    "%d)",
			    name, IDLE_MAX_NAME);
	return 0;
}

static int parse_line(struct at *at, char *line)
{
	struct idle_rule rule = {.first = at->rules->conditions.n};
	char *name = next_word(&line), *word;
	int r;

	if (!name)
		return 0;
	word = next_word(&line);
	if (!word && !strcmp(name, "default") && !at->shipped) {
		struct at shipped = {at->rules, "the shipped rules", 0, true, at->err};

		return parse_text(&shipped, idle_default, sizeof(idle_default) - 1);
	}
	r = check_name(at, name);
	if (r == 0 && !word)
		return FAIL(at, "rule '%s' has no condition", name);
	for (; r == 0 && word; word = next_word(&line))
		r = parse_condition(at, word);
	if (r < 0)
		return r;
	rule.name = strcmp(name, "-") ? name : NULL;
	rule.n = at->rules->conditions.n - rule.first;
	return vec_push(&at->rules->rules, &rule, 1) ? 0 : -ENOMEM;
}

static int parse_text(struct at *at, const char *text, size_t size)
{
	char *copy, *next;
	int r = 0;

	if (size > IDLE_MAX_BYTES)
		return cresset_error_set(at->err, -EFBIG, "%.200s: larger than %d KiB", at->name,
					 IDLE_MAX_BYTES >> 10);
	copy = malloc(size + 1);
	if (!copy || !vec_push(&at->rules->texts, &copy, 1)) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, text, size);
	copy[size] = '\0';
	for (char *line = copy; r == 0 && line < copy + size; line = next) {
		char *end = memchr(line, '\n', (size_t)(copy + size - line));

		end = end ? end : copy + size;
		next = end + 1;
		*end = '\0';
		at->line++;
		if (strlen(line) != (size_t)(end - line))
			return FAIL(at, "a NUL byte: this is not a text");
		r = parse_line(at, line);
	}
	return r;
}

int idle_rules_parse(const char *text, size_t size, const char *name, struct idle_rules **ret,
		     struct cresset_error *err)
{
	struct idle_rules *rules = calloc(1, sizeof(*rules));
	struct at at = {.rules = rules, .name = name, .err = err};
	int r;

	if (!rules)
		return cresset_error_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	vec_init(&rules->texts, sizeof(char *));
	vec_init(&rules->rules, sizeof(struct idle_rule));
	vec_init(&rules->conditions, sizeof(struct idle_condition));
	r = parse_text(&at, text, size);
	if (r < 0) {
		idle_rules_free(rules);
		return r == -ENOMEM ? cresset_error_set(err, r, "%s", strerror(ENOMEM)) : r;
	}
	*ret = rules;
	return 0;
}

void idle_rules_free(struct idle_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->texts.n; i++)
		free(*(char **)vec_at(&r->texts, i));
	vec_release(&r->texts);
	vec_release(&r->rules);
	vec_release(&r->conditions);
	free(r);
}

int idle_rules_new(const char *path, struct idle_rules **ret, struct cresset_error *err)
{
	char *buf;
	ssize_t n;
	int r;

	if (!path)
		return idle_rules_parse("default\n", 8, "the shipped rules", ret, err);
	buf = malloc(IDLE_MAX_BYTES + 1);
	/* One byte more than is allowed. */
	n = buf ? readfile_at(AT_FDCWD, path, buf, IDLE_MAX_BYTES + 1) : -ENOMEM;
	if (n < 0)
		r = cresset_error_set(err, (int)n, "cannot read the idle rules %.200s: %s", path,
				      strerror((int)-n));
	else
		r = idle_rules_parse(buf, (size_t)n, path, ret, err);
	free(buf);
	return r;
}
