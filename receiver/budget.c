/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bound on a recording's folder: report.max_bytes, and a twentieth of what would be free without
 * it. Beyond it goes, in this order and the oldest first: calls, scheduling, records of processes,
 * script lines, log lines, profiles, samples. Status and alerts stay: they are few, and the last that
 * a person wants to miss. What went is named in streams.json (`evicted`) and job.log.
 */
#include "common/clock.h"
#include "common/log.h"
#include "receiver/recording_internal.h"

#include <inttypes.h>
#include <sys/statvfs.h>

enum {
	LOOK_MS = 10000,
	FREE_PART = 20,
};

enum step {
	REMOVE,
	THIN
};

static const struct {
	enum jem_kind kind;
	enum step step;
} order[] = {
	{ JEM_KIND_call, REMOVE },    { JEM_KIND_sched, REMOVE },  { JEM_KIND_metric, THIN },
	{ JEM_KIND_script, REMOVE },  { JEM_KIND_log, REMOVE },    { JEM_KIND_profile, REMOVE },
	{ JEM_KIND_summary, REMOVE }, { JEM_KIND_metric, REMOVE },
};

static uint64_t used_bytes(const struct jem_recording *recording)
{
	uint64_t bytes = recording->parts.file.size + jem_data_file_bytes(&recording->log.file) +
			 recording->csv.file.size + recording->prmon.file.size;

	for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
		bytes += jem_data_file_bytes(&recording->files[kind]);
	return bytes;
}

static uint64_t bound(const struct jem_recording *recording, uint64_t used)
{
	uint64_t max = recording->common->max_bytes;
	struct statvfs fs;
	uint64_t part;

	if (fstatvfs(recording->folder, &fs) < 0)
		return max;
	part = ((uint64_t)fs.f_bavail * fs.f_frsize + used) / FREE_PART;
	return part < max ? part : max;
}

void jem_recording_keep_budget(struct jem_recording *recording, uint64_t now_ms)
{
	uint64_t used;

	if (now_ms < recording->next_budget_ms)
		return;
	used = used_bytes(recording);
	recording->next_budget_ms = now_ms + LOOK_MS;
	if (used <= bound(recording, used)) {
		recording->is_over_budget = false;
		return;
	}
	recording->next_budget_ms = now_ms; /* the next one as soon as this one is gone */
	if (jem_data_file_bytes(&recording->log.file) > used / 2 &&
	    jem_data_file_remove_oldest(&recording->log.file, recording->folder))
		return;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		struct jem_data_file *file = &recording->files[order[i].kind];

		if (file->is_working)
			return;
		if (order[i].step == THIN ? jem_data_file_thin_oldest(file, recording->data)
					  : jem_data_file_remove_oldest(file, recording->data))
			return;
	}
	if (!recording->is_over_budget)
		log_warning("the folder of job %s is over its bound by what is never removed, "
			    "ignoring",
			    recording->identity.names.job);
	recording->is_over_budget = true;
	recording->next_budget_ms = now_ms + LOOK_MS;
}

static void tell(struct jem_recording *recording, enum jem_kind kind, const char *what,
		 const struct jem_pack_result *result)
{
	struct jem_text_style style = { 0 };
	struct jem_buf last;

	if (!result->records)
		return;
	jem_buf_init(&last, 0);
	jem_text_stamp(&style, &last, result->last_us);
	jem_job_log_note(&recording->log, jem_wall_ns() / 1000, jem_now_ns() / 1000000,
			 "gap: %" PRIu64 " %s%s records up to %s were removed, the folder is over "
			 "its bound",
			 result->records, what, jem_kinds[kind].name, jem_buf_cstr(&last));
	recording->is_changed = true;
	jem_buf_deinit(&last);
}

static enum jem_kind kind_of(const struct jem_data_file *file,
			     const struct jem_recording *recording)
{
	return (enum jem_kind)(file - recording->files);
}

static void on_removed(void *arg, const struct jem_data_file *file,
		       const struct jem_pack_result *result)
{
	struct jem_recording *recording = arg;
	enum jem_kind kind = kind_of(file, recording);

	for (size_t i = 0; i < result->gap_count; i++) {
		const struct jem_pack_gap *gap = &result->gaps[i];
		struct jem_stream *stream = jem_streams_find(&recording->streams, gap->epoch, kind);

		if (!stream)
			continue;
		jem_ranges_add(&stream->evicted, gap->first_seq, gap->last_seq);
		stream->records_evicted += gap->records;
	}
	tell(recording, kind, "", result);
}

static void on_thinned(void *arg, const struct jem_data_file *file,
		       const struct jem_pack_result *result)
{
	tell(arg, kind_of(file, arg), "process ", result);
}

void jem_recording_watch_budget(struct jem_recording *recording)
{
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		recording->files[kind].on_removed = on_removed;
		recording->files[kind].on_thinned = on_thinned;
		recording->files[kind].arg = recording;
	}
}
