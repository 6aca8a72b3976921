/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/profile_records.h"

static void add_callers(struct jem_record *record, const struct jem_profile_rows *rows,
			const struct jem_profile_row *row)
{
	jem_record_array_begin(record, "callers");
	for (uint32_t i = 0; i < row->caller_count; i++) {
		const struct jem_profile_caller *caller = &rows->callers[row->first_caller + i];

		jem_json_object_begin(&record->json);
		jem_record_str(record, "function", caller->function);
		jem_record_u64(record, "calls", caller->calls);
		jem_record_u64(record, "total_ns", caller->total_ns);
		jem_record_u64(record, "self_ns", caller->self_ns);
		jem_json_object_end(&record->json);
	}
	jem_record_array_end(record);
}

static void publish(struct jem_batcher *batcher, const struct jem_profile_rows *rows,
		    const struct jem_profile_row *row, uint64_t now_ns)
{
	struct jem_record *record = jem_batcher_begin(batcher, JEM_KIND_profile, now_ns);

	jem_record_word(record, "lang", "c");
	jem_record_str(record, "function", row->function);
	if (row->node) {
		jem_record_u64(record, "node", row->node);
		jem_record_i64(record, "parent", row->parent);
	}
	if (*row->file) {
		jem_record_str(record, "file", row->file);
		jem_record_u64(record, "line", row->line);
	}
	jem_record_u64(record, "calls", row->calls);
	jem_record_u64(record, "returns", row->returns);
	jem_record_u64(record, "recorded", row->recorded);
	jem_record_u64(record, "total_ns", row->total_ns);
	jem_record_u64(record, "self_ns", row->self_ns);
	if (row->returns) {
		jem_record_u64(record, "min_ns", row->min_ns);
		jem_record_u64(record, "max_ns", row->max_ns);
	}
	if (!row->node)
		add_callers(record, rows, row);
	jem_batcher_end(batcher, JEM_IN_TIME);
}

void jem_profile_publish(struct jem_batcher *batcher, const struct jem_profile_rows *rows,
			 uint64_t mono_ns)
{
	for (size_t i = 0; i < rows->count; i++)
		publish(batcher, rows, &rows->rows[i], mono_ns);
}
