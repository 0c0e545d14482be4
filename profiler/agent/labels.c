// SPDX-License-Identifier: Apache-2.0
/*
 * labels - see labels.h. The cache of processes, and how a process's set comes about.
 *
 * A cached answer is looked at again every few windows: the start time tells a pid that is used
 * again, the text of the cgroup file a process that was moved. That is two short files; the
 * environment cannot change and is read once.
 */
#include "agent/labels.h"

#include "agent/environ.h"
#include "agent/label_rules.h"
#include "agent/label_sets.h"
#include "agent/procinfo.h"
#include "agent/service_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_MEMORY (UINT64_C(16) << 20)

enum {
	FORGET_WINDOWS = 30,
	LOOK_AGAIN_WINDOWS = 6,
	ENTRY_COST = 24, /* bytes of the hash for each entry, about */
};

struct entry {
	uint32_t pid, exec_id; /* the key */
	uint32_t set;
	uint32_t used, looked; /* windows */
	uint64_t comm_hash;
	uint64_t cgroup_hash;
	uint64_t start_ticks; /* 0: it could not be read */
};

struct entry_key {
	uint32_t pid, exec_id;
};

struct agent_labels {
	int proc_fd;
	char host[LABEL_VALUE_MAX + 1];
	/* Copies of the configuration. */
	struct vec texts;	       /* char *, owned: what the rules below point into */
	struct vec statics, env, otel; /* struct pair */
	struct vec service;	       /* struct service_rule */
	struct label_rules rules;
	bool want_environ;

	struct label_sets sets;
	struct vec entries; /* struct entry */
	struct hash index;  /* position + 1 */
	size_t max_entries;
	uint32_t window;
	struct agent_labels_stats stats;

	/* Of the process that is being read. */
	struct procinfo info;
	struct label_draft draft;
	char otel_service[LABEL_VALUE_MAX + 1];
	char *environ; /* PROCINFO_ENVIRON_MAX bytes */
};

/* A label and what it is made of: a value, a variable, an attribute. */
struct pair {
	char label[LABEL_NAME_BYTES];
	const char *from;
};

/* ---- Making one. */

static const char *keep_text(struct agent_labels *l, const char *text)
{
	char *copy = strdup(text);

	if (copy && !vec_push(&l->texts, &copy, 1)) {
		free(copy);
		copy = NULL;
	}
	return copy;
}

/* "LABEL=VALUE" or "VARIABLE[=LABEL]" or an attribute, by what is wanted of it. */
enum pair_kind { PAIR_STATIC, PAIR_ENV, PAIR_OTEL };

static int add_pair(struct agent_labels *l, struct vec *list, enum pair_kind kind, const char *text)
{
	size_t n = kind == PAIR_OTEL ? strlen(text) : strcspn(text, "=");
	const char *behind = text[n] ? text + n + 1 : NULL;
	char name[LABEL_NAME_BYTES];
	struct pair p = {.from = NULL};

	if (n >= sizeof(name) || (kind == PAIR_STATIC && !behind))
		return -EINVAL;
	snprintf(name, sizeof(name), "%.*s", (int)n, text);
	if (kind == PAIR_STATIC)
		snprintf(p.label, sizeof(p.label), "%s", name);
	else if (behind)
		snprintf(p.label, sizeof(p.label), "%.*s", LABEL_NAME_BYTES - 1, behind);
	else
		label_name_from(p.label, name, n);
	if (!label_name_valid(p.label))
		return -EINVAL;
	p.from = keep_text(l, kind == PAIR_STATIC ? behind : name);
	return p.from && vec_push(list, &p, 1) ? 0 : -ENOMEM;
}

static int add_pairs(struct agent_labels *l, struct vec *list, enum pair_kind kind,
		     const struct vec *texts)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < texts->n; i++)
		r = add_pair(l, list, kind, *(char **)vec_at(texts, i));
	return r;
}

static int add_services(struct agent_labels *l, const struct vec *texts, struct cresset_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < texts->n; i++) {
		const char *text = keep_text(l, *(char **)vec_at(texts, i));
		struct service_rule rule;

		r = text ? service_rule_parse(text, &rule, err) : -ENOMEM;
		if (r == 0 && !vec_push(&l->service, &rule, 1))
			r = -ENOMEM;
		if (r == 0 && (rule.kind == SERVICE_ENV || rule.kind == SERVICE_OTEL))
			l->want_environ = true;
	}
	return r;
}

