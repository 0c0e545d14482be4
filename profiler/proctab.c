// SPDX-License-Identifier: Apache-2.0
/*
 * proctab.c - see proctab.h. Processes are found by a hash of the pid, which is built anew when an
 * expiry removed some: removal is rare (once a drain) and lookups are many.
 */
#include "proctab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_DRAINS = 2 };

void proctab_init(struct proctab *t)
{
	memset(t, 0, sizeof(*t));
	vec_init(&t->processes, sizeof(struct process *));
	vec_init(&t->changes, sizeof(uint32_t));
	hash_init(&t->index);
}

static struct process *at(const struct proctab *t, size_t i)
{
	return *(struct process **)vec_at(&t->processes, i);
}

static void image_free(struct image *image)
{
	addrspace_release(&image->space);
	free(image);
}

static void process_free(struct process *p)
{
	while (p->newest) {
		struct image *older = p->newest->older;

		image_free(p->newest);
		p->newest = older;
	}
	free(p);
}

void proctab_release(struct proctab *t)
{
	for (size_t i = 0; i < t->processes.n; i++)
		process_free(at(t, i));
	vec_release(&t->processes);
	vec_release(&t->changes);
	hash_release(&t->index);
}

static uint64_t pid_hash(uint32_t pid)
{
	return (pid + 1) * 0x9e3779b97f4a7c15u;
}

static bool pid_equal(const void *table, uint32_t id, const void *key)
{
	return at(table, id - 1)->pid == *(const uint32_t *)key;
}

struct process *proctab_find(const struct proctab *t, uint32_t pid)
{
	uint32_t id = hash_find(&t->index, pid_hash(pid), pid_equal, t, &pid);

	return id ? at(t, id - 1) : NULL;
}

struct image *process_image(const struct process *p, uint32_t exec_id, bool *ret_exact)
{
	for (struct image *i = p->newest; i; i = i->older) {
		if (!i->exec_known || i->exec_id == exec_id) {
			*ret_exact = i->exec_known;
			return i;
		}
	}
	*ret_exact = false;
	return p->newest;
}

void image_set_comm(struct image *image, const char *comm)
{
	strncpy(image->comm, comm, sizeof(image->comm) - 1);
	image->comm[sizeof(image->comm) - 1] = '\0';
}

/* If memory is out the change is not told: whoever listens also hears of what it misses. */
static void note_change(struct proctab *t, struct process *p)
{
	if (!t->tell_changes || p->changed || !vec_push(&t->changes, &p->pid, 1))
		return;
	p->changed = true;
}

void proctab_take_changes(struct proctab *t, const uint32_t **ret_pids, size_t *ret_n)
{
	*ret_pids = t->changes.data;
	*ret_n = t->changes.n;
	for (size_t i = 0; i < t->changes.n; i++) {
		struct process *p = proctab_find(t, (*ret_pids)[i]);

		if (p)
			p->changed = false;
	}
	t->changes.n = 0;
}

static void end_newest(struct proctab *t, struct process *p)
{
	if (p->newest->ended)
		return;
	p->newest->ended = true;
	p->newest->ended_drain = t->drain;
	note_change(t, p);
}

static void drop_oldest(struct process *p)
{
	struct image **link = &p->newest;

	while ((*link)->older)
		link = &(*link)->older;
	image_free(*link);
	*link = NULL;
	p->n_images--;
}

static struct process *process_new(struct proctab *t, uint32_t pid, struct image *image)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p || hash_reserve(&t->index) || !vec_push(&t->processes, &p, 1)) {
		free(p);
		return NULL;
	}
	p->pid = pid;
	p->newest = image;
	p->n_images = 1;
	hash_insert(&t->index, pid_hash(pid), (uint32_t)t->processes.n);
	return p;
}

/*
 * A new newest image of a process (which may be new too). *ret NULL at the limit of processes.
 */
static int push_image(struct proctab *t, uint32_t pid, struct process **ret)
{
	struct process *p = proctab_find(t, pid);
	struct image *image;

	*ret = NULL;
	if (!p && t->processes.n >= PROCTAB_MAX_PROCESSES) {
		t->dropped++;
		return 0;
	}
	image = calloc(1, sizeof(*image));
	if (!image)
		return -ENOMEM;
	addrspace_init(&image->space);
	if (!p) {
		p = process_new(t, pid, image);
		if (!p) {
			free(image);
			return -ENOMEM;
		}
	} else {
		end_newest(t, p);
		image->older = p->newest;
		p->newest = image;
		if (++p->n_images > PROCTAB_MAX_IMAGES) {
			drop_oldest(p);
			t->dropped++;
		}
	}
	note_change(t, p);
	*ret = p;
	return 0;
}

static bool is_old_news(const struct process *p, uint64_t time_ns)
{
	return p && time_ns <= p->newest->seen_ns;
}

/* ---- Events. */

int proctab_fork(struct proctab *t, uint32_t pid, uint32_t ppid, uint64_t time_ns)
{
	struct process *parent, *p = proctab_find(t, pid);
	int r;

	if (pid == ppid || is_old_news(p, time_ns))
		return 0; /* a thread */
	r = push_image(t, pid, &p);
	if (r || !p)
		return r;
	p->ppid = ppid;
	p->newest->seen_ns = time_ns;
	parent = proctab_find(t, ppid);
	if (parent) {
		const struct image *from = parent->newest;

		addrspace_share(&p->newest->space, &from->space);
		p->newest->exec_id = from->exec_id;
		p->newest->exec_known = from->exec_known;
		memcpy(p->newest->comm, from->comm, sizeof(from->comm));
	}
	return 0;
}

