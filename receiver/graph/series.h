/* SPDX-License-Identifier: Apache-2.0 */
/*
 * series: samples of one quantity over time, in bounded memory, that never loses an extreme.
 *
 * A sample goes into the bucket of its time. When the time spanned needs more than
 * JEM_SERIES_BUCKETS buckets, neighbours are merged and each covers twice the time. A bucket keeps
 * minimum, maximum, mean, last value, count, and when its first and last samples were taken, so a
 * curve drawn from a day of samples shows the same peaks as one drawn from all of them.
 *
 * Memory:    at most JEM_SERIES_BUCKETS * sizeof(struct jem_bucket) = 28 KiB, whatever comes in
 * Order:     samples may come late; buckets are extended to both sides
 * Invariant: sum of counts == samples taken; values are kept to seven digits (float)
 */
#ifndef JEM_RECEIVER_GRAPH_SERIES_H
#define JEM_RECEIVER_GRAPH_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JEM_SERIES_BUCKETS  1024
#define JEM_SERIES_SPAN_S   (400.0 * 86400) /* a sample farther off is refused, not drawn */
#define JEM_SERIES_INTERVAL 24              /* classes of intervals between samples */

struct jem_bucket {
	float min;
	float max;
	float mean;
	float last;
	float first_at; /* of its first sample, as a part of the bucket's width */
	float last_at;
	uint32_t count; /* 0: no sample */
};

struct jem_series {
	struct jem_bucket *buckets; /* owned; grows up to JEM_SERIES_BUCKETS */
	uint32_t cap;
	uint32_t count;   /* buckets in use, empty ones in between included */
	int32_t level;    /* a bucket is 2^level seconds wide */
	int64_t base;     /* number of the first bucket: it starts at base * 2^level seconds */
	uint64_t samples; /* taken */
	uint64_t refused; /* not finite, out of the span, no memory */
	double last_t;    /* of the latest sample in time */
	uint32_t intervals[JEM_SERIES_INTERVAL]; /* how often samples were 2^(i-8) s apart */
};

/* One point of a drawn curve: the samples of one or more buckets. */
struct jem_point {
	double t_s;  /* middle of its samples */
	double t0_s; /* first sample */
	double t1_s; /* last sample */
	double min;
	double max;
	double mean;
	double last;
	uint64_t count;
	bool after_gap; /* samples are missing between the point before and this one */
};

void jem_series_init(struct jem_series *series);
void jem_series_deinit(struct jem_series *series);

/* 0, -ERANGE when the sample is refused, -ENOMEM. */
int jem_series_add(struct jem_series *series, double t_s, double value);

/* Seconds that one bucket covers. */
double jem_series_width_s(const struct jem_series *series);

/* The usual time between samples: the class of the median, rounded up to a power of two. */
double jem_series_interval_s(const struct jem_series *series);

/*
 * The points within [from_s, to_s], at most `max` of them, in order; several buckets are merged
 * into one where there would be more. Returns how many.
 */
size_t jem_series_points(const struct jem_series *series, double from_s, double to_s,
			 struct jem_point *points, size_t max);

/* Extremes over all samples; false when there are none. */
bool jem_series_range(const struct jem_series *series, double *min, double *max);

#endif
