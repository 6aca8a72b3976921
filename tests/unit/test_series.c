/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/series.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <math.h>

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static double uniform(void)
{
	random_state ^= random_state << 13; /* xorshift64 */
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (double)(random_state >> 11) * 0x1p-53;
}

CASE(draws_every_sample_while_there_is_room)
{
	struct jem_series series;
	struct jem_point points[64];

	jem_series_init(&series);
	for (int i = 0; i < 20; i++)
		CHECK_OK(jem_series_add(&series, 1700000000.25 + i, i));
	CHECK_EQ(jem_series_points(&series, 0, 2e9, points, 64), 20);
	CHECK_NEAR(points[7].t_s, 1700000007.25, 1e-3);
	CHECK_NEAR(points[7].mean, 7, 0);
	CHECK_NEAR(jem_series_interval_s(&series), 1, 0);
	for (int i = 0; i < 20; i++)
		CHECK(!points[i].after_gap);
	jem_series_deinit(&series);
}

/* Whatever comes, and however few points are asked for: extremes, counts and order stay. */
static void check_random_series(unsigned samples, double spread_s, double base_s)
{
	struct jem_series series;
	struct jem_point points[300];
	double min = INFINITY;
	double max = -INFINITY;
	double sum = 0;
	double shown_sum = 0;
	uint64_t shown = 0;
	size_t n;

	jem_series_init(&series);
	for (unsigned i = 0; i < samples; i++) {
		double value = (double)(float)((uniform() - 0.5) * exp(20 * uniform()));

		CHECK_OK(jem_series_add(&series, base_s + uniform() * spread_s, value));
		min = fmin(min, value);
		max = fmax(max, value);
		sum += value;
	}
	CHECK_LE(series.count, JEM_SERIES_BUCKETS);
	n = jem_series_points(&series, base_s - 1, base_s + spread_s + 1, points, 300);
	CHECK_LE(n, 300);
	for (size_t i = 0; i < n; i++) {
		double error = 1e-5 * fmax(fabs(points[i].min), fabs(points[i].max));

		CHECK(points[i].min <= points[i].mean + error);
		CHECK(points[i].max >= points[i].mean - error);
		CHECK(points[i].t0_s <= points[i].t1_s);
		CHECK(!i || points[i - 1].t1_s <= points[i].t0_s);
		CHECK(points[i].min >= min && points[i].max <= max);
		shown += points[i].count;
		shown_sum += points[i].mean * (double)points[i].count;
	}
	CHECK_EQ(shown, samples);
	CHECK_NEAR(shown_sum, sum, 1e-5 * samples * (max - min + fabs(max)));
	CHECK(jem_series_range(&series, &sum, &shown_sum));
	CHECK_NEAR(sum, min, 0);
	CHECK_NEAR(shown_sum, max, 0);
	double shown_min = INFINITY;
	double shown_max = -INFINITY;
	for (size_t i = 0; i < n; i++) {
		shown_min = fmin(shown_min, points[i].min);
		shown_max = fmax(shown_max, points[i].max);
	}
	CHECK_NEAR(shown_min, min, 0);
	CHECK_NEAR(shown_max, max, 0);
	jem_series_deinit(&series);
}

CASE(never_loses_an_extreme)
{
	for (unsigned round = 0; round < 200; round++)
		check_random_series(1 + (unsigned)(uniform() * 5000), exp(16 * uniform()),
				    (uniform() - 0.3) * 1e9);
}

CASE(shows_missing_samples_as_a_gap)
{
	struct jem_series series;
	struct jem_point points[512];
	unsigned gaps = 0;
	size_t n;

	jem_series_init(&series);
	for (int i = 0; i < 20000; i++)
		if (i < 7000 || i > 9000)
			CHECK_OK(jem_series_add(&series, 1e9 + i + 0.01 * uniform(), 1));
	n = jem_series_points(&series, 0, 2e9, points, 512);
	for (size_t i = 0; i < n; i++) {
		if (!points[i].after_gap)
			continue;
		gaps++;
		CHECK_NEAR(points[i - 1].t1_s, 1e9 + 6999, 0.1);
		CHECK_NEAR(points[i].t0_s, 1e9 + 9001, 0.1);
	}
	CHECK_EQ(gaps, 1);
	jem_series_deinit(&series);
}

CASE(one_late_sample_is_no_gap)
{
	struct jem_series series;
	struct jem_point points[512];
	size_t n;

	jem_series_init(&series);
	for (int i = 0; i < 100; i++)
		if (i != 50)
			CHECK_OK(jem_series_add(&series, i + 0.02 * uniform(), 1));
	n = jem_series_points(&series, 0, 100, points, 512);
	CHECK_EQ(n, 99);
	for (size_t i = 0; i < n; i++)
		CHECK(!points[i].after_gap);
	jem_series_deinit(&series);
}

CASE(refuses_what_cannot_be_drawn)
{
	struct jem_series series;

	jem_series_init(&series);
	CHECK_OK(jem_series_add(&series, 1.7e9, 1));
	CHECK_EQ(jem_series_add(&series, NAN, 1), -ERANGE);
	CHECK_EQ(jem_series_add(&series, 1.7e9, INFINITY), -ERANGE);
	CHECK_EQ(jem_series_add(&series, 1.7e9, 1e300), -ERANGE);
	CHECK_EQ(jem_series_add(&series, -1.7e9, 1), -ERANGE);
	CHECK_EQ(jem_series_add(&series, 1e300, 1), -ERANGE);
	CHECK_EQ(series.refused, 5);
	CHECK_EQ(series.samples, 1);
	jem_series_deinit(&series);
}

CASE(shows_only_the_window_asked_for)
{
	struct jem_series series;
	struct jem_point points[64];
	size_t n;

	jem_series_init(&series);
	for (int i = 0; i < 1000; i++)
		CHECK_OK(jem_series_add(&series, i, i));
	n = jem_series_points(&series, 500, 509, points, 64);
	CHECK_EQ(n, 10);
	CHECK_NEAR(points[0].min, 500, 0);
	CHECK_NEAR(points[9].max, 509, 0);
	CHECK_EQ(jem_series_points(&series, 2000, 3000, points, 64), 0);
	CHECK_EQ(jem_series_points(&series, -20, -10, points, 64), 0);
	jem_series_deinit(&series);
}

TESTS(T(draws_every_sample_while_there_is_room), T(never_loses_an_extreme),
      T(shows_missing_samples_as_a_gap), T(one_late_sample_is_no_gap),
      T(refuses_what_cannot_be_drawn), T(shows_only_the_window_asked_for))
