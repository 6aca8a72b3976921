/* SPDX-License-Identifier: Apache-2.0 */
/* What a person looks at, drawn from a recording's model now and then. */
#include "receiver/draw.h"

#include "common/clock.h"
#include "common/log.h"
#include "receiver/batches.h"
#include "receiver/page/page.h"
#include "receiver/recording_internal.h"
#include "receiver/replay.h"

#include <inttypes.h>
#include <string.h>

enum {
	COST_FACTOR = 500, /* drawing takes 0.2 % of a core at most */
	HREF_MAX = 3 * (JEM_NAME_MAX + 1) + 16,
	REPLAY_BYTES_MAX = 48 << 20, /* on disk, of each kind: half a second of reading */
	SLICES_MAX = 1000000,        /* in a page: 60 MB of memory, and more than it can show */
	CALLS_PART = 8, /* calls are smaller on disk, and there is more to do for each */
};

static int replay_calls(struct jem_job_model *model, int data, uint64_t keep_bytes)
{
	auto_batches struct jem_batches *batches = NULL;
	const struct jem_columns *columns;
	const struct jem_head *head;
	struct jem_call_rows rows;
	int status = jem_batches_open(data, JEM_KIND_call, keep_bytes, &batches);

	while (status == 0 && (status = jem_batches_next(batches, &columns, &head)) > 0) {
		jem_call_rows_begin(&rows, columns, head);
		jem_recent_add(&model->recent, &rows, 0);
		model->records += head->n;
		model->by_kind[JEM_KIND_call] += head->n;
		status = 0;
	}
	return status;
}

int jem_model_replay(struct jem_job_model *model, const struct jem_streams *streams, int data,
		     uint64_t keep_bytes)
{
	auto_replay struct jem_replay *replay = NULL;
	struct jem_replay_record record;
	struct jem_json_doc doc;
	int status = jem_replay_open(data, JEM_KIND_MASK_HUMAN, 0, &replay);

	if (status < 0)
		return status;
	if (keep_bytes)
		jem_replay_keep_last(replay, keep_bytes);
	jem_json_doc_init(&doc);
	while ((status = jem_replay_next(replay, &record)) > 0) {
		const struct jem_stream *stream =
			jem_streams_find(streams, record.at.epoch, record.kind);

		if (jem_json_read(&doc, record.line, record.len, NULL) < 0)
			continue;
		jem_model_feed(model, stream ? stream->node : "", record.kind,
			       record.at.t_us * 1000, &doc, 0);
		if (record.kind == JEM_KIND_profile)
			jem_model_feed_profile(model, record.at.epoch, record.at.t_us * 1000, &doc,
					       0);
	}
	jem_json_doc_deinit(&doc);
	return status < 0 ? status : replay_calls(model, data, keep_bytes / CALLS_PART);
}

void jem_model_note_streams(struct jem_job_model *model, const struct jem_streams *streams)
{
	for (size_t i = 0; i < streams->count; i++) {
		const struct jem_stream *stream = streams->at[i];
		struct jem_model_stream account = {
			.kind = stream->kind,
			.batches = stream->batches,
			.records = stream->records,
			.duplicates = stream->duplicates,
			.missing_batches = jem_ranges_length(&stream->missing),
			.missing_records = jem_stream_records_missing(stream),
			.removed_batches = jem_ranges_length(&stream->evicted) +
					   jem_ranges_length(&stream->thinned),
			.removed_records = stream->records_evicted + stream->records_thinned,
			.is_final = stream->is_final,
		};

		memcpy(account.node, stream->node, sizeof(account.node));
		memcpy(account.epoch, stream->epoch, sizeof(account.epoch));
		memcpy(account.dropped, stream->dropped, sizeof(account.dropped));
		jem_model_set_stream(model, &account);
	}
}

int jem_job_sched_load(struct jem_job_sched *sched, const struct jem_job_model *model, int data)
{
	const struct jem_sched_folder_options options = { .max_slices = SLICES_MAX };
	int status;

	jem_job_sched_init(sched);
	status = jem_sched_folder_read(data, &options, &sched->model, &sched->folder);
	if (status == 0 && jem_job_sched_has_data(sched))
		status = jem_job_sched_sum_up(sched, model);
	return status;
}

static bool has_data(const struct jem_recording *recording)
{
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
		if (jem_data_file_bytes(&recording->files[kind]))
			return true;
	return false;
}

int jem_recording_make_model(struct jem_recording *recording)
{
	int status = jem_model_create(&recording->model);

	if (status < 0)
		return status;
	jem_model_set_identity(recording->model, &recording->identity);
	if (has_data(recording))
		status = jem_model_replay(recording->model, &recording->streams, recording->data,
					  REPLAY_BYTES_MAX);
	if (status < 0)
		log_warning("not all of job %s could be read back: %s, drawing what there is",
			    recording->identity.names.job, strerror(-status));
	return 0;
}

