/* SPDX-License-Identifier: Apache-2.0 */
/* zmumu: reads event files, selects muon pairs, fits the Z peak. Usage: zmumu FILE... */
#include "event.h"
#include "fit.h"
#include "histogram.h"
#include "selection.h"
#include "track.h"

#include <chrono>
#include <ctime>
#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>

namespace zmumu
{

class ProgressLog
{
      public:
	explicit ProgressLog(const std::string &path) : out(path, std::ios::app)
	{
	}

	void line(const std::string &level, const std::string &text)
	{
		std::time_t now = std::time(nullptr);

		out << std::put_time(std::localtime(&now), "%F %T") << ' ' << level << ' ' << text
		    << std::endl;
	}

      private:
	std::ofstream out;
};

class Analysis
{
      public:
	Analysis();

	void read_file(const std::string &path);
	FitResult finish();

      private:
	void process(const Event &event);

	ProgressLog log;
	SolenoidField field;
	Propagator propagator;
	PairSelector selector;
	Histogram mass;
	Histogram transverse;
	Histogram rapidity;
	std::uint64_t events = 0;
	std::uint64_t pairs = 0;
};

Analysis::Analysis()
    : log("analysis.log"), field(2.0, 3.0), propagator(field, 0.02), selector(Cuts(), propagator),
      mass("mass", "GeV", 120, 60, 120), transverse("pt", "GeV", 100, 0, 100),
      rapidity("eta", "1", 48, -2.4, 2.4)
{
}

void Analysis::process(const Event &event)
{
	Pair pair;

	events++;
	if (!selector.select(event, pair))
		return;
	pairs++;
	mass.fill(pair.mass);
	for (const Particle &muon : { pair.positive, pair.negative }) {
		transverse.fill(muon.pt());
		rapidity.fill(muon.eta());
	}
}

void Analysis::read_file(const std::string &path)
{
	EventReader reader(path);
	Event event;

	log.line("INFO", "reading " + path + ", " + std::to_string(reader.size()) + " events");
	while (reader.next(event)) {
		process(event);
		if (events % 1000 == 0)
			log.line("INFO", "processed " + std::to_string(events) + " events, " +
						 std::to_string(pairs) + " pairs");
	}
}

FitResult Analysis::finish()
{
	FitResult fit = fit_peak(mass, 70, 110);
	std::ofstream histograms("histograms.csv");
	std::ofstream result("result.json");

	histograms << "histogram,unit,low,high,count\n";
	mass.write(histograms);
	transverse.write(histograms);
	rapidity.write(histograms);
	result << "{\"events\": " << events << ", \"pairs\": " << pairs
	       << ", \"mass_GeV\": " << fit.mass << ", \"mass_error_GeV\": " << fit.mass_error
	       << ", \"width_GeV\": " << fit.width << ", \"width_error_GeV\": " << fit.width_error
	       << ", \"signal\": " << fit.signal << ", \"chi2\": " << fit.chi2
	       << ", \"degrees_of_freedom\": " << fit.degrees << "}\n";
	if (!fit.converged)
		log.line("WARNING", "the fit of the mass peak did not converge");
	log.line("INFO", "fitted mass " + std::to_string(fit.mass) + " +- " +
				 std::to_string(fit.mass_error) + " GeV from " +
				 std::to_string(pairs) + " pairs");
	return fit;
}

} // namespace zmumu

int main(int argc, char **argv)
{
	if (argc < 2) {
		std::cerr << "usage: zmumu FILE...\n";
		return 2;
	}
	try {
		zmumu::Analysis analysis;

		for (int i = 1; i < argc; i++)
			analysis.read_file(argv[i]);
		zmumu::FitResult fit = analysis.finish();
		std::cout << std::fixed << std::setprecision(3) << "m(Z) = " << fit.mass << " +- "
			  << fit.mass_error << " GeV, width " << fit.width << " +- "
			  << fit.width_error << " GeV, chi2 " << fit.chi2 << " / " << fit.degrees
			  << "\n";
	} catch (const std::exception &fault) {
		std::cerr << "zmumu: " << fault.what() << "\n";
		return 1;
	}
	return 0;
}
