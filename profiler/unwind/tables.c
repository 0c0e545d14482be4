// SPDX-License-Identifier: Apache-2.0
/* See tables.h. Rows to blocks is in blocks.c. */
#include "unwind/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unwind/blocks.h"

enum {
	/* Epochs (seconds, about) since the last use before tables may be evicted. */
	EVICT_AGE = 3,
	/* Part of the budget that is freed at once: each time costs a wait for walkers. */
	EVICT_PART = 16,
	MAX_WAIT_S = 64,
};

#define NS_PER_S 1000000000ull

struct table_file {
	struct tables_key key;
	uint32_t owner;
	bool loading;
	uint8_t unused; /* sweeps */
	uint32_t *blocks;
	uint32_t n_blocks;
	uint32_t cells;
	uint32_t n_cells;
	size_t n_rows;
	uint64_t ready_ns;
	uint64_t not_before_ns;
	uint32_t wait_s;
};

int tables_init(struct tables *t, struct tabmem *mem, uint64_t max_blocks)
{
	int r;

	memset(t, 0, sizeof(*t));
	t->mem = mem;
	vec_init(&t->files, sizeof(struct table_file *));
	hash_init(&t->index);
	t->first_free = 1;
	r = pool_init(&t->pool, mem, max_blocks);
	if (!r)
		r = cfi_rules_new(&t->rules);
	if (!r && !vec_push(&t->files, NULL, 1))
		r = -ENOMEM;
	if (r)
		tables_release(t);
	return r;
}

static struct table_file *file_at(const struct tables *t, uint32_t id)
{
	return id && id < t->files.n ? *(struct table_file **)vec_at(&t->files, id) : NULL;
}

static void file_free(struct table_file *f)
{
	if (f)
		free(f->blocks);
	free(f);
}

void tables_release(struct tables *t)
{
	for (uint32_t id = 1; id < t->files.n; id++)
		file_free(file_at(t, id));
	vec_release(&t->files);
	hash_release(&t->index);
	pool_release(&t->pool);
	cfi_rules_free(t->rules);
	t->rules = NULL;
}

/* ---- Files. */

static uint64_t key_hash(const struct tables_key *key)
{
	return hash_bytes(key, sizeof(*key), 0);
}

static bool key_equal(const void *tables, uint32_t id, const void *key)
{
	const struct table_file *f = file_at(tables, id);

	return f && !memcmp(&f->key, key, sizeof(f->key));
}

/* The kernel's side of a file. */
static struct cresset_unwind_dso *dso_of(const struct tables *t, uint32_t id)
{
	return &t->mem->dsos[id];
}

static uint32_t get_state(const struct tables *t, uint32_t id)
{
	return __atomic_load_n(&dso_of(t, id)->state, __ATOMIC_RELAXED);
}

static void set_state(struct tables *t, uint32_t id, enum cresset_dso_state state)
{
	/* After everything that a walker finds through it. */
	__atomic_store_n(&dso_of(t, id)->state, state, __ATOMIC_RELEASE);
}

static int free_id(struct tables *t, uint32_t *ret)
{
	uint32_t limit = t->mem->n_dsos < CRESSET_MAX_DSOS ? t->mem->n_dsos : CRESSET_MAX_DSOS;

	while (t->first_free < t->files.n && file_at(t, t->first_free))
		t->first_free++;
	if (t->first_free >= limit)
		return -E2BIG;
	if (t->first_free == t->files.n && !vec_push(&t->files, NULL, 1))
		return -ENOMEM;
	*ret = t->first_free;
	return 0;
}

