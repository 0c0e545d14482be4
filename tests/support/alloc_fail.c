// SPDX-License-Identifier: Apache-2.0
/*
 * alloc_fail.c - the wrapped allocators; see alloc_fail.h.
 *
 * The linker turns our calls of malloc() into __wrap_malloc() and __real_malloc() into the next one
 * in line (ASan's in a sanitized build, so leaks and overflows stay visible).
 */
#include "support/alloc_fail.h"

#include <errno.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
int __real_posix_memalign(void **ret, size_t align, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __wrap_posix_memalign(void **ret, size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);

static unsigned int countdown; /* 0: off */
static bool refused;

void alloc_fail_begin(unsigned int n)
{
	countdown = n;
	refused = false;
}

bool alloc_fail_end(void)
{
	countdown = 0;
	return refused;
}

bool alloc_fail_next(unsigned int *n, unsigned int max)
{
	if (*n > max)
		return false;
	alloc_fail_begin((*n)++);
	return true;
}

static bool refuse(void)
{
	if (!countdown || --countdown)
		return false;
	refused = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refuse() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return refuse() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return refuse() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return refuse() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return refuse() ? NULL : __real_strndup(s, n);
}

int __wrap_posix_memalign(void **ret, size_t align, size_t size)
{
	return refuse() ? ENOMEM : __real_posix_memalign(ret, align, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return refuse() ? NULL : __real_aligned_alloc(align, size);
}
