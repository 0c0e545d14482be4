/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wakers.c - threads that are woken by known others:
 *
 *     wait_cond   by signal_cond of the thread "signaller" (condition variable)
 *     wait_pipe   by fill_pipe of the thread "writer"
 *     wait_third  by wake_third of "second", which was woken in wait_second by wake_second of
 *                 "first", which was woken in wait_first by a timer: an interrupt
 *     wait_timer  by a timer
 *     wait_tty    by a worker of the kernel: what is written to one end of a pseudo terminal gets
 *                 to the other by a work queue
 *
 *     wakers SECONDS
 *
 * Every few milliseconds each. Ends after that time, and with its parent.
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define HARD __attribute__((noinline, noclone))

enum { PAUSE_MS = 5 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int is_set;
static sem_t second, third;
static int ends[2], master, slave;
static volatile unsigned long x;

static HARD void sleep_ms(int ms)
{
	struct timespec t = {.tv_nsec = ms * 1000000L};

	nanosleep(&t, NULL);
	x++;
}

static HARD void wait_cond(void)
{
	pthread_mutex_lock(&lock);
	while (!is_set)
		pthread_cond_wait(&cond, &lock);
	is_set = 0;
	pthread_mutex_unlock(&lock);
}

static HARD void signal_cond(void)
{
	pthread_mutex_lock(&lock);
	is_set = 1;
	pthread_mutex_unlock(&lock);
	pthread_cond_signal(&cond);
	x++;
}

static HARD void wait_pipe(void)
{
	char c;

	x += (unsigned long)read(ends[0], &c, 1);
}

static HARD void fill_pipe(void)
{
	x += (unsigned long)write(ends[1], "x", 1);
}

static HARD void wait_first(void)
{
	sleep_ms(PAUSE_MS);
	x++;
}

static HARD void wake_second(void)
{
	sem_post(&second);
	x++;
}

static HARD void wait_second(void)
{
	sem_wait(&second);
	x++;
}

static HARD void wake_third(void)
{
	sem_post(&third);
	x++;
}

static HARD void wait_third(void)
{
	sem_wait(&third);
	x++;
}

static HARD void wait_timer(void)
{
	sleep_ms(PAUSE_MS);
	x++;
}

static HARD void wait_tty(void)
{
	char c;

	x += (unsigned long)read(slave, &c, 1);
}

static HARD void fill_tty(void)
{
	x += (unsigned long)write(master, "x", 1);
}

static void pause_before(void (*wake)(void))
{
	sleep_ms(PAUSE_MS);
	wake();
}

static const struct role {
	const char *name;
	void (*first)(void);
	void (*then)(void);
	void (*after_pause)(void);
} roles[] = {
	{"waiter", wait_cond, NULL, NULL},	  {"signaller", NULL, NULL, signal_cond},
	{"reader", wait_pipe, NULL, NULL},	  {"writer", NULL, NULL, fill_pipe},
	{"first", wait_first, wake_second, NULL}, {"second", wait_second, wake_third, NULL},
	{"third", wait_third, NULL, NULL},	  {"timer", wait_timer, NULL, NULL},
	{"tty_reader", wait_tty, NULL, NULL},	  {"tty_writer", NULL, NULL, fill_tty},
};

static void *run(void *arg)
{
	const struct role *role = arg;

	prctl(PR_SET_NAME, role->name);
	for (;;) {
		if (role->first)
			role->first();
		if (role->then)
			role->then();
		if (role->after_pause)
			pause_before(role->after_pause);
	}
	return NULL;
}

static int open_tty(void)
{
	struct termios t;

	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) || unlockpt(master))
		return -1;
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (slave < 0 || tcgetattr(slave, &t))
		return -1;
	cfmakeraw(&t);
	return tcsetattr(slave, TCSANOW, &t);
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? (unsigned int)atoi(argv[1]) : 10;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(seconds + 10);
	if (pipe(ends) || open_tty() || sem_init(&second, 0, 0) || sem_init(&third, 0, 0))
		return 1;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (pthread_create(&thread, NULL, run, (void *)&roles[i]))
			return 1;
	sleep(seconds);
	return 0;
}
