// SPDX-License-Identifier: Apache-2.0
/* functions - see functions.h. */
#include "functions.h"

#include "demangle.h"
#include "index.h"

#include <cresset/profile.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Hashed and compared as bytes, so there is no padding. */
struct known_key {
	const char *name;
	const char *filename;
	uint64_t start_line;
};

struct known {
	struct known_key key;
	uint32_t function;
};

void functions_init(struct functions *f)
{
	vec_init(&f->known, sizeof(struct known));
	hash_init(&f->index);
}

void functions_release(struct functions *f)
{
	vec_release(&f->known);
	hash_release(&f->index);
}

int functions_forget(struct functions *f)
{
	hash_release(&f->index);
	hash_init(&f->index);
	f->known.n = 0;
	return vec_push(&f->known, NULL, 1) ? 0 : -ENOMEM;
}

static bool is_equal(const void *table, uint32_t id, const void *key)
{
	const struct known *known = vec_at(table, id);

	return memcmp(&known->key, key, sizeof(known->key)) == 0;
}

static int intern(struct cresset_profile *p, const struct symbol_frame *frame, bool demangled,
		  uint32_t *ret_id)
{
	struct cresset_function function = {.start_line = frame->start_line};
	char *plain = demangled ? demangle(frame->name) : NULL;
	const char *name = plain ? plain : frame->name;
	int r = cresset_profile_add_string(p, frame->name, strlen(frame->name),
					   &function.system_name);

	if (r == 0)
		r = cresset_profile_add_string(p, name, strlen(name), &function.name);
	if (r == 0)
		r = cresset_profile_add_string(p, frame->filename, strlen(frame->filename),
					       &function.filename);
	if (r == 0)
		r = cresset_profile_add_function(p, &function, ret_id);
	free(plain);
	return r;
}

int functions_add(struct functions *f, struct cresset_profile *p, const struct symbol_frame *frame,
		  bool demangled, uint32_t *ret_id)
{
	struct known known = {.key = {frame->name, frame->filename, frame->start_line}};
	uint64_t hash = hash_bytes(&known.key, sizeof(known.key), 0);
	uint32_t id = hash_find(&f->index, hash, is_equal, &f->known, &known.key);
	int r;

	if (id) {
		*ret_id = ((const struct known *)vec_at(&f->known, id))->function;
		return 0;
	}
	r = intern(p, frame, demangled, &known.function);
	if (r == 0)
		r = hash_reserve(&f->index);
	if (r < 0)
		return r;
	if (!vec_push(&f->known, &known, 1))
		return -ENOMEM;
	hash_insert(&f->index, hash, (uint32_t)f->known.n - 1);
	*ret_id = known.function;
	return 0;
}
