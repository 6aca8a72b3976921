/* SPDX-License-Identifier: Apache-2.0 */
/*
 * axis: round steps, and numbers as people read them.
 *
 * Bytes are binary (KiB, MiB, ...), counts decimal (k, M, ...), parts are shown as per cent, times
 * in s, min, h and d. One axis has one unit for all its labels.
 */
#ifndef JEM_RECEIVER_GRAPH_AXIS_H
#define JEM_RECEIVER_GRAPH_AXIS_H

#include <stddef.h>

enum jem_unit {
	JEM_UNIT_cores,
	JEM_UNIT_bytes,
	JEM_UNIT_bytes_per_s,
	JEM_UNIT_count,
	JEM_UNIT_load,
	JEM_UNIT_part, /* of time, 0 to 1 */
};

/* A vertical axis from 0 to `top`, with a label every `step`. */
struct jem_axis {
	double top;
	double step;
	double divisor;
	const char *unit; /* of the labels: GiB, %, ...; "" for bare numbers */
	int decimals;
};

/* The axis on which `max` fits, with about `steps` steps. A max of nothing gives a small axis. */
void jem_axis_init(struct jem_axis *axis, enum jem_unit unit, double max, unsigned steps);

/* The label of a value: a number in the axis' unit. */
void jem_axis_label(const struct jem_axis *axis, double value, char *ret, size_t size);

/* A value with its unit: 1.53 GiB, 12.3 %, 2.05 cores. `ret` has at least 32 bytes. */
void jem_unit_format(enum jem_unit unit, double value, char *ret, size_t size);

/* Seconds between labels, so that there are at most `steps` of them over `span_s`. */
double jem_time_step(double span_s, unsigned steps);

/* Time since the start as a label of an axis of that step: 30 s, 1:30, 2:05:00, 3 d 6 h. */
void jem_time_label(double t_s, double step_s, double span_s, char *ret, size_t size);

/* A length of time for people: 0.25 s, 12.5 s, 3 min 12 s, 5 h 10 min, 2 d 3 h. */
void jem_duration_format(double seconds, char *ret, size_t size);

#endif
