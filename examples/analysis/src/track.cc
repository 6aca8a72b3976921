/* SPDX-License-Identifier: Apache-2.0 */
#include "track.h"

#include <cmath>

namespace zmumu
{

namespace
{

constexpr double half_length_max = 6.0;
constexpr int max_steps = 20000;

Vector cross(const Vector &a, const Vector &b)
{
	return { a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0] };
}

TrackState advance(const TrackState &state, const TrackState &slope, double by)
{
	TrackState moved = state;

	for (int i = 0; i < 3; i++) {
		moved.position[i] += by * slope.position[i];
		moved.momentum[i] += by * slope.momentum[i];
	}
	return moved;
}

} // namespace

SolenoidField::SolenoidField(double centre_tesla, double half_length_m)
    : centre(centre_tesla), half_length(half_length_m)
{
}

Vector SolenoidField::at(const Vector &position) const
{
	/* Along z, falling off at the ends; the radial part follows from div B = 0. */
	double r2 = position[0] * position[0] + position[1] * position[1];
	double u = position[2] / half_length;
	double along = centre / (1 + u * u * u * u);
	double fall = -4 * centre * u * u * u / (half_length * std::pow(1 + u * u * u * u, 2));
	double radial = -0.5 * fall;

	return { radial * position[0], radial * position[1], along * (1 - 0.01 * r2) };
}

Propagator::Propagator(const SolenoidField &solenoid, double step_m)
    : field(solenoid), step_length(step_m)
{
}

TrackState Propagator::derivative(const TrackState &state, int charge) const
{
	double p = std::sqrt(state.momentum[0] * state.momentum[0] +
			     state.momentum[1] * state.momentum[1] +
			     state.momentum[2] * state.momentum[2]);
	Vector force = cross(state.momentum, field.at(state.position));
	TrackState slope;

	for (int i = 0; i < 3; i++) {
		slope.position[i] = state.momentum[i] / p;
		slope.momentum[i] = 0.3 * charge * force[i] / p;
	}
	return slope;
}

TrackState Propagator::step(const TrackState &state, int charge) const
{
	TrackState k1 = derivative(state, charge);
	TrackState k2 = derivative(advance(state, k1, step_length / 2), charge);
	TrackState k3 = derivative(advance(state, k2, step_length / 2), charge);
	TrackState k4 = derivative(advance(state, k3, step_length), charge);
	TrackState moved = state;

	for (int i = 0; i < 3; i++) {
		moved.position[i] +=
			step_length / 6 *
			(k1.position[i] + 2 * k2.position[i] + 2 * k3.position[i] + k4.position[i]);
		moved.momentum[i] +=
			step_length / 6 *
			(k1.momentum[i] + 2 * k2.momentum[i] + 2 * k3.momentum[i] + k4.momentum[i]);
	}
	return moved;
}

TrackState Propagator::to_radius(const Particle &particle, double radius_m) const
{
	TrackState state = { { 0, 0, 0 }, { particle.px, particle.py, particle.pz } };

	for (int i = 0; i < max_steps; i++) {
		if (std::hypot(state.position[0], state.position[1]) >= radius_m ||
		    std::fabs(state.position[2]) >= half_length_max)
			break;
		state = step(state, particle.charge);
	}
	return state;
}

} // namespace zmumu
