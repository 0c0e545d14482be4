// SPDX-License-Identifier: Apache-2.0
/* See files.h. */
#include "unwind/files.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#define NS_PER_S 1000000000u

enum { KERNEL_MINOR_BITS = 20 };

struct files_entry {
	struct cresset_unwind_file_key key;
	struct cresset_unwind_file file; /* dso 0: none now */
};

void files_init(struct files *f, struct tabmem *mem)
{
	memset(f, 0, sizeof(*f));
	f->mem = mem;
	vec_init(&f->entries, sizeof(struct files_entry));
	hash_init(&f->index);
}

void files_release(struct files *f)
{
	vec_release(&f->entries);
	hash_release(&f->index);
}

static struct files_entry *entry_at(const struct files *f, size_t i)
{
	return vec_at(&f->entries, i);
}

static bool key_equal(const void *files, uint32_t id, const void *key)
{
	return !memcmp(&entry_at(files, id - 1)->key, key, sizeof(struct cresset_unwind_file_key));
}

static int find_or_add(struct files *f, const struct cresset_unwind_file_key *key,
		       struct files_entry **ret)
{
	uint64_t hash = hash_bytes(key, sizeof(*key), 0);
	uint32_t id = hash_find(&f->index, hash, key_equal, f, key);

	if (id) {
		*ret = entry_at(f, id - 1);
		return 0;
	}
	if (hash_reserve(&f->index))
		return -ENOMEM;
	*ret = vec_push(&f->entries, NULL, 1);
	if (!*ret)
		return -ENOMEM;
	(*ret)->key = *key;
	hash_insert(&f->index, hash, (uint32_t)f->entries.n);
	return 0;
}

static int tell(struct files *f, const struct cresset_unwind_file_key *key,
		const struct cresset_unwind_file *file)
{
	struct files_entry *e;
	int r = find_or_add(f, key, &e);

	if (r || !memcmp(&e->file, file, sizeof(*file)))
		return r;
	/* Also if the kernel refuses: once is enough. */
	e->file = *file;
	if (f->mem->ops->set_file(f->mem, key, file))
		f->full++;
	return 0;
}

int files_add(struct files *f, const struct procmap_binary *b, uint32_t dso)
{
	struct cresset_unwind_file_key key = {
		.ino = b->mapped_ino,
		.dev = major(b->mapped_dev) << KERNEL_MINOR_BITS | minor(b->mapped_dev),
	};
	struct cresset_unwind_file file = {
		.size = b->size,
		.mtime_sec = (int64_t)(b->mtime_ns / NS_PER_S),
		.mtime_nsec = (uint32_t)(b->mtime_ns % NS_PER_S),
		.dso = dso,
		.code_start = b->code_start,
		.code_end = b->code_start + b->code_bytes,
		.shift = b->code_shift,
	};

	return b->code_bytes && b->mapped_ino ? tell(f, &key, &file) : 0;
}

int files_add_vdso(struct files *f, uint32_t dso)
{
	const struct cresset_unwind_file_key key = {.ino = 0};
	const struct cresset_unwind_file file = {.dso = dso};

	return tell(f, &key, &file);
}

void files_forget(struct files *f, uint32_t dso)
{
	for (size_t i = 0; i < f->entries.n; i++) {
		struct files_entry *e = entry_at(f, i);

		if (e->file.dso != dso)
			continue;
		f->mem->ops->delete_file(f->mem, &e->key);
		memset(&e->file, 0, sizeof(e->file));
	}
}
