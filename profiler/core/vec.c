// SPDX-License-Identifier: Apache-2.0
/* vec - see vec.h. Capacity grows by half, from 16 elements. */
#include "core/vec.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void vec_init(struct vec *v, size_t element)
{
	memset(v, 0, sizeof(*v));
	v->element = element;
}

void vec_release(struct vec *v)
{
	free(v->data);
	vec_init(v, v->element);
}

int vec_reserve(struct vec *v, size_t n)
{
	size_t capacity = v->capacity + v->capacity / 2;
	void *data;

	if (n <= v->capacity - v->n)
		return 0;
	if (n > SIZE_MAX / v->element - v->n)
		return -ENOMEM;
	if (capacity < v->n + n)
		capacity = v->n + n;
	if (capacity < 16)
		capacity = 16;
	if (capacity > SIZE_MAX / v->element)
		return -ENOMEM;
	data = realloc(v->data, capacity * v->element);
	if (!data)
		return -ENOMEM;
	v->data = data;
	v->capacity = capacity;
	return 0;
}

void *vec_push(struct vec *v, const void *data, size_t n)
{
	void *at;

	if (vec_reserve(v, n) < 0)
		return NULL;
	at = vec_at(v, v->n);
	if (n && data)
		memcpy(at, data, n * v->element);
	else if (n)
		memset(at, 0, n * v->element);
	v->n += n;
	return at;
}
