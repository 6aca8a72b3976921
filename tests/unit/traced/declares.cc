/* SPDX-License-Identifier: Apache-2.0 */
/* Types that this unit only declares; tests/unit/traced/defines.cc has what they are. */
namespace ns
{
struct Hidden;
class Track;
enum class Colour : char;
Hidden *hidden();
Track &track();
} // namespace ns

struct Doubtful;
struct Nowhere;
Doubtful *doubtful();

static int use(ns::Hidden *one, ns::Track &two, ns::Colour three, Doubtful *four, Nowhere *five)
{
	(void)two;
	return one && four && !five ? (int)three : 0;
}

int main()
{
	return use(ns::hidden(), ns::track(), ns::Colour(1), doubtful(), nullptr);
}
