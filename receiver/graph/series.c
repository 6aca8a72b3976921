/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/series.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_LEVEL = -3, /* 1/8 s: finer than any sampling interval that is allowed */
	LAST_LEVEL = 24,
	FIRST_CAP = 64,
	INTERVAL_BIAS = 8, /* the lowest class is below 2^-8 s */
};

void jem_series_init(struct jem_series *series)
{
	*series = (struct jem_series){ .level = FIRST_LEVEL };
}

void jem_series_deinit(struct jem_series *series)
{
	free(series->buckets);
	jem_series_init(series);
}

double jem_series_width_s(const struct jem_series *series)
{
	return ldexp(1, series->level);
}

static int64_t number_of(const struct jem_series *series, double t_s)
{
	return (int64_t)floor(ldexp(t_s, -series->level));
}

/* Joins `from`, which lies in half `half` (0 or 1) of the wider bucket, into `into`. */
static void merge_half(struct jem_bucket *into, const struct jem_bucket *from, unsigned half)
{
	float first_at = 0.5f * ((float)half + from->first_at);
	float last_at = 0.5f * ((float)half + from->last_at);
	uint32_t count;

	if (!from->count)
		return;
	if (!into->count) {
		*into = *from;
		into->first_at = first_at;
		into->last_at = last_at;
		return;
	}
	count = from->count > UINT32_MAX - into->count ? UINT32_MAX : into->count + from->count;
	into->min = fminf(into->min, from->min);
	into->max = fmaxf(into->max, from->max);
	into->mean += (from->mean - into->mean) * ((float)from->count / (float)count);
	into->first_at = fminf(into->first_at, first_at);
	if (last_at >= into->last_at) {
		into->last_at = last_at;
		into->last = from->last;
	}
	into->count = count;
}

static void double_width(struct jem_series *series)
{
	int64_t base = series->base >> 1; /* towards minus infinity, as floor() above */
	uint32_t count = 0;

	for (uint32_t i = 0; i < series->count; i++) {
		struct jem_bucket from = series->buckets[i];
		uint32_t to = (uint32_t)(((series->base + i) >> 1) - base);

		if (to >= count) {
			series->buckets[to] = (struct jem_bucket){ 0 };
			count = to + 1;
		}
		merge_half(&series->buckets[to], &from, (unsigned)(series->base + i) & 1);
	}
	series->base = base;
	series->count = count;
	series->level++;
}

