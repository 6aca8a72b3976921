/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/unit/traced/declares.cc only declares. */
#include <string>

namespace ns
{
struct Hidden {
	int number;
	std::string text;
};

class Track
{
      public:
	struct Part {
		int inner;
	};
	double length;
	Part part;
};

enum class Colour : char {
	red,
	green
};
Colour colour;

Hidden *hidden()
{
	return new Hidden{ 3, "three" };
}

Track &track()
{
	static Track one{ 1.5, { 2 } };

	return one;
}
} // namespace ns

struct Doubtful {
	int v;
};

Doubtful *doubtful()
{
	static Doubtful one;

	return &one;
}
