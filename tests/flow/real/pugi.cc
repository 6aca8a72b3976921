// SPDX-License-Identifier: Apache-2.0
// A run through pugixml: parses, walks, queries, writes.
#include "pugixml.hpp"
#include <cstdio>
#include <cstring>
struct walker : pugi::xml_tree_walker {
	int n = 0;
	bool for_each(pugi::xml_node &node) override
	{
		n += (int)strlen(node.name()) + depth();
		return true;
	}
};
struct writer : pugi::xml_writer {
	size_t n = 0;
	void write(const void *, size_t s) override
	{
		n += s;
	}
};
int main()
{
	static char text[65536];
	size_t at = 0;
	pugi::xml_document doc;
	at += sprintf(text, "<a><!--c-->");
	for (int i = 0; i < 40; i++)
		at += sprintf(text + at, "<b id='%d' v='%g'>t &amp; <c/>x<![CDATA[yy]]></b>", i,
			      i * 1.5);
	strcpy(text + at, "</a>");
	auto r = doc.load_string(text);
	walker w;
	doc.traverse(w);
	double sum = 0;
	for (auto b : doc.child("a").children("b")) {
		sum += b.attribute("v").as_double() + b.attribute("id").as_int();
		b.append_attribute("k").set_value(sum);
	}
	auto set = doc.select_nodes("/a/b[@id > 3 and position() < 30]/c");
	for (auto &n : set)
		sum += n.node().parent().attribute("id").as_int();
	pugi::xpath_query q("sum(//b/@v) div count(//b) + string-length(concat('x', name(/a)))");
	sum += q.evaluate_number(doc);
	writer out;
	doc.save(out, "  ");
	std::printf("%d %d %g %zu\n", (int)r.status, w.n, sum, out.n);
}
