/* SPDX-License-Identifier: Apache-2.0 */
/* How a recording goes on where another receiver left it, by whatever it was ended. */
#include "common/clock.h"
#include "common/log.h"
#include "receiver/data_line.h"
#include "receiver/frames.h"
#include "receiver/lines.h"
#include "receiver/recording_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* One pass over the tails of data/. */
struct recovery {
	struct jem_recording *recording; /* borrowed */
	struct jem_checkpoint checkpoint;
	struct jem_json_doc doc;
	struct jem_columns columns;
	uint64_t now_ms;
	char node[JEM_NAME_MAX + 1]; /* of what streams.json would name, "": not known */
	uint64_t found;              /* lines that streams.json did not know of */
	uint64_t damaged;
	struct jem_stream *last; /* of the last line found in the file being read */
};

static struct jem_stream *stream_of(struct jem_recording *recording, const char *epoch,
				    enum jem_kind kind)
{
	struct jem_stream *stream = jem_streams_find(&recording->streams, epoch, kind);

	return stream ? stream : jem_streams_add(&recording->streams, "", epoch, kind);
}

static void on_part(void *arg, enum jem_kind kind, const char *epoch, uint64_t seq, uint64_t i)
{
	struct recovery *recovery = arg;
	struct jem_stream *stream = stream_of(recovery->recording, epoch, kind);

	(void)i;
	if (stream)
		jem_stream_find_part(stream, seq);
}

static void derive(struct recovery *recovery, enum jem_kind kind, const struct jem_data_line *line,
		   const char *text, size_t len, bool is_found)
{
	struct jem_recording *recording = recovery->recording;
	const struct jem_stream *stream = jem_streams_find(&recording->streams, line->epoch, kind);
	const char *node = stream && *stream->node ? stream->node : recovery->node;
	bool is_log_lacking = line->t_us > recovery->checkpoint.job_log_us;

	if (!is_log_lacking && !(is_found && (kind == JEM_KIND_metric || kind == JEM_KIND_status)))
		return;
	if (jem_json_read(&recovery->doc, text, len, NULL) < 0) {
		recovery->damaged++;
		return;
	}
	if (is_log_lacking && (recording->common->files & JEM_FILE_LOG))
		jem_job_log_add(&recording->log, kind, line->t_us, recording->has_nodes ? node : "",
				&recovery->doc, 0, recovery->now_ms);
	if (is_found && kind == JEM_KIND_metric && (recording->common->files & JEM_FILE_METRICS))
		jem_metrics_csv_add(&recording->csv, node, line->t_us, &recovery->doc, 0);
	if (is_found && kind == JEM_KIND_status)
		jem_recording_note_epoch(recording, node, &recovery->doc, 0);
	if (is_found)
		jem_recording_derive_prmon(recording, kind, node, line->t_us, &recovery->doc, 0);
}

static void take_line(struct recovery *recovery, enum jem_kind kind, const char *text, size_t len,
		      bool is_found)
{
	struct jem_recording *recording = recovery->recording;
	struct jem_stream *stream;
	struct jem_data_line line;
	bool is_joined;

	if (jem_data_line_read(text, len, &line) < 0) {
		recovery->damaged++;
		return;
	}
	is_joined = jem_parts_note_line(&recording->parts, kind, line.epoch, line.seq, line.i);
	stream = is_found ? stream_of(recording, line.epoch, kind) : NULL;
	/* A joined record bears a number of its last part's batch, and says nothing of its lines. */
	if (stream && is_joined) {
		stream->records++;
	} else if (stream) {
		if (recovery->last && recovery->last != stream)
			recovery->last->is_resuming = false;
		jem_stream_find(stream, line.seq, line.i);
		recovery->last = stream;
	}
	recovery->found += is_found;
	derive(recovery, kind, &line, text, len, is_found);
}