/* The process, made with an image of which nothing is known if there is none that runs. */
static int running(struct proctab *t, uint32_t pid, struct process **ret)
{
	*ret = proctab_find(t, pid);
	/* A leader that exited before its threads does not end the address space. */
	return *ret ? 0 : push_image(t, pid, ret);
}

int proctab_exec(struct proctab *t, uint32_t pid, const char *comm, uint64_t time_ns)
{
	struct process *p = proctab_find(t, pid);
	bool known = p && p->newest->exec_known;
	uint32_t exec_id = p ? p->newest->exec_id + 1 : 0;
	int r;

	if (is_old_news(p, time_ns))
		return 0;
	r = push_image(t, pid, &p);
	if (r || !p)
		return r;
	p->newest->exec_known = known;
	p->newest->exec_id = exec_id;
	p->newest->by_exec = true;
	p->newest->seen_ns = time_ns;
	image_set_comm(p->newest, comm);
	return 0;
}

int proctab_comm(struct proctab *t, uint32_t pid, const char *comm, uint64_t time_ns)
{
	struct process *p = proctab_find(t, pid);
	int r;

	if (is_old_news(p, time_ns))
		return 0;
	r = running(t, pid, &p);
	if (!r && p)
		image_set_comm(p->newest, comm);
	return r;
}

int proctab_exit(struct proctab *t, uint32_t pid, uint64_t time_ns)
{
	struct process *p = proctab_find(t, pid);

	if (p && !is_old_news(p, time_ns))
		end_newest(t, p);
	return 0;
}

int proctab_add_range(struct proctab *t, struct image *image, const struct addrspace_range *range,
		      bool joinable)
{
	int r = addrspace_add(&image->space, range, joinable);

	if (r == -ENOMEM)
		return r;
	t->dropped += r != 0;
	return 0;
}

int proctab_mmap(struct proctab *t, uint32_t pid, const struct addrspace_range *range,
		 bool joinable, uint64_t time_ns)
{
	struct process *p = proctab_find(t, pid);
	int r;

	if (is_old_news(p, time_ns))
		return 0;
	r = running(t, pid, &p);
	if (r || !p)
		return r;
	note_change(t, p);
	return proctab_add_range(t, p->newest, range, joinable);
}

int proctab_seen(struct proctab *t, uint32_t pid, uint32_t exec_id, bool exec_known,
		 uint64_t time_ns, struct process **ret)
{
	struct process *p = proctab_find(t, pid);
	int r;

	if (p && !p->newest->ended &&
	    (!exec_known || !p->newest->exec_known || p->newest->exec_id == exec_id)) {
		if (exec_known) {
			p->newest->exec_known = true;
			p->newest->exec_id = exec_id;
		}
		*ret = p;
		return 0;
	}
	r = push_image(t, pid, &p);
	if (!r && p) {
		p->newest->exec_id = exec_id;
		p->newest->exec_known = exec_known;
		p->newest->seen_ns = time_ns;
	}
	*ret = p;
	return r;
}

/* ---- Expiry. */

static bool is_expired(const struct proctab *t, const struct image *image)
{
	return image->ended && t->drain - image->ended_drain >= KEEP_DRAINS;
}

/* Drops expired images but the newest; says whether the process as a whole may go. */
static bool expire_images(struct proctab *t, struct process *p)
{
	struct image **link = &p->newest->older;

	while (*link) {
		struct image *image = *link;

		if (is_expired(t, image)) {
			*link = image->older;
			image_free(image);
			p->n_images--;
		} else {
			link = &image->older;
		}
	}
	return p->n_images == 1 && is_expired(t, p->newest);
}

void proctab_expire(struct proctab *t, bool (*alive)(void *arg, uint32_t pid), void *arg)
{
	size_t kept = 0, n = t->processes.n;

	t->drain++;
	for (size_t i = 0; i < n; i++) {
		struct process *p = at(t, i);

		if (expire_images(t, p)) {
			if (!alive(arg, p->pid)) {
				process_free(p);
				continue;
			}
			/* Threads outlive the leader: ask again after some drains. */
			p->newest->ended_drain = t->drain;
		}
		*(struct process **)vec_at(&t->processes, kept++) = p;
	}
	if (kept == n)
		return;
	t->processes.n = kept;
	memset(t->index.slots, 0, t->index.capacity * sizeof(*t->index.slots));
	t->index.n = 0;
	for (size_t i = 0; i < kept; i++)
		hash_insert(&t->index, pid_hash(at(t, i)->pid), (uint32_t)i + 1);
}

void proctab_check(struct proctab *t, bool (*alive)(void *arg, uint32_t pid), void *arg)
{
	for (size_t i = 0; i < t->processes.n; i++) {
		if (!at(t, i)->newest->ended && !alive(arg, at(t, i)->pid))
			end_newest(t, at(t, i));
	}
}

size_t proctab_memory(const struct proctab *t, size_t *ret_ranges)
{
	size_t bytes = t->processes.capacity * sizeof(void *) +
		       t->index.capacity * sizeof(struct hash_slot);
	size_t ranges = 0;

	for (size_t i = 0; i < t->processes.n; i++) {
		bytes += sizeof(struct process);
		for (const struct image *m = at(t, i)->newest; m; m = m->older) {
			size_t n;

			bytes += sizeof(*m);
			addrspace_all(&m->space, &n);
			ranges += n;
			bytes += addrspace_memory(&m->space);
		}
	}
	*ret_ranges = ranges;
	return bytes;
}
