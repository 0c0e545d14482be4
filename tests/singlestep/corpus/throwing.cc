// SPDX-License-Identifier: Apache-2.0
/* Exceptions: thrown through frames with destructors, rethrown, caught by type; throw at the end.
 */
#include <stdexcept>
#include <string>
#include <vector>

#include "mark.h"

static volatile int sink;

struct guard {
	int x;
	explicit guard(int y) : x(y)
	{
		sink = y;
	}
	~guard()
	{
		sink = sink - x;
	}
};

[[noreturn]] NOINLINE static void fail(int x)
{
	throw std::runtime_error(std::to_string(x));
}

NOINLINE static int through(int n)
{
	guard g(n);

	if (n == 0)
		fail(n);
	return through(n - 1) + g.x;
}

NOINLINE static int again(int n)
{
	try {
		return through(n);
	} catch (const std::logic_error &) {
		return 1;
	} catch (...) {
		guard g(3);
		throw;
	}
}

int main()
{
	std::vector<int> v;

	/* The first one binds symbols and sorts frame tables. */
	try {
		again(1);
	} catch (const std::exception &) {
	}
	MARK();
	try {
		again(3);
	} catch (const std::exception &e) {
		sink = e.what()[0];
	}
	for (int i = 0; i < 5; i++)
		v.push_back(i);
	sink = v[3];
	MARK();
	return 0;
}
