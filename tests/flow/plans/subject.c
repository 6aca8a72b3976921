/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments, locals and return values of every class of the calling convention, with known values. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct small {
	int x, y;
};
struct mixed {
	double d;
	long l;
};
struct floats {
	float a, b, c;
};
struct large {
	char name[24];
	double values[4];
	struct small *next;
};
enum colour {
	RED = 1,
	GREEN = 2,
	BLUE = 4
};

static volatile long sink;

static int integers(char a, short b, int c, long d, unsigned char e, unsigned f, long long g, int h)
{
	int local = a + b + c;
	static int calls;

	calls++;
	sink = local + d + e + f + g + h;
	return local + calls;
}

static double reals(float a, double b, long double c, float d)
{
	double sum = (double)a + b + (double)c + (double)d;

	sink = (long)sum;
	return sum;
}

static struct small small_of(struct small s, int n)
{
	struct small r = { s.x * n, s.y + n };

	sink = r.x;
	return r;
}

static struct mixed mixed_of(struct mixed m, struct floats f)
{
	struct mixed r = { m.d + (double)f.a, m.l + (long)f.c };

	sink = r.l;
	return r;
}

static struct large large_of(struct large l, const char *name)
{
	struct large r = l;

	strncpy(r.name, name, sizeof(r.name) - 1);
	r.values[1] = l.values[0] * 2;
	sink = (long)strlen(r.name);
	return r;
}

static int variadic(const char *format, ...)
{
	va_list list;
	char text[64];

	va_start(list, format);
	int len = vsnprintf(text, sizeof(text), format, list);

	va_end(list);
	sink = len;
	return len;
}

static enum colour mix(enum colour a, _Bool is_on, int *counts, int n)
{
	for (int i = 0; i < n; i++) {
		int twice = counts[i] * 2;

		counts[i] = twice;
		sink += twice;
	}
	return is_on ? (enum colour)(a | BLUE) : a;
}

static long factorial(long n)
{
	long rest = n < 2 ? 1 : factorial(n - 1);

	return n < 2 ? 1 : n * rest;
}

static int apply(int (*call)(char, short, int, long, unsigned char, unsigned, long long, int),
		 int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += call((char)i, 2, 3, 4L << 33, 250, 4000000000u, -5, i);
	return sum;
}

int main(void)
{
	struct small s = { 3, 4 };
	struct large l = { "first", { 1.5, 2.5, 3.5, 4.5 }, &s };
	int counts[3] = { 1, 2, 3 };
	int sum = apply(integers, 4);

	sink = (long)reals(1.25f, 2.5, 3.75L, -1.f);
	s = small_of(s, 5);
	struct mixed m = mixed_of((struct mixed){ 2.5, 7 }, (struct floats){ 1.f, 2.f, 3.f });

	l = large_of(l, "second name");
	sum += variadic("%d %s %g", 7, "seven", 7.5) + (int)mix(GREEN, 1, counts, 3);
	sum += (int)factorial(6) + (int)m.l;
	printf("%d %s %d\n", sum, l.name, s.y);
	return 0;
}
