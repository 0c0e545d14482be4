// SPDX-License-Identifier: Apache-2.0
/* label_rules - see label_rules.h. */
#include "agent/label_rules.h"

#include "agent/label_text.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REGEX_MAX_BYTES = 200,
	REGEX_MAX_REPEAT = 64, /* all {m,n} multiplied */
	REGEX_MAX_GROUPS = 20,
};

enum rule_kind { RULE_KEEP, RULE_DROP, RULE_RENAME };

struct label_rule {
	enum rule_kind kind;
	regex_t name, value;
	bool has_name, has_value; /* compiled */
	char target[LABEL_NAME_BYTES];
};

/* The larger count of "{m,n}" as a factor, at least 1; *s goes to its end. */
static unsigned long largest_count(const char **s)
{
	unsigned long most = 1;

	for (++*s; **s && **s != '}'; ++*s) {
		unsigned long n = strtoul(*s, NULL, 10);

		most = n > most ? n : most;
	}
	return most <= REGEX_MAX_REPEAT ? most : REGEX_MAX_REPEAT + 1;
}

/* What could cost more than it looks: see the head. */
static const char *regex_fault(const char *text)
{
	unsigned long repeat = 1, groups = 0, stars = 0;
	bool again = false; /* a '+' here would copy all that is repeated before it */

	for (const char *s = text; *s && repeat <= REGEX_MAX_REPEAT; s++) {
		if (*s == '\\' && s[1] >= '1' && s[1] <= '9')
			return "back-references are not taken";
		if (*s == '\\' && s[1]) {
			s++;
			again = false;
			continue;
		}
		if (*s == '{')
			repeat *= largest_count(&s);
		else if (*s == '+' && again)
			repeat *= 2;
		groups += *s == '(';
		stars += *s == '*' || *s == '+';
		again = *s && strchr(")*+?}", *s);
		if (!*s)
			break;
	}
	if (repeat > REGEX_MAX_REPEAT)
		return "too many repetitions";
	return groups > REGEX_MAX_GROUPS || stars > REGEX_MAX_GROUPS ? "too complicated" : NULL;
}

/* text[0 … n), anchored. */
static int compile(regex_t *ret, const char *text, size_t n, struct cresset_error *err)
{
	char anchored[REGEX_MAX_BYTES + 8], plain[REGEX_MAX_BYTES + 1], why[80];
	const char *fault;
	int r;

	if (!n || n > REGEX_MAX_BYTES)
		return cresset_error_set(err, -EINVAL,
					 "a regular expression has 1 to %d bytes, not %zu",
					 REGEX_MAX_BYTES, n);
	memcpy(plain, text, n);
	plain[n] = '\0';
	fault = regex_fault(plain);
	if (fault)
		return cresset_error_set(err, -EINVAL, "regular expression '%s': %s", plain, fault);
	/* Alone first: "a)(b" must not become right by the brackets around it. */
	r = regcomp(ret, plain, REG_EXTENDED | REG_NOSUB);
	if (r == 0) {
		regfree(ret);
		snprintf(anchored, sizeof(anchored), "^(%s)$", plain);
		r = regcomp(ret, anchored, REG_EXTENDED);
	}
	if (r == 0)
		return 0;
	if (r == REG_ESPACE)
		return -ENOMEM;
	regerror(r, ret, why, sizeof(why));
	return cresset_error_set(err, -EINVAL, "regular expression '%s': %s", plain, why);
}

/* NEW of a rename: what is fixed in it must be a name's bytes, and its groups must exist. */
static int check_target(const struct label_rule *rule, const char *text, struct cresset_error *err)
{
	char sample[LABEL_NAME_BYTES];
	size_t n = 0;

	for (const char *s = text; *s && n < sizeof(sample) - 1; s++) {
		sample[n] = *s;
		if (*s == '\\' && s[1] >= '1' && s[1] <= '9') {
			if ((size_t)(s[1] - '0') >= rule->name.re_nsub)
				return cresset_error_set(err, -EINVAL,
							 "rename: there is no group \\%c", s[1]);
			sample[n] = 'a';
			s++;
		}
		n++;
	}
	sample[n] = '\0';
	if (strlen(text) >= sizeof(sample) || !label_name_valid(sample))
		return cresset_error_set(err, -EINVAL, "rename: '%.60s' cannot be a label's name",
					 text);
	if (label_name_own(sample) &&
	    (!strcmp(sample, "service") || !strcmp(sample, "host") || !strcmp(sample, "overflow")))
		return cresset_error_set(err, -EINVAL, "rename: '%s' is not to be taken by others",
					 sample);
	return 0;
}

static void rule_release(struct label_rule *rule)
{
	if (rule->has_name)
		regfree(&rule->name);
	if (rule->has_value)
		regfree(&rule->value);
}

