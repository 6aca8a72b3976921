/* SPDX-License-Identifier: Apache-2.0 */
/* A traced C program: what optimisers inline, clone, split and jump from. */
#include <stdio.h>
#include <stdlib.h>

struct node {
	struct node *next;
	int value;
};

typedef int (*step_fn)(int);

static inline int leaf(int a)
{
	return a * 3;
}

static int walk(struct node *node, int k)
{
	int sum = 0;

	for (; node; node = node->next)
		sum += leaf(node->value) + k;
	return sum;
}

int shared(int x)
{
	return leaf(x) + 1;
}

int recursive(int n)
{
	return n < 2 ? 1 : recursive(n - 1) + recursive(n - 2);
}

__attribute__((noinline)) static int rare(int x)
{
	if (x > 1000) {
		fprintf(stderr, "too large\n");
		abort();
	}
	return x;
}

int apply(step_fn fn, int x)
{
	return fn(x);
}

int main(int argc, char **argv)
{
	struct node second = { NULL, 2 }, first = { &second, argc };

	printf("%d %d %d %d %d\n", walk(&first, 2), shared(3), recursive(5), rare(argc),
	       apply(argc > 2 ? shared : recursive, 3));
	return argv[0] == NULL;
}