static int configure(struct agent_labels *l, const struct agent_labels_config *c,
		     struct cresset_error *err)
{
	int r = add_pairs(l, &l->statics, PAIR_STATIC, &c->statics);

	r = r ? r : add_pairs(l, &l->env, PAIR_ENV, &c->env);
	r = r ? r : add_pairs(l, &l->otel, PAIR_OTEL, &c->otel);
	if (r == -EINVAL)
		return cresset_error_set(err, r, "a label of the configuration is malformed");
	r = r ? r : add_services(l, &c->service, err);
	for (size_t i = 0; r == 0 && i < c->rules.n; i++)
		r = label_rules_add(&l->rules, *(char **)vec_at(&c->rules, i), err);
	l->want_environ |= l->env.n || l->otel.n;
	return r;
}

static int add_overflow(struct agent_labels *l)
{
	uint32_t id;
	int r;

	l->draft.n = 0;
	label_draft_add(&l->draft, "host", l->host, strlen(l->host));
	label_draft_add(&l->draft, "overflow", "true", 4);
	label_draft_add(&l->draft, "service", "overflow", 8);
	r = label_sets_intern(&l->sets, &l->draft, &id);
	return r;
}

static void set_host(struct agent_labels *l, const char *host)
{
	char name[256] = "";

	for (size_t i = 0; !host && i < l->statics.n; i++) {
		const struct pair *p = vec_at(&l->statics, i);

		if (!strcmp(p->label, "host"))
			host = p->from;
	}
	if (!host && gethostname(name, sizeof(name) - 1) == 0)
		host = name;
	if (!host || !*host)
		host = "localhost";
	label_value_from(l->host, host, strlen(host));
}

static void init(struct agent_labels *l)
{
	l->proc_fd = -1;
	l->window = 1;
	vec_init(&l->texts, sizeof(char *));
	vec_init(&l->statics, sizeof(struct pair));
	vec_init(&l->env, sizeof(struct pair));
	vec_init(&l->otel, sizeof(struct pair));
	vec_init(&l->service, sizeof(struct service_rule));
	vec_init(&l->entries, sizeof(struct entry));
	hash_init(&l->index);
	label_rules_init(&l->rules);
}

static int fill(struct agent_labels *l, const struct agent_labels_config *config,
		const struct agent_labels_options *o, struct cresset_error *err)
{
	uint64_t memory = o->max_memory ? o->max_memory : DEFAULT_MEMORY;
	int r;

	l->environ = malloc(PROCINFO_ENVIRON_MAX);
	if (!l->environ)
		return -ENOMEM;
	l->proc_fd = open(o->proc ? o->proc : "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->proc_fd < 0)
		return cresset_error_set(err, -errno, "cannot open %s: %s",
					 o->proc ? o->proc : "/proc", strerror(errno));
	l->max_entries = (size_t)(memory / 4 / (sizeof(struct entry) + ENTRY_COST)) + 16;
	r = configure(l, config, err);
	if (r < 0)
		return r;
	set_host(l, o->host);
	return add_overflow(l);
}

int agent_labels_new(const struct agent_labels_config *config,
		     const struct agent_labels_options *options, struct agent_labels **ret,
		     struct cresset_error *err)
{
	static const struct agent_labels_options none;
	const struct agent_labels_options *o = options ? options : &none;
	uint64_t memory = o->max_memory ? o->max_memory : DEFAULT_MEMORY;
	struct agent_labels *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return cresset_error_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	init(l);
	/* One more, for the overflow's; 4 KiB, so that it always fits. */
	r = label_sets_init(&l->sets, (size_t)config->max_series + 1, memory / 4 * 3 + 4096);
	if (r == 0)
		r = fill(l, config, o, err);
	if (r < 0) {
		agent_labels_free(l);
		return r == -ENOMEM ? cresset_error_set(err, r, "%s", strerror(ENOMEM)) : r;
	}
	*ret = l;
	return 0;
}

void agent_labels_free(struct agent_labels *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->texts.n; i++)
		free(*(char **)vec_at(&l->texts, i));
	vec_release(&l->texts);
	vec_release(&l->statics);
	vec_release(&l->env);
	vec_release(&l->otel);
	vec_release(&l->service);
	vec_release(&l->entries);
	hash_release(&l->index);
	label_rules_release(&l->rules);
	label_sets_release(&l->sets);
	free(l->environ);
	if (l->proc_fd >= 0)
		close(l->proc_fd);
	free(l);
}

