/* SPDX-License-Identifier: Apache-2.0 */
#include "selection.h"

#include <cmath>

namespace zmumu
{

namespace
{

constexpr double muon_mass = 0.1056583745;
constexpr double z_mass = 91.1876;
constexpr double pi = 3.14159265358979323846;

} // namespace

double invariant_mass(const Particle &a, const Particle &b)
{
	double e = a.energy(muon_mass) + b.energy(muon_mass);
	double px = a.px + b.px;
	double py = a.py + b.py;
	double pz = a.pz + b.pz;
	double m2 = e * e - px * px - py * py - pz * pz;

	return m2 > 0 ? std::sqrt(m2) : 0;
}

double delta_r(const Particle &a, const Particle &b)
{
	double dphi = std::fabs(a.phi() - b.phi());

	if (dphi > pi)
		dphi = 2 * pi - dphi;
	return std::hypot(a.eta() - b.eta(), dphi);
}

PairSelector::PairSelector(const Cuts &the_cuts, const Propagator &the_propagator)
    : cuts(the_cuts), propagator(the_propagator)
{
}

double PairSelector::isolation(const Event &event, const Particle &muon) const
{
	double sum = 0;

	for (const Particle &other : event.particles)
		if (other.kind != Kind::Muon && delta_r(muon, other) < cuts.cone)
			sum += other.pt();
	return sum / muon.pt();
}

bool PairSelector::reaches_chamber(const Particle &muon) const
{
	TrackState end = propagator.to_radius(muon, cuts.chamber_radius);

	return std::hypot(end.position[0], end.position[1]) >= cuts.chamber_radius ||
	       std::fabs(end.position[2]) >= cuts.chamber_radius;
}

bool PairSelector::is_good(const Event &event, const Particle &muon) const
{
	return muon.kind == Kind::Muon && muon.pt() >= cuts.min_pt &&
	       std::fabs(muon.eta()) <= cuts.max_eta &&
	       isolation(event, muon) <= cuts.max_isolation && reaches_chamber(muon);
}

bool PairSelector::select(const Event &event, Pair &pair) const
{
	std::vector<Particle> good;
	bool found = false;

	for (const Particle &particle : event.particles)
		if (is_good(event, particle))
			good.push_back(particle);
	for (const Particle &a : good)
		for (const Particle &b : good) {
			double mass;

			if (a.charge <= 0 || b.charge >= 0)
				continue;
			mass = invariant_mass(a, b);
			if (found && std::fabs(mass - z_mass) >= std::fabs(pair.mass - z_mass))
				continue;
			pair = { a, b, mass };
			found = true;
		}
	return found;
}

} // namespace zmumu
