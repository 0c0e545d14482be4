// SPDX-License-Identifier: Apache-2.0
/*
 * Signal handlers: on the stack, on an alternate one, one in another, from a fault at a function's
 * first instruction, and left by siglongjmp.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "mark.h"

static volatile sig_atomic_t got;
static sigjmp_buf out;
static char *volatile nowhere;

NOINLINE static void work(int x)
{
	for (volatile int i = 0; i < x; i++)
		got += i;
}

static void on_usr2(int sig)
{
	work(3);
}

static void on_usr1(int sig, siginfo_t *info, void *context)
{
	work(2);
	raise(SIGUSR2);
	work(1);
}

static void on_fault(int sig)
{
	work(2);
	siglongjmp(out, 1);
}

static void on_trap(int sig)
{
	work(1);
}

/* Faults before it has made its frame. */
NOINLINE static int fault(const char *p)
{
	return *p;
}

static void install(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};

	sigaction(sig, &sa, NULL);
}

int main(void)
{
	stack_t alternate = {.ss_sp = malloc(65536), .ss_size = 65536};
	struct sigaction sa = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigaltstack(&alternate, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	install(SIGUSR2, on_usr2, SA_ONSTACK | SA_NODEFER);
	install(SIGSEGV, on_fault, SA_ONSTACK);
	install(SIGILL, on_trap, 0);
	MARK();
	raise(SIGUSR2);
	raise(SIGUSR1);
	work(2);
	if (!sigsetjmp(out, 1))
		fault(nowhere);
	install(SIGUSR1, on_usr2, 0);
	raise(SIGUSR1);
	MARK();
	return 0;
}