static int parse_pattern(struct label_rule *rule, const char *text, size_t n,
			 struct cresset_error *err)
{
	const char *equals = rule->kind == RULE_RENAME ? NULL : memchr(text, '=', n);
	size_t name = equals ? (size_t)(equals - text) : n;
	int r = compile(&rule->name, text, name, err);

	rule->has_name = r == 0;
	if (r == 0 && equals) {
		r = compile(&rule->value, equals + 1, n - name - 1, err);
		rule->has_value = r == 0;
	}
	return r;
}

/* On failure the rule must be released too. */
static int rule_parse(struct label_rule *rule, const char *text, struct cresset_error *err)
{
	static const char *const kinds[] = {"keep ", "drop ", "rename "};
	size_t n;
	int r;

	while (rule->kind <= RULE_RENAME &&
	       strncmp(text, kinds[rule->kind], strlen(kinds[rule->kind])) != 0)
		rule->kind++;
	if (rule->kind > RULE_RENAME)
		return cresset_error_set(err, -EINVAL, "rules are keep, drop and rename");
	text += strlen(kinds[rule->kind]);
	text += strspn(text, " \t");
	n = strlen(text);
	if (rule->kind == RULE_RENAME)
		n = strcspn(text, " \t");
	r = parse_pattern(rule, text, n, err);
	if (r < 0 || rule->kind != RULE_RENAME)
		return r;
	text += n;
	text += strspn(text, " \t");
	r = check_target(rule, text, err);
	if (r == 0)
		snprintf(rule->target, sizeof(rule->target), "%s", text);
	return r;
}

int label_rule_check(const char *key, const char *text, struct cresset_error *err)
{
	struct label_rule rule = {.kind = RULE_KEEP};
	int r = rule_parse(&rule, text, err);

	rule_release(&rule);
	return r;
}

void label_rules_init(struct label_rules *r)
{
	*r = (struct label_rules){.keeps = false};
	vec_init(&r->list, sizeof(struct label_rule));
}

void label_rules_release(struct label_rules *r)
{
	for (size_t i = 0; i < r->list.n; i++)
		rule_release(vec_at(&r->list, i));
	vec_release(&r->list);
}

int label_rules_add(struct label_rules *rules, const char *text, struct cresset_error *err)
{
	struct label_rule rule = {.kind = RULE_KEEP};
	int r = rule_parse(&rule, text, err);

	if (r == 0 && !vec_push(&rules->list, &rule, 1))
		r = -ENOMEM;
	if (r < 0)
		rule_release(&rule);
	else if (rule.kind == RULE_KEEP)
		rules->keeps = true;
	return r;
}

/* The new name; one that would be too long or no name any more leaves the old one. */
static void rename_label(const struct label_rule *rule, char *name, const regmatch_t *groups)
{
	char out[LABEL_NAME_BYTES];
	size_t n = 0;

	for (const char *s = rule->target; *s; s++) {
		const char *from = s;
		size_t len = 1;

		/* Group 1 is the bracket that anchors the whole. */
		if (*s == '\\' && s[1] >= '1' && s[1] <= '9') {
			const regmatch_t *g = &groups[*++s - '0' + 1];

			from = name + (g->rm_so < 0 ? 0 : g->rm_so);
			len = g->rm_so < 0 ? 0 : (size_t)(g->rm_eo - g->rm_so);
		}
		if (n + len >= sizeof(out))
			return;
		memcpy(out + n, from, len);
		n += len;
	}
	out[n] = '\0';
	if (label_name_valid(out) && strcmp(out, "service") && strcmp(out, "host"))
		memcpy(name, out, n + 1);
}

static bool matches(const struct label_rule *rule, const char *name, const char *value,
		    regmatch_t *groups, size_t n)
{
	return regexec(&rule->name, name, n, groups, 0) == 0 &&
	       (!rule->has_value || regexec(&rule->value, value, 0, NULL, 0) == 0);
}

bool label_rules_apply(const struct label_rules *r, char *name, const char *value)
{
	regmatch_t groups[11];
	bool kept = !r->keeps;

	if (!strcmp(name, "service") || !strcmp(name, "host"))
		return true;
	for (size_t i = 0; i < r->list.n; i++) {
		const struct label_rule *rule = vec_at(&r->list, i);

		if (rule->kind == RULE_KEEP || !matches(rule, name, value, groups, 11))
			continue;
		if (rule->kind == RULE_DROP)
			return false;
		rename_label(rule, name, groups);
	}
	for (size_t i = 0; !kept && i < r->list.n; i++) {
		const struct label_rule *rule = vec_at(&r->list, i);

		kept = rule->kind == RULE_KEEP && matches(rule, name, value, groups, 11);
	}
	return kept;
}
