/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are put off: more of them came at once than lines and views can be made of. They are stored and
 * settled as the others, and read again from data/ when there is time (recording.h, struct jem_calls_behind).
 */
#include "common/clock.h"
#include "receiver/frames.h"
#include "receiver/recording_internal.h"

#include <errno.h>

enum {
	DIRECT_ROWS = 8192 /* that lines are made of at once, between two writes */
};

static struct jem_data_file *file_of(struct jem_recording *recording)
{
	return &recording->files[JEM_KIND_call];
}

bool jem_recording_put_off(struct jem_recording *recording, uint64_t rows)
{
	struct jem_calls_behind *behind = &recording->behind;

	unsigned files = recording->common->files;

	if (behind->is_behind)
		return true;
	behind->direct_rows += rows;
	/* Only what is in data/ can be read there, and only who makes something of it is late. */
	if (behind->direct_rows <= DIRECT_ROWS || !rows || !(files & JEM_FILE_DATA) ||
	    !((files & JEM_FILE_CALLS) || recording->model))
		return false;
	behind->is_behind = behind->is_pending = true;
	behind->pending_at = file_of(recording)->pending.len;
	recording->common->behind++;
	return true;
}

static void close_frames(struct jem_calls_behind *behind)
{
	jem_frames_close(behind->frames);
	behind->frames = NULL;
}

static void end(struct jem_recording *recording)
{
	struct jem_calls_behind *behind = &recording->behind;

	close_frames(behind);
	if (behind->is_behind)
		recording->common->behind--;
	behind->is_behind = behind->is_pending = false;
}

void jem_recording_calls_written(struct jem_recording *recording, size_t len, bool is_written)
{
	struct jem_calls_behind *behind = &recording->behind;
	struct jem_data_place place = jem_data_file_place(file_of(recording));

	behind->direct_rows = 0;
	if (!behind->is_pending)
		return;
	behind->is_pending = false;
	if (is_written)
		behind->at = (struct jem_data_place){ place.segment,
						      place.bytes - len + behind->pending_at };
	else
		end(recording); /* they come again */
}

/* The next segment that is there; those before were removed, and their batches show as missing. */
static void go_to_segment(struct jem_recording *recording, uint32_t segment)
{
	const struct jem_data_file *file = file_of(recording);

	close_frames(&recording->behind);
	recording->behind.at =
		(struct jem_data_place){ segment < file->oldest ? file->oldest : segment, 0 };
}

static int open_frames(struct jem_recording *recording)
{
	struct jem_calls_behind *behind = &recording->behind;
	char name[64];

	if (behind->at.segment < file_of(recording)->oldest)
		go_to_segment(recording, behind->at.segment);
	jem_data_file_name(file_of(recording), recording->data, behind->at.segment, name);
	return *name ? jem_frames_open(recording->data, name, behind->at.bytes, &behind->frames)
		     : -ENOENT;
}

/* Makes lines and views of the next batch, if there is one in this segment: 1, 0 or negative errno. */
static int take_batch(struct jem_recording *recording)
{
	struct jem_calls_behind *behind = &recording->behind;
	struct jem_head head;
	const char *body;
	size_t len;
	int status = behind->frames ? 0 : open_frames(recording);

	if (status == 0)
		status = jem_frames_next(behind->frames, &body, &len);
	if (status <= 0)
		return status;
	behind->at.bytes = jem_frames_offset(behind->frames);
	if (jem_columns_decode(&behind->columns, body, len, &head, NULL) < 0)
		return 1; /* damaged on disk: it shows as missing */
	jem_recording_derive_calls(recording, &head, &behind->columns, 0);
	jem_calls_log_commit(&recording->calls, true);
	if (recording->calls.file.pending.len > recording->common->write_bytes)
		jem_calls_log_write(&recording->calls, recording->folder);
	recording->is_changed = recording->is_drawable = true;
	return 1;
}

static bool is_at_end(struct jem_recording *recording)
{
	const struct jem_data_place *at = &recording->behind.at;
	struct jem_data_place end_at = jem_data_file_place(file_of(recording));

	return at->segment > end_at.segment ||
	       (at->segment == end_at.segment && at->bytes >= end_at.bytes);
}

bool jem_recording_catch_up(struct jem_recording *recording, uint64_t until_ns)
{
	struct jem_calls_behind *behind = &recording->behind;

	/* What is pending is written first: at the end of the pass. */
	if (!behind->is_behind || behind->is_pending || jem_recording_resume(recording) < 0)
		return false;
	while (!is_at_end(recording)) {
		uint32_t segment = behind->at.segment;

		/* What cannot be read is passed over, as at a recovery. */
		if (take_batch(recording) <= 0)
			go_to_segment(recording, segment + 1);
		if (until_ns && jem_now_ns() >= until_ns)
			break;
	}
	if (!is_at_end(recording))
		return true;
	/* More may be written behind it: it is opened again then. */
	close_frames(behind);
	if (!file_of(recording)->pending.len)
		end(recording);
	return true;
}

struct jem_data_place jem_recording_calls_from(const struct jem_recording *recording)
{
	return recording->behind.is_behind ? recording->behind.at
					   : jem_data_file_place(&recording->files[JEM_KIND_call]);
}

void jem_recording_suspend_behind(struct jem_recording *recording)
{
	close_frames(&recording->behind);
}

void jem_recording_end_behind(struct jem_recording *recording)
{
	end(recording);
	jem_columns_deinit(&recording->behind.columns);
}
