// SPDX-License-Identifier: Apache-2.0
/*
 * See remote_reader.h.
 *
 * A helper has one request at a time and copies nothing out by itself: the caller does, while it
 * holds the lock. So one that answers too late writes only to its own memory. Who frees a helper:
 * the reader, unless it hangs; then it is told so and frees itself.
 *
 * A pagemap descriptor stays with the memory that the process had when it was opened (after exec it
 * reads as empty), and is kept for the next thread of the process.
 */
#include "unwind/remote_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "quiet_thread.h"

enum {
	N_HELPERS = REMOTE_MAX_HANGING,
	N_SLOW = 64,
	RUN_BYTES = REMOTE_RUN_LINES * REMOTE_LINE_BYTES,
	STACK_BYTES = 256 << 10,
};

#define MS UINT64_C(1000000)

/* Of an entry of pagemap: Documentation/admin-guide/mm/pagemap.rst. */
#define PAGE_PRESENT (UINT64_C(1) << 63)
#define PAGE_SWAPPED (UINT64_C(1) << 62)

enum helper_state { HELPER_IDLE, HELPER_ASKED, HELPER_STOP };

struct helper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum helper_state state;
	bool left_behind;
	struct remote_place place;
	uint64_t address;
	size_t n;
	int result;
	/* The helper's own. */
	struct remote_place opened;
	int pagemap; /* -1: none */
	size_t page_bytes;
	unsigned char bytes[RUN_BYTES];
};

/* A process that has kept us waiting. */
struct slow {
	uint32_t pid;
	uint32_t exec_id;
	uint64_t waited_ns;
	uint64_t until_ns; /* when that is forgotten */
};

struct remote_reader {
	struct helper *helpers[N_HELPERS];
	struct slow slow[N_SLOW];
	size_t next_slow;
	/* Of the walk. */
	struct remote_place place;
	uint64_t waited_ns;
};

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- What a helper does. */

static void close_pagemap(struct helper *h)
{
	if (h->pagemap >= 0)
		close(h->pagemap);
	h->pagemap = -1;
}

static int open_pagemap(struct helper *h)
{
	char path[48];

	if (h->pagemap >= 0 && h->opened.pid == h->place.pid &&
	    h->opened.exec_id == h->place.exec_id)
		return 0;
	close_pagemap(h);
	snprintf(path, sizeof(path), "/proc/%u/pagemap", h->place.tid);
	h->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (h->pagemap < 0)
		return errno == ENOENT ? -ESRCH : errno == EACCES ? -EPERM : -errno;
	h->opened = h->place;
	return 0;
}

/* Does the process that the descriptor is of still have memory? An address that any has will say.
 */
static bool has_memory(const struct helper *h)
{
	uint64_t entry;

	return pread(h->pagemap, &entry, sizeof(entry), 0) == sizeof(entry);
}

/* How many bytes from address on, of `size`, are in pages that are there. */
static size_t count_resident(const struct helper *h, uint64_t address, size_t size)
{
	uint64_t entries[REMOTE_RUN_LINES + 1], first = address / h->page_bytes;
	uint64_t end = address + size, n = (end - 1) / h->page_bytes - first + 1, i = 0;
	ssize_t got = pread(h->pagemap, entries, n * sizeof(entries[0]),
			    (off_t)(first * sizeof(entries[0])));

	if (got < 0)
		return 0;
	while (i < (uint64_t)got / sizeof(entries[0]) && entries[i] & (PAGE_PRESENT | PAGE_SWAPPED))
		i++;
	if (!i)
		return 0;
	end = (first + i) * h->page_bytes;
	return end - address < size ? end - address : size;
}

static int read_lines(struct helper *h)
{
	struct iovec local = {h->bytes, 0}, remote = {(void *)(uintptr_t)h->address, 0};
	size_t size = h->n * REMOTE_LINE_BYTES;
	ssize_t got;
	int r = open_pagemap(h);

	if (r)
		return r;
	local.iov_len = count_resident(h, h->address, size);
	/* A pid that is used again has other memory than the one that it was opened for. */
	if (!local.iov_len && !has_memory(h)) {
		close_pagemap(h);
		r = open_pagemap(h);
		if (r)
			return r;
		if (!has_memory(h))
			return -ESRCH;
		local.iov_len = count_resident(h, h->address, size);
	}
	if (!local.iov_len)
		return 0;
	remote.iov_len = local.iov_len;
	got = process_vm_readv((pid_t)h->place.tid, &local, 1, &remote, 1, 0);
	if (got >= 0)
		return (int)(got / REMOTE_LINE_BYTES);
	return errno == EFAULT ? 0 : -errno;
}

