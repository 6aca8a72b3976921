// SPDX-License-Identifier: Apache-2.0
// jumps PLUGIN ROUNDS: threads whose calls end by return, by exceptions and by longjmp, also before calls with
// bigger frames than those that were left, with a plugin opened meanwhile. With
// SAME_FRAMES all that follows a jump has a frame as small as what was left.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <pthread.h>
#include <vector>

#ifdef SAME_FRAMES
#define AFTER leaf
#else
#define AFTER big
#endif

struct Task {
	int number, rounds;
	const char *plugin;
	unsigned sum;
};

namespace work
{

static thread_local jmp_buf target;

static __attribute__((noinline)) int leaf(int n)
{
	return n * 7 + 1;
}

static __attribute__((noinline)) int small(int n)
{
	if (n == 0)
		longjmp(target, 1);
	return leaf(n) + small(n - 1);
}

static __attribute__((noinline)) int big(int n)
{
	volatile char room[2000];
	room[n] = (char)n;
	return n ? big(n - 1) + room[n] : leaf(room[0]);
}

static __attribute__((noinline)) int many(int a, int b, int c, int d, int e, int f, int g, int h,
					  int i)
{
	return leaf(a + b + c + d) + e + f + g + h + i;
}

static __attribute__((noinline)) int pushes(int n)
{
	return many(n, 1, 2, 3, 4, 5, 6, 7, n);
}

static __attribute__((noinline)) int jumps(int n)
{
	volatile int sum = 0;
	if (setjmp(target) == 0)
		sum += small(n % 5);
	else
		sum += AFTER(3) + leaf(n);
	return sum + big(1);
}

struct End {
	const char *text;
};

struct Guard {
	int *count;
	explicit Guard(int *at) : count(at)
	{
	}
	~Guard()
	{
		*count += leaf(*count);
	}
};

static __attribute__((noinline)) int throws(int n, int *count)
{
	Guard guard(count);
	if (n == 0)
		throw End{ "end" };
	return throws(n - 1, count) + 1;
}

template <typename T> static __attribute__((noinline)) T catches(T n)
{
	int count = 0;
	try {
		return throws((int)n, &count);
	} catch (const End &end) {
		return (T)(big(2) + count + (int)strlen(end.text));
	}
}

static __attribute__((noinline)) int plugged(const char *plugin, int n)
{
	void *handle = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		std::exit(2);
	auto call = (int (*)(int))dlsym(handle, "plugin_call");
	return call ? call(n) : -1;
}

static void *run(void *arg)
{
	Task *task = (Task *)arg;
	std::vector<int> all;
	for (int i = 0; i < task->rounds; i++) {
		all.push_back(jumps(i + task->number));
		all.push_back(catches<long>(i % 4));
		all.push_back(pushes(i));
		if (i % 64 == 0)
			all.push_back(plugged(task->plugin, i + task->number));
	}
	for (int one : all)
		task->sum = task->sum * 31 + (unsigned)one;
	return nullptr;
}

} // namespace work

int main(int argc, char **argv)
{
	pthread_t threads[3];
	Task tasks[3];
	for (int i = 0; i < 3; i++) {
		tasks[i] = Task{ i, (argc > 2 ? atoi(argv[2]) : 1) + 10 * i, argv[1], 0 };
		if (pthread_create(&threads[i], nullptr, work::run, &tasks[i]))
			return 3;
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], nullptr);
		std::printf("%u\n", tasks[i].sum);
	}
}
