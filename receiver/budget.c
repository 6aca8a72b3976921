/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bound on a recording's folder: report.max_bytes, and a twentieth of what would be free without
 * it. Whole segments go, in this order and the oldest first: calls, scheduling, records of
 * processes, script lines, log lines, profiles, summaries, samples, alerts, status; job.log's,
 * calls.log's and metrics.csv's once they take more than their share. Every segment takes a small part of the bound,
 * so that little goes at a time.
 *
 * Bound: at the end of every pass the sizes of all files in the folder together are within it, less
 * a reserve for what the next pass writes. So they stay within it always, but for a pass that brings
 * more than the reserve (an eighth, at most 1 MiB): one batch may. Drawings, pages and streams.json
 * count and are never removed: as much again is kept for drawings until the last ones are there. What is
 * being replaced stands beside its successor for a moment.
 *
 * Nothing goes silently: streams.json names the batches (`evicted`, `thinned`) before their segment
 * is removed, job.log tells it after.
 */
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/columns.h"
#include "common/log.h"
#include "receiver/data_line.h"
#include "receiver/folder.h"
#include "receiver/frames.h"
#include "receiver/lines.h"
#include "receiver/recording_internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
	LOOK_MS = 10000,
	FREE_PART = 20,
	RESERVE_PART = 8,
	RESERVE_MAX = 1 << 20,
	DRAW_PART = 4,
	DRAW_MAX = 1 << 20, /* all drawings, in every format, and the page: some 600 kB */
	FLOOR_PART = 4,     /* of the bound is for data, whatever the drawings take */
	LOG_PART = 4,
	CSV_PART = 8,
	CALLS_PART = 8,
	DATA_SEGMENTS = 64, /* a segment takes such a part of the bound */
	TEXT_SEGMENTS = 16,
	DATA_SEGMENT_MIN = 16 << 10,
	DATA_SEGMENT_MAX = 8 << 20,
	TEXT_SEGMENT_MAX = 64 << 20,
	THINNED_A_PASS = 2, /* each costs some 40 ms */
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
	{ JEM_KIND_summary, REMOVE }, { JEM_KIND_metric, REMOVE }, { JEM_KIND_alert, REMOVE },
	{ JEM_KIND_status, REMOVE },
};

/* What leaves with a segment. */
struct gap {
	uint64_t records;
	uint64_t last_us;
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Looking */

static uint64_t known_bytes(const struct jem_recording *recording)
{
	uint64_t bytes = recording->streams_bytes + recording->parts.file.size +
			 jem_data_file_bytes(&recording->log.file) +
			 jem_data_file_bytes(&recording->calls.file) +
			 jem_data_file_bytes(&recording->csv.file) + recording->prmon.file.size;

	for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
		bytes += jem_data_file_bytes(&recording->files[kind]);
	return bytes;
}

/* The sizes of the files in a folder itself. */
static uint64_t folder_bytes(int folder)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_closedir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	uint64_t bytes = 0;

	if (!dir && copy >= 0)
		close(copy);
	while (dir && (entry = readdir(dir))) {
		struct stat st;

		if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_size;
	}
	return bytes;
}

static uint64_t bound(const struct jem_recording *recording, uint64_t used)
{
	uint64_t max = recording->common->max_bytes;
	struct statvfs fs;

	if (fstatvfs(recording->folder, &fs) < 0)
		return max;
	return least(max, ((uint64_t)fs.f_bavail * fs.f_frsize + used) / FREE_PART);
}

static void size_segments(struct jem_recording *recording)
{
	uint64_t data = least(recording->bound_bytes / DATA_SEGMENTS, DATA_SEGMENT_MAX);
	uint64_t text = least(recording->bound_bytes / TEXT_SEGMENTS, TEXT_SEGMENT_MAX);

	if (data < DATA_SEGMENT_MIN)
		data = DATA_SEGMENT_MIN;
	if (text < DATA_SEGMENT_MIN)
		text = DATA_SEGMENT_MIN;
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
		recording->files[kind].segment_bytes = data;
	recording->log.file.segment_bytes = recording->csv.segment_bytes = text;
	/* Made from calls, which have the smallest segments, too. */
	recording->calls.file.segment_bytes = least(text, DATA_SEGMENT_MAX);
	recording->prmon.max_bytes = text;
	recording->parts.max_bytes = least(text * 2, JEM_PARTS_BYTES);
	recording->log.waiting_bytes = least(text, JEM_LOG_WAITING);
}