int tables_add(struct tables *t, const struct tables_key *key, uint32_t owner, uint32_t *ret_id,
	       bool *ret_new)
{
	uint64_t hash = key_hash(key);
	uint32_t id = hash_find(&t->index, hash, key_equal, t, key);
	struct table_file *f;
	int r;

	*ret_new = !id;
	if (id) {
		*ret_id = id;
		return 0;
	}
	r = free_id(t, &id);
	t->stats.ids_full += r == -E2BIG;
	if (r)
		return r;
	f = calloc(1, sizeof(*f));
	if (!f || hash_reserve(&t->index)) {
		free(f);
		return -ENOMEM;
	}
	f->key = *key;
	f->owner = owner;
	*(struct table_file **)vec_at(&t->files, id) = f;
	hash_insert(&t->index, hash, id);
	t->n_files++;
	memset(dso_of(t, id), 0, sizeof(struct cresset_unwind_dso));
	set_state(t, id, CRESSET_DSO_WANTED);
	*ret_id = id;
	return 0;
}

bool tables_owner(const struct tables *t, uint32_t id, uint32_t *ret_owner)
{
	const struct table_file *f = file_at(t, id);

	if (f)
		*ret_owner = f->owner;
	return f;
}

bool tables_wants(const struct tables *t, uint32_t id, uint64_t now_ns)
{
	const struct table_file *f = file_at(t, id);
	uint32_t state;

	if (!f || f->loading || now_ns < f->not_before_ns)
		return false;
	state = get_state(t, id);
	return state == CRESSET_DSO_WANTED || state == CRESSET_DSO_EVICTED;
}

void tables_begin(struct tables *t, uint32_t id)
{
	struct table_file *f = file_at(t, id);

	if (f)
		f->loading = true;
}

/* Twice as long each time, unless the last time is long past. */
static void put_off(struct table_file *f, uint64_t now_ns)
{
	if (f->ready_ns && now_ns - f->ready_ns > MAX_WAIT_S * NS_PER_S)
		f->wait_s = 0;
	f->wait_s = f->wait_s ? f->wait_s * 2 : 1;
	if (f->wait_s > MAX_WAIT_S)
		f->wait_s = MAX_WAIT_S;
	f->not_before_ns = now_ns + f->wait_s * NS_PER_S;
}

/* ---- Eviction. */

static uint32_t age_of(const struct tables *t, uint32_t id)
{
	uint32_t used = __atomic_load_n(&dso_of(t, id)->epoch, __ATOMIC_RELAXED);
	int32_t age = (int32_t)(t->epoch - used);

	return age > 0 ? (uint32_t)age : 0;
}

static bool is_evictable(const struct tables *t, uint32_t id)
{
	return file_at(t, id) && get_state(t, id) == CRESSET_DSO_READY &&
	       age_of(t, id) >= EVICT_AGE;
}

/* The memory of a file's tables, to be called when no walker can be in them. */
static void give_back(struct tables *t, struct table_file *f)
{
	pool_give_blocks(&t->pool, f->blocks, f->n_blocks);
	pool_give_cells(&t->pool, f->cells, f->n_cells);
	t->stats.ready--;
	t->stats.rows -= f->n_rows;
	t->stats.blocks -= f->n_blocks;
	free(f->blocks);
	f->blocks = NULL;
	f->n_blocks = f->n_cells = 0;
	f->n_rows = 0;
}

struct victim {
	uint32_t id;
	uint32_t age;
};

