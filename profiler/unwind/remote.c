// SPDX-License-Identifier: Apache-2.0
/*
 * See remote.h.
 *
 * Between the walker, which reads words here and there, and the reader, for which a read costs two
 * switches of threads, is a cache of 4 KiB lines. It is emptied for each walk, as what other
 * threads of the process do to its memory goes on. Stacks are read upwards, so where a walk begins
 * and where it goes on behind what has been read, some lines are read at once.
 */
#include "unwind/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unwind/remote_reader.h"
#include "unwind/remote_walker.h"

enum { N_LINES = 64 };

/* No process has memory of its own above, on any of our machines. */
#define MEMORY_LIMIT (UINT64_C(1) << 48)
#define NO_LINE	     UINT64_MAX

struct line {
	uint64_t number; /* address / REMOTE_LINE_BYTES; NO_LINE: empty */
	bool there;
	unsigned char bytes[REMOTE_LINE_BYTES];
};

struct remote {
	struct remote_walker *walker;
	struct remote_reader *reader;
	int error;     /* of the walk at hand: why nothing can be read any more */
	uint64_t next; /* number of the line behind the last one read */
	struct line lines[N_LINES];
	unsigned char run[REMOTE_RUN_LINES * REMOTE_LINE_BYTES];
	struct remote_stats stats;
};

static struct line *line_at(struct remote *r, uint64_t number)
{
	return &r->lines[number % N_LINES];
}

static void set_line(struct remote *r, uint64_t number, const unsigned char *bytes)
{
	struct line *line = line_at(r, number);

	line->number = number;
	line->there = bytes != NULL;
	if (bytes)
		memcpy(line->bytes, bytes, REMOTE_LINE_BYTES);
}

/* Reads a line that is not in the cache, and perhaps some after it. */
static void fetch(struct remote *r, uint64_t number)
{
	size_t n = number == r->next ? REMOTE_RUN_LINES : 1;
	int got = remote_reader_read(r->reader, number * REMOTE_LINE_BYTES, n, r->run);

	r->stats.reads++;
	if (got < 0) {
		r->error = got;
		got = 0;
	}
	for (int i = 0; i < got; i++)
		set_line(r, number + (uint64_t)i, r->run + i * REMOTE_LINE_BYTES);
	if (!got) {
		set_line(r, number, NULL);
		r->stats.not_there++;
	} else if (number == r->next) {
		r->next += (uint64_t)got;
	}
}

static const struct line *find_line(struct remote *r, uint64_t number)
{
	struct line *line = line_at(r, number);

	if (line->number != number) {
		if (r->error)
			return NULL;
		fetch(r, number);
	}
	return line->there ? line : NULL;
}

static int read_memory(void *arg, void *to, uint32_t size, uint64_t from)
{
	struct remote *r = arg;
	unsigned char *out = to;

	if (from >= MEMORY_LIMIT || size > MEMORY_LIMIT - from)
		return -EFAULT;
	while (size) {
		uint64_t offset = from % REMOTE_LINE_BYTES;
		uint64_t part =
			REMOTE_LINE_BYTES - offset < size ? REMOTE_LINE_BYTES - offset : size;
		const struct line *line = find_line(r, from / REMOTE_LINE_BYTES);

		if (!line)
			return -EFAULT;
		memcpy(out, line->bytes + offset, part);
		out += part;
		from += part;
		size -= (uint32_t)part;
	}
	return 0;
}

int remote_new(const struct remote_options *options, struct remote **ret)
{
	struct remote *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return -ENOMEM;
	error = remote_walker_new(options, read_memory, r, &r->walker);
	if (!error)
		error = remote_reader_new(&r->reader);
	if (error) {
		remote_free(r);
		return error;
	}
	*ret = r;
	return 0;
}

void remote_free(struct remote *r)
{
	if (!r)
		return;
	remote_reader_free(r->reader);
	remote_walker_free(r->walker);
	free(r);
}

static void begin(struct remote *r, const struct remote_thread *thread)
{
	const struct remote_place place = {thread->pid, thread->tid, thread->exec_id};

	for (size_t i = 0; i < N_LINES; i++)
		r->lines[i].number = NO_LINE;
	r->next = thread->registers.sp / REMOTE_LINE_BYTES;
	r->error = remote_reader_begin(r->reader, &place);
}

static void count_error(struct remote *r)
{
	if (r->error == -ESRCH)
		r->stats.gone++;
	else if (r->error == -EPERM)
		r->stats.refused++;
	else if (r->error == -ETIMEDOUT || r->error == -EAGAIN)
		r->stats.slow++;
}

int remote_walk(struct remote *r, const struct remote_thread *thread, uint64_t *ret_frames,
		size_t *ret_n)
{
	int stop;

	r->stats.walks++;
	if (!thread->registers.ip) {
		*ret_n = 0;
		return CRESSET_STOP_NO_USER;
	}
	if (thread->registers.compat32) {
		ret_frames[0] = thread->registers.ip;
		*ret_n = 1;
		return CRESSET_STOP_COMPAT32;
	}
	begin(r, thread);
	if (!r->error) {
		stop = (int)remote_walker_walk(r->walker, thread, ret_frames, ret_n);
		remote_reader_end(r->reader);
	}
	if (r->error) {
		count_error(r);
		return r->error;
	}
	return stop;
}

void remote_get_stats(const struct remote *r, struct remote_stats *ret)
{
	const struct remote_walker *w = r->walker;
	uint64_t fallback = remote_walker_stat(w, CRESSET_STAT_frames_fallback) +
			    remote_walker_stat(w, CRESSET_STAT_frames_jit);

	*ret = r->stats;
	ret->fallback = fallback;
	ret->frames = fallback + remote_walker_stat(w, CRESSET_STAT_frames_table);
	ret->misses = remote_walker_misses(w);
	ret->misses_full = remote_walker_stat(w, CRESSET_STAT_misses_full);
}
