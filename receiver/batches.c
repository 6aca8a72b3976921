/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/batches.h"

#include "receiver/data_file.h"
#include "receiver/frames.h"

#include <errno.h>

struct jem_batches {
	int data; /* borrowed */
	enum jem_kind kind;
	struct jem_data_file file; /* only to know the segments */
	uint32_t segment;          /* that is read next */
	struct jem_frames *frames; /* owned; NULL between segments */
	struct jem_columns columns;
	struct jem_head head;
	uint64_t damaged;
};

static void keep_last(struct jem_batches *batches, uint64_t bytes)
{
	uint64_t kept = jem_data_file_bytes(&batches->file);

	while (kept > bytes && batches->segment < batches->file.current) {
		kept -= jem_data_file_segment_bytes(&batches->file, batches->data,
						    batches->segment);
		batches->segment++;
	}
}

int jem_batches_open(int data, enum jem_kind kind, uint64_t keep_bytes, struct jem_batches **ret)
{
	struct jem_batches *batches = calloc(1, sizeof(*batches));
	int status;

	if (!batches)
		return -ENOMEM;
	batches->data = data;
	batches->kind = kind;
	jem_columns_init(&batches->columns);
	jem_data_file_init_kind(&batches->file, kind, NULL);
	status = jem_data_file_look(&batches->file, data);
	if (status < 0) {
		jem_batches_close(batches);
		return status;
	}
	batches->segment = batches->file.oldest;
	if (keep_bytes)
		keep_last(batches, keep_bytes);
	*ret = batches;
	return 0;
}

void jem_batches_close(struct jem_batches *batches)
{
	if (!batches)
		return;
	jem_frames_close(batches->frames);
	jem_columns_deinit(&batches->columns);
	jem_data_file_deinit(&batches->file);
	free(batches);
}

/* Opens the next segment that is there: 1; 0 when there is none; negative errno. */
static int open_next(struct jem_batches *batches)
{
	while (batches->segment <= batches->file.current) {
		char name[64];
		int status;

		jem_data_file_name(&batches->file, batches->data, batches->segment++, name);
		if (!*name)
			continue;
		status = jem_frames_open(batches->data, name, 0, &batches->frames);
		if (status != -ENOENT) /* it has just made room for another */
			return status < 0 ? status : 1;
	}
	return 0;
}

int jem_batches_next(struct jem_batches *batches, const struct jem_columns **columns,
		     const struct jem_head **head)
{
	for (;;) {
		const char *body;
		size_t len;
		int status = batches->frames ? 1 : open_next(batches);

		if (status <= 0)
			return status;
		status = jem_frames_next(batches->frames, &body, &len);
		if (status < 0)
			return status;
		if (status == 0) {
			batches->damaged += jem_frames_damaged(batches->frames);
			jem_frames_close(batches->frames);
			batches->frames = NULL;
			continue;
		}
		status = jem_columns_decode(&batches->columns, body, len, &batches->head, NULL);
		if (status == -ENOMEM)
			return status;
		if (status < 0 || batches->head.kind != batches->kind) {
			batches->damaged++;
			continue;
		}
		*columns = &batches->columns;
		*head = &batches->head;
		return 1;
	}
}

uint64_t jem_batches_damaged(const struct jem_batches *batches)
{
	return batches->damaged;
}
