// SPDX-License-Identifier: Apache-2.0
/*
 * dso.c - the table of binaries, and finding their files.
 *
 * Where a file is looked for, and why in this order: /proc/PID/map_files leads to what is mapped,
 * deleted or memfd or in another mount namespace; /proc/PID/root + path needs fewer privileges;
 * the parent's root is the same place for a process that is gone; the plain path is all that is
 * left after both.
 *
 * An inode number alone is weak: it is used again for the next file. So a file that was changed
 * after its mapping was heard of (ctime) is refused, unless it is reached through the mapping
 * itself.
 *
 * Device numbers of stat(2) and of a mapping differ on file systems with devices of their own for
 * each subvolume or overlay (major 0): there an equal inode number has to do.
 */
#include "dso.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "binfile.h"

enum { MAX_KEPT_OPEN = 256 };

static const char DELETED[] = " (deleted)";

struct dso_file {
	unsigned int refs;
	int fd; /* -1: closed to save descriptors */
	uint64_t used;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	struct elfhead elf;
};

int dso_table_init(struct dso_table *t, size_t max_open)
{
	struct rlimit limit;

	memset(t, 0, sizeof(*t));
	vec_init(&t->dsos, sizeof(struct dso *));
	vec_init(&t->files, sizeof(struct dso_file *));
	hash_init(&t->index);
	t->max_open = max_open ? max_open : MAX_KEPT_OPEN;
	if (!max_open && !getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur / 4 < t->max_open)
		t->max_open = limit.rlim_cur / 4;
	t->first_free = 1;
	return vec_push(&t->dsos, NULL, 1) ? 0 : -ENOMEM;
}

static void file_close(struct dso_table *t, struct dso_file *f)
{
	if (f->fd < 0)
		return;
	close(f->fd);
	f->fd = -1;
	t->n_open--;
}

static void file_put(struct dso_table *t, struct dso_file *f)
{
	if (!f || --f->refs > 0)
		return;
	file_close(t, f);
	for (size_t i = 0; i < t->files.n; i++) {
		struct dso_file **at = vec_at(&t->files, i);

		if (*at == f) {
			*at = *(struct dso_file **)vec_at(&t->files, --t->files.n);
			break;
		}
	}
	free(f);
}

static void dso_free(struct dso_table *t, struct dso *d)
{
	if (!d)
		return;
	file_put(t, d->file);
	free(d->raw_path);
	free(d->path);
	free(d);
}

void dso_table_release(struct dso_table *t)
{
	for (size_t i = 0; i < t->dsos.n; i++)
		dso_free(t, *(struct dso **)vec_at(&t->dsos, i));
	vec_release(&t->dsos);
	vec_release(&t->files);
	hash_release(&t->index);
}

struct dso *dso_table_get(const struct dso_table *t, uint32_t id)
{
	if (id == 0 || id >= t->dsos.n)
		return NULL;
	return *(struct dso **)vec_at(&t->dsos, id);
}

/* ---- Identity. */

static enum dso_kind kind_of(const char *path)
{
	if (!strcmp(path, "[vdso]"))
		return DSO_VDSO;
	if (!strcmp(path, "[vsyscall]"))
		return DSO_VSYSCALL;
	/* "", "//anon", "[heap]", "[anon:name]", "anon_inode:…": only files have one slash. */
	return path[0] == '/' && path[1] != '/' ? DSO_FILE : DSO_ANON;
}

static uint64_t identity_hash(const struct dso_identity *id)
{
	uint64_t h = hash_bytes(id->path, strlen(id->path), id->dev ^ (id->ino << 20));

	return id->build_id_size ? hash_bytes(id->build_id, id->build_id_size, h) : h;
}

static bool identity_equal(const void *table, uint32_t id, const void *key)
{
	const struct dso *d = dso_table_get(table, id);
	const struct dso_identity *k = key;

	return d && d->dev == k->dev && d->ino == k->ino && d->build_id_size == k->build_id_size &&
	       (!k->build_id_size || !memcmp(d->build_id, k->build_id, k->build_id_size)) &&
	       !strcmp(d->raw_path, k->path);
}

static struct dso *dso_new(const struct dso_identity *id)
{
	size_t len = strlen(id->path), cut = sizeof(DELETED) - 1;
	struct dso *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->kind = kind_of(id->path);
	d->raw_path = strdup(id->path);
	if (d->kind == DSO_FILE && len > cut && !strcmp(id->path + len - cut, DELETED))
		len -= cut;
	d->path = len ? strndup(id->path, len) : strdup("//anon");
	clock_gettime(CLOCK_REALTIME_COARSE, &d->seen); /* the clock of file times */
	d->dev = id->dev;
	d->ino = id->ino;
	d->build_id_size = id->build_id_size;
	if (id->build_id_size)
		memcpy(d->build_id, id->build_id, id->build_id_size);
	if (!d->raw_path || !d->path) {
		free(d->raw_path);
		free(d->path);
		free(d);
		return NULL;
	}
	return d;
}