/* ---- The labels of one process. */

static void count(struct agent_labels *l, enum agent_labels_cause cause)
{
	l->stats.causes[cause]++;
}

static void add(struct agent_labels *l, const char *name, const char *value, size_t n)
{
	if (!label_draft_add(&l->draft, name, value, n))
		count(l, AGENT_LABELS_value_cut);
}

static void add_text(struct agent_labels *l, const char *name, const char *value)
{
	add(l, name, value, strlen(value));
}

static void count_errors(struct agent_labels *l)
{
	const struct procinfo *p = &l->info;

	if (p->error)
		count(l, p->error == -ESRCH			     ? AGENT_LABELS_gone
			 : p->error == -EACCES || p->error == -EPERM ? AGENT_LABELS_denied
								     : AGENT_LABELS_failed);
	if (p->exe_error == -EACCES || p->exe_error == -EPERM)
		count(l, AGENT_LABELS_exe_denied);
	if (p->environ_error == -EACCES || p->environ_error == -EPERM)
		count(l, AGENT_LABELS_environ_denied);
	if (p->environ_cut)
		count(l, AGENT_LABELS_environ_cut);
}

static int on_attribute(void *arg, const char *key, size_t key_n, const char *value, size_t value_n)
{
	struct agent_labels *l = arg;

	if (key_n == strlen("service.name") && !memcmp(key, "service.name", key_n) &&
	    !l->otel_service[0])
		label_value_from(l->otel_service, value, value_n);
	for (size_t i = 0; i < l->otel.n; i++) {
		const struct pair *p = vec_at(&l->otel, i);

		if (strlen(p->from) == key_n && !memcmp(p->from, key, key_n))
			add(l, p->label, value, value_n);
	}
	return 0;
}

static void add_environ(struct agent_labels *l)
{
	const char *text = l->environ, *value;
	size_t n = l->info.environ_n, len = 0;

	for (size_t i = 0; i < l->env.n; i++) {
		const struct pair *p = vec_at(&l->env, i);

		value = environ_find(text, n, p->from, &len);
		if (value)
			add(l, p->label, value, len);
	}
	l->otel_service[0] = '\0';
	value = environ_find(text, n, "OTEL_SERVICE_NAME", &len);
	if (value)
		label_value_from(l->otel_service, value, len);
	value = environ_find(text, n, "OTEL_RESOURCE_ATTRIBUTES", &len);
	if (value && otel_attributes_each(value, len, on_attribute, l) < 0)
		count(l, AGENT_LABELS_otel_malformed);
}

/* "nginx" of "nginx.service"; "" for what is no service of its own. */
static void service_of_unit(const char *unit, char *ret)
{
	size_t n = strlen(unit);

	ret[0] = '\0';
	if (n > 8 && !strcmp(unit + n - 8, ".service") && strncmp(unit, "user@", 5) != 0)
		label_value_from(ret, unit, n - 8);
}

static void service_by(struct agent_labels *l, const struct service_rule *rule, char *ret)
{
	const struct cgroup *c = &l->info.cgroup;
	const char *text = "";
	size_t n = 0;

	switch (rule->kind) {
	case SERVICE_UNIT:
		service_of_unit(c->unit, ret);
		return;
	case SERVICE_ENV:
		text = environ_find(l->environ, l->info.environ_n, rule->argument, &n);
		label_value_from(ret, text ? text : "", text ? n : 0);
		return;
	case SERVICE_CONTAINER_ID:
		label_value_from(ret, c->container_id, strnlen(c->container_id, 12));
		return;
	case SERVICE_OTEL:
		text = l->otel_service;
		break;
	case SERVICE_CONTAINER:
		text = c->container_name;
		break;
	case SERVICE_POD_UID:
		text = c->pod_uid;
		break;
	case SERVICE_SLICE:
		text = c->slice;
		break;
	case SERVICE_CGROUP:
		text = c->path;
		break;
	case SERVICE_EXE:
		text = l->info.exe;
		break;
	case SERVICE_COMM:
		text = label_draft_get(&l->draft, "comm");
		break;
	case SERVICE_TEXT:
		text = rule->argument;
		break;
	}
	label_value_from(ret, text, strlen(text));
}

