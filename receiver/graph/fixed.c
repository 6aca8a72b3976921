/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/fixed.h"

#include <math.h>

long jem_fixed(double value, int per_unit)
{
	return isnan(value) ? 0 : lrint(fmax(-1e7, fmin(1e7, value)) * per_unit);
}

void jem_fixed_put(struct jem_buf *out, long value, int per_unit, bool is_first)
{
	char text[32];
	char *const end = text + sizeof(text);
	char *at = end;
	unsigned long magnitude = value < 0 ? -(unsigned long)value : (unsigned long)value;
	unsigned long whole = magnitude / (unsigned)per_unit;
	unsigned long part = magnitude % (unsigned)per_unit;

	for (int digits = per_unit; digits > 1; digits /= 10) {
		if (part % 10 || at < end)
			*--at = (char)('0' + part % 10);
		part /= 10;
	}
	if (at < end)
		*--at = '.';
	if (whole || at == end)
		do
			*--at = (char)('0' + whole % 10);
		while (whole /= 10);
	if (value < 0)
		*--at = '-';
	else if (!is_first)
		*--at = ' ';
	jem_buf_add(out, at, (size_t)(end - at));
}

void jem_fixed_add(struct jem_buf *out, double value, int per_unit, bool is_first)
{
	jem_fixed_put(out, jem_fixed(value, per_unit), per_unit, is_first);
}
