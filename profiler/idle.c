// SPDX-License-Identifier: Apache-2.0
/*
 * See idle.h. The same names stand in many stacks, so which conditions a name meets is found out
 * once, as a set of bits by string id; a stack's set is the union of its frames'. Frames behind
 * "--" are those of the thread that ended the wait and are not looked at.
 */
#include "idle.h"

#include "idle_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FRAMES = 1024, WORDS = (IDLE_MAX_CONDITIONS + 1) / 64 };

/* Bit i + 1 is condition i; bit 0: the others are known. */
struct bits {
	uint64_t words[WORDS];
};

struct tagger {
	const struct idle_rules *rules;
	struct cresset_profile *p;
	struct bits *names; /* by string id */
	struct cresset_frame *frames;
	uint32_t *labels; /* of the samples, new */
	uint32_t n_names;
};

/* What the conditions are about. */
struct wait {
	struct bits frames, leaf;
	unsigned int depth;
	const char *thread, *comm, *kind;
};

static bool bit(const struct bits *b, size_t i)
{
	return b->words[i / 64] >> i % 64 & 1;
}

static void set_bit(struct bits *b, size_t i)
{
	b->words[i / 64] |= UINT64_C(1) << i % 64;
}

static const struct idle_condition *condition_at(const struct idle_rules *rules, size_t i)
{
	return vec_at(&rules->conditions, i);
}

static const struct bits *bits_of_name(const struct tagger *t, uint32_t name)
{
	struct bits *b = &t->names[name <= t->n_names ? name : 0];
	const char *text = cresset_profile_string(t->p, name);

	if (bit(b, 0))
		return b;
	set_bit(b, 0);
	for (size_t i = 0; name && i < t->rules->conditions.n; i++) {
		const struct idle_condition *c = condition_at(t->rules, i);

		if ((c->kind == IDLE_FRAME || c->kind == IDLE_LEAF) &&
		    idle_condition_matches(c, text))
			set_bit(b, i + 1);
	}
	return b;
}

/* The functions of the C library are how a program waits, not where. */
static bool is_c_library(const struct cresset_profile *p, uint32_t location)
{
	static const char *const names[] = {"libc.so",	"libc-2.", "libpthread",
					    "ld-linux", "ld-musl", "libc.musl"};
	uint32_t mapping = cresset_profile_location(p, location)->mapping;
	const char *file = cresset_profile_string(p, cresset_profile_mapping(p, mapping)->file);
	const char *slash = strrchr(file, '/');

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(slash ? slash + 1 : file, names[i], strlen(names[i])))
			return true;
	return false;
}

static const char *label_text(const struct cresset_profile *p, uint32_t labels, const char *key)
{
	const struct cresset_label *l = cresset_profile_find_label(p, labels, key);

	return cresset_profile_string(p, l ? l->str : 0);
}

static void look_at(const struct tagger *t, const struct cresset_sample *s, struct wait *w)
{
	size_t n = cresset_profile_frames(t->p, s->stack, t->frames, MAX_FRAMES);

	*w = (struct wait){.thread = label_text(t->p, s->labels, CRESSET_LABEL_THREAD),
			   .comm = label_text(t->p, s->labels, CRESSET_LABEL_COMM),
			   .kind = label_text(t->p, s->labels, CRESSET_LABEL_WAIT)};
	for (size_t i = 0; i < n && i < MAX_FRAMES; i++) {
		const struct cresset_frame *f = &t->frames[i];
		const struct bits *b = bits_of_name(t, f->name);

		if (!strcmp(cresset_profile_string(t->p, f->name), "--"))
			break;
		for (size_t j = 0; j < WORDS; j++)
			w->frames.words[j] |= b->words[j];
		if (f->kind == CRESSET_FRAME_KERNEL || f->kind == CRESSET_FRAME_ERROR)
			continue;
		w->leaf = *b;
		/* An inlined call is part of the function that stands for it. */
		w->depth += f->kind != CRESSET_FRAME_INLINED && !is_c_library(t->p, f->location);
	}
}

