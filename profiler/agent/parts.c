// SPDX-License-Identifier: Apache-2.0
/* See parts.h. */
#include "agent/parts.h"

#include "core/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A label set of the target, for each label set of processes and each state. */
enum { STATES = 3, LABELS_MAX = 64 };

struct adding {
	const struct parts *parts;
	enum parts_kind kind;
	const char *service;
	const struct match *match;
	uint32_t *known; /* by set and state; 0: not made yet */
};

static const struct {
	const char *types[PARTS_MAX_VALUES];
	size_t n, default_type;
} kinds[] = {
	[PARTS_CPU] = {{"cpu"}, 1, 0},
	[PARTS_OFF_CPU] = {{"blocked", "runnable", "off_cpu"}, 3, 2},
	[PARTS_STORED] = {{"cpu", "runnable", "blocked"}, 3, 0},
};

int parts_new(enum parts_kind kind, int64_t period_ns, struct cresset_profile **ret)
{
	struct cresset_profile *p = NULL;
	int r = cresset_profile_new(&p);

	for (size_t i = 0; i < kinds[kind].n && !r; i++)
		r = cresset_profile_add_value_type(p, kinds[kind].types[i], "nanoseconds");
	if (!r) {
		cresset_profile_set_default_type(p, kinds[kind].default_type);
		r = cresset_profile_set_period(p, kind == PARTS_OFF_CPU ? "off_cpu" : "cpu",
					       "nanoseconds", period_ns ? period_ns : 1);
	}
	if (r) {
		cresset_profile_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

static size_t value_of(const struct cresset_profile *p, const char *type)
{
	size_t n = cresset_profile_n_value_types(p), i = 0;

	while (i < n &&
	       strcmp(cresset_profile_string(p, cresset_profile_value_type(p, i).type), type))
		i++;
	return i;
}

static uint32_t set_of(struct parts *parts, size_t i)
{
	const struct cresset_profile *p = parts->window;
	uint32_t labels = cresset_profile_sample(p, i)->labels;
	const struct cresset_label *pid = cresset_profile_find_label(p, labels, CRESSET_LABEL_PID);
	const struct cresset_label *comm =
		cresset_profile_find_label(p, labels, CRESSET_LABEL_COMM);

	return agent_labels_of(parts->labels, pid ? (uint32_t)pid->num : 0, 0,
			       comm ? cresset_profile_string(p, comm->str) : NULL);
}

int parts_init(struct parts *parts, const struct cresset_profile *window,
	       struct agent_labels *labels)
{
	size_t n = cresset_profile_n_samples(window);

	*parts = (struct parts){.window = window, .labels = labels};
	parts->sets = calloc(n + 1, sizeof(*parts->sets));
	if (!parts->sets)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		parts->sets[i] = set_of(parts, i);
		if (parts->sets[i] > parts->max_set)
			parts->max_set = parts->sets[i];
	}
	parts->cpu = value_of(window, "cpu");
	parts->runnable = value_of(window, "runnable");
	parts->blocked = value_of(window, "blocked");
	parts->off_cpu = value_of(window, "wall");
	if (parts->off_cpu == cresset_profile_n_value_types(window))
		parts->off_cpu = value_of(window, "off_cpu");
	return 0;
}

void parts_release(struct parts *parts)
{
	free(parts->sets);
	parts->sets = NULL;
}

void parts_take_period(const struct parts *parts, struct cresset_profile *p)
{
	struct cresset_value_type type = cresset_profile_period_type(p);
	char name[32];

	/* Adding a string may move those that are there. */
	strncpy(name, cresset_profile_string(p, type.type), sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	if (!strcmp(name, "cpu"))
		cresset_profile_set_period(p, name, "nanoseconds",
					   cresset_profile_period(parts->window));
}

static const char *state_of(const struct cresset_profile *p, size_t i)
{
	const struct cresset_label *state = cresset_profile_find_label(
		p, cresset_profile_sample(p, i)->labels, CRESSET_LABEL_STATE);

	return state ? cresset_profile_string(p, state->str) : NULL;
}

static bool wanted(void *arg, size_t i)
{
	const struct adding *a = arg;
	const struct parts *parts = a->parts;

	if (a->kind == PARTS_OFF_CPU && !state_of(parts->window, i))
		return false;
	return !a->service ||
	       !strcmp(agent_labels_get(parts->labels, parts->sets[i], "service"), a->service);
}

struct match_arg {
	struct agent_labels *labels;
	uint32_t set;
};

static const char *match_value(void *arg, const char *name)
{
	const struct match_arg *m = arg;

	return agent_labels_get(m->labels, m->set, name);
}

static bool matches(void *arg, size_t i)
{
	const struct adding *a = arg;
	struct match_arg m = {a->parts->labels, a->parts->sets[i]};

	return wanted(arg, i) && (!a->match || match_eval(a->match, match_value, &m));
}

static int add_label(struct cresset_profile *p, struct cresset_label *labels, size_t *n,
		     const char *name, const char *value)
{
	struct cresset_label label = {.key = 0};
	int r = cresset_profile_add_string(p, name, strlen(name), &label.key);

	r = r ? r : cresset_profile_add_string(p, value, strlen(value), &label.str);
	if (!r)
		labels[(*n)++] = label;
	return r;
}

/* service and host are said of the whole profile where it goes to a server. */
static bool left_out(const struct adding *a, const char *name)
{
	return a->service && (!strcmp(name, "service") || !strcmp(name, "host"));
}

static int make_labels(const struct adding *a, uint32_t set, const char *state,
		       struct cresset_profile *p, uint32_t *ret)
{
	struct cresset_label labels[LABELS_MAX];
	const char *name, *value;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; !r && n < LABELS_MAX - 1; i++) {
		if (!agent_labels_at(a->parts->labels, set, i, &name, &value))
			break;
		if (!left_out(a, name))
			r = add_label(p, labels, &n, name, value);
	}
	if (!r && state)
		r = add_label(p, labels, &n, CRESSET_LABEL_STATE, state);
	return r ? r : cresset_profile_add_labels(p, labels, n, ret);
}

static int labels_of(void *arg, size_t i, struct cresset_profile *p, uint32_t *ret)
{
	struct adding *a = arg;
	uint32_t set = a->parts->sets[i], *known;
	const char *state = a->service ? state_of(a->parts->window, i) : NULL;
	unsigned int k = !state ? 0 : strcmp(state, CRESSET_STATE_BLOCKED) ? 1 : 2;
	int r = 0;

	known = &a->known[(size_t)set * STATES + k];
	if (!*known)
		r = make_labels(a, set, state, p, known);
	*ret = *known;
	return r;
}

static int add(struct adding *a, bool relabel, struct cresset_profile *p)
{
	const struct parts *parts = a->parts;
	const size_t types[][PARTS_MAX_VALUES] = {
		[PARTS_CPU] = {parts->cpu},
		[PARTS_OFF_CPU] = {parts->blocked, parts->runnable, parts->off_cpu},
		[PARTS_STORED] = {parts->cpu, parts->runnable, parts->blocked},
	};
	const struct profile_part part = {.types = types[a->kind],
					  .wants = matches,
					  .labels = relabel ? labels_of : NULL,
					  .arg = a};
	int r;

	a->known = calloc(((size_t)parts->max_set + 1) * STATES, sizeof(*a->known));
	if (!a->known)
		return -ENOMEM;
	r = profile_merge_part(p, parts->window, &part);
	free(a->known);
	return r;
}

int parts_add_stored(const struct parts *parts, struct cresset_profile *p)
{
	struct adding a = {.parts = parts, .kind = PARTS_STORED};

	return add(&a, true, p);
}

int parts_add_service(const struct parts *parts, enum parts_kind kind, const char *service,
		      struct cresset_profile *p)
{
	struct adding a = {.parts = parts, .kind = kind, .service = service};

	return add(&a, true, p);
}

int parts_add_matching(const struct parts *parts, enum parts_kind kind, const struct match *match,
		       struct cresset_profile *p)
{
	struct adding a = {.parts = parts, .kind = kind, .match = match};

	return add(&a, false, p);
}
