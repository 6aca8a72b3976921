/* SPDX-License-Identifier: Apache-2.0 */
/* selection: which muons make a pair, and what the pair weighs. */
#ifndef ZMUMU_SELECTION_H
#define ZMUMU_SELECTION_H

#include "event.h"
#include "track.h"

namespace zmumu
{

struct Cuts {
	double min_pt = 20;         /* GeV */
	double max_eta = 2.4;       /* pseudorapidity */
	double max_isolation = 0.3; /* sum of pt of others in the cone, over the muon's own */
	double cone = 0.3;
	double chamber_radius = 5; /* m: a muon must reach the chambers */
};

struct Pair {
	Particle positive;
	Particle negative;
	double mass; /* GeV */
};

class PairSelector
{
      public:
	PairSelector(const Cuts &cuts, const Propagator &propagator);

	/* The pair of opposite charge that is nearest to the Z; false if there is none. */
	bool select(const Event &event, Pair &pair) const;

	bool is_good(const Event &event, const Particle &muon) const;

      private:
	double isolation(const Event &event, const Particle &muon) const;
	bool reaches_chamber(const Particle &muon) const;

	Cuts cuts;
	const Propagator &propagator;
};

double invariant_mass(const Particle &a, const Particle &b);
double delta_r(const Particle &a, const Particle &b);

} // namespace zmumu

#endif
