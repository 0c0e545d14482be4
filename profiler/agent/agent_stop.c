// SPDX-License-Identifier: Apache-2.0
/*
 * agent_stop - the end, within two seconds whatever a disk or a server does.
 *
 * All that could hang on them is in threads, which are waited for until a moment. What is not done
 * by then is told with its numbers and left: the process ends with those threads in it, and what
 * they had not finished has temporary names or no row in the catalogue, as after a crash.
 */
#include "agent/agent_inside.h"

#include "agent/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MS_NS UINT64_C(1000000)

/* To the last byte; of that, for servers and spools in any case; and for saying what is left. */
enum { STOP_MS = 1800, UPLOADS_LEAST_MS = 300, LAST_WORD_MS = 50 };

static unsigned int left_ms(uint64_t end_ns)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);

	return end_ns > now ? (unsigned int)((end_ns - now) / MS_NS) : 0;
}

static void *end_web(void *arg)
{
	struct agent *a = arg;

	/* May wait for a query, and that for the disk. */
	web_free(a->web);
	a->web = NULL;
	return NULL;
}

static void *end_uploads(void *arg)
{
	struct agent *a = arg;

	uploads_stop(&a->uploads, a->uploads_ms);
	return NULL;
}

/* Without a thread it is done by this one, and takes as long as it takes. */
static void begin_end(struct agent *a, struct agent_ending *e, void *(*end)(void *))
{
	e->running = pthread_create(&e->thread, NULL, end, a) == 0;
	if (!e->running)
		end(a);
}

static void say_left(struct agent *a, bool sampling, bool writing, bool serving, bool uploading)
{
	struct windows_state windows;
	/* A reload that hangs may still change the list. */
	uint64_t requests = a->uploads_ending.running ? uploads_left(&a->uploads) : 0;

	windows_get_state(&a->windows, &windows);
	agent_say(a, true,
		  "the end did not wait for%s%s%s%s any longer: %zu windows and %llu requests of "
		  "uploads were not written (the store is whole without them)",
		  sampling ? " the kernel" : "", writing ? " the store's disk" : "",
		  serving ? " HTTP" : "", uploading ? " the spools" : "", windows.n,
		  (unsigned long long)requests);
}

static void release(struct agent *a)
{
	uploads_release(&a->uploads);
	writer_release(&a->writer);
	sampler_release(&a->sampler);
	tally_release(&a->tally);
	captures_release(&a->captures);
	opener_release(&a->opener);
	windows_release(&a->windows);
	notify_release(&a->notify);
	agent_config_free(a->next);
	agent_config_free(a->config);
	vec_release(&a->network.uploads);
	a->config = NULL;
	a->begun = false;
}

void agent_stop(struct agent *a)
{
	uint64_t end = clock_now_ns(CLOCK_MONOTONIC) + STOP_MS * MS_NS;
	unsigned int least_ms = atomic_load(&a->n_uploads) ? UPLOADS_LEAST_MS : 0;
	uint64_t written = end - least_ms * MS_NS;
	bool sampling, writing, serving, uploading;

	if (!a->begun)
		return;
	notify_stopping(&a->notify);
	sampler_stop(&a->sampler);
	uploading = !agent_join_until(a->network.thread, &a->network.running, written);
	if (!uploading)
		begin_end(a, &a->web_ending, end_web);
	sampling = !agent_join_until(a->sampler.thread, &a->sampler.started, written);
	if (!sampling) {
		windows_close(&a->windows);
		opener_close(&a->opener);
	}
	writing = !agent_join_until(a->writer.thread, &a->writer.started, written);
	a->uploads_ms = left_ms(end);
	if (a->uploads_ms < least_ms)
		a->uploads_ms = least_ms;
	end = clock_now_ns(CLOCK_MONOTONIC) + (a->uploads_ms + LAST_WORD_MS) * MS_NS;
	if (!uploading) {
		begin_end(a, &a->uploads_ending, end_uploads);
		uploading = !agent_join_until(a->uploads_ending.thread, &a->uploads_ending.running,
					      end);
	}
	serving = !agent_join_until(a->web_ending.thread, &a->web_ending.running, end);
	/* It may have come to its end meanwhile. */
	if (!sampling)
		writing = !agent_join_until(a->writer.thread, &a->writer.started, 0);
	a->unfinished = sampling || writing || serving || uploading;
	if (a->unfinished)
		/* Sampling waits for the writer, too. */
		say_left(a, sampling && !a->writer.started, a->writer.started, serving, uploading);
	else
		release(a);
}
