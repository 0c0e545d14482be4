/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nofp.c - code without frame pointers, each function with a frame of another size, in a process
 * that lives as its first argument says.
 *
 *     nofp spin                 main;spin;chain;f3;f4;f5;leaf
 *     nofp exec                 waits for a byte of input, then runs itself with "spin"
 *     nofp fork                 waits for one, then its child spins
 *     nofp threads              its first thread ends, another spins
 *     nofp dlopen FILE FILE     calls chain() of each in turn, closing it again
 *
 * Ends with its parent, and after a minute.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define HARD __attribute__((noinline, noclone))

static volatile unsigned long x;

static HARD void leaf(volatile char *p)
{
	for (int i = 0; i < 200000; i++)
		x = x * 3 + (unsigned long)p[i & 7];
}

static HARD void f5(int n)
{
	volatile char b[200];

	b[n] = 1;
	leaf(b);
	x += (unsigned long)b[n];
}

static HARD void f4(int n)
{
	volatile char b[n + 300];

	b[n] = 1;
	f5(n & 7);
	x += (unsigned long)b[n];
}

static HARD void f3(int n)
{
	volatile char b[24];

	b[0] = 1;
	f4(n);
	x += (unsigned long)b[0];
}

__attribute__((visibility("default"))) void chain(int n);
HARD void chain(int n)
{
	volatile char b[1000];

	b[n] = 1;
	f3(n);
	x += (unsigned long)b[n];
}

static void spin(void)
{
	for (;;)
		chain(x & 7);
}

static void *spin_thread(void *arg)
{
	spin();
	return arg;
}

static void live(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60);
}

static void wait_for_input(void)
{
	char byte;

	if (read(STDIN_FILENO, &byte, 1) < 0)
		_exit(1);
}

static int come_and_go(char **files)
{
	for (unsigned long i = 0;; i++) {
		void *library = dlopen(files[i % 2], RTLD_NOW);
		void (*fn)(int) = library ? (void (*)(int))dlsym(library, "chain") : NULL;

		if (!fn)
			return 1;
		for (int j = 0; j < 400; j++)
			fn(j & 7);
		dlclose(library);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "spin";
	pthread_t thread;

	live();
	if (!strcmp(what, "exec")) {
		wait_for_input();
		execl("/proc/self/exe", argv[0], "spin", (char *)NULL);
		return 1;
	}
	if (!strcmp(what, "threads")) {
		if (pthread_create(&thread, NULL, spin_thread, NULL))
			return 1;
		pthread_exit(NULL);
	}
	if (!strcmp(what, "fork")) {
		wait_for_input();
		if (fork())
			for (;;)
				pause();
		live();
	}
	if (!strcmp(what, "dlopen") && argc == 4)
		return come_and_go(argv + 2);
	spin();
	return 0;
}
