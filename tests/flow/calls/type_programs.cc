/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of all sorts of types, whose values are broken, without end or enormous. */
#include "tests/flow/calls/program.h"

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <vector>

namespace
{

enum {
	ROUNDS = 50,
};

struct node {
	node *next;
	node **all;
	const char *text;
	union {
		double real;
		node *other;
	};
	unsigned small : 3;
	int big : 29;
};

struct enormous {
	node nodes[2000];
	char text[1 << 16];
};

/* Pointers that no compiler knows to be wrong. */
template <typename T> T *at(uintptr_t address)
{
	__asm__ volatile("" : "+r"(address));
	return reinterpret_cast<T *>(address);
}

long see_node(const node *n, const node &same, int depth)
{
	return depth > 0 ? see_node(n, same, depth - 1) + 1 : work(n, 2);
}

long see_enormous(const enormous *all, enormous *const *behind, const char (*text)[1 << 20])
{
	return work(all, 2) + work(behind, 2) + work(text, 2);
}

long see_by_value(enormous all, int n)
{
	return n > 0 ? all.text[n] : 0;
}

long see_string(const std::string *text, const std::string &same)
{
	return work(text, 2) + work(&same, 2);
}

long see_containers(const std::vector<node> *nodes, const std::vector<bool> *bits,
		    const std::map<int, std::string> *map, const std::shared_ptr<node> *shared,
		    const std::unique_ptr<node[]> *unique)
{
	return work(nodes, 2) + work(bits, 2) + work(map, 2) + work(shared, 2) + work(unique, 2);
}

long see_text(const char *text, const wchar_t *wide, char *const *list)
{
	return work(text, 2) + work(wide, 2) + work(list, 2);
}

int nodes_in_rings()
{
	node nodes[3];
	node *all[3];
	long sum = 0;

	for (int i = 0; i < 3; i++) {
		nodes[i].next = &nodes[(i + 1) % 3];
		nodes[i].all = all;
		nodes[i].text = reinterpret_cast<const char *>(&nodes[i]);
		nodes[i].other = &nodes[i];
		all[i] = &nodes[i];
	}
	for (int i = 0; i < ROUNDS; i++)
		sum += see_node(&nodes[i % 3], nodes[(i + 1) % 3], i % 5);
	say("sum", sum);
	return 0;
}

int broken_nodes()
{
	static const uintptr_t addresses[] = {
		0,         1,        FIXED_PLACE,        FIXED_PLACE + PAGE - 4,
		1ul << 47, ~0ul - 7, 0x6b6b6b6b6b6b6b6b, (1ul << 47) - 8
	};
	char *pages = map_pages(2, PROT_READ | PROT_WRITE);
	long sum = 0;

	std::memset(pages, 0x5a, 2 * PAGE);
	mprotect(pages + PAGE, PAGE, PROT_NONE);
	for (uintptr_t address : addresses) {
		const node *n = at<node>(address);

		sum += see_node(n, *n, 2);
		sum += see_enormous(at<enormous>(address), at<enormous *>(address),
				    at<char[1 << 20]>(address));
		sum += see_text(at<char>(address), at<wchar_t>(address), at<char *>(address));
	}
	say("sum", sum);
	return 0;
}

int enormous_values()
{
	static enormous all;
	static enormous *list[4] = { &all, &all, at<enormous>(8), nullptr };
	static char text[1 << 20];
	long sum = 0;

	std::memset(text, 'x', sizeof(text)); /* no NUL anywhere */
	std::memset(&all, 0xff, sizeof(all));
	for (int i = 0; i < ROUNDS; i++)
		sum += see_enormous(&all, list, &text) + see_by_value(all, i);
	say("sum", sum);
	return 0;
}

/* What should be an object is junk: of its own bytes, and of pointers into nowhere. */
template <typename T> const T *junk(unsigned seed)
{
	alignas(16) static unsigned char bytes[sizeof(T)];

	for (size_t i = 0; i < sizeof(T); i += 8) {
		uint64_t word = seed == 0   ? ~0ull
				: seed == 1 ? reinterpret_cast<uintptr_t>(bytes)
				: seed == 2 ? 0x7fffffffffffull - i
					    : seed * 0x9e3779b97f4a7c15ull * (i + 1);

		std::memcpy(bytes + i, &word, sizeof(T) - i < 8 ? sizeof(T) - i : 8);
	}
	return reinterpret_cast<const T *>(bytes);
}

int broken_containers()
{
	long sum = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		const std::string *text = junk<std::string>(i);

		sum += see_string(text, *text);
		sum += see_containers(junk<std::vector<node>>(i), junk<std::vector<bool>>(i),
				      junk<std::map<int, std::string>>(i),
				      junk<std::shared_ptr<node>>(i),
				      junk<std::unique_ptr<node[]>>(i));
	}
	say("sum", sum);
	return 0;
}

int whole_containers()
{
	std::vector<node> nodes(1000);
	std::vector<bool> bits(3000, true);
	std::map<int, std::string> map;
	auto shared = std::make_shared<node>();
	std::unique_ptr<node[]> unique(new node[3]());
	std::string text(100000, 'y');
	long sum = 0;

	for (int i = 0; i < 300; i++)
		map[i] = std::string(static_cast<size_t>(i), 'z');
	for (int i = 0; i < ROUNDS; i++)
		sum += see_string(&text, map[i]) +
		       see_containers(&nodes, &bits, &map, &shared, &unique);
	say("sum", sum);
	return 0;
}

class thrown
{
      public:
	explicit thrown(long n) : kept(n)
	{
	}
	long kept;
};

long throws_at(int depth)
{
	std::string held(40, 'h');

	if (!depth)
		throw thrown(work(&held, 4));
	return throws_at(depth - 1) + static_cast<long>(held.size());
}

int exceptions()
{
	long sum = 0;

	for (int i = 0; i < ROUNDS; i++) {
		try {
			sum += throws_at(i % 9);
		} catch (const thrown &what) {
			sum += what.kept + work(&what, 3);
		}
	}
	say("sum", sum);
	return 0;
}

int exception_that_nobody_catches()
{
	return static_cast<int>(throws_at(3));
}

} // namespace

extern "C" const program type_programs[] = {
	PROGRAM(nodes_in_rings),
	PROGRAM(broken_nodes),
	PROGRAM(enormous_values),
	PROGRAM(broken_containers),
	PROGRAM(whole_containers),
	PROGRAM(exceptions),
	PROGRAM(exception_that_nobody_catches),
	{ nullptr, nullptr },
};