bool jem_recording_is_draw_due(const struct jem_recording *recording, uint64_t now_ms)
{
	const struct jem_job_model *model = recording->model;

	if (!model || !recording->is_drawable || recording->failed_ms)
		return false;
	return now_ms >= recording->next_draw_ms ||
	       (model->monitor_ended && !recording->is_drawn_last);
}

static void format_href(const struct jem_recording *recording, char ret[HREF_MAX])
{
	const struct jem_source_names *names = &recording->identity.names;

	snprintf(ret, HREF_MAX, "%s/%s/%s/index.html", names->site, names->user, names->job);
}

static int write_page(struct jem_recording *recording, bool is_last,
		      const struct jem_job_sched *sched)
{
	const struct jem_recording_common *common = recording->common;
	const struct jem_page_options options = {
		.now_ns = jem_wall_ns(),
		.refresh_s = is_last ? 0 : (unsigned)((common->redraw_ms + 999) / 1000),
		.sched = sched,
		.index = common->is_single ? NULL : "../../../index.html",
	};

	if (!(common->files & JEM_FILE_PAGE))
		return 0;
	return jem_page_write_job(recording->model, &options, recording->folder);
}

static int draw(struct jem_recording *recording, bool is_last, const struct jem_job_sched *sched)
{
	const struct jem_recording_common *common = recording->common;
	unsigned formats = is_last ? JEM_GRAPH_SVG | JEM_GRAPH_PNG | JEM_GRAPH_PDF : JEM_GRAPH_SVG;
	int status = 0;

	if (common->files & JEM_FILE_GRAPHS) {
		status = jem_graphs_write(recording->model, formats, recording->folder);
		if (status >= 0)
			status = jem_job_sched_graphs_write(sched, formats, recording->folder);
	}
	if (status >= 0 && (common->files & JEM_FILE_CALLS))
		status = jem_job_profile_csv(recording->model, recording->folder);
	return status < 0 ? status : write_page(recording, is_last, sched);
}

/* The drawings count. What has to go for them is told on the page, which does not grow by it. */
static void make_room(struct jem_recording *recording, uint64_t now_ms, bool is_last,
		      const struct jem_job_sched *sched)
{
	struct jem_job_model *model = recording->model;
	uint64_t removed = jem_model_removed_records(model);

	recording->next_look_ms = 0;
	if (recording->folder < 0 || !jem_recording_is_settled(recording))
		return;
	if (is_last) /* nobody comes by again to tell what had to go */
		jem_recording_finish(recording, now_ms);
	else
		jem_recording_keep_budget(recording, now_ms);
	jem_model_note_streams(model, &recording->streams);
	if (jem_model_removed_records(model) > removed)
		write_page(recording, recording->is_drawn_last, sched);
}

/* What was recorded of scheduling, into `room`; NULL: nothing, or it cannot be read. */
static const struct jem_job_sched *load_sched(struct jem_recording *recording,
					      struct jem_job_sched *room)
{
	jem_job_sched_init(room);
	if (!jem_data_file_bytes(&recording->files[JEM_KIND_sched]))
		return NULL;
	if (jem_job_sched_load(room, recording->model, recording->data) >= 0)
		return room;
	log_warning("scheduling of job %s cannot be read, ignoring", recording->identity.names.job);
	return NULL;
}

static void tell_index(struct jem_recording *recording)
{
	struct jem_index_entry entry;
	char href[HREF_MAX];

	if (!recording->common->index)
		return;
	format_href(recording, href);
	jem_index_entry_of(recording->model, href, &entry);
	jem_index_save(&entry, recording->data);
	jem_index_set(recording->common->index, &entry);
}

void jem_recording_draw(struct jem_recording *recording, uint64_t now_ms, bool is_last)
{
	uint64_t start = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t wait_ms = recording->common->redraw_ms;
	const struct jem_job_sched *sched;
	struct jem_job_sched room;
	uint64_t cost_ms;
	int status;

	if (!recording->model)
		return;
	jem_model_set_identity(recording->model, &recording->identity);
	jem_model_note_streams(recording->model, &recording->streams);
	status = jem_recording_resume(recording);
	sched = load_sched(recording, &room);
	if (status >= 0)
		status = draw(recording, is_last || recording->model->monitor_ended, sched);
	if (status < 0 && !recording->is_draw_failing)
		log_warning("cannot draw job %s: %s, retrying", recording->identity.names.job,
			    strerror(-status));
	recording->is_draw_failing = status < 0;
	if (status >= 0)
		tell_index(recording);
	recording->is_drawable = status < 0;
	recording->is_drawn_last = is_last || recording->model->monitor_ended;
	make_room(recording, now_ms, is_last, sched);
	jem_job_sched_deinit(&room);
	cost_ms = (jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - start) * COST_FACTOR / 1000000;
	recording->next_draw_ms = now_ms + (cost_ms > wait_ms ? cost_ms : wait_ms);
}
