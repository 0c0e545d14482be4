// SPDX-License-Identifier: Apache-2.0
/* kernelsyms - see kernelsyms.h. */
#include "kernelsyms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * BPF programs come and go at the same addresses; names of them older than this are not believed.
 * Reading the list takes some 70 ms: every half a minute that was a third of what the agent cost.
 */
#define BPF_MAX_AGE_NS 120000000000ull

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int kernelsyms_init(struct kernelsyms *k, const char *path, cresset_kernel_names_fn ask,
		    void *ask_arg)
{
	*k = (struct kernelsyms){.ask = ask, .ask_arg = ask_arg};
	k->path = strdup(path ? path : "/proc/kallsyms");
	if (ask)
		k->answers = calloc(KERNELSYMS_BATCH, sizeof(*k->answers));
	return k->path && (!ask || k->answers) ? 0 : -ENOMEM;
}

void kernelsyms_release(struct kernelsyms *k)
{
	kallsyms_free(k->list);
	free(k->answers);
	free(k->path);
}

int kernelsyms_begin(struct kernelsyms *k)
{
	return strtab_init(&k->names);
}

void kernelsyms_end(struct kernelsyms *k)
{
	strtab_release(&k->names);
}

static int keep(struct kernelsyms *k, const char *text, const char **ret)
{
	uint32_t id;
	int r = strtab_add(&k->names, text, strlen(text), &id);

	*ret = r ? NULL : strtab_get(&k->names, id);
	return r == -E2BIG ? -ENOMEM : r;
}

static int keep_both(struct kernelsyms *k, const char *name, const char *module,
		     struct kallsym *ret)
{
	int r = keep(k, name, &ret->name);

	return r ? r : keep(k, module, &ret->module);
}

/* ---- By asking. */

static int find_by_asking(struct kernelsyms *k, const uint64_t *addresses, size_t n,
			  struct kallsym *ret)
{
	int r = k->ask(k->ask_arg, addresses, n, k->answers);

	for (size_t i = 0; !r && i < n; i++) {
		const struct cresset_kernel_name *a = &k->answers[i];

		ret[i] = (struct kallsym){.name = NULL};
		if (a->name[0])
			r = keep_both(k, a->name, a->module, &ret[i]);
	}
	return r;
}

/* ---- By the list. */

/* Reads the list if there is none yet or `again`; at most once in a run. */
static int need_list(struct kernelsyms *k, uint64_t run, bool again)
{
	struct kallsyms *list;
	int r;

	if (k->list_run == run || (k->list_run && !again))
		return 0;
	r = kallsyms_load(k->path, &list);
	if (r == -ENOMEM)
		return r;
	k->list_missing |= r < 0 && !k->list_run;
	k->list_run = run;
	k->list_ns = now_ns();
	if (r == 0) {
		kallsyms_free(k->list);
		k->list = list;
	}
	return 0;
}

static bool is_nameless(const struct kernelsyms *k, uint64_t address)
{
	for (uint64_t i = 0; i < k->n_nameless && i < KERNELSYMS_NAMELESS; i++)
		if (k->nameless[i] == address)
			return true;
	return false;
}

/* Whether the list should be read anew before this result is believed. */
static bool is_doubtful(const struct kernelsyms *k, uint64_t run, uint64_t address, bool found,
			const struct kallsym *sym)
{
	if (!k->list || k->list_run == run)
		return false;
	if (!found)
		return !is_nameless(k, address);
	return strcmp(sym->module, "[bpf]") == 0 && now_ns() - k->list_ns > BPF_MAX_AGE_NS;
}

static int find_in_list(struct kernelsyms *k, uint64_t run, uint64_t address, struct kallsym *ret)
{
	struct kallsym sym = {0};
	bool found = k->list && kallsyms_lookup(k->list, address, &sym);
	int r;

	if (is_doubtful(k, run, address, found, &sym)) {
		r = need_list(k, run, true);
		if (r < 0)
			return r;
		found = kallsyms_lookup(k->list, address, &sym);
	}
	*ret = (struct kallsym){.name = NULL};
	if (found)
		return keep_both(k, sym.name, sym.module, ret);
	if (!is_nameless(k, address))
		k->nameless[k->n_nameless++ % KERNELSYMS_NAMELESS] = address;
	return 0;
}

int kernelsyms_find(struct kernelsyms *k, uint64_t run, const uint64_t *addresses, size_t n,
		    struct kallsym *ret)
{
	int r = k->ask ? find_by_asking(k, addresses, n, ret) : -EOPNOTSUPP;

	if (!r || r == -ENOMEM)
		return r;
	r = need_list(k, run, false);
	for (size_t i = 0; !r && i < n; i++)
		r = find_in_list(k, run, addresses[i], &ret[i]);
	return r;
}
