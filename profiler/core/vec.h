// SPDX-License-Identifier: Apache-2.0
/*
 * vec - an array that grows. The element size is fixed at vec_init(); growing may move the
 * elements, so pointers into a vec last until the next push.
 */
#ifndef CORE_VEC_H
#define CORE_VEC_H

#include <stddef.h>

struct vec {
	void *data;
	size_t n; /* elements in use */
	size_t capacity;
	size_t element; /* bytes */
};

void vec_init(struct vec *v, size_t element);
void vec_release(struct vec *v);
/* Room for n more elements without moving. -ENOMEM. */
int vec_reserve(struct vec *v, size_t n);
/* Appends n elements, copied from data or zeroed if that is NULL. Returns the first, NULL when
 * memory is out. */
void *vec_push(struct vec *v, const void *data, size_t n);

/* Memory that it takes. */
static inline size_t vec_bytes(const struct vec *v)
{
	return v->capacity * v->element;
}

static inline void *vec_at(const struct vec *v, size_t i)
{
	return (char *)v->data + i * v->element;
}

#endif
