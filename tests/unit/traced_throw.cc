// SPDX-License-Identifier: Apache-2.0
// traced_throw: exceptions through traced frames, for tests/unit/test_preload.c.
#include <cstdlib>
#include <unistd.h>

#define PLAIN __attribute__((no_instrument_function))
#define APART __attribute__((noinline))

struct Guard {
	long &count;
	APART ~Guard()
	{
		count++;
	}
};

extern "C" {
APART long thrower(long n)
{
	if (n)
		throw n;
	return 1;
}

APART long holder(long n)
{
	long count = 0;
	{
		Guard guard{ count };

		thrower(n);
	}
	return count;
}

APART long catcher(long n)
{
	try {
		return holder(n);
	} catch (long &thrown) {
		return thrown;
	}
}
}

static PLAIN void meet()
{
	char byte;

	if (write(4, "a", 1) == 1 && read(3, &byte, 1) != 1)
		_exit(99);
}

PLAIN int main()
{
	catcher(0);
	catcher(1);
	meet();
	for (long i = 1; i <= 10; i++) {
		if (catcher(i) != i)
			return 1;
	}
	if (catcher(0) != 1)
		return 2;
	meet();
	return 0;
}
