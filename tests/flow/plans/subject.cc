/* SPDX-License-Identifier: Apache-2.0 */
/* C++: methods, references, objects passed by address, and what the standard library keeps. */
#include <cstdio>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

static volatile long sink;

struct Point {
	int x, y;
};

struct Counted {
	int value;
	explicit Counted(int v) : value(v)
	{
	}
	Counted(const Counted &o) : value(o.value + 1)
	{
	}
	~Counted()
	{
		sink = value;
	}
};

class Base
{
      public:
	virtual ~Base()
	{
	}
	virtual int area(int scale) const
	{
		return scale;
	}
	int id = 11;
};

class Square : public Base
{
      public:
	explicit Square(int s) : side(s), label("square")
	{
	}
	int area(int scale) const override
	{
		return side * side * scale;
	}
	Square &grow(int by)
	{
		side += by;
		return *this;
	}
	int side;
	const char *label;
};

static int text(const std::string &by_reference, std::string by_value, std::string_view view)
{
	sink = (long)(by_reference.size() + by_value.size() + view.size());
	return (int)sink;
}

static int sequences(const std::vector<int> &numbers, const std::vector<std::string> &words,
		     const std::list<int> &list, const std::forward_list<int> &forward,
		     const std::deque<long> &deque, const std::vector<bool> &bits)
{
	sink = (long)(numbers.size() + words.size() + list.size() + deque.size() + bits.size()) +
	       (forward.empty() ? 0 : 1);
	return (int)sink;
}

static int associations(const std::map<int, std::string> &map, const std::set<int> &set,
			const std::unordered_map<int, int> &hash)
{
	sink = (long)(map.size() + set.size() + hash.size());
	return (int)sink;
}

static int pointers(const std::unique_ptr<Point> &unique, std::shared_ptr<Point> shared,
		    std::optional<std::string> maybe, const Point *plain, const Point *none)
{
	sink = unique->x + shared->y + (maybe ? 1 : 0) + plain->x + (none ? 1 : 0);
	return (int)sink;
}

static Counted counted(Counted by_address, Point by_value)
{
	Counted local(by_address.value + by_value.x);

	return local;
}

template <typename T> static T largest(const T *values, std::size_t count)
{
	T best = values[0];

	for (std::size_t i = 1; i < count; i++)
		if (best < values[i])
			best = values[i];
	return best;
}

static int thrower(int n)
{
	Counted guard(n);

	if (n > 1)
		throw std::string("thrown");
	return guard.value;
}

static int catcher()
{
	try {
		return thrower(2);
	} catch (const std::string &what) {
		return (int)what.size();
	}
}

static int run()
{
	std::string longer = "a text that is longer than sixteen bytes";
	std::map<int, std::string> map;
	std::set<int> set;
	std::deque<long> deque;

	for (int i = 0; i < 6; i++) {
		map[(i * 5) % 6] = "value " + std::to_string((i * 5) % 6);
		set.insert(i * 3 % 7);
	}
	for (long i = 0; i < 70; i++)
		deque.push_back(i);
	for (int i = 0; i < 62; i++)
		deque.pop_front();
	Square square(3);
	Point point = { 8, 9 };
	double values[] = { 1.5, 4.25, 2.0 };
	int sum = text(longer, "short", std::string_view(longer).substr(2, 4));

	sum += sequences({ 10, 20, 30 }, { "one", "two and a rather long one", "three" },
			 { 4, 5, 6 }, { 7, 8 }, deque, { true, false, true, true });
	sum += associations(map, set, { { 1, 10 } });
	sum += pointers(std::unique_ptr<Point>(new Point{ 1, 2 }),
			std::make_shared<Point>(Point{ 3, 4 }), "perhaps", &point, nullptr);
	sum += counted(Counted(5), point).value + square.grow(2).area(2) + catcher();
	return sum + (int)largest(values, 3);
}

int main()
{
	std::printf("%d\n", run());
	return 0;
}