/* Reads one segment from `from` on; `at` divides what streams.json knows from what it does not. */
static int read_segment(struct recovery *recovery, enum jem_kind kind, uint32_t segment)
{
	struct jem_recording *recording = recovery->recording;
	struct jem_data_file *file = &recording->files[kind];
	const struct jem_data_place *from = &recovery->checkpoint.from[kind];
	const struct jem_data_place *at = &recovery->checkpoint.at[kind];
	uint64_t begin = segment == from->segment ? from->bytes : 0;
	auto_lines struct jem_lines *lines = NULL;
	char name[64];
	const char *text;
	size_t len;
	uint64_t offset;
	int status;

	jem_data_file_name(file, recording->data, segment, name);
	if (!*name)
		return 0;
	/* In a compressed segment the lines before are read, and passed over. */
	offset = strstr(name, ".zst") ? 0 : begin;
	status = jem_lines_open(recording->data, name, offset, &lines);
	while (status == 0 && (status = jem_lines_next(lines, &text, &len)) > 0) {
		bool is_found =
			segment > at->segment || (segment == at->segment && offset >= at->bytes);

		if (offset >= begin)
			take_line(recovery, kind, text, len, is_found);
		offset = jem_lines_offset(lines);
		status = 0;
	}
	if (status < 0 && segment < file->current) {
		log_warning("segment %s of job %s cannot be read: %s, ignoring", name,
			    recording->identity.names.job, strerror(-status));
		return 0;
	}
	if (status == 0 && segment == file->current && offset < file->size)
		status = jem_data_file_cut(file, recording->data, offset);
	return status;
}

static void take_batch(struct recovery *recovery, const struct jem_head *head)
{
	struct jem_recording *recording = recovery->recording;
	const char *node = head->source.names.node;
	struct jem_stream *stream = stream_of(recording, head->epoch, head->kind);

	recovery->found += head->n;
	if (!stream)
		return;
	if (!*stream->node)
		strcpy(stream->node, node);
	if (!*recording->node)
		strcpy(recording->node, node);
	recording->has_nodes |= strcmp(recording->node, node) != 0;
	jem_stream_find_batch(stream, head);
}

/* Calls of such a batch are not in calls.log yet. */
static int derive_calls(struct recovery *recovery, const struct jem_head *head)
{
	struct jem_recording *recording = recovery->recording;
	struct jem_data_file *file = &recording->calls.file;

	if (!(recording->common->files & JEM_FILE_CALLS))
		return 0;
	jem_recording_derive_calls(recording, head, &recovery->columns, 0);
	if (file->pending.len < recording->common->write_bytes)
		return 0;
	return jem_calls_log_write(&recording->calls, recording->folder);
}

/*
 * Reads a segment of columns from `from` on, where calls begin that calls.log has not; what streams.json does not
 * know of begins at `at`.
 */
static int read_batches(struct recovery *recovery, enum jem_kind kind, uint32_t segment)
{
	struct jem_recording *recording = recovery->recording;
	struct jem_data_file *file = &recording->files[kind];
	const struct jem_data_place *from = &recovery->checkpoint.from[kind];
	const struct jem_data_place *at = &recovery->checkpoint.at[kind];
	uint64_t offset = segment == from->segment ? from->bytes : 0;
	auto_frames struct jem_frames *frames = NULL;
	struct jem_head head;
	char name[64];
	const char *body;
	size_t len;
	int status;

	jem_data_file_name(file, recording->data, segment, name);
	if (!*name)
		return 0;
	status = jem_frames_open(recording->data, name, offset, &frames);
	while (status == 0 && (status = jem_frames_next(frames, &body, &len)) > 0) {
		bool is_found =
			segment > at->segment || (segment == at->segment && offset >= at->bytes);
		bool is_ours;

		offset = jem_frames_offset(frames);
		status = jem_columns_decode(&recovery->columns, body, len, &head, NULL);
		is_ours = status == 0 && head.kind == kind;
		if (is_ours && is_found)
			take_batch(recovery, &head);
		else if (!is_ours && status != -ENOMEM)
			recovery->damaged++;
		if (is_ours && kind == JEM_KIND_call)
			status = derive_calls(recovery, &head);
		status = status == -EBADMSG ? 0 : status;
	}
	if (status < 0)
		return status;
	recovery->damaged += jem_frames_damaged(frames);
	/* A frame that was cut short: its batch was not settled, and comes again. */
	if (segment == file->current && jem_frames_offset(frames) < file->size)
		status = jem_data_file_cut(file, recording->data, jem_frames_offset(frames));
	return status;
}

