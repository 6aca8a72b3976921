/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/summary.h"

#include <string.h>

enum {
	FINE_BITS = 3 /* slots in a power of two, as bits */
};

const char *const jem_summary_columns[] = {
	"scope",          "level",          "span_ns",        "cores",
	"running",        "waiting",        "wait_ns",        "idle_wait_ns",
	"slices",         "switches",       "wakeups",        "latency_p50_ns",
	"latency_p90_ns", "latency_p99_ns", "latency_max_ns", "moves_placed",
	"moves_balanced", "moves_numa",     "moves_other",    "events",
	"lost",           "inferred",       "monitor_ns",     "pressure_percent",
};
const uint32_t jem_summary_column_count =
	sizeof(jem_summary_columns) / sizeof(*jem_summary_columns);

/* --- wake-up latency -------------------------------------------------------------------------- */

static unsigned slot_of(uint64_t ns)
{
	unsigned bits;

	if (ns < 1u << FINE_BITS)
		return (unsigned)ns;
	bits = 63 - (unsigned)__builtin_clzll(ns);
	return ((bits - FINE_BITS + 1) << FINE_BITS) +
	       (unsigned)(ns >> (bits - FINE_BITS) & ((1u << FINE_BITS) - 1));
}

/* The greatest time that is counted in a slot. */
static uint64_t end_of(unsigned slot)
{
	unsigned power = slot >> FINE_BITS;
	uint64_t part = slot & ((1u << FINE_BITS) - 1);

	if (!power)
		return slot;
	return ((part + (1u << FINE_BITS) + 1) << (power - 1)) - 1;
}

uint64_t jem_sched_summary_latency(const struct jem_sched_summary *summary, double part)
{
	double wanted = (double)summary->wakeups * part;
	uint64_t seen = 0;

	for (unsigned slot = 0; slot < JEM_LATENCY_SLOTS && summary->wakeups; slot++) {
		seen += summary->latency[slot];
		if (summary->latency[slot] && (double)seen >= wanted) {
			uint64_t end = end_of(slot);

			return end < summary->latency_max_ns ? end : summary->latency_max_ns;
		}
	}
	return 0;
}

/* --- slices ----------------------------------------------------------------------------------- */

void jem_sched_summary_add(struct jem_sched_summary *summary, const struct jem_sched_slice *slice,
			   uint64_t idle_wait_ns)
{
	summary->run_ns += slice->run_ns;
	summary->wait_ns += slice->wait_ns;
	summary->idle_wait_ns += idle_wait_ns;
	if (slice->flags & JEM_SCHED_CONTINUED)
		return;
	summary->slices++;
	if (slice->move < sizeof(summary->moves) / sizeof(*summary->moves))
		summary->moves[slice->move]++;
	if (slice->flags &
	    (JEM_SCHED_WAIT_UNKNOWN | JEM_SCHED_WAIT_PREEMPTED | JEM_SCHED_WAIT_ONLY))
		return;
	summary->wakeups++;
	summary->latency[slot_of(slice->wait_ns)]++;
	if (slice->wait_ns > summary->latency_max_ns)
		summary->latency_max_ns = slice->wait_ns;
}

/* --- the row ---------------------------------------------------------------------------------- */

static void put_u64(struct jem_item_rows *ret, uint64_t value, bool is_known)
{
	struct jem_buf *item = jem_item_rows_next(ret);

	if (is_known && value != UINT64_MAX)
		jem_cbor_u64(item, value);
	else
		jem_cbor_null(item);
}

static void put_real(struct jem_item_rows *ret, double value, bool is_known)
{
	struct jem_buf *item = jem_item_rows_next(ret);

	if (is_known)
		jem_cbor_real(item, value);
	else
		jem_cbor_null(item);
}

static void put_latencies(const struct jem_sched_summary *summary, bool has_waits,
			  struct jem_item_rows *ret)
{
	static const double parts[] = { 0.5, 0.9, 0.99 };

	has_waits = has_waits && summary->wakeups;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		put_u64(ret, jem_sched_summary_latency(summary, parts[i]), has_waits);
	put_u64(ret, summary->latency_max_ns, has_waits);
}

void jem_sched_summary_take(struct jem_sched_summary *summary,
			    const struct jem_sched_second *second, struct jem_item_rows *ret)
{
	uint64_t span_ns = second->to_ns - second->from_ns;
	double span = span_ns ? (double)span_ns : 1;

	jem_item_rows_begin(ret, second->to_ns);
	jem_cbor_str(jem_item_rows_next(ret), second->scope);
	jem_cbor_str(jem_item_rows_next(ret), second->level);
	put_u64(ret, span_ns, true);
	put_u64(ret, second->cores, true);
	put_real(ret, (double)summary->run_ns / span, second->has_runs);
	put_real(ret, (double)summary->wait_ns / span, second->has_runs);
	put_u64(ret, summary->wait_ns, second->has_runs);
	put_u64(ret, summary->idle_wait_ns, second->has_idle);
	put_u64(ret, summary->slices, second->has_slices);
	put_u64(ret, second->switches, true);
	put_u64(ret, summary->wakeups, second->has_waits);
	put_latencies(summary, second->has_waits, ret);
	put_u64(ret, summary->moves[JEM_SCHED_PLACED], second->has_moves);
	put_u64(ret, summary->moves[JEM_SCHED_BALANCED], second->has_moves);
	put_u64(ret, summary->moves[JEM_SCHED_NUMA], second->has_moves);
	put_u64(ret, summary->moves[JEM_SCHED_MOVED], second->has_slices);
	put_u64(ret, second->events, true);
	put_u64(ret, second->lost, true);
	put_u64(ret, second->inferred, true);
	put_u64(ret, second->monitor_ns, true);
	put_real(ret, second->pressure, second->pressure >= 0);
	memset(summary, 0, sizeof(*summary));
}
