/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/axis.h"
#include "tests/unit/check.h"

#include <math.h>

static const char *unit(enum jem_unit kind, double value)
{
	static char text[64];

	jem_unit_format(kind, value, text, sizeof(text));
	return text;
}

CASE(formats_values_with_units)
{
	CHECK_STR(unit(JEM_UNIT_bytes, 0), "0\u202fB");
	CHECK_STR(unit(JEM_UNIT_bytes, 1023), "1023\u202fB");
	CHECK_STR(unit(JEM_UNIT_bytes, 1024), "1.00\u202fKiB");
	CHECK_STR(unit(JEM_UNIT_bytes, 1048575), "1.00\u202fMiB");
	CHECK_STR(unit(JEM_UNIT_bytes, 1.5 * 1073741824), "1.50\u202fGiB");
	CHECK_STR(unit(JEM_UNIT_bytes, 123.4 * 1099511627776.0), "123\u202fTiB");
	CHECK_STR(unit(JEM_UNIT_bytes_per_s, 12.34 * 1048576), "12.3\u202fMiB/s");
	CHECK_STR(unit(JEM_UNIT_cores, 1.95), "1.95\u202fcores");
	CHECK_STR(unit(JEM_UNIT_cores, 4), "4\u202fcores");
	CHECK_STR(unit(JEM_UNIT_part, 0.123), "12.3\u202f%");
	CHECK_STR(unit(JEM_UNIT_part, 1), "100\u202f%");
	CHECK_STR(unit(JEM_UNIT_count, 17), "17");
	CHECK_STR(unit(JEM_UNIT_count, 12345), "12.3\u202fk");
	CHECK_STR(unit(JEM_UNIT_load, 2.36), "2.36");
}

CASE(formats_lengths_of_time)
{
	static const struct {
		double seconds;
		const char *text;
	} lengths[] = {
		{ 0, "0\u202fs" },
		{ 0.25, "0.25\u202fs" },
		{ 12.34, "12.3\u202fs" },
		{ 59.97, "1\u202fmin 0\u202fs" },
		{ 192, "3\u202fmin 12\u202fs" },
		{ 18600, "5\u202fh 10\u202fmin" },
		{ 183600, "2\u202fd 3\u202fh" },
		{ NAN, "?" },
	};
	char text[64];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		jem_duration_format(lengths[i].seconds, text, sizeof(text));
		CHECK_STR(text, lengths[i].text);
	}
}

CASE(axes_hold_their_maximum_in_few_round_steps)
{
	for (int kind = JEM_UNIT_cores; kind <= JEM_UNIT_part; kind++)
		for (double max = 1e-9; max < 1e20; max *= 1.037) {
			struct jem_axis axis;
			double steps;
			double mantissa;

			if (kind == JEM_UNIT_part && max > 1)
				break;
			jem_axis_init(&axis, (enum jem_unit)kind, max, 5);
			steps = axis.top / axis.step;
			if (!(axis.top >= max * (1 - 1e-9)) || steps < 1 || steps > 5 + 1e-6)
				check_fail(__FILE__, __LINE__, "%d: %g: top %g step %g", kind, max,
					   axis.top, axis.step);
			mantissa = axis.step / axis.divisor;
			mantissa /= pow(10, floor(log10(mantissa) + 1e-9));
			CHECK(fabs(mantissa - 1) < 1e-6 || fabs(mantissa - 2) < 1e-6 ||
			      fabs(mantissa - 5) < 1e-6);
		}
}

/* Labels of an axis are distinct, and say what they stand for. */
CASE(labels_are_exact)
{
	for (double max = 1e-3; max < 1e15; max *= 1.31) {
		struct jem_axis axis;
		char text[32];

		jem_axis_init(&axis, JEM_UNIT_bytes, max, 5);
		for (double value = 0; value <= axis.top; value += axis.step) {
			jem_axis_label(&axis, value, text, sizeof(text));
			CHECK_NEAR(strtod(text, NULL) * axis.divisor, value, axis.step * 1e-6);
		}
	}
}

CASE(nothing_and_nonsense_still_give_an_axis)
{
	static const double values[] = { 0, -5, NAN, INFINITY, 1e300 };
	struct jem_axis axis;

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		for (int kind = JEM_UNIT_cores; kind <= JEM_UNIT_part; kind++) {
			jem_axis_init(&axis, (enum jem_unit)kind, values[i], 5);
			CHECK(isfinite(axis.top) && axis.top > 0 && axis.step > 0);
		}
}

CASE(times_get_at_most_as_many_labels_as_there_is_room_for)
{
	for (double span = 0.01; span < 1e8; span *= 1.13)
		for (unsigned steps = 1; steps < 20; steps++) {
			double step = jem_time_step(span, steps);

			CHECK(step > 0);
			CHECK(span / step <= steps * (1 + 1e-6));
			CHECK(span / step >= steps / 5.0);
		}
}

CASE(writes_times_as_people_do)
{
	static const struct {
		double t;
		double step;
		double span;
		const char *text;
	} times[] = {
		{ 0, 10, 60, "0" },
		{ 0.5, 0.5, 2, "0.5 s" },
		{ 30, 10, 60, "30 s" },
		{ 90, 30, 300, "1:30" },
		{ 600, 300, 3600, "10 min" },
		{ 5400, 1800, 14400, "1:30 h" },
		{ 7200, 3600, 36000, "2 h" },
		{ 108000, 21600, 200000, "1 d 6 h" },
		{ 172800, 86400, 864000, "2 d" },
	};
	char text[32];

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		jem_time_label(times[i].t, times[i].step, times[i].span, text, sizeof(text));
		CHECK_STR(text, times[i].text);
	}
}

TESTS(T(formats_values_with_units), T(formats_lengths_of_time),
      T(axes_hold_their_maximum_in_few_round_steps), T(labels_are_exact),
      T(nothing_and_nonsense_still_give_an_axis),
      T(times_get_at_most_as_many_labels_as_there_is_room_for), T(writes_times_as_people_do))