static void look(struct jem_recording *recording, uint64_t now_ms)
{
	auto_close int graphs = jem_folder_open(recording->folder, "graphs", false);
	uint64_t known = known_bytes(recording);
	uint64_t used = folder_bytes(recording->folder) + folder_bytes(recording->data);

	if (graphs >= 0)
		used += folder_bytes(graphs);
	recording->other_bytes = used > known ? used - known : 0;
	recording->bound_bytes = bound(recording, used);
	size_segments(recording);
	recording->next_look_ms = now_ms + LOOK_MS;
}

/* What the files that we may remove from, and those that we may not, are to take at most. */
static uint64_t goal_bytes(const struct jem_recording *recording)
{
	uint64_t bytes = recording->bound_bytes;
	uint64_t others = recording->other_bytes;

	bytes -= least(bytes / RESERVE_PART, RESERVE_MAX);
	if (recording->model && !recording->is_drawn_last)
		bytes -= least(bytes / DRAW_PART, DRAW_MAX);
	return bytes - least(others, bytes - bytes / FLOOR_PART);
}

/* Telling */

static void tell(struct jem_recording *recording, const struct gap *gap, const char *what)
{
	struct jem_text_style style = { 0 };
	struct jem_buf last;

	if (!gap->records)
		return;
	jem_buf_init(&last, 0);
	jem_text_stamp(&style, &last, gap->last_us);
	jem_job_log_note(&recording->log, jem_wall_ns() / 1000, jem_now_ns() / 1000000,
			 "gap: %" PRIu64 " %s records up to %s were removed, the folder is over "
			 "its bound",
			 gap->records, what, jem_buf_cstr(&last));
	jem_buf_deinit(&last);
}

/* Enters what leaves with a segment into its streams. */
static void note_lines(struct jem_recording *recording, enum jem_kind kind, const char *name,
		       enum step step, struct gap *ret)
{
	auto_lines struct jem_lines *lines = NULL;
	struct jem_stream *stream = NULL;
	uint64_t seq = UINT64_MAX;
	const char *line;
	size_t len;

	/* A segment that cannot be read has to go all the same: room is what is asked for. */
	if (jem_lines_open(recording->data, name, 0, &lines) < 0)
		return;
	while (jem_lines_next(lines, &line, &len) > 0) {
		struct jem_data_line at;

		if ((step == THIN && !jem_pack_is_of_process(line, len)) ||
		    jem_data_line_read(line, len, &at) < 0)
			continue;
		ret->records++;
		if (at.t_us > ret->last_us)
			ret->last_us = at.t_us;
		if (!stream || strcmp(stream->epoch, at.epoch)) {
			stream = jem_streams_find(&recording->streams, at.epoch, kind);
			seq = UINT64_MAX;
		}
		if (!stream)
			continue;
		if (at.seq != seq)
			jem_ranges_add(step == THIN ? &stream->thinned : &stream->evicted, at.seq,
				       at.seq);
		seq = at.seq;
		*(step == THIN ? &stream->records_thinned : &stream->records_evicted) += 1;
	}
}

/* The same of a segment of columns: whole batches. */
static void note_batches(struct jem_recording *recording, enum jem_kind kind, const char *name,
			 struct gap *ret)
{
	auto_frames struct jem_frames *frames = NULL;
	struct jem_columns columns;
	const char *body;
	size_t len;

	if (jem_frames_open(recording->data, name, 0, &frames) < 0)
		return;
	jem_columns_init(&columns);
	while (jem_frames_next(frames, &body, &len) > 0) {
		struct jem_head head;
		struct jem_stream *stream;

		if (jem_columns_decode(&columns, body, len, &head, NULL) < 0)
			continue;
		ret->records += head.n;
		if (head.t0_us > ret->last_us)
			ret->last_us = head.t0_us;
		stream = jem_streams_find(&recording->streams, head.epoch, kind);
		if (!stream)
			continue;
		jem_ranges_add(&stream->evicted, head.seq, head.seq);
		stream->records_evicted += head.n;
	}
	jem_columns_deinit(&columns);
}

/* Removing. Each returns whether there was something to remove. */

/* Where there is no room for streams.json, the segment has to make it. */
static bool evict(struct jem_recording *recording, enum jem_kind kind, uint64_t now_ms)
{
	struct jem_data_file *file = &recording->files[kind];
	struct gap gap = { 0 };
	char name[64];
	int status;

	if (file->oldest >= file->current)
		return false;
	jem_data_file_name(file, recording->data, file->oldest, name);
	if (*name && jem_kinds[kind].encoding == JEM_ENCODING_CBOR)
		note_batches(recording, kind, name, &gap);
	else if (*name)
		note_lines(recording, kind, name, REMOVE, &gap);
	status = jem_recording_save(recording, now_ms);
	jem_data_file_drop_oldest(file, recording->data);
	tell(recording, &gap, jem_kinds[kind].name);
	recording->is_changed = true;
	if (status < 0)
		jem_recording_save(recording, now_ms);
	return true;
}

