/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/axis.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

static const char *const binary[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
static const char *const decimal[] = { "", "k", "M", "G", "T", "P", "E" };
static const char *const rates[] = { "B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s", "PiB/s", "EiB/s" };

/* The unit in which `value` is at least 1, and what to divide by. */
static const char *prefix_of(const char *const names[7], double base, double value, double *divisor)
{
	int i = 0;

	*divisor = 1;
	/* 1023.6 would be written 1024. */
	while (i < 6 && value >= *divisor * base * 0.9995) {
		*divisor *= base;
		i++;
	}
	return names[i];
}

static const char *unit_of(enum jem_unit unit, double value, double *divisor)
{
	*divisor = 1;
	switch (unit) {
	case JEM_UNIT_bytes:
		return prefix_of(binary, 1024, value, divisor);
	case JEM_UNIT_bytes_per_s:
		return prefix_of(rates, 1024, value, divisor);
	case JEM_UNIT_count:
	case JEM_UNIT_load:
		return value < 1e4 ? "" : prefix_of(decimal, 1000, value, divisor);
	case JEM_UNIT_part:
		*divisor = 0.01;
		return "%";
	case JEM_UNIT_cores:
		return "cores";
	}
	return "";
}

/* 1, 2 or 5 times a power of ten: the smallest that is not below `value`. */
static double round_up(double value)
{
	double power = pow(10, floor(log10(value)));

	for (int i = 1; i <= 5; i += i == 1 ? 1 : 3)
		if (value <= i * power * (1 + 1e-9))
			return i * power;
	return 10 * power;
}

static double smallest_max(enum jem_unit unit)
{
	switch (unit) {
	case JEM_UNIT_bytes:
	case JEM_UNIT_bytes_per_s:
		return 1024;
	case JEM_UNIT_part:
		return 0.05;
	default:
		return 1;
	}
}

void jem_axis_init(struct jem_axis *axis, enum jem_unit unit, double max, unsigned steps)
{
	max = isfinite(max) ? fmin(max, 1e30) : 0;
	max = fmax(max, smallest_max(unit));
	axis->unit = unit_of(unit, max, &axis->divisor);
	axis->step = round_up(max / axis->divisor / steps) * axis->divisor;
	if (unit == JEM_UNIT_count)
		axis->step = fmax(axis->step, 1);
	axis->top = ceil(max / axis->step - 1e-9) * axis->step;
	if (unit == JEM_UNIT_part)
		axis->top = fmin(axis->top, fmax(1, max));
	axis->decimals = (int)fmax(0, ceil(-log10(axis->step / axis->divisor) - 1e-9));
}

void jem_axis_label(const struct jem_axis *axis, double value, char *ret, size_t size)
{
	snprintf(ret, size, "%.*f", value == 0 ? 0 : axis->decimals, value / axis->divisor);
}

void jem_unit_format(enum jem_unit unit, double value, char *ret, size_t size)
{
	double divisor;
	const char *name = unit_of(unit, fabs(value), &divisor);
	double shown = value / divisor;
	bool is_whole = shown == floor(shown) && (unit == JEM_UNIT_count || divisor == 1);
	int decimals = fabs(shown) >= 99.95 || is_whole ? 0 : fabs(shown) >= 9.995 ? 1 : 2;

	snprintf(ret, size, "%.*f%s%s", decimals, shown, *name ? "\u202f" : "", name);
}

double jem_time_step(double span_s, unsigned steps)
{
	static const double nice[] = { 1,     2,     5,     10,    15,    30,   60,
				       120,   300,   600,   900,   1800,  3600, 7200,
				       10800, 21600, 43200, 86400, 172800 };
	double least = span_s / (steps ? steps : 1);

	if (least <= 0.5)
		return least > 0 ? round_up(least) : 1;
	for (size_t i = 0; i < sizeof(nice) / sizeof(*nice); i++)
		if (least <= nice[i] * (1 + 1e-9))
			return nice[i];
	return round_up(least / 86400) * 86400;
}

void jem_time_label(double t_s, double step_s, double span_s, char *ret, size_t size)
{
	long t = lrint(t_s);

	if (t_s == 0)
		snprintf(ret, size, "0");
	else if (step_s < 1)
		snprintf(ret, size, "%g s", round(t_s * 1e6) / 1e6);
	else if (span_s < 120)
		snprintf(ret, size, "%ld s", t);
	else if (step_s < 60 && span_s < 3600)
		snprintf(ret, size, "%ld:%02ld", t / 60, t % 60);
	else if (step_s < 60)
		snprintf(ret, size, "%ld:%02ld:%02ld", t / 3600, t / 60 % 60, t % 60);
	else if (span_s < 2 * 3600)
		snprintf(ret, size, "%ld min", t / 60);
	else if (step_s < 3600)
		snprintf(ret, size, "%ld:%02ld h", t / 3600, t / 60 % 60);
	else if (span_s < 48 * 3600)
		snprintf(ret, size, "%ld h", t / 3600);
	else if (t % 86400)
		snprintf(ret, size, "%ld d %ld h", t / 86400, t / 3600 % 24);
	else
		snprintf(ret, size, "%ld d", t / 86400);
}

void jem_duration_format(double seconds, char *ret, size_t size)
{
	long t = lrint(fmin(fabs(seconds), 1e15));

	if (!isfinite(seconds))
		snprintf(ret, size, "?");
	else if (seconds < 0.0005)
		snprintf(ret, size, "0\u202fs");
	else if (seconds < 9.995)
		snprintf(ret, size, "%.2f\u202fs", seconds);
	else if (seconds < 59.95)
		snprintf(ret, size, "%.1f\u202fs", seconds);
	else if (t < 3600)
		snprintf(ret, size, "%ld\u202fmin %ld\u202fs", t / 60, t % 60);
	else if (t < 86400)
		snprintf(ret, size, "%ld\u202fh %ld\u202fmin", t / 3600, t / 60 % 60);
	else
		snprintf(ret, size, "%ld\u202fd %ld\u202fh", t / 86400, t / 3600 % 24);
}
