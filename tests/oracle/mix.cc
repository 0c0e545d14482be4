// SPDX-License-Identifier: Apache-2.0
/*
 * mix.cc - the shapes of frames that unwinders get wrong, without frame pointers.
 *
 *     mix [SECONDS]
 *
 * One thread for each shape: recursion with variable-length arrays, frames realigned for vectors,
 * frames of 40 KB, callbacks out of libc and libstdc++, exceptions, signals (nested, and on a stack
 * of their own), a coroutine, the vdso, and libc's hand-written string functions. Each spends most
 * of its time at varying depth and ends by itself.
 */
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <math.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <time.h>
#include <ucontext.h>
#include <vector>

#define NOINLINE __attribute__((noinline))

static std::atomic<bool> over;
static volatile uint64_t result;

NOINLINE static uint64_t spin(unsigned n)
{
	uint64_t x = n | 1;

	for (unsigned i = 0; i < n; i++)
		x = x * 6364136223846793005u + 1442695040888963407u;
	return x;
}

NOINLINE static uint64_t recurse(unsigned depth, unsigned seed)
{
	volatile uint64_t vla[1 + seed % 37];

	vla[0] = depth;
	if (!depth)
		return spin(3000) + vla[0];
	return recurse(depth - 1, seed * 7 + 3) + vla[0] + spin(50);
}

NOINLINE static uint64_t realigned(unsigned depth)
{
	alignas(64) volatile uint64_t lanes[16];
	volatile char *extra = (volatile char *)__builtin_alloca(16 + depth * 24);

	extra[0] = (char)depth;
	for (unsigned i = 0; i < 16; i++)
		lanes[i] = spin(100) + i;
	if (depth)
		lanes[3] = lanes[3] + realigned(depth - 1);
	return lanes[3] + (uint64_t)extra[0] + spin(500);
}

NOINLINE static uint64_t large(unsigned depth)
{
	volatile char block[40000];

	block[depth] = (char)depth;
	return depth ? large(0) + (uint64_t)block[depth] : spin(20000) + (uint64_t)block[0];
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	result = spin(8);
	return x < y ? -1 : x > y;
}

NOINLINE static void sorts()
{
	std::vector<uint64_t> v(400);
	std::map<std::string, int> m;

	for (size_t i = 0; i < v.size(); i++)
		v[i] = spin((unsigned)i) >> 40;
	qsort(v.data(), v.size(), sizeof(v[0]), compare);
	std::sort(v.begin(), v.end(), [](uint64_t a, uint64_t b) { return a % 1009 < b % 1009; });
	for (uint64_t x : v)
		m[std::to_string(x)]++;
	result = m.size();
}

NOINLINE static uint64_t throws(unsigned depth)
{
	std::string keeps_a_destructor(depth + 20, 'x');

	if (!depth)
		throw std::runtime_error(keeps_a_destructor);
	return throws(depth - 1) + keeps_a_destructor.size();
}

NOINLINE static void catches()
{
	try {
		result = throws(12);
	} catch (const std::exception &e) {
		result = spin(2000) + strlen(e.what());
	}
}

static void inner_handler(int)
{
	result = recurse(3, 5);
}

static void outer_handler(int)
{
	result = spin(2000);
	raise(SIGUSR2);
}

NOINLINE static void signals()
{
	raise(SIGUSR1);
	result = spin(1000);
}

NOINLINE static void vdso()
{
	struct timespec t;

	for (int i = 0; i < 500; i++) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		result = result + (uint64_t)t.tv_nsec;
	}
}

NOINLINE static void strings()
{
	static thread_local char a[1 << 16], b[1 << 16];
	char text[128];

	memset(a, 'a', sizeof(a) - 1);
	memcpy(b, a, sizeof(b));
	result = strlen(a) + (uint64_t)memcmp(a, b, sizeof(a)) + (uint64_t)strcmp(a, b);
	for (int i = 1; i < 50; i++) {
		snprintf(text, sizeof(text), "%d %.17g %s", i, sin((double)i) / 3, "text");
		result = result + (uint64_t)strtod(text + 3, NULL);
		free(malloc((size_t)i * 100));
	}
}

static thread_local ucontext_t caller_context, coroutine_context;

static void coroutine()
{
	for (;;) {
		result = recurse(6, 1);
		swapcontext(&coroutine_context, &caller_context);
	}
}

static void coroutines()
{
	static thread_local char stack[1 << 16];

	getcontext(&coroutine_context);
	coroutine_context.uc_stack.ss_sp = stack;
	coroutine_context.uc_stack.ss_size = sizeof(stack);
	coroutine_context.uc_link = &caller_context;
	makecontext(&coroutine_context, coroutine, 0);
	while (!over)
		swapcontext(&caller_context, &coroutine_context);
}

static void altstack_signals()
{
	static thread_local char stack[1 << 16];
	stack_t ss = {};

	ss.ss_sp = stack;
	ss.ss_size = sizeof(stack);
	sigaltstack(&ss, NULL);
	while (!over) {
		raise(SIGURG);
		result = spin(1000);
	}
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction sa = {};

	sa.sa_handler = handler;
	sa.sa_flags = flags;
	sigaction(signal, &sa, NULL);
}

template <typename F> static void repeat(F f)
{
	while (!over)
		f();
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 10;
	std::vector<std::thread> threads;

	handle(SIGUSR1, outer_handler, SA_RESTART);
	handle(SIGUSR2, inner_handler, SA_RESTART);
	handle(SIGURG, inner_handler, SA_ONSTACK);
	threads.emplace_back([] { repeat([] { result = recurse(30, 11); }); });
	threads.emplace_back([] { repeat([] { result = realigned(8); }); });
	threads.emplace_back([] { repeat([] { result = large(1); }); });
	threads.emplace_back([] { repeat(sorts); });
	threads.emplace_back([] { repeat(catches); });
	threads.emplace_back([] { repeat(signals); });
	threads.emplace_back([] { repeat(vdso); });
	threads.emplace_back([] { repeat(strings); });
	threads.emplace_back(coroutines);
	threads.emplace_back(altstack_signals);
	for (int i = 0; i < seconds * 10; i++) {
		struct timespec tick = {0, 100000000};

		nanosleep(&tick, NULL);
		result = recurse(4, 3);
	}
	over = true;
	for (auto &t : threads)
		t.join();
	return 0;
}
