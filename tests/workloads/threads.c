// SPDX-License-Identifier: Apache-2.0
/*
 * threads.c - named threads, each in a function of its own.
 *
 *     threads [SECONDS]      first prints "tid NAME TID" for each, then works
 *
 * Thread "red" runs paint_red, "green" paint_green, "blue" paint_blue; the main thread waits.
 */
#include "work.h"

#include <pthread.h>
#include <sys/syscall.h>

static double seconds;
static pthread_barrier_t barrier;

static NOINLINE void paint(void)
{
	WORK_SPIN(200);
}

static NOINLINE void paint_red(uint64_t end)
{
	while (work_clock_ns(CLOCK_MONOTONIC) < end)
		paint();
	work_tick();
}

static NOINLINE void paint_green(uint64_t end)
{
	while (work_clock_ns(CLOCK_MONOTONIC) < end)
		paint();
	work_tick();
}

static NOINLINE void paint_blue(uint64_t end)
{
	while (work_clock_ns(CLOCK_MONOTONIC) < end)
		paint();
	work_tick();
}

static const struct color {
	const char *name;
	void (*run)(uint64_t end);
} colors[] = {{"red", paint_red}, {"green", paint_green}, {"blue", paint_blue}};

static NOINLINE void *thread_main(void *arg)
{
	const struct color *c = arg;

	pthread_setname_np(pthread_self(), c->name);
	printf("tid %s %ld\n", c->name, (long)syscall(SYS_gettid));
	pthread_barrier_wait(&barrier);
	c->run(work_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9));
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[3];

	seconds = work_seconds(argc, argv, 1);
	pthread_barrier_init(&barrier, NULL, 4);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, thread_main, (void *)&colors[i]))
			return 1;
	pthread_barrier_wait(&barrier);
	printf("ready\n");
	fflush(stdout);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