static void helper_release(struct helper *h)
{
	close_pagemap(h);
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static void *helper_run(void *arg)
{
	struct helper *h = arg;
	bool own;
	int result;

	pthread_mutex_lock(&h->lock);
	while (h->state != HELPER_STOP) {
		if (h->state == HELPER_IDLE) {
			pthread_cond_wait(&h->changed, &h->lock);
			continue;
		}
		pthread_mutex_unlock(&h->lock);
		/* Nobody else touches the request meanwhile. */
		result = read_lines(h);
		pthread_mutex_lock(&h->lock);
		h->result = result;
		h->state = h->left_behind ? HELPER_STOP : HELPER_IDLE;
		pthread_cond_signal(&h->changed);
	}
	own = h->left_behind;
	pthread_mutex_unlock(&h->lock);
	if (own)
		helper_release(h);
	return NULL;
}

/* ---- What the reader does with them. */

static int start_thread(struct helper *h)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	r = quiet_thread_start(&h->thread, &attr, helper_run, h);
	pthread_attr_destroy(&attr);
	return r;
}

static int helper_new(struct helper **ret)
{
	struct helper *h = calloc(1, sizeof(*h));
	pthread_condattr_t attr;
	int r;

	if (!h)
		return -ENOMEM;
	h->pagemap = -1;
	h->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->changed, &attr);
	pthread_condattr_destroy(&attr);
	r = start_thread(h);
	if (r) {
		helper_release(h);
		return r;
	}
	*ret = h;
	return 0;
}

static void helper_free(struct helper *h)
{
	bool hangs;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	hangs = h->state == HELPER_ASKED;
	if (hangs) {
		h->left_behind = true;
		pthread_detach(h->thread);
	} else {
		h->state = HELPER_STOP;
		pthread_cond_signal(&h->changed);
	}
	pthread_mutex_unlock(&h->lock);
	/* If it hangs it may be gone by now. */
	if (hangs)
		return;
	pthread_join(h->thread, NULL);
	helper_release(h);
}

int remote_reader_new(struct remote_reader **ret)
{
	struct remote_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*ret = r;
	return 0;
}

void remote_reader_free(struct remote_reader *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < N_HELPERS; i++)
		helper_free(r->helpers[i]);
	free(r);
}

/* One that has nothing to do, with its lock held. */
static int find_helper(struct remote_reader *r, struct helper **ret)
{
	for (size_t i = 0; i < N_HELPERS; i++) {
		int error = r->helpers[i] ? 0 : helper_new(&r->helpers[i]);
		struct helper *h = r->helpers[i];

		if (error)
			return error;
		pthread_mutex_lock(&h->lock);
		if (h->state == HELPER_IDLE) {
			*ret = h;
			return 0;
		}
		pthread_mutex_unlock(&h->lock);
	}
	return -EAGAIN;
}

static struct slow *find_slow(struct remote_reader *r, uint64_t now_ns)
{
	for (size_t i = 0; i < N_SLOW; i++)
		if (r->slow[i].until_ns > now_ns && r->slow[i].pid == r->place.pid &&
		    r->slow[i].exec_id == r->place.exec_id)
			return &r->slow[i];
	return NULL;
}

int remote_reader_begin(struct remote_reader *r, const struct remote_place *place)
{
	struct slow *slow;

	r->place = *place;
	r->waited_ns = 0;
	slow = find_slow(r, clock_ns());
	return slow && slow->waited_ns >= REMOTE_TIMEOUT_MS * MS ? -EAGAIN : 0;
}

void remote_reader_end(struct remote_reader *r)
{
	struct slow *slow;
	uint64_t now_ns;

	if (r->waited_ns < REMOTE_SLOW_MS * MS)
		return;
	now_ns = clock_ns();
	slow = find_slow(r, now_ns);
	if (!slow) {
		slow = &r->slow[r->next_slow++ % N_SLOW];
		*slow = (struct slow){.pid = r->place.pid, .exec_id = r->place.exec_id};
	}
	slow->waited_ns += r->waited_ns;
	slow->until_ns = now_ns + REMOTE_REST_S * UINT64_C(1000000000);
}

/* With the lock held; until it has answered, or the time is over. */
static int wait_for(struct helper *h, uint64_t end_ns)
{
	struct timespec end = {.tv_sec = (time_t)(end_ns / 1000000000u),
			       .tv_nsec = (long)(end_ns % 1000000000u)};

	while (h->state == HELPER_ASKED)
		if (pthread_cond_timedwait(&h->changed, &h->lock, &end) == ETIMEDOUT)
			break;
	return h->state == HELPER_ASKED ? -ETIMEDOUT : h->result;
}

int remote_reader_read(struct remote_reader *r, uint64_t address, size_t n, void *ret_lines)
{
	uint64_t begin_ns = clock_ns();
	struct helper *h;
	int result;

	if (r->waited_ns >= REMOTE_TIMEOUT_MS * MS)
		return -ETIMEDOUT;
	result = find_helper(r, &h);
	if (result)
		return result;
	h->place = r->place;
	h->address = address;
	h->n = n < REMOTE_RUN_LINES ? n : REMOTE_RUN_LINES;
	h->state = HELPER_ASKED;
	pthread_cond_signal(&h->changed);
	result = wait_for(h, begin_ns + REMOTE_TIMEOUT_MS * MS - r->waited_ns);
	if (result > 0)
		memcpy(ret_lines, h->bytes, (size_t)result * REMOTE_LINE_BYTES);
	pthread_mutex_unlock(&h->lock);
	r->waited_ns += clock_ns() - begin_ns;
	return result;
}
