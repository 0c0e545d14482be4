// SPDX-License-Identifier: Apache-2.0
/* See early.h. */
#include "unwind/early.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int early_new(struct early **ret)
{
	struct early *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	vec_init(&e->files, sizeof(struct early_file));
	r = loader_new(&e->loader);
	if (r) {
		free(e);
		return r;
	}
	*ret = e;
	return 0;
}

void early_free(struct early *e)
{
	if (!e)
		return;
	loader_free(e->loader);
	vec_release(&e->files);
	free(e);
}

static struct early_file *file_at(const struct early *e, size_t i)
{
	return vec_at(&e->files, i);
}

struct addition {
	struct early *early;
	struct procmap *pm;
	bool ignore;
	bool own; /* of this process */
};

/*
 * What runs of this process while it records: itself, libbpf and the C library. It is linked with
 * 40 more, half of all rows of a quiet machine.
 */
static bool is_in_use(const struct procmap_view *v)
{
	uintptr_t used[] = {(uintptr_t)early_new, (uintptr_t)bpf_map_lookup_batch, (uintptr_t)read};

	for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++)
		if (used[i] >= v->start && used[i] < v->end)
			return true;
	return false;
}

static const struct early_file *find_binary(const struct early *e, uint32_t binary)
{
	for (size_t i = 0; i < e->files.n; i++)
		if (file_at(e, i)->binary == binary)
			return file_at(e, i);
	return NULL;
}

/* The place of a file in the list is the id of its job. */
static int add_file(struct addition *a, uint32_t binary)
{
	struct early *e = a->early;
	struct early_file file = {.binary = binary, .ignored = a->ignore, .done = a->ignore};
	int fd = a->ignore ? -1 : procmap_open_binary(a->pm, binary);

	if (fd < 0 && !a->ignore)
		return 0; /* whoever asks for it will be told why */
	if (!vec_push(&e->files, &file, 1)) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	e->n_done += a->ignore;
	procmap_pin(a->pm, binary);
	if (a->ignore)
		return 0;
	return loader_submit_fd(e->loader, EARLY_FIRST_ID + (uint32_t)e->files.n - 1, fd);
}

static int add_view(void *arg, const struct procmap_view *v)
{
	struct addition *a = arg;

	if (a->own && !a->ignore && !is_in_use(v))
		return 0;
	if (v->kind != PROCMAP_VIEW_ELF || find_binary(a->early, v->binary) ||
	    a->early->files.n - (a->ignore ? 0 : a->early->n_ignored) >= EARLY_MAX_FILES)
		return 0;
	a->early->n_ignored += a->ignore;
	return add_file(a, v->binary);
}

static int add_process(struct early *e, struct procmap *pm, uint32_t pid, bool ignore)
{
	struct addition a = {
		.early = e, .pm = pm, .ignore = ignore, .own = pid == (uint32_t)getpid()};
	uint32_t exec_id;
	int r;

	if (!procmap_exec_id(pm, pid, &exec_id))
		return 0;
	r = procmap_view(pm, pid, exec_id, add_view, &a);
	return r == -ESRCH ? 0 : r;
}

int early_add(struct early *e, struct procmap *pm, uint32_t pid)
{
	return add_process(e, pm, pid, false);
}

int early_ignore(struct early *e, struct procmap *pm, uint32_t pid)
{
	return add_process(e, pm, pid, true);
}

bool early_ignores(const struct early *e, uint32_t binary)
{
	const struct early_file *file = find_binary(e, binary);

	return file && file->ignored;
}

int early_add_running(struct early *e, struct procmap *pm)
{
	struct vec processes;
	size_t n = 0;
	int r;

	vec_init(&processes, sizeof(struct procmap_change));
	r = procmap_list(pm, &processes);
	for (size_t i = 0; !r && i < processes.n && n < EARLY_MAX_PROCESSES; i++) {
		const struct procmap_change *c = vec_at(&processes, i);

		if (!c->running)
			continue;
		n++;
		r = early_add(e, pm, c->pid);
	}
	vec_release(&processes);
	return r;
}

struct early_file *early_find(const struct early *e, uint32_t result_id)
{
	if (result_id < EARLY_FIRST_ID || result_id - EARLY_FIRST_ID >= e->files.n)
		return NULL;
	return file_at(e, result_id - EARLY_FIRST_ID);
}

size_t early_pending(const struct early *e)
{
	return e->files.n - e->n_done;
}
