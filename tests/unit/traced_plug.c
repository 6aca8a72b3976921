/* SPDX-License-Identifier: Apache-2.0 */
/* traced_plug: what tests/unit/traced.c opens and closes. */
long plugged(long n);
long plugged_inside(long n);

__attribute__((noinline)) long plugged_inside(long n)
{
	return n + 1;
}

long plugged(long n)
{
	return plugged_inside(n) + 1;
}