/* first_free is never past a free slot. */
static uint32_t free_slot(struct dso_table *t)
{
	while (t->first_free < t->dsos.n && dso_table_get(t, (uint32_t)t->first_free))
		t->first_free++;
	return t->first_free < t->dsos.n ? (uint32_t)t->first_free : 0;
}

int dso_table_add(struct dso_table *t, const struct dso_identity *identity, uint32_t *ret_id)
{
	struct dso_identity key = *identity;
	uint64_t hash;
	uint32_t id;
	struct dso *d;

	if (key.build_id_size > DSO_BUILD_ID_BYTES)
		key.build_id_size = 0;
	/* All anonymous memory of one name is the same. */
	if (kind_of(key.path) != DSO_FILE)
		key.dev = key.ino = key.build_id_size = 0;
	hash = identity_hash(&key);
	id = hash_find(&t->index, hash, identity_equal, t, &key);
	if (id) {
		*ret_id = id;
		return 0;
	}
	if (t->n >= DSO_MAX)
		return -E2BIG;
	if (hash_reserve(&t->index))
		return -ENOMEM;
	id = free_slot(t);
	if (!id) {
		if (!vec_push(&t->dsos, NULL, 1))
			return -ENOMEM;
		id = (uint32_t)t->dsos.n - 1;
	}
	d = dso_new(&key);
	if (!d)
		return -ENOMEM;
	*(struct dso **)vec_at(&t->dsos, id) = d;
	hash_insert(&t->index, hash, id);
	t->n++;
	*ret_id = id;
	return 0;
}

/* ---- Files. */

static void close_least_used(struct dso_table *t)
{
	struct dso_file *least = NULL;

	for (size_t i = 0; i < t->files.n; i++) {
		struct dso_file *f = *(struct dso_file **)vec_at(&t->files, i);

		if (f->fd >= 0 && (!least || f->used < least->used))
			least = f;
	}
	if (!least)
		return;
	file_close(t, least);
	t->stats.closed++;
}

static void file_keep(struct dso_table *t, struct dso_file *f, int fd)
{
	if (f->fd >= 0) {
		close(fd);
	} else {
		if (t->n_open >= t->max_open)
			close_least_used(t);
		f->fd = fd;
		t->n_open++;
	}
	f->used = ++t->clock;
}

static struct dso_file *file_find(const struct dso_table *t, const struct stat *st)
{
	for (size_t i = 0; i < t->files.n; i++) {
		struct dso_file *f = *(struct dso_file **)vec_at(&t->files, i);

		if (f->ino == st->st_ino && f->dev == st->st_dev && f->size == st->st_size &&
		    f->mtime.tv_sec == st->st_mtim.tv_sec &&
		    f->mtime.tv_nsec == st->st_mtim.tv_nsec)
			return f;
	}
	return NULL;
}

/* Takes a reference; fd is kept or closed. */
static int file_get(struct dso_table *t, const struct stat *st, const struct elfhead *elf, int fd,
		    struct dso_file **ret)
{
	struct dso_file *f = file_find(t, st);

	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f || !vec_push(&t->files, &f, 1)) {
			free(f);
			close(fd);
			return -ENOMEM;
		}
		f->fd = -1;
		f->dev = st->st_dev;
		f->ino = st->st_ino;
		f->size = st->st_size;
		f->mtime = st->st_mtim;
		f->elf = *elf;
		t->stats.opened++;
	}
	f->refs++;
	file_keep(t, f, fd);
	*ret = f;
	return 0;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static bool is_the_mapped_one(const struct dso *d, const struct stat *st, const struct elfhead *elf,
			      bool same_link)
{
	if (d->build_id_size)
		return elf->build_id_size == d->build_id_size &&
		       !memcmp(elf->build_id, d->build_id, d->build_id_size);
	if (same_link)
		return true;
	if (!d->ino || d->ino != st->st_ino || is_later(&st->st_ctim, &d->seen))
		return false;
	return d->dev == st->st_dev || major(st->st_dev) == 0;
}

/*
 * Takes a descriptor that may be d's file. 0: it is (ELF or not); -ESTALE: it is another file;
 * other errors: it cannot be read.
 */
static int adopt(struct dso_table *t, struct dso *d, int fd, bool same_link)
{
	struct elfhead elf = {.n_loads = 0};
	struct dso_file *file;
	struct stat st;
	int r, not_elf;

	if (fstat(fd, &st)) {
		close(fd);
		return -EIO;
	}
	not_elf = elfhead_read(fd, &elf);
	if (not_elf && not_elf != -ENOEXEC) {
		close(fd);
		return not_elf;
	}
	if (!is_the_mapped_one(d, &st, &elf, same_link)) {
		close(fd);
		return -ESTALE;
	}
	if (not_elf) {
		close(fd);
		d->state = DSO_NOT_ELF;
		return 0;
	}
	r = file_get(t, &st, &elf, fd, &file);
	if (r)
		return r;
	file_put(t, d->file);
	d->file = file;
	d->state = DSO_READY;
	return 0;
}

static int try_mapped(struct dso_table *t, struct dso *d, const struct dso_place *p)
{
	bool same_link;
	int fd = binfile_open_mapped(p->pid, p->start, p->end, d->raw_path, &same_link);

	return fd < 0 ? fd : adopt(t, d, fd, same_link);
}

