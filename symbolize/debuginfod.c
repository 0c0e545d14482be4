// SPDX-License-Identifier: Apache-2.0
/*
 * debuginfod - see debuginfod.h.
 *
 * The time limit hangs on the client's progress callback, which it calls at least once a second:
 * the alternative, DEBUGINFOD_TIMEOUT in our own environment, would change a variable that belongs
 * to the program we are linked into. Until a server has answered, the callback's first number
 * counts rounds of waiting and afterwards bytes; only a step of more than a few is taken for
 * progress.
 */
#include "debuginfod.h"

#include "openfile.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIBRARY		  "libdebuginfod.so.1"
#define DEFAULT_TIMEOUT_S 5
#define MAX_TIMEOUT_S	  3600
#define PROGRESS_STEP	  1024

/* As elfutils/debuginfod.h has them, with void for its opaque debuginfod_client. */
typedef void *(*begin_fn)(void);
typedef void (*end_fn)(void *client);
typedef int (*find_fn)(void *client, const unsigned char *build_id, int len, char **path);
typedef int (*progress_fn)(void *client, long a, long b);
typedef void (*set_progress_fn)(void *client, progress_fn fn);
typedef void (*set_user_data_fn)(void *client, void *value);
typedef void *(*get_user_data_fn)(void *client);

struct debuginfod {
	void *library;
	void *client;
	end_fn end;
	find_fn find[2]; /* by enum debuginfod_what */
	bool tried;	 /* to load the library */
	bool given_up;
	bool timed_out; /* in the request that runs */
	long progress;
	uint64_t progress_ns;
	uint64_t timeout_ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int check_progress(void *client, long a, long b)
{
	/* Only the client is given; the way from it to us goes through the library again. */
	void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_NOLOAD);
	get_user_data_fn get_user_data;
	struct debuginfod *d;
	uint64_t now = now_ns();

	if (!library)
		return 1;
	get_user_data = (get_user_data_fn)dlsym(library, "debuginfod_get_user_data");
	d = get_user_data ? get_user_data(client) : NULL;
	dlclose(library);
	if (!d)
		return 1;
	if (a - d->progress >= PROGRESS_STEP)
		d->progress_ns = now;
	d->progress = a;
	if (now - d->progress_ns >= d->timeout_ns)
		d->timed_out = true;
	return d->timed_out;
}

static uint64_t timeout_ns(void)
{
	const char *s = getenv("DEBUGINFOD_TIMEOUT");
	long seconds = s ? strtol(s, NULL, 10) : 0;

	if (seconds <= 0)
		seconds = DEFAULT_TIMEOUT_S;
	if (seconds > MAX_TIMEOUT_S)
		seconds = MAX_TIMEOUT_S;
	return (uint64_t)seconds * 1000000000u;
}

int debuginfod_new(struct debuginfod **ret)
{
	struct debuginfod *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->timeout_ns = timeout_ns();
	*ret = d;
	return 0;
}

void debuginfod_free(struct debuginfod *d)
{
	if (!d)
		return;
	if (d->client)
		d->end(d->client);
	if (d->library)
		dlclose(d->library);
	free(d);
}

static int load(struct debuginfod *d)
{
	set_user_data_fn set_user_data;
	set_progress_fn set_progress;
	begin_fn begin;

	if (d->tried)
		return d->client ? 0 : -ENOSYS;
	d->tried = true;
	/* It stays loaded: libcurl and TLS below it keep global state that they never give back. */
	d->library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
	if (!d->library)
		return -ENOSYS;
	begin = (begin_fn)dlsym(d->library, "debuginfod_begin");
	d->end = (end_fn)dlsym(d->library, "debuginfod_end");
	set_progress = (set_progress_fn)dlsym(d->library, "debuginfod_set_progressfn");
	set_user_data = (set_user_data_fn)dlsym(d->library, "debuginfod_set_user_data");
	d->find[DEBUGINFOD_DEBUGINFO] = (find_fn)dlsym(d->library, "debuginfod_find_debuginfo");
	d->find[DEBUGINFOD_EXECUTABLE] = (find_fn)dlsym(d->library, "debuginfod_find_executable");
	if (!begin || !d->end || !set_progress || !set_user_data || !d->find[0] || !d->find[1])
		return -ENOSYS;
	d->client = begin();
	if (!d->client)
		return -ENOSYS;
	set_user_data(d->client, d);
	set_progress(d->client, check_progress);
	return 0;
}

int debuginfod_fetch(struct debuginfod *d, const char *build_id, enum debuginfod_what what)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	int fd, r;

	if (!urls || !*urls)
		return -ENOENT;
	if (!openfile_is_build_id(build_id))
		return -EINVAL;
	if (d->given_up)
		return -EHOSTDOWN;
	r = load(d);
	if (r < 0)
		return r;
	d->timed_out = false;
	d->progress = 0;
	d->progress_ns = now_ns();
	/* A length of 0 says that the build-id is text in hex. */
	fd = d->find[what](d->client, (const unsigned char *)build_id, 0, NULL);
	if (fd >= 0)
		return fd;
	/* An abort by the callback can come back as "not found". */
	if (fd == -ENOENT && !d->timed_out)
		return -ENOENT;
	d->given_up = true;
	return -EHOSTDOWN;
}
