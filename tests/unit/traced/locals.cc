/* SPDX-License-Identifier: Apache-2.0 */
/* Locals on the line of a call, with and without a value yet; arguments that nobody has written. */
#include <array>
#include <string>

__attribute__((noinline)) static int next(int a)
{
	return a + 1;
}

__attribute__((noinline)) static void set(int *place)
{
	*place = 1;
}

__attribute__((noinline)) static std::string spell(int n)
{
	return std::string((unsigned)n, 'x');
}

/* Declares it and calls, on one line. */
#define SET(name)                                                                                  \
	int name;                                                                                  \
	set(&name)

static int from_call(int n)
{
	int fresh = next(n);
	return fresh;
}

static int counted(int n)
{
	for (int i = 0, sum = 0;; sum += next(i++))
		if (i == n)
			return sum;
}

static int by_address(int n)
{
	SET(target);
	return target + n;
}

static int text(int n)
{
	std::string words = spell(n);
	return (int)words.size();
}

static int array(int n)
{
	for (char zeros[40] = { 0 }; n < 40; n += next(zeros[n]))
		;
	return n;
}

/* What is in the second register is asked for by nobody: gcc does not even store it. */
__attribute__((noinline)) static int first_of(std::array<int, 3> of)
{
	return of[0];
}

__attribute__((noinline)) static int sum_of(std::array<int, 3> of)
{
	return of[0] + of[1] + of[2];
}

struct Base {
	int base;
	explicit Base(int b) : base(next(b))
	{
	}
};

struct Left : virtual Base {
	int left;
	Left(int b, int l) : Base(b), left(next(l))
	{
	}
	int sum() const
	{
		return base + next(left);
	}
};

struct Both : Left {
	Both() : Base(1), Left(2, 3)
	{
	}
};

int main()
{
	Both both;

	return from_call(1) + counted(2) + by_address(3) + text(4) + array(5) + both.sum() +
	       first_of({ 7, 8, 9 }) + sum_of({ 7, 8, 9 });
}
