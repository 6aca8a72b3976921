/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"

#include <utility>

namespace zmumu
{

Histogram::Histogram(std::string the_name, std::string the_unit, int bins, double from, double to)
    : name(std::move(the_name)), unit(std::move(the_unit)), low(from), high(to),
      counts(static_cast<std::size_t>(bins))
{
}

void Histogram::fill(double value, double weight)
{
	sum += weight * value;
	weights += weight;
	if (value < low)
		underflow += weight;
	else if (value >= high)
		overflow += weight;
	else
		counts[static_cast<std::size_t>((value - low) / width())] += weight;
}

double Histogram::mean() const
{
	return weights > 0 ? sum / weights : 0;
}

double Histogram::centre(std::size_t bin) const
{
	return low + (static_cast<double>(bin) + 0.5) * width();
}

void Histogram::write(std::ostream &out) const
{
	out << name << ',' << unit << ",,underflow," << underflow << '\n';
	for (std::size_t i = 0; i < counts.size(); i++)
		out << name << ',' << unit << ',' << centre(i) - width() / 2 << ','
		    << centre(i) + width() / 2 << ',' << counts[i] << '\n';
	out << name << ',' << unit << ",,overflow," << overflow << '\n';
}

} // namespace zmumu
