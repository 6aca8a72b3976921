/* SPDX-License-Identifier: Apache-2.0 */
/* What a person looks at, drawn from a recording's model now and then. */
#include "receiver/draw.h"

#include "common/clock.h"
#include "common/log.h"
#include "receiver/recording_internal.h"
#include "receiver/replay.h"

#include <inttypes.h>
#include <string.h>

enum {
	COST_FACTOR = 500,           /* drawing takes 0.2 % of a core at most */
	REPLAY_BYTES_MAX = 48 << 20, /* on disk, of each kind: half a second of reading */
};

int jem_model_replay(struct jem_job_model *model, const struct jem_streams *streams, int data,
		     uint64_t keep_bytes)
{
	auto_replay struct jem_replay *replay = NULL;
	struct jem_replay_record record;
	struct jem_json_doc doc;
	int status = jem_replay_open(data, JEM_KIND_MASK_ALL, 0, &replay);

	if (status < 0)
		return status;
	if (keep_bytes)
		jem_replay_keep_last(replay, keep_bytes);
	jem_json_doc_init(&doc);
	while ((status = jem_replay_next(replay, &record)) > 0) {
		const struct jem_stream *stream =
			jem_streams_find(streams, record.at.epoch, record.kind);

		if (jem_json_read(&doc, record.line, record.len, NULL) == 0)
			jem_model_feed(model, stream ? stream->node : "", record.kind,
				       record.at.t_us * 1000, &doc, 0);
	}
	jem_json_doc_deinit(&doc);
	return status;
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
			.is_final = stream->is_final,
		};

		memcpy(account.node, stream->node, sizeof(account.node));
		memcpy(account.epoch, stream->epoch, sizeof(account.epoch));
		memcpy(account.dropped, stream->dropped, sizeof(account.dropped));
		jem_model_set_stream(model, &account);
	}
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
	return recording->is_drawable && recording->model && !recording->failed_ms &&
	       now_ms >= recording->next_draw_ms;
}