static void add_service(struct agent_labels *l)
{
	char service[LABEL_VALUE_MAX + 1] = "";
	const char *comm = label_draft_get(&l->draft, "comm");

	if (l->info.stat.kernel)
		strcpy(service, "kernel");
	for (size_t i = 0; !service[0] && i < l->service.n; i++)
		service_by(l, vec_at(&l->service, i), service);
	add_text(l, "service", service[0] ? service : *comm ? comm : "unknown");
}

static void apply_rules(struct agent_labels *l)
{
	struct label_draft *d = &l->draft;

	for (size_t i = 0; i < d->n;) {
		char name[LABEL_NAME_BYTES];
		bool taken = false;

		strcpy(name, d->list[i].name);
		if (!label_rules_apply(&l->rules, name, d->list[i].value)) {
			label_draft_remove(d, i);
			continue;
		}
		for (size_t j = 0; j < d->n; j++)
			taken |= j != i && !strcmp(d->list[j].name, name);
		/* A name that another label has stays that one's. */
		if (!taken)
			strcpy(d->list[i].name, name);
		i++;
	}
}

static void add_process(struct agent_labels *l, const char *comm)
{
	const struct cgroup *c = &l->info.cgroup;
	const char *name = comm && *comm ? comm : l->info.stat.comm;

	l->draft.n = 0;
	add_text(l, "host", l->host);
	add(l, "comm", name, l->info.stat.kernel ? strcspn(name, "/") : strlen(name));
	add_text(l, "exe", l->info.exe);
	add_text(l, "unit", c->unit);
	add_text(l, "slice", c->slice);
	if (strcmp(c->path, "/") != 0)
		add_text(l, "cgroup", c->path);
	add_text(l, "container_id", c->container_id);
	add_text(l, "container", c->container_name);
	add_text(l, "pod_uid", c->pod_uid);
}

static uint32_t read_process(struct agent_labels *l, uint32_t pid, const char *comm)
{
	uint32_t id;
	int r;

	if (pid)
		procinfo_read(l->proc_fd, pid, l->want_environ, l->environ, &l->info);
	else
		l->info = (struct procinfo){.stat = {.comm = "swapper", .kernel = true}};
	l->stats.reads++;
	count_errors(l);
	add_process(l, comm);
	add_environ(l);
	for (size_t i = 0; i < l->statics.n; i++) {
		const struct pair *p = vec_at(&l->statics, i);

		add_text(l, p->label, p->from);
	}
	add_service(l);
	apply_rules(l);
	r = label_sets_intern(&l->sets, &l->draft, &id);
	if (r == 0)
		return id;
	if (r == -ENOSPC)
		l->stats.overflowed++;
	else
		count(l, AGENT_LABELS_failed);
	return AGENT_LABELS_OVERFLOW;
}

/* ---- The cache. */

static bool entry_equal(const void *table, uint32_t id, const void *key)
{
	const struct entry *e = vec_at(&((const struct agent_labels *)table)->entries, id - 1);

	return !memcmp(e, key, sizeof(struct entry_key));
}

static uint64_t entry_hash(const struct entry_key *key)
{
	return hash_bytes(key, sizeof(*key), 0);
}

/* Room for one more; NULL: the answer is not kept. */
static struct entry *new_entry(struct agent_labels *l, const struct entry_key *key)
{
	struct entry e = {.pid = key->pid, .exec_id = key->exec_id};

	if (l->entries.n >= l->max_entries || hash_reserve(&l->index) < 0 ||
	    !vec_push(&l->entries, &e, 1))
		return NULL;
	hash_insert(&l->index, entry_hash(key), (uint32_t)l->entries.n);
	return vec_at(&l->entries, l->entries.n - 1);
}

/* Is it still the same process, where it was? What is gone stays as it was. */
static bool unchanged(struct agent_labels *l, const struct entry *e)
{
	struct procinfo_stat stat;
	uint64_t cgroup_hash = 0;
	int r;

	if (e->set == AGENT_LABELS_OVERFLOW)
		return false;
	if (!e->pid)
		return true;
	r = procinfo_look(l->proc_fd, e->pid, &stat, &cgroup_hash);
	if (r < 0)
		return true;
	return stat.start_ticks == e->start_ticks && (stat.kernel || cgroup_hash == e->cgroup_hash);
}