static int recover_kind(struct recovery *recovery, enum jem_kind kind)
{
	struct jem_data_file *file = &recovery->recording->files[kind];
	uint32_t segment = recovery->checkpoint.from[kind].segment;
	int status = jem_data_file_scan(file, recovery->recording->data);

	jem_data_file_resume_at(file, recovery->checkpoint.at[kind].segment);
	if (kind == JEM_KIND_metric && recovery->checkpoint.metric_thinned > file->thinned)
		file->thinned = recovery->checkpoint.metric_thinned;
	recovery->last = NULL;
	if (segment < file->oldest)
		segment = file->oldest;
	for (; status == 0 && segment <= file->current; segment++)
		status = jem_kinds[kind].encoding == JEM_ENCODING_CBOR
				 ? read_batches(recovery, kind, segment)
				 : read_segment(recovery, kind, segment);
	return status;
}

/* The time of the oldest sample in data/; UINT64_MAX: there is none. */
static int find_oldest_sample(struct recovery *recovery, uint64_t *ret)
{
	struct jem_recording *recording = recovery->recording;
	struct jem_data_file *file = &recording->files[JEM_KIND_metric];
	int status = jem_data_file_scan(file, recording->data);

	*ret = UINT64_MAX;
	for (uint32_t segment = file->oldest; status == 0 && segment <= file->current; segment++) {
		auto_lines struct jem_lines *lines = NULL;
		struct jem_data_line line;
		const char *text;
		size_t len;
		char name[64];

		jem_data_file_name(file, recording->data, segment, name);
		if (!*name || jem_lines_open(recording->data, name, 0, &lines) < 0)
			continue;
		while (jem_lines_next(lines, &text, &len) > 0)
			if (jem_data_line_read(text, len, &line) == 0 && line.t_us < *ret)
				*ret = line.t_us;
	}
	return status;
}

/*
 * What stands behind the checkpoint was derived from lines that are shown again. Without one all of
 * data/ is shown: rows of metrics.csv are kept only where data/ has made room for later records.
 */
static int recover_csv(struct recovery *recovery, bool has_checkpoint)
{
	struct jem_recording *recording = recovery->recording;
	uint64_t from_us;
	int status = jem_data_file_scan(&recording->csv.file, recording->folder);

	if (status == 0 && has_checkpoint) {
		status = jem_data_file_cut_back(&recording->csv.file, recording->folder,
						recovery->checkpoint.metrics_csv);
	} else if (status == 0) {
		status = find_oldest_sample(recovery, &from_us);
		if (status == 0)
			status = jem_metrics_csv_rebuild(&recording->csv, recording->folder,
							 from_us, recovery->node);
	}
	if (!*recording->node)
		strcpy(recording->node, recovery->node);
	jem_data_file_suspend(&recording->csv.file); /* its header is checked when it is opened */
	return status;
}

/* What stands behind the checkpoint is made again; without one all of it. */
static int recover_calls(struct recovery *recovery, bool has_checkpoint)
{
	struct jem_recording *recording = recovery->recording;
	struct jem_data_file *file = &recording->calls.file;
	struct jem_data_place place = recovery->checkpoint.calls_log;
	int status = jem_data_file_scan(file, recording->folder);

	if (status < 0)
		return status;
	if (!has_checkpoint || place.segment < file->oldest)
		place = (struct jem_data_place){ file->oldest, 0 };
	return jem_data_file_cut_back(file, recording->folder, place);
}