static bool meets(const struct tagger *t, const struct wait *w, size_t i)
{
	const struct idle_condition *c = condition_at(t->rules, i);

	switch (c->kind) {
	case IDLE_FRAME:
		return bit(&w->frames, i + 1) != c->negated;
	case IDLE_LEAF:
		return bit(&w->leaf, i + 1) != c->negated;
	case IDLE_THREAD:
		return idle_condition_matches(c, w->thread) != c->negated;
	case IDLE_COMM:
		return idle_condition_matches(c, w->comm) != c->negated;
	case IDLE_WAIT:
		return idle_condition_matches(c, w->kind) != c->negated;
	case IDLE_DEPTH:
		return (w->depth <= c->limit) != c->negated;
	default:
		return false;
	}
}

/* The name of the rule by which a wait is idle, or NULL. */
static const char *rule_of(const struct tagger *t, const struct wait *w)
{
	for (size_t i = 0; i < t->rules->rules.n; i++) {
		const struct idle_rule *rule = vec_at(&t->rules->rules, i);
		size_t met = 0;

		while (met < rule->n && meets(t, w, rule->first + met))
			met++;
		if (met == rule->n)
			return rule->name;
	}
	return NULL;
}

static int add_label(struct cresset_profile *p, uint32_t old, const char *rule, uint32_t *ret)
{
	size_t n;
	const struct cresset_label *labels = cresset_profile_labels(p, old, &n);
	struct cresset_label *all = malloc((n + 1) * sizeof(*all));
	struct cresset_label idle = {.key = 0};
	int r;

	if (!all)
		return -ENOMEM;
	memcpy(all, labels, n * sizeof(*all));
	r = cresset_profile_add_string(p, CRESSET_LABEL_IDLE, strlen(CRESSET_LABEL_IDLE),
				       &idle.key);
	r = r ?: cresset_profile_add_string(p, rule, strlen(rule), &idle.str);
	if (r == 0) {
		all[n] = idle;
		r = cresset_profile_add_labels(p, all, n + 1, ret);
	}
	free(all);
	return r;
}

static int tag_sample(const struct tagger *t, size_t i, bool *ret_any)
{
	struct cresset_sample s = *cresset_profile_sample(t->p, i);
	struct wait w;
	const char *rule;
	int r;

	t->labels[i] = s.labels;
	if (strcmp(label_text(t->p, s.labels, CRESSET_LABEL_STATE), CRESSET_STATE_BLOCKED) != 0)
		return 0;
	*ret_any = true;
	if (*label_text(t->p, s.labels, CRESSET_LABEL_IDLE))
		return 0;
	look_at(t, &s, &w);
	rule = rule_of(t, &w);
	if (!rule)
		return 0;
	r = add_label(t->p, s.labels, rule, &t->labels[i]);
	return r;
}

static int set_sum(struct cresset_profile *p)
{
	size_t value = cresset_profile_default_type(p);
	struct cresset_value_type type = cresset_profile_value_type(p, value);
	uint64_t sum = 0;

	if (strcmp(cresset_profile_string(p, type.unit), "nanoseconds") != 0)
		return 0;
	for (size_t i = 0; i < cresset_profile_n_samples(p); i++) {
		uint32_t labels = cresset_profile_sample(p, i)->labels;
		int64_t ns = cresset_profile_values(p, i)[value];

		if (ns > 0 && *label_text(p, labels, CRESSET_LABEL_IDLE) &&
		    __builtin_add_overflow(sum, (uint64_t)ns, &sum))
			sum = UINT64_MAX;
	}
	return cresset_profile_set_stat(p, "time.idle_ns", sum);
}

int idle_tag(const struct idle_rules *rules, struct cresset_profile *p)
{
	size_t n = cresset_profile_n_samples(p);
	struct tagger t = {.rules = rules, .p = p, .n_names = cresset_profile_n_strings(p)};
	bool any = false;
	int r = 0;

	t.names = calloc((size_t)t.n_names + 1, sizeof(*t.names));
	t.frames = calloc(MAX_FRAMES, sizeof(*t.frames));
	t.labels = calloc(n + 1, sizeof(*t.labels));
	if (!t.names || !t.frames || !t.labels)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = tag_sample(&t, i, &any);
	if (r == 0 && any)
		r = cresset_profile_relabel(p, t.labels);
	if (r == 0 && any)
		r = set_sum(p);
	free(t.names);
	free(t.frames);
	free(t.labels);
	return r;
}