static int make_room(struct jem_series *series, uint32_t count)
{
	uint32_t cap = series->cap ? series->cap : FIRST_CAP;
	struct jem_bucket *buckets;

	while (cap < count)
		cap *= 2;
	if (cap == series->cap)
		return 0;
	buckets = realloc(series->buckets, cap * sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	series->buckets = buckets;
	series->cap = cap;
	return 0;
}

/* Makes `number` one of the buckets at hand, by widening or by extending to either side. */
static int reach(struct jem_series *series, double t_s, struct jem_bucket **ret)
{
	int64_t number = number_of(series, t_s);
	uint32_t before;
	uint32_t after;

	if (!series->count)
		series->base = number;
	for (;;) {
		int64_t first = number < series->base ? number : series->base;
		int64_t end = series->base + series->count;

		if (end <= number)
			end = number + 1;
		before = (uint32_t)(series->base - first);
		after = (uint32_t)(end - series->base - series->count);
		if (end - first <= JEM_SERIES_BUCKETS)
			break;
		if (series->level >= LAST_LEVEL)
			return -ERANGE;
		double_width(series);
		number = number_of(series, t_s);
	}
	if (make_room(series, before + series->count + after) < 0)
		return -ENOMEM;
	if (before)
		memmove(series->buckets + before, series->buckets,
			series->count * sizeof(*series->buckets));
	memset(series->buckets, 0, before * sizeof(*series->buckets));
	memset(series->buckets + before + series->count, 0, after * sizeof(*series->buckets));
	series->base -= before;
	series->count += before + after;
	*ret = &series->buckets[number - series->base];
	return 0;
}

static void note_interval(struct jem_series *series, double seconds)
{
	int class = 0;

	if (seconds <= 0)
		return;
	/* Jitter must not lift a 1.000 s interval into the class above. */
	frexp(seconds * 0.95, &class);
	class += INTERVAL_BIAS;
	class = class < 0 ? 0 : class >= JEM_SERIES_INTERVAL ? JEM_SERIES_INTERVAL - 1 : class;
	if (series->intervals[class] < UINT32_MAX)
		series->intervals[class]++;
}

int jem_series_add(struct jem_series *series, double t_s, double value)
{
	struct jem_bucket *bucket;
	float v = (float)value;
	float at;
	int rc;

	if (!isfinite(t_s) || !isfinite(v) ||
	    (series->samples ? fabs(t_s - series->last_t) : fabs(t_s) * 1e-3) > JEM_SERIES_SPAN_S) {
		series->refused++;
		return -ERANGE;
	}
	rc = reach(series, t_s, &bucket);
	if (rc < 0) {
		series->refused++;
		return rc;
	}
	if (series->samples)
		note_interval(series, t_s - series->last_t);
	if (!series->samples++ || t_s > series->last_t)
		series->last_t = t_s;
	at = (float)(ldexp(t_s, -series->level) - floor(ldexp(t_s, -series->level)));
	if (!bucket->count) {
		*bucket = (struct jem_bucket){ v, v, v, v, at, at, 1 };
		return 0;
	}
	if (bucket->count < UINT32_MAX)
		bucket->count++;
	bucket->min = fminf(bucket->min, v);
	bucket->max = fmaxf(bucket->max, v);
	bucket->mean += (v - bucket->mean) / (float)bucket->count;
	bucket->first_at = fminf(bucket->first_at, at);
	if (at >= bucket->last_at) {
		bucket->last_at = at;
		bucket->last = v;
	}
	return 0;
}

double jem_series_interval_s(const struct jem_series *series)
{
	uint64_t total = 0;
	uint64_t seen = 0;

	for (int i = 0; i < JEM_SERIES_INTERVAL; i++)
		total += series->intervals[i];
	for (int i = 0; i < JEM_SERIES_INTERVAL; i++) {
		seen += series->intervals[i];
		if (total && 2 * seen >= total)
			return ldexp(1, i - INTERVAL_BIAS);
	}
	return 0;
}

static double time_of(const struct jem_series *series, int64_t number, float at)
{
	return ldexp((double)number + (double)at, series->level);
}

static void join(struct jem_point *point, const struct jem_series *series, uint32_t i)
{
	const struct jem_bucket *bucket = &series->buckets[i];
	int64_t number = series->base + i;

	if (!point->count) {
		point->t0_s = time_of(series, number, bucket->first_at);
		point->min = (double)bucket->min;
		point->max = (double)bucket->max;
		point->mean = (double)bucket->mean;
	} else {
		point->min = fmin(point->min, (double)bucket->min);
		point->max = fmax(point->max, (double)bucket->max);
		point->mean += ((double)bucket->mean - point->mean) * bucket->count /
			       (double)(point->count + bucket->count);
	}
	point->t1_s = time_of(series, number, bucket->last_at);
	point->last = (double)bucket->last;
	point->count += bucket->count;
}

size_t jem_series_points(const struct jem_series *series, double from_s, double to_s,
			 struct jem_point *points, size_t max)
{
	/* Two and a half intervals: one late or lost sample is not yet a gap. */
	double gap = 2.5 * jem_series_interval_s(series);
	int64_t first = series->base;
	int64_t end = series->base + series->count;
	int64_t step = 1;
	size_t n = 0;

	if (!series->count || !max || !(to_s >= from_s))
		return 0;
	if (from_s > time_of(series, first, 0))
		first = from_s >= time_of(series, end, 0) ? end : number_of(series, from_s);
	if (to_s < time_of(series, end, 0))
		end = to_s < time_of(series, first, 0) ? first : number_of(series, to_s) + 1;
	while ((end - first) / step + 2 > (int64_t)max && step < JEM_SERIES_BUCKETS)
		step *= 2;
	for (int64_t number = first; number < end && n < max;) {
		/* Steps are counted from 0, not from `first`: a growing curve does not flicker. */
		int64_t stop = (number / step + (number >= 0 || !(number % step))) * step;
		struct jem_point point = { 0 };

		for (; number < end && number < stop; number++)
			if (series->buckets[number - series->base].count)
				join(&point, series, (uint32_t)(number - series->base));
		if (!point.count)
			continue;
		point.t_s = 0.5 * (point.t0_s + point.t1_s);
		point.after_gap = n && gap > 0 && point.t0_s - points[n - 1].t1_s > gap;
		points[n++] = point;
	}
	return n;
}

bool jem_series_range(const struct jem_series *series, double *min, double *max)
{
	bool any = false;

	for (uint32_t i = 0; i < series->count; i++) {
		const struct jem_bucket *bucket = &series->buckets[i];

		if (!bucket->count)
			continue;
		*min = any ? fmin(*min, (double)bucket->min) : (double)bucket->min;
		*max = any ? fmax(*max, (double)bucket->max) : (double)bucket->max;
		any = true;
	}
	return any;
}
