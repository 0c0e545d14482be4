// SPDX-License-Identifier: Apache-2.0
/*
 * See btfsubset.h. One pass over all types notes where each begins and finds the wanted ones; then
 * types are copied in the order in which they are met, each once, with the ids and names of the
 * new BTF. Ids are given before a type is copied, so types that contain each other are no matter.
 * The pass is nearly all of the 3 ms that this takes.
 */
#include "btfsubset.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <linux/btf.h>

#include "core/hash.h"

enum {
	VOID_POINTER = 1,      /* the id of the only pointer */
	MAX_BYTES = 16u << 20, /* of names: some 100 KiB in real kernels */
};

/* A BTF that is read. */
struct source {
	struct btf_header header;
	const char *types;
	const char *names;
};

struct subset {
	struct source all;
	struct hash wanted; /* of names */
	struct vec names;   /* struct name; id i + 1 of `wanted` is i */
	uint32_t *starts;   /* of types, by old ids; from 1 on */
	uint32_t *ids;	    /* new ids, by old ids; 0: not taken */
	uint32_t n;	    /* the last old id */
	struct vec taken;   /* uint32_t: old ids, in the order of the new ones from 2 on */
	struct vec types;   /* bytes */
	struct vec strings; /* bytes */
};

struct name {
	const char *text;
	size_t bytes;
};

static int source_open(struct source *s, const struct btfsubset_bytes *from)
{
	struct btf_header *h = &s->header;

	if (from->size < sizeof(*h))
		return -EBADMSG;
	memcpy(h, from->data, sizeof(*h));
	if (h->magic != BTF_MAGIC)
		return h->magic == __builtin_bswap16(BTF_MAGIC) ? -ENOTSUP : -EBADMSG;
	if (h->hdr_len < sizeof(*h) || h->hdr_len > from->size || h->type_off & 3)
		return -EBADMSG;
	if ((uint64_t)h->type_off + h->type_len > from->size - h->hdr_len ||
	    (uint64_t)h->str_off + h->str_len > from->size - h->hdr_len || !h->str_len)
		return -EBADMSG;
	s->types = (const char *)from->data + h->hdr_len + h->type_off;
	s->names = (const char *)from->data + h->hdr_len + h->str_off;
	return s->names[h->str_len - 1] ? -EBADMSG : 0;
}

/* What follows the head of a type; -1: a kind that is not known. */
static int64_t tail_bytes(const struct btf_type *t)
{
	size_t n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return sizeof(uint32_t);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return (int64_t)(n * sizeof(struct btf_member));
	case BTF_KIND_ENUM:
		return (int64_t)(n * sizeof(struct btf_enum));
	case BTF_KIND_ENUM64:
		return (int64_t)(n * sizeof(struct btf_enum64));
	case BTF_KIND_FUNC_PROTO:
		return (int64_t)(n * sizeof(struct btf_param));
	case BTF_KIND_DATASEC:
		return (int64_t)(n * sizeof(struct btf_var_secinfo));
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	}
	return -1;
}

/* The type that begins at `at`, and its end. */
static int type_read(const struct source *s, size_t at, struct btf_type *ret, size_t *ret_end)
{
	size_t left = s->header.type_len - at;
	int64_t tail;

	if (left < sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, s->types + at, sizeof(*ret));
	tail = tail_bytes(ret);
	if (tail < 0)
		return -ENOTSUP;
	if ((uint64_t)tail > left - sizeof(*ret) || ret->name_off >= s->header.str_len)
		return -EBADMSG;
	*ret_end = at + sizeof(*ret) + (size_t)tail;
	return 0;
}

static bool has_name_that_counts(const struct btf_type *t)
{
	uint32_t kind = BTF_INFO_KIND(t->info);

	return t->name_off && (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION ||
			       kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64);
}

/* Up to a "___" that is not at its beginning. */
static struct name name_of(const struct source *s, const struct btf_type *t)
{
	const char *text = s->names + t->name_off;
	const char *flavour = *text ? strstr(text + 1, "___") : NULL;

