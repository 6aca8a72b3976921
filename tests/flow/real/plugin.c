/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin of tests/flow/real/jumps.cc. */
static int twice(int n)
{
	return 2 * n;
}

int plugin_call(int n);

int plugin_call(int n)
{
	return n > 3 ? twice(n) : plugin_call(n + 1) + 1;
}
