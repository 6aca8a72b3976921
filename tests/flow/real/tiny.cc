// SPDX-License-Identifier: Apache-2.0
// tiny FILE SIZE: a run through tinyxml2: reads a file SIZE times, walks, changes, copies and prints it.
#include "tinyxml2.h"
#include <cstdio>
#include <cstdlib>
using namespace tinyxml2;
struct counter : XMLVisitor {
	int elements = 0, texts = 0;
	bool VisitEnter(const XMLElement &, const XMLAttribute *) override
	{
		elements++;
		return true;
	}
	bool Visit(const XMLText &) override
	{
		texts++;
		return true;
	}
};
static unsigned once(const char *file)
{
	XMLDocument document, copy;
	if (document.LoadFile(file) != XML_SUCCESS)
		return 0;
	counter seen;
	document.Accept(&seen);
	XMLElement *added = document.NewElement("added");
	added->SetAttribute("count", seen.elements);
	added->SetAttribute("half", seen.texts / 2.0);
	document.RootElement()->InsertFirstChild(added);
	document.DeepCopy(&copy);
	double half = 0;
	copy.RootElement()->FirstChildElement("added")->QueryDoubleAttribute("half", &half);
	XMLPrinter printer;
	copy.Print(&printer);
	unsigned sum = (unsigned)(half * 2);
	for (const char *at = printer.CStr(); *at; at++)
		sum = sum * 31 + (unsigned char)*at;
	document.Parse("<a><b></a>");
	return sum + (unsigned)document.ErrorID();
}
int main(int argc, char **argv)
{
	for (int i = argc > 2 ? atoi(argv[2]) : 1; i > 0; i--)
		std::printf("%u\n", once(argv[1]));
}
