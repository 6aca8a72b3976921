/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track: muon tracks through the solenoid field, by Runge-Kutta steps of fourth order.
 *
 * Lengths in metres, momenta in GeV, fields in tesla: dp/ds = 0.3 q (p x B) / |p|.
 */
#ifndef ZMUMU_TRACK_H
#define ZMUMU_TRACK_H

#include "event.h"

#include <array>

namespace zmumu
{

using Vector = std::array<double, 3>;

struct TrackState {
	Vector position;
	Vector momentum;
};

class SolenoidField
{
      public:
	SolenoidField(double centre_tesla, double half_length_m);
	Vector at(const Vector &position) const;

      private:
	double centre;
	double half_length;
};

class Propagator
{
      public:
	Propagator(const SolenoidField &field, double step_m);

	/* Follows a particle from the origin until it leaves the cylinder of this radius. */
	TrackState to_radius(const Particle &particle, double radius_m) const;

      private:
	TrackState derivative(const TrackState &state, int charge) const;
	TrackState step(const TrackState &state, int charge) const;

	const SolenoidField &field;
	double step_length;
};

} // namespace zmumu

#endif
