/* SPDX-License-Identifier: Apache-2.0 */
/* fit: a Breit-Wigner peak over a falling background, by Levenberg-Marquardt steps. */
#ifndef ZMUMU_FIT_H
#define ZMUMU_FIT_H

#include "histogram.h"

#include <array>

namespace zmumu
{

struct FitResult {
	double mass, mass_error;   /* GeV */
	double width, width_error; /* GeV, full width at half maximum, resolution included */
	double signal;             /* entries in the peak */
	double chi2;
	int degrees;
	int iterations;
	bool converged;
};

FitResult fit_peak(const Histogram &histogram, double from, double to);

} // namespace zmumu

#endif