static int recover_derived(struct recovery *recovery, bool has_checkpoint)
{
	struct jem_recording *recording = recovery->recording;
	struct jem_job_log *log = &recording->log;
	int status = jem_data_file_scan(&log->file, recording->folder);

	if (status == 0)
		status = recover_csv(recovery, has_checkpoint);
	if (status == 0)
		status = recover_calls(recovery, has_checkpoint);
	if (status == 0)
		status = jem_job_prmon_recover(&recording->prmon, &recovery->checkpoint.prmon,
					       recording->folder);
	log->emitted_us = recovery->checkpoint.job_log_us;
	if (status == 0 && has_checkpoint)
		return jem_data_file_cut_back(&log->file, recording->folder,
					      recovery->checkpoint.job_log);
	/* Lines that came late, or of its last millisecond, may be lacking then; none is doubled. */
	if (status == 0 && jem_data_file_bytes(&log->file))
		status = jem_job_log_find_end(log, recording->folder);
	recovery->checkpoint.job_log_us = log->emitted_us;
	return status;
}

static int load_streams(struct recovery *recovery, bool *has_checkpoint, struct jem_err *err)
{
	struct jem_recording *recording = recovery->recording;
	struct jem_identity identity = { 0 };
	struct jem_source_names *names = &identity.names;
	const struct jem_source_names *ours = &recording->identity.names;
	int status = jem_streams_load(&recording->streams, &recovery->checkpoint, &identity,
				      recording->folder, err);

	*has_checkpoint = status == 0;
	if (status == 0 && recording->streams.count &&
	    (strcmp(names->site, ours->site) || strcmp(names->user, ours->user) ||
	     strcmp(names->job, ours->job)))
		return jem_err_set(err, -EPROTO, "the folder is of job %s/%s/%s", names->site,
				   names->user, names->job);
	if (status < 0 && status != -ENOENT)
		log_warning("streams.json of job %s cannot be read (%s), made again from data/",
			    ours->job, err->text);
	for (size_t i = 0; i < recording->streams.count; i++) {
		const char *node = recording->streams.at[i]->node;

		if (!*recording->node)
			strcpy(recording->node, node);
		recording->has_nodes |= *node && strcmp(recording->node, node);
	}
	return 0;
}

static int recover(struct recovery *recovery, struct jem_err *err)
{
	struct jem_recording *recording = recovery->recording;
	bool has_checkpoint;
	int status = load_streams(recovery, &has_checkpoint, err);

	if (status < 0)
		return status;
	status = recover_derived(recovery, has_checkpoint);
	if (status == 0)
		status = jem_parts_recover(&recording->parts, recording->data, on_part, recovery);
	for (int kind = 0; kind < JEM_KIND_COUNT && status == 0; kind++)
		status = recover_kind(recovery, (enum jem_kind)kind);
	if (status < 0)
		return jem_err_set(err, status, "cannot take up what is there: %s",
				   strerror(-status));
	recording->history[0] = (struct jem_history){ 0 };
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		recording->history[0].at[kind] = recovery->checkpoint.from[kind];
		recording->parts_from[kind] = recovery->checkpoint.from[kind];
	}
	return 0;
}

int jem_recording_recover(struct jem_recording *recording, struct jem_err *err)
{
	struct recovery recovery = { .recording = recording, .now_ms = jem_now_ns() / 1000000 };
	int status;

	jem_json_doc_init(&recovery.doc);
	jem_columns_init(&recovery.columns);
	status = recover(&recovery, err);
	jem_json_doc_deinit(&recovery.doc);
	jem_columns_deinit(&recovery.columns);
	if (status < 0)
		return status;
	if (recovery.damaged)
		log_warning("%" PRIu64 " damaged lines in the data of job %s, ignoring",
			    recovery.damaged, recording->identity.names.job);
	if (recovery.found)
		log_info("job %s goes on after %" PRIu64
			 " records that its last receiver could not note",
			 recording->identity.names.job, recovery.found);
	/* What was found must not be in doubt after another crash; a failure is told and tried again. */
	if (recovery.found || recording->parts.set_count)
		jem_recording_checkpoint(recording, recovery.now_ms);
	return 0;
}