static bool thin(struct jem_recording *recording, enum jem_kind kind, uint64_t now_ms)
{
	struct jem_data_file *file = &recording->files[kind];
	struct gap gap = { 0 };
	char name[64];
	int64_t count;

	if (file->thinned < file->oldest)
		file->thinned = file->oldest;
	if (file->thinned >= file->packed)
		return false;
	jem_data_file_name(file, recording->data, file->thinned++, name);
	count = *name ? jem_pack_thin(recording->data, name) : -1;
	if (count <= 0) {
		if (!count)
			jem_pack_discard(recording->data, name);
		return true;
	}
	note_lines(recording, kind, name, THIN, &gap);
	jem_recording_save(recording, now_ms);
	jem_data_file_thin_end(file, recording->data, name);
	tell(recording, &gap, "process");
	recording->is_changed = true;
	return true;
}

/* A segment of what people read, all of which is in data/ too, or was. */
static bool drop_text(struct jem_recording *recording, struct jem_data_file *file, const char *what)
{
	if (file->oldest >= file->current)
		return false;
	jem_data_file_drop_oldest(file, recording->folder);
	jem_job_log_note(&recording->log, jem_wall_ns() / 1000, jem_now_ns() / 1000000,
			 "gap: the beginning of %s was removed, the folder is over its bound",
			 what);
	recording->is_changed = true;
	return true;
}

static bool remove_finished(struct jem_recording *recording, unsigned *thinned, uint64_t now_ms)
{
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		if (order[i].step == REMOVE) {
			if (evict(recording, order[i].kind, now_ms))
				return true;
		} else if (*thinned < THINNED_A_PASS && thin(recording, order[i].kind, now_ms)) {
			++*thinned;
			return true;
		}
	}
	return false;
}

/* Nothing is finished: what is being written is, and goes. */
static bool remove_current(struct jem_recording *recording, uint64_t now_ms)
{
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		struct jem_data_file *file = &recording->files[order[i].kind];

		if (order[i].step == REMOVE && file->size &&
		    jem_data_file_finish(file, recording->data) == 0)
			return evict(recording, order[i].kind, now_ms);
	}
	return false;
}

static bool make_room(struct jem_recording *recording, unsigned *thinned, uint64_t now_ms)
{
	struct jem_data_file *log = &recording->log.file;
	struct jem_data_file *csv = &recording->csv.file;
	struct jem_data_file *calls = &recording->calls.file;

	if (jem_data_file_bytes(log) > recording->bound_bytes / LOG_PART &&
	    drop_text(recording, log, "job.log"))
		return true;
	if (jem_data_file_bytes(calls) > recording->bound_bytes / CALLS_PART &&
	    drop_text(recording, calls, "calls.log"))
		return true;
	if (jem_data_file_bytes(csv) > recording->bound_bytes / CSV_PART &&
	    drop_text(recording, csv, "metrics.csv"))
		return true;
	return remove_finished(recording, thinned, now_ms) ||
	       drop_text(recording, calls, "calls.log") || drop_text(recording, log, "job.log") ||
	       drop_text(recording, csv, "metrics.csv") || remove_current(recording, now_ms);
}

/* What is left out for its own bound, told once each time. */
static void tell_left_out(struct jem_recording *recording)
{
	struct jem_parts *parts = &recording->parts;
	uint64_t now_ms = jem_now_ns() / 1000000;

	if (parts->given_up > parts->told)
		jem_job_log_note(&recording->log, jem_wall_ns() / 1000, now_ms,
				 "gap: %" PRIu64 " records of which not all parts came, or that "
				 "were too many at a time, are left out",
				 parts->given_up - parts->told);
	parts->told = parts->given_up;
	if (recording->prmon.is_full && !recording->is_prmon_told)
		jem_job_log_note(&recording->log, jem_wall_ns() / 1000, now_ms,
				 "gap: prmon.txt has its share of the folder's bound, further "
				 "samples are in prmon.json only");
	recording->is_prmon_told = recording->prmon.is_full;
}

void jem_recording_keep_budget(struct jem_recording *recording, uint64_t now_ms)
{
	bool is_over = false;
	unsigned thinned = 0;

	tell_left_out(recording);
	if (now_ms >= recording->next_look_ms)
		look(recording, now_ms);
	while (!is_over && known_bytes(recording) > goal_bytes(recording))
		is_over = !make_room(recording, &thinned, now_ms);
	if (is_over && !recording->is_over_budget)
		log_warning("the folder of job %s is over its bound by what is never removed, "
			    "ignoring",
			    recording->identity.names.job);
	recording->is_over_budget = is_over;
}
