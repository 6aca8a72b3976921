/* SPDX-License-Identifier: Apache-2.0 */
/* fixed: coordinates as fixed-point decimals, whatever the locale, in as few characters as it takes. */
#ifndef JEM_RECEIVER_GRAPH_FIXED_H
#define JEM_RECEIVER_GRAPH_FIXED_H

#include "common/buf.h"

/* value * per_unit, rounded; values far outside every page are brought nearer, NaN is 0. */
long jem_fixed(double value, int per_unit);

/* value / per_unit; per_unit is 1, 10, 100 or 1000. A space goes before unless it is the first. */
void jem_fixed_put(struct jem_buf *out, long value, int per_unit, bool is_first);

/* Both at once. */
void jem_fixed_add(struct jem_buf *out, double value, int per_unit, bool is_first);

#endif