static int oldest_first(const void *a, const void *b)
{
	const struct victim *x = a, *y = b;

	if (x->age != y->age)
		return x->age > y->age ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* All that may go, oldest first. */
static int find_victims(const struct tables *t, struct vec *victims)
{
	for (uint32_t id = 1; id < t->files.n; id++) {
		struct victim v = {.id = id};

		if (!is_evictable(t, id))
			continue;
		v.age = age_of(t, id);
		if (!vec_push(victims, &v, 1))
			return -ENOMEM;
	}
	if (victims->n)
		qsort(victims->data, victims->n, sizeof(struct victim), oldest_first);
	return 0;
}

/*
 * Evicts from the start of the list until that much is free, and says how many went; none at all if
 * that much cannot be had.
 */
static size_t choose_victims(const struct tables *t, const struct vec *victims, uint32_t n_blocks,
			     uint32_t n_cells)
{
	uint64_t blocks = pool_free_blocks(&t->pool), cells = t->pool.free_cells;
	uint64_t want = n_blocks + t->pool.max_blocks / EVICT_PART;
	size_t enough = 0;

	for (size_t i = 0; i < victims->n; i++) {
		const struct victim *v = vec_at(victims, i);
		const struct table_file *f = file_at(t, v->id);

		/* With none the room would be there, but in pieces. */
		if (i && blocks >= want && cells >= 2 * (uint64_t)n_cells)
			return i;
		blocks += f->n_blocks;
		cells += f->n_cells;
		if (!enough && blocks >= n_blocks && cells >= n_cells)
			enough = i + 1;
	}
	return enough ? victims->n : 0;
}

static int evict(struct tables *t, uint32_t n_blocks, uint32_t n_cells, uint64_t now_ns)
{
	struct vec victims;
	size_t n;
	int r;

	vec_init(&victims, sizeof(struct victim));
	r = find_victims(t, &victims);
	n = r ? 0 : choose_victims(t, &victims, n_blocks, n_cells);
	for (size_t i = 0; i < n; i++)
		set_state(t, ((struct victim *)vec_at(&victims, i))->id, CRESSET_DSO_EVICTED);
	if (n)
		r = t->mem->ops->wait(t->mem);
	for (size_t i = 0; i < n; i++) {
		struct victim *v = vec_at(&victims, i);
		struct table_file *f = file_at(t, v->id);

		if (r) { /* walkers may still be in there: it stays */
			set_state(t, v->id, CRESSET_DSO_READY);
			continue;
		}
		give_back(t, f);
		put_off(f, now_ns);
		t->stats.evicted++;
	}
	vec_release(&victims);
	return r ? r : n ? 0 : -ENOSPC;
}

/* ---- Publishing. */

static void write_rules(struct tables *t)
{
	size_t n = cfi_rules_count(t->rules);

	for (size_t i = t->rules_written; i < n && i < CRESSET_MAX_RULES; i++)
		t->mem->rules[i] = *cfi_rules_get(t->rules, (uint32_t)i);
	t->rules_written = n;
}

/* Blocks and cells, or neither. */
static int take_room(struct tables *t, struct table_file *f)
{
	int r = pool_take_blocks(&t->pool, f->n_blocks, f->blocks);

	if (r)
		return r;
	r = pool_take_cells(&t->pool, f->n_cells, &f->cells);
	if (r)
		pool_give_blocks(&t->pool, f->blocks, f->n_blocks);
	return r;
}

static int make_room(struct tables *t, struct table_file *f, uint64_t now_ns)
{
	int r;

	f->blocks = calloc(f->n_blocks, sizeof(*f->blocks));
	if (!f->blocks)
		return -ENOMEM;
	r = take_room(t, f);
	/* Free cells may lie apart, so eviction can go on until nothing is left to evict. */
	while (r == -ENOSPC) {
		r = evict(t, f->n_blocks, f->n_cells, now_ns);
		if (r)
			return r;
		r = take_room(t, f);
	}
	return r;
}

static void count_reasons(struct tables *t, const struct cfi_table *table)
{
	for (int i = 0; i < CRESSET_N_NONE; i++)
		t->stats.none[i] += table->none[i];
}

static int publish(struct tables *t, uint32_t id, struct table_file *f, struct cfi_table *table,
		   uint64_t now_ns)
{
	struct cresset_unwind_dso *dso = dso_of(t, id);
	int r = table->rules ? cfi_table_intern(table, t->rules) : 0;

	if (r)
		return r;
	f->n_blocks = blocks_count(table);
	f->n_cells = blocks_cells(table);
	r = make_room(t, f, now_ns);
	if (r)
		return r;
	write_rules(t);
	blocks_write(table, id, &t->pool, f->blocks, f->cells);
	dso->text = table->lo;
	dso->text_size = (uint32_t)(table->hi - table->lo);
	dso->dir = f->cells;
	/* As good as used: it was asked for. */
	__atomic_store_n(&dso->epoch, t->epoch, __ATOMIC_RELAXED);
	set_state(t, id, CRESSET_DSO_READY);
	f->n_rows = table->n;
	f->ready_ns = now_ns;
	t->stats.rows += f->n_rows;
	t->stats.blocks += f->n_blocks;
	t->stats.ready++;
	t->stats.loaded++;
	count_reasons(t, table);
	return 0;
}

int tables_publish(struct tables *t, uint32_t id, struct cfi_table *table, uint64_t now_ns)
{
	struct table_file *f = file_at(t, id);
	int r;

	if (!f)
		return -ENOENT;
	f->loading = false;
	if (get_state(t, id) == CRESSET_DSO_READY)
		return 0;
	if (table->n < 2 || table->hi <= table->lo || table->hi - table->lo > UINT32_MAX) {
		tables_none(t, id);
		return 0;
	}
	r = publish(t, id, f, table, now_ns);
	if (!r)
		return 0;
	free(f->blocks);
	f->blocks = NULL;
	f->n_blocks = f->n_cells = 0;
	put_off(f, now_ns);
	t->stats.refused++;
	return r;
}

void tables_later(struct tables *t, uint32_t id, uint64_t now_ns)
{
	struct table_file *f = file_at(t, id);

	if (!f)
		return;
	f->loading = false;
	put_off(f, now_ns);
}

void tables_none(struct tables *t, uint32_t id)
{
	struct table_file *f = file_at(t, id);

	if (!f || get_state(t, id) == CRESSET_DSO_READY)
		return;
	f->loading = false;
	t->stats.without += get_state(t, id) != CRESSET_DSO_NONE;
	set_state(t, id, CRESSET_DSO_NONE);
}

/* ---- Ids that are used no more. */

bool tables_crowded(const struct tables *t)
{
	uint32_t limit = t->mem->n_dsos < CRESSET_MAX_DSOS ? t->mem->n_dsos : CRESSET_MAX_DSOS;

	return t->n_files > limit / 4 * 3;
}

static void rebuild_index(struct tables *t)
{
	memset(t->index.slots, 0, t->index.capacity * sizeof(*t->index.slots));
	t->index.n = 0;
	for (uint32_t id = 1; id < t->files.n; id++)
		if (file_at(t, id))
			hash_insert(&t->index, key_hash(&file_at(t, id)->key), id);
}

/* True if the file's time is over. */
static bool count_unused(struct tables *t, uint32_t id, const bool *used)
{
	struct table_file *f = file_at(t, id);

	if (!f)
		return false;
	if (used[id] || f->loading) {
		f->unused = 0;
		return false;
	}
	if (f->unused < 2)
		f->unused++;
	return f->unused >= 2;
}

int tables_sweep(struct tables *t, const bool *used, const struct tables_sweeping *by)
{
	bool any = false;
	int r;

	for (uint32_t id = 1; id < t->files.n; id++) {
		bool gone = count_unused(t, id, used);

		if (file_at(t, id) && file_at(t, id)->unused)
			by->on_unused(by->arg, id);
		if (!gone)
			continue;
		if (get_state(t, id) == CRESSET_DSO_READY)
			set_state(t, id, CRESSET_DSO_EVICTED);
		any = true;
	}
	if (!any)
		return 0;
	r = t->mem->ops->wait(t->mem);
	if (r)
		return r; /* again at the next sweep */
	for (uint32_t id = 1; id < t->files.n; id++) {
		struct table_file *f = file_at(t, id);

		if (!f || f->unused < 2)
			continue;
		if (f->n_blocks)
			give_back(t, f);
		set_state(t, id, CRESSET_DSO_FREE);
		by->on_free(by->arg, f->owner);
		file_free(f);
		*(struct table_file **)vec_at(&t->files, id) = NULL;
		t->n_files--;
	}
	t->first_free = 1;
	rebuild_index(t);
	return 0;
}

void tables_get_stats(const struct tables *t, struct tables_stats *ret)
{
	*ret = t->stats;
	ret->files = t->n_files;
	ret->pools = t->pool.n_pools;
}
