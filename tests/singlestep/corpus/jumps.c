// SPDX-License-Identifier: Apache-2.0
/* Stacks that change hands: setjmp and longjmp, and coroutines of makecontext. */
#include <setjmp.h>
#include <stdlib.h>
#include <ucontext.h>

#include "mark.h"

static volatile int sink;
static jmp_buf env;
static ucontext_t main_context, coroutine;

NOINLINE static void deep(int n)
{
	if (n)
		deep(n - 1);
	else
		longjmp(env, 1);
	sink++;
}

NOINLINE static void inner(int x)
{
	sink = x;
	swapcontext(&coroutine, &main_context);
	sink = x + 1;
}

static void body(int a, int b)
{
	inner(a);
	inner(b);
}

int main(void)
{
	char *stack = malloc(65536);

	MARK();
	if (!setjmp(env))
		deep(5);
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = stack;
	coroutine.uc_stack.ss_size = 65536;
	coroutine.uc_link = &main_context;
	makecontext(&coroutine, (void (*)(void))body, 2, 1, 2);
	for (int i = 0; i < 3; i++)
		swapcontext(&main_context, &coroutine);
	MARK();
	return 0;
}