	return (struct name){text, flavour ? (size_t)(flavour - text) : strlen(text)};
}

static bool is_name(const void *names, uint32_t id, const void *key)
{
	const struct name *a = (const struct name *)names + id - 1, *b = key;

	return a->bytes == b->bytes && !memcmp(a->text, b->text, a->bytes);
}

static bool is_wanted(const struct subset *u, const struct name *name)
{
	return hash_find(&u->wanted, hash_bytes(name->text, name->bytes, 0), is_name, u->names.data,
			 name);
}

static int want(struct subset *u, const struct name *name)
{
	if (is_wanted(u, name))
		return 0;
	if (hash_reserve(&u->wanted) || !vec_push(&u->names, name, 1))
		return -ENOMEM;
	hash_insert(&u->wanted, hash_bytes(name->text, name->bytes, 0), (uint32_t)u->names.n);
	return 0;
}

static int want_names_of(struct subset *u, const struct btfsubset_bytes *object)
{
	struct source s;
	struct btf_type t;
	int r = source_open(&s, object);

	for (size_t at = 0; !r && at < s.header.type_len;) {
		r = type_read(&s, at, &t, &at);
		if (!r && has_name_that_counts(&t)) {
			struct name name = name_of(&s, &t);

			r = want(u, &name);
		}
	}
	return r;
}

/* The new id of an old one: what it names is copied later, if it is met for the first time. */
static int take(struct subset *u, uint32_t old, uint32_t *ret)
{
	struct btf_type t;
	uint32_t kind;
	size_t end;
	int r;

	*ret = 0;
	if (!old)
		return 0;
	if (old > u->n)
		return -EBADMSG;
	if (!u->ids[old]) {
		r = type_read(&u->all, u->starts[old], &t, &end);
		if (r)
			return r;
		kind = BTF_INFO_KIND(t.info);
		if (kind == BTF_KIND_PTR || kind == BTF_KIND_FUNC_PROTO || kind == BTF_KIND_FUNC) {
			u->ids[old] = VOID_POINTER;
		} else {
			if (!vec_push(&u->taken, &old, 1))
				return -ENOMEM;
			u->ids[old] = (uint32_t)u->taken.n + VOID_POINTER;
		}
	}
	*ret = u->ids[old];
	return 0;
}

/* Notes where each type begins, and takes those of wanted names. */
static int find_all(struct subset *u)
{
	struct source *s = &u->all;
	/* Ids begin with 1, and the last type may be cut. */
	size_t max = s->header.type_len / sizeof(struct btf_type) + 2;
	struct btf_type t;
	struct name name;
	uint32_t id;
	int r = 0;

	u->starts = malloc(max * sizeof(*u->starts));
	u->ids = calloc(max, sizeof(*u->ids));
	if (!u->starts || !u->ids)
		return -ENOMEM;
	for (size_t at = 0; !r && at < s->header.type_len;) {
		u->starts[++u->n] = (uint32_t)at;
		r = type_read(s, at, &t, &at);
		if (r || !has_name_that_counts(&t))
			continue;
		name = name_of(s, &t);
		if (is_wanted(u, &name))
			r = take(u, u->n, &id);
	}
	return r;
}

/* ---- Copying. */

static int name_copy(struct subset *u, uint32_t *name_off)
{
	const char *text = u->all.names + *name_off;
	size_t at = u->strings.n;

	if (!*name_off)
		return 0;
	if (*name_off >= u->all.header.str_len)
		return -EBADMSG;
	if (at > MAX_BYTES)
		return -EFBIG;
	if (!vec_push(&u->strings, text, strlen(text) + 1))
		return -ENOMEM;
	*name_off = (uint32_t)at;
	return 0;
}

static int array_copy(struct subset *u, struct btf_array *a)
{
	int r = take(u, a->type, &a->type);

	return r ? r : take(u, a->index_type, &a->index_type);
}

