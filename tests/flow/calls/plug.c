/* SPDX-License-Identifier: Apache-2.0 */
/* plug: an instrumented library that a program loads and unloads, with hooks in its constructors too. */
static volatile long loaded;

long plugged(const char *text, long n);

static long inner(const char *text, long n)
{
	return n > 0 ? inner(text + 1, n - 1) + *text : loaded;
}

__attribute__((constructor)) static void load(void)
{
	loaded = inner("load", 3);
}

__attribute__((destructor)) static void unload(void)
{
	loaded = -inner("unload", 3);
}

long plugged(const char *text, long n)
{
	return inner(text, n % 8) + n;
}
