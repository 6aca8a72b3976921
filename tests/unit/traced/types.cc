/* SPDX-License-Identifier: Apache-2.0 */
/* A traced C++ program: names, and a value of every type that is known by its shape. */
#include <array>
#include <bitset>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>
#if __cplusplus > 201703
#include <span>
#endif

namespace detector
{
enum class Color {
	Red,
	Green = 5,
	Blue = -1
};

struct Base {
	int weight = 1;
	virtual ~Base()
	{
	}
	virtual int area(int k) const
	{
		return weight * k;
	}
};

struct Track : Base {
	std::string name;
	std::vector<double> hits;
	const char *label;
	Color color;
	unsigned first : 3, second : 5;
	static int count;

	Track(const char *n) : name(n), label(n), color(Color::Red), first(1), second(2)
	{
		count++;
	}
	~Track()
	{
		count--;
	}
	int area(int k) const override
	{
		return (int)hits.size() * k;
	}
	double operator()(double x)
	{
		return x * 2;
	}
	double operator[](int i) const
	{
		return hits[(size_t)i];
	}
	bool operator<(const Track &other) const
	{
		return hits.size() < other.hits.size();
	}
	template <typename T> T scale(T v)
	{
		return v * (T)2;
	}
	struct Inner {
		int z;
		int go(int q)
		{
			return z + q;
		}
	};
};
int Track::count;

namespace
{
int hidden(int a)
{
	return a + 1;
}
} // namespace

template <typename T, int N> T sum(const T (&a)[N])
{
	T s = 0;

	for (T x : a)
		s += x;
	return s;
}
} // namespace detector

using Fn = int (*)(int, const char *);

struct Everything {
	std::string text;
	std::wstring wide;
	std::string_view view;
	std::vector<int> vector;
	std::vector<bool> bits;
	std::array<short, 7> array;
#if __cplusplus > 201703
	std::span<int> span;
	std::span<int, 3> fixed_span;
#endif
	std::deque<int> deque;
	std::list<int> list;
	std::forward_list<double> chain;
	std::set<int> set;
	std::map<int, std::string> map;
	std::multimap<int, long double> multimap;
	std::unordered_set<int> hash_set;
	std::unordered_map<std::string, int> hash_map;
	std::unique_ptr<int> unique;
	std::unique_ptr<int, void (*)(int *)> unique_with{ nullptr, nullptr };
	std::shared_ptr<detector::Track> shared;
	std::weak_ptr<int> weak;
	std::optional<int> optional;
	std::bitset<12> bitset;
	std::pair<int, char> pair;
	Fn function;
	int (*array_pointer)[3];
	int grid[2][3];
	const char *const *words;
	int detector::Track::Inner::*member;
	int (detector::Track::*method)(int) const;
};

static int use(Everything &e, int n)
{
	e.vector.push_back(n);
	e.map[n] = e.text;
	e.multimap.insert({ n, 1 });
	e.hash_map[e.text] = n;
	e.list.push_back(n);
	return (int)e.vector.size();
}

static int pick(Fn f, const volatile char *const p, int (&r)[3])
{
	return f(1, "x") + r[0] + (p != nullptr);
}

static int callback(int a, const char *s)
{
	return a + s[0];
}

static auto global_lambda = [](int x) { return x + 1; };

int main(int argc, char **argv)
{
	detector::Track track("abc");
	detector::Track::Inner inner{ 3 };
	int three[3] = { 1, 2, 3 };
	auto lambda = [&](int x) { return x + argc; };
	struct Local {
		int v;
		int twice()
		{
			return 2 * v;
		}
	} local{ argc };
	std::function<int(int)> function = lambda;
	Everything *everything = nullptr;
	int result;

	track.hits.push_back(1.5);
	result = track.area(argc) + inner.go(2) + lambda(3) + local.twice() + (int)track(2.5) +
		 (int)track[0] + (int)track.scale(3.0) + detector::sum(three) +
		 detector::hidden(argc) + function(2) + global_lambda(argc) + (track < track) +
		 pick(callback, argv[0], three);
	if (argc > 100)
		result += use(*everything, argc);
	return result == 0;
}
