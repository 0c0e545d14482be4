/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asleep.c - threads that sleep, each in another way, in code without frame pointers; asleep_fp is
 * the same with them, and calls the kernel without the C library.
 *
 *     asleep KIND…              a thread for each, named after its kind
 *     asleep -n THREADS KIND    many of one kind
 *
 * Kinds: nanosleep, futex, read, poll; handler (in a signal handler), altstack (likewise, on a
 * stack of its own), deep (below 100 calls), large (below a frame of 1 MiB), busy (does not sleep).
 * The stack of each is start;outer;middle;inner;wait_KIND;… Writes a byte when all are on their
 * way.
 *
 * Ends with its parent, and after a minute.
 */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HARD __attribute__((noinline, noclone))

static int ends[2];
static sem_t never;
static volatile unsigned long x;

#if defined(WITHOUT_LIBC) && defined(__x86_64__)
static HARD void wait_nanosleep(void)
{
	struct timespec t = {.tv_sec = 60};
	long r = SYS_nanosleep;

	__asm__ volatile("syscall" : "+a"(r) : "D"(&t), "S"(0l) : "rcx", "r11", "memory");
	x += (unsigned long)r;
}
#else
static HARD void wait_nanosleep(void)
{
	struct timespec t = {.tv_sec = 60};

	nanosleep(&t, NULL);
	x++;
}
#endif

static HARD void wait_futex(void)
{
	sem_wait(&never);
	x++;
}

static HARD void wait_read(void)
{
	char c;

	x += (unsigned long)read(ends[0], &c, 1);
}

static HARD void wait_poll(void)
{
	struct pollfd p = {.fd = ends[0], .events = POLLIN};

	x += (unsigned long)poll(&p, 1, 60000);
}

static HARD void wait_busy(void)
{
	for (;;)
		x++;
}

static void on_signal(int signo)
{
	wait_nanosleep();
	x += (unsigned long)signo;
}

static HARD void wait_handler(void)
{
	raise(SIGUSR1);
	x++;
}

static HARD void wait_altstack(void)
{
	stack_t stack = {.ss_size = 64 << 10};

	stack.ss_sp = malloc(stack.ss_size);
	if (!stack.ss_sp || sigaltstack(&stack, NULL))
		_exit(1);
	raise(SIGUSR2);
	x++;
}

static HARD void deeper(int n)
{
	volatile char b[40];

	b[n & 7] = 1;
	if (n)
		deeper(n - 1);
	else
		wait_nanosleep();
	x += (unsigned long)b[n & 7];
}

static HARD void wait_deep(void)
{
	deeper(99);
	x++;
}

static HARD void wait_large(void)
{
	volatile char b[1 << 20];

	b[0] = b[sizeof(b) - 1] = 1;
	wait_nanosleep();
	x += (unsigned long)b[0];
}

static const struct kind {
	const char *name;
	void (*wait)(void);
} kinds[] = {
	{"nanosleep", wait_nanosleep}, {"futex", wait_futex},	  {"read", wait_read},
	{"poll", wait_poll},	       {"handler", wait_handler}, {"altstack", wait_altstack},
	{"deep", wait_deep},	       {"large", wait_large},	  {"busy", wait_busy},
};

static HARD void inner(const struct kind *k)
{
	volatile char b[200];

	b[x & 7] = 1;
	k->wait();
	x += (unsigned long)b[x & 7];
}

static HARD void middle(const struct kind *k, int n)
{
	volatile char b[n + 300];

	b[n] = 1;
	inner(k);
	x += (unsigned long)b[n];
}

static HARD void outer(const struct kind *k)
{
	volatile char b[24];

	b[0] = 1;
	middle(k, (int)(x & 7));
	x += (unsigned long)b[0];
}

static void *start(void *arg)
{
	const struct kind *k = arg;

	prctl(PR_SET_NAME, k->name);
	outer(k);
	return NULL;
}

static void spawn(const char *name)
{
	pthread_attr_t attr;
	pthread_t thread;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, name))
			continue;
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, 4 << 20);
		if (pthread_create(&thread, &attr, start, (void *)&kinds[i]))
			_exit(1);
		return;
	}
	_exit(2);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	int many = argc == 4 && !strcmp(argv[1], "-n");

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60);
	sigaction(SIGUSR1, &action, NULL);
	action.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR2, &action, NULL);
	if (pipe(ends) || sem_init(&never, 0, 0))
		return 1;
	for (int i = 0; many && i < atoi(argv[2]); i++)
		spawn(argv[3]);
	for (int i = 1; !many && i < argc; i++)
		spawn(argv[i]);
	if (write(STDOUT_FILENO, "x", 1) != 1)
		return 1;
	for (;;)
		pause();
}