/* The records behind a type: their names, and the types of members. */
static int tail_copy(struct subset *u, const struct btf_type *t, char *tail)
{
	uint32_t kind = BTF_INFO_KIND(t->info);
	bool members = kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
	size_t stride = kind == BTF_KIND_ENUM ? sizeof(struct btf_enum) : sizeof(struct btf_member);
	struct btf_member m;
	struct btf_array a;
	int r = 0;

	if (kind == BTF_KIND_ARRAY) {
		memcpy(&a, tail, sizeof(a));
		r = array_copy(u, &a);
		memcpy(tail, &a, sizeof(a));
	}
	if (!members && kind != BTF_KIND_ENUM && kind != BTF_KIND_ENUM64)
		return r;
	/* All of them begin with a name. */
	for (size_t i = 0; !r && i < BTF_INFO_VLEN(t->info); i++) {
		memcpy(&m, tail + i * stride, stride);
		r = name_copy(u, &m.name_off);
		if (!r && members)
			r = take(u, m.type, &m.type);
		memcpy(tail + i * stride, &m, stride);
	}
	return r;
}

static bool refers(uint32_t kind)
{
	return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_VOLATILE || kind == BTF_KIND_CONST ||
	       kind == BTF_KIND_RESTRICT || kind == BTF_KIND_TYPE_TAG;
}

/* What a struct can have a member of, or be made of. */
static bool is_part(uint32_t kind)
{
	return kind != BTF_KIND_VAR && kind != BTF_KIND_DATASEC && kind != BTF_KIND_DECL_TAG;
}

static int type_copy(struct subset *u, uint32_t old)
{
	size_t at = u->starts[old], end;
	struct btf_type t;
	char *to;
	int r = type_read(&u->all, at, &t, &end);

	if (r)
		return r;
	if (!is_part(BTF_INFO_KIND(t.info)))
		return -EBADMSG;
	to = malloc(end - at);
	if (!to)
		return -ENOMEM;
	memcpy(to, u->all.types + at, end - at);
	r = name_copy(u, &t.name_off);
	if (!r && refers(BTF_INFO_KIND(t.info)))
		r = take(u, t.type, &t.type);
	memcpy(to, &t, sizeof(t));
	if (!r)
		r = tail_copy(u, &t, to + sizeof(t));
	if (!r && !vec_push(&u->types, to, end - at))
		r = -ENOMEM;
	free(to);
	return r;
}

static int write_out(struct subset *u, struct vec *ret)
{
	struct btf_header h = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(h),
		.type_len = (uint32_t)u->types.n,
		.str_off = (uint32_t)u->types.n,
		.str_len = (uint32_t)u->strings.n,
	};

	if (!vec_push(ret, &h, sizeof(h)) || !vec_push(ret, u->types.data, u->types.n) ||
	    !vec_push(ret, u->strings.data, u->strings.n))
		return -ENOMEM;
	return 0;
}

static int make(struct subset *u, const struct btfsubset_bytes *wanted, struct vec *ret)
{
	struct btf_type pointer = {.info = BTF_KIND_PTR << 24};
	int r = want_names_of(u, wanted);

	if (!r)
		r = find_all(u);
	if (!r &&
	    (!vec_push(&u->types, &pointer, sizeof(pointer)) || !vec_push(&u->strings, "", 1)))
		r = -ENOMEM;
	for (size_t i = 0; !r && i < u->taken.n; i++)
		r = type_copy(u, *(uint32_t *)vec_at(&u->taken, i));
	return r ? r : write_out(u, ret);
}

int btfsubset_make(const struct btfsubset_bytes *all, const struct btfsubset_bytes *wanted,
		   struct vec *ret)
{
	struct subset u = {.n = 0};
	int r = source_open(&u.all, all);

	hash_init(&u.wanted);
	vec_init(&u.names, sizeof(struct name));
	vec_init(&u.taken, sizeof(uint32_t));
	vec_init(&u.types, 1);
	vec_init(&u.strings, 1);
	if (!r)
		r = make(&u, wanted, ret);
	hash_release(&u.wanted);
	vec_release(&u.names);
	vec_release(&u.taken);
	vec_release(&u.types);
	vec_release(&u.strings);
	free(u.starts);
	free(u.ids);
	return r;
}
