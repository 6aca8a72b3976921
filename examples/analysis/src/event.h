/* SPDX-License-Identifier: Apache-2.0 */
/* event: collision events and the reader of event files (format: make_events.py). */
#ifndef ZMUMU_EVENT_H
#define ZMUMU_EVENT_H

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace zmumu
{

enum class Kind : std::int32_t {
	Muon = 13,
	Pion = 211
};

struct Particle {
	double px, py, pz; /* GeV */
	int charge;
	Kind kind;

	double pt() const;
	double eta() const;
	double phi() const;
	double energy(double mass) const;
};

struct Event {
	std::uint32_t run = 0;
	std::uint32_t number = 0;
	std::vector<Particle> particles;
};

class EventReader
{
      public:
	/* Throws std::runtime_error for a file that is not there or not ours. */
	explicit EventReader(const std::string &path);

	/* False at the end of the file; throws for a truncated one. */
	bool next(Event &event);

	std::uint64_t size() const
	{
		return count;
	}

      private:
	std::string path;
	std::ifstream in;
	std::uint32_t run = 0;
	std::uint64_t count = 0;
	std::uint64_t done = 0;
};

} // namespace zmumu

#endif