uint32_t agent_labels_of(struct agent_labels *l, uint32_t pid, uint32_t exec_id, const char *comm)
{
	struct entry_key key = {.pid = pid, .exec_id = exec_id};
	uint32_t at = hash_find(&l->index, entry_hash(&key), entry_equal, l, &key), set;
	struct entry *e = at ? vec_at(&l->entries, at - 1) : NULL;
	uint64_t comm_hash = comm ? hash_bytes(comm, strlen(comm), 0) : 0;

	if (e && e->comm_hash == comm_hash) {
		e->used = l->window;
		if (l->window - e->looked < LOOK_AGAIN_WINDOWS)
			return e->set;
		if (unchanged(l, e)) {
			e->looked = l->window;
			return e->set;
		}
	}
	set = read_process(l, pid, comm);
	/* One that was read once and is gone now keeps what was known of it. */
	if (e && l->info.error == -ESRCH && e->set != AGENT_LABELS_OVERFLOW) {
		e->used = e->looked = l->window;
		e->comm_hash = comm_hash;
		return e->set;
	}
	e = e ? e : new_entry(l, &key);
	if (e) {
		e->set = set;
		e->used = e->looked = l->window;
		e->comm_hash = comm_hash;
		e->cgroup_hash = l->info.cgroup_hash;
		e->start_ticks = l->info.stat.start_ticks;
	}
	return set;
}

void agent_labels_expire(struct agent_labels *l)
{
	size_t kept = 0;

	label_sets_mark(&l->sets, AGENT_LABELS_OVERFLOW);
	for (size_t i = 0; i < l->entries.n; i++) {
		struct entry *e = vec_at(&l->entries, i);

		if (l->window - e->used >= FORGET_WINDOWS)
			continue;
		label_sets_mark(&l->sets, e->set);
		if (kept != i)
			memcpy(vec_at(&l->entries, kept), e, sizeof(*e));
		kept++;
	}
	l->stats.expired_processes += l->entries.n - kept;
	if (kept != l->entries.n) {
		l->entries.n = kept;
		if (l->index.slots)
			memset(l->index.slots, 0, l->index.capacity * sizeof(*l->index.slots));
		l->index.n = 0;
		for (size_t i = 0; i < kept; i++) {
			const struct entry *e = vec_at(&l->entries, i);
			struct entry_key key = {.pid = e->pid, .exec_id = e->exec_id};

			hash_insert(&l->index, entry_hash(&key), (uint32_t)i + 1);
		}
	}
	l->stats.expired_sets += label_sets_sweep(&l->sets);
	l->window++;
}

/* ---- Asking. */

bool agent_labels_at(const struct agent_labels *l, uint32_t set, size_t i, const char **ret_name,
		     const char **ret_value)
{
	return label_sets_at(&l->sets, set, i, ret_name, ret_value);
}

const char *agent_labels_get(const struct agent_labels *l, uint32_t set, const char *name)
{
	const char *other, *value;

	for (size_t i = 0; label_sets_at(&l->sets, set, i, &other, &value); i++)
		if (!strcmp(other, name))
			return value;
	return "";
}

void agent_labels_get_stats(const struct agent_labels *l, struct agent_labels_stats *ret)
{
	*ret = l->stats;
	ret->sets = l->sets.n - 1;
	ret->processes = l->entries.n;
	ret->memory_bytes = sizeof(*l) + PROCINFO_ENVIRON_MAX + l->sets.bytes +
			    l->sets.sets.capacity * sizeof(void *) +
			    l->sets.free.capacity * sizeof(uint32_t) +
			    l->entries.capacity * sizeof(struct entry) +
			    (l->index.capacity + l->sets.index.capacity) * sizeof(struct hash_slot);
}

static const struct {
	const char *name, *help;
} causes[AGENT_LABELS_N_CAUSES] = {
#define X(name, help) {#name, help},
	AGENT_LABELS_CAUSES(X)
#undef X
};

const char *agent_labels_cause_name(enum agent_labels_cause cause)
{
	return causes[cause].name;
}

const char *agent_labels_cause_help(enum agent_labels_cause cause)
{
	return causes[cause].help;
}
