/* SPDX-License-Identifier: Apache-2.0 */
/* histogram: counts in equal bins, with under- and overflow. */
#ifndef ZMUMU_HISTOGRAM_H
#define ZMUMU_HISTOGRAM_H

#include <ostream>
#include <string>
#include <vector>

namespace zmumu
{

class Histogram
{
      public:
	Histogram(std::string name, std::string unit, int bins, double low, double high);

	void fill(double value, double weight = 1);
	double mean() const;
	double width() const
	{
		return (high - low) / static_cast<double>(counts.size());
	}
	double centre(std::size_t bin) const;
	double count(std::size_t bin) const
	{
		return counts[bin];
	}
	std::size_t size() const
	{
		return counts.size();
	}
	/* Lines of name,unit,low,high,count. */
	void write(std::ostream &out) const;

      private:
	std::string name;
	std::string unit;
	double low;
	double high;
	std::vector<double> counts;
	double underflow = 0;
	double overflow = 0;
	double sum = 0;
	double weights = 0;
};

} // namespace zmumu

#endif