static int try_fd(struct dso_table *t, struct dso *d, int fd)
{
	return fd < 0 ? fd : adopt(t, d, fd, false);
}

/* 0 if found; -ENOMEM; -ESTALE if only another file was found; else -ENOENT. */
static int find_file(struct dso_table *t, struct dso *d, const struct dso_place *p)
{
	bool stale = false;
	int r = -ENOENT;

	for (int way = 0; way < 4 && r; way++) {
		if (way == 0)
			r = try_mapped(t, d, p);
		else if (way == 1)
			r = try_fd(t, d, binfile_open_in_root(p->pid, d->path, false));
		else if (way == 2 && p->ppid)
			r = try_fd(t, d, binfile_open_in_root(p->ppid, d->path, false));
		else if (way == 3)
			r = try_fd(t, d, binfile_open(d->path, false));
		if (r == -ENOMEM)
			return r;
		stale |= r == -ESTALE;
	}
	return !r ? 0 : stale ? -ESTALE : -ENOENT;
}

int dso_resolve(struct dso_table *t, struct dso *d, const struct dso_place *place, uint64_t drain)
{
	int r;

	if (d->file)
		d->file->used = ++t->clock;
	if (d->kind != DSO_FILE || d->state == DSO_READY || d->state == DSO_NOT_ELF)
		return 0;
	if (d->state == DSO_UNREADABLE && d->tried_drain == drain)
		return 0;
	r = find_file(t, d, place);
	if (r == -ENOMEM)
		return r;
	if (!r) {
		d->place = *place;
		return 0;
	}
	if (d->state == DSO_NEW) {
		t->stats.unreadable++;
		t->stats.mismatched += r == -ESTALE;
	}
	d->state = DSO_UNREADABLE;
	d->tried_drain = drain;
	return 0;
}

const struct elfhead *dso_elf(const struct dso *d)
{
	return d->state == DSO_READY ? &d->file->elf : NULL;
}

bool dso_is_pseudo(const struct dso *d)
{
	return !strncmp(d->path, "/memfd:", 7) || !strncmp(d->path, "/SYSV", 5) ||
	       !strcmp(d->path, "/dev/zero") || !strcmp(d->path, "/anon_hugepage");
}

bool dso_file_id(const struct dso *d, struct dso_file_id *ret)
{
	const struct dso_file *f = d->file;

	if (d->state != DSO_READY)
		return false;
	*ret = (struct dso_file_id){
		.dev = f->dev,
		.ino = f->ino,
		.size = (uint64_t)f->size,
		.mtime_ns = (uint64_t)f->mtime.tv_sec * 1000000000u + (uint64_t)f->mtime.tv_nsec,
	};
	return true;
}

int dso_open(struct dso_table *t, struct dso *d)
{
	int r;

	if (d->state != DSO_READY)
		return -ENOENT;
	if (d->file->fd < 0) {
		r = find_file(t, d, &d->place);
		if (r)
			return r;
		if (d->state != DSO_READY || d->file->fd < 0)
			return -ENOENT;
	}
	d->file->used = ++t->clock;
	return binfile_reopen(d->file->fd);
}

/* ---- Forgetting. */

static void rebuild_index(struct dso_table *t)
{
	/* There is room: the table is as large as before, or larger than what is left. */
	memset(t->index.slots, 0, t->index.capacity * sizeof(*t->index.slots));
	t->index.n = 0;
	for (size_t i = 1; i < t->dsos.n; i++) {
		struct dso *d = *(struct dso **)vec_at(&t->dsos, i);
		struct dso_identity key;

		if (!d)
			continue;
		key = (struct dso_identity){.path = d->raw_path,
					    .dev = d->dev,
					    .ino = d->ino,
					    .build_id = d->build_id,
					    .build_id_size = d->build_id_size};
		hash_insert(&t->index, identity_hash(&key), (uint32_t)i);
	}
}

void dso_table_sweep(struct dso_table *t, uint64_t min_epoch)
{
	bool dropped = false;

	for (size_t i = 1; i < t->dsos.n; i++) {
		struct dso **at = vec_at(&t->dsos, i);

		if (!*at)
			continue;
		if (!(*at)->marked && !(*at)->pins && (*at)->used_epoch < min_epoch) {
			dso_free(t, *at);
			*at = NULL;
			t->n--;
			dropped = true;
			continue;
		}
		(*at)->marked = false;
	}
	if (!dropped)
		return;
	t->first_free = 1;
	rebuild_index(t);
}

size_t dso_table_memory(const struct dso_table *t)
{
	size_t bytes = t->dsos.capacity * sizeof(void *) + t->files.n * sizeof(struct dso_file) +
		       t->index.capacity * sizeof(struct hash_slot) + t->n * sizeof(struct dso);

	for (size_t i = 1; i < t->dsos.n; i++) {
		const struct dso *d = dso_table_get(t, (uint32_t)i);

		bytes += d ? strlen(d->raw_path) + strlen(d->path) + 2 : 0;
	}
	return bytes;
}
