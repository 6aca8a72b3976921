/* SPDX-License-Identifier: Apache-2.0 */
#include "fit.h"

#include <cmath>
#include <utility>

namespace zmumu
{

namespace
{

constexpr int parameters = 5; /* height, mass, width, background at the start, its slope */
constexpr int max_iterations = 200;

using Parameters = std::array<double, parameters>;
using Matrix = std::array<std::array<double, parameters>, parameters>;

struct Normal {
	Matrix matrix;
	Parameters vector;
	double chi2;
	int bins;
};

double model(const Parameters &p, double x, double from)
{
	double u = 2 * (x - p[1]) / p[2];

	return p[0] / (1 + u * u) + p[3] * std::exp(-p[4] * (x - from));
}

Parameters gradient(const Parameters &p, double x, double from)
{
	Parameters slope;

	for (int i = 0; i < parameters; i++) {
		double h = 1e-5 * (std::fabs(p[i]) + 1e-3);
		Parameters up = p;
		Parameters down = p;

		up[i] += h;
		down[i] -= h;
		slope[i] = (model(up, x, from) - model(down, x, from)) / (2 * h);
	}
	return slope;
}

Normal normal_equations(const Histogram &h, const Parameters &p, double from, double to)
{
	Normal n = {};

	for (std::size_t bin = 0; bin < h.size(); bin++) {
		double x = h.centre(bin);
		double weight = 1 / (h.count(bin) > 1 ? h.count(bin) : 1);
		double residual;
		Parameters slope;

		if (x < from || x > to)
			continue;
		residual = h.count(bin) - model(p, x, from);
		slope = gradient(p, x, from);
		for (int i = 0; i < parameters; i++) {
			for (int j = 0; j < parameters; j++)
				n.matrix[i][j] += weight * slope[i] * slope[j];
			n.vector[i] += weight * slope[i] * residual;
		}
		n.chi2 += weight * residual * residual;
		n.bins++;
	}
	return n;
}

/* The inverse by Gauss-Jordan with pivoting; false if it has none. */
bool invert(Matrix a, Matrix &inverse)
{
	inverse = {};
	for (int i = 0; i < parameters; i++)
		inverse[i][i] = 1;
	for (int column = 0; column < parameters; column++) {
		int pivot = column;

		for (int row = column + 1; row < parameters; row++)
			if (std::fabs(a[row][column]) > std::fabs(a[pivot][column]))
				pivot = row;
		if (std::fabs(a[pivot][column]) < 1e-300)
			return false;
		std::swap(a[pivot], a[column]);
		std::swap(inverse[pivot], inverse[column]);
		for (int row = 0; row < parameters; row++) {
			double factor = a[row][column] / a[column][column];

			if (row == column)
				continue;
			for (int k = 0; k < parameters; k++) {
				a[row][k] -= factor * a[column][k];
				inverse[row][k] -= factor * inverse[column][k];
			}
		}
	}
	for (int row = 0; row < parameters; row++)
		for (int k = 0; k < parameters; k++)
			inverse[row][k] /= a[row][row];
	return true;
}

Parameters first_guess(const Histogram &h, double from, double to)
{
	Parameters p = { 0, 91, 4, 1, 0.03 };

	for (std::size_t bin = 0; bin < h.size(); bin++)
		if (h.centre(bin) >= from && h.centre(bin) <= to && h.count(bin) > p[0]) {
			p[0] = h.count(bin);
			p[1] = h.centre(bin);
		}
	p[3] = 0.1 * p[0] + 1;
	return p;
}

} // namespace

FitResult fit_peak(const Histogram &histogram, double from, double to)
{
	FitResult result = {};
	Parameters p = first_guess(histogram, from, to);
	Normal now = normal_equations(histogram, p, from, to);
	double damping = 1e-3;
	Matrix covariance = {};

	while (result.iterations < max_iterations && !result.converged) {
		Matrix damped = now.matrix;
		Parameters trial = p;
		Normal next;

		result.iterations++;
		for (int i = 0; i < parameters; i++)
			damped[i][i] *= 1 + damping;
		if (!invert(damped, covariance))
			break;
		for (int i = 0; i < parameters; i++)
			for (int j = 0; j < parameters; j++)
				trial[i] += covariance[i][j] * now.vector[j];
		next = normal_equations(histogram, trial, from, to);
		if (!(next.chi2 <= now.chi2)) {
			damping *= 10;
			result.converged = damping > 1e12;
			continue;
		}
		result.converged = now.chi2 - next.chi2 < 1e-6 * now.chi2;
		damping /= 10;
		p = trial;
		now = next;
	}
	if (!invert(now.matrix, covariance))
		covariance = {};
	result.mass = p[1];
	result.mass_error = std::sqrt(covariance[1][1]);
	result.width = std::fabs(p[2]);
	result.width_error = std::sqrt(covariance[2][2]);
	result.signal = p[0] * result.width * std::acos(-1.0) / 2 / histogram.width();
	result.chi2 = now.chi2;
	result.degrees = now.bins - parameters;
	return result;
}

} // namespace zmumu
