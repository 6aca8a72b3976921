/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/recorded.h"

#include "receiver/draw.h"
#include "receiver/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool has_nodes(const struct jem_streams *streams)
{
	for (size_t i = 1; i < streams->count; i++)
		if (strcmp(streams->at[i]->node, streams->at[0]->node))
			return true;
	return false;
}

int jem_recorded_open(struct jem_recorded *recorded, const char *path, struct jem_err *err)
{
	*recorded = (struct jem_recorded){ .data = -1 };
	recorded->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (recorded->folder < 0 && errno == ENOTDIR)
		return jem_err_set(
			err, -ENOTDIR,
			"%.110s is no folder; if it was written with JEM_CALLS_FILE, make "
			"one of it first: jem expand FILE DIR",
			path);
	if (recorded->folder < 0)
		return jem_err_set(err, -errno, "%.150s: %s", path, strerror(errno));
	recorded->data = jem_folder_open(recorded->folder, "data", false);
	if (recorded->data < 0) {
		int status = recorded->data;

		jem_recorded_close(recorded);
		return jem_err_set(err, status,
				   "%.150s is no folder of a job: it has no data/; name one that "
				   "jem run or jem receive has written",
				   path);
	}
	/* Without streams.json the records are there all the same; only their nodes are not known. */
	jem_streams_load(&recorded->streams, &recorded->checkpoint, &recorded->identity,
			 recorded->folder, NULL);
	recorded->has_nodes = has_nodes(&recorded->streams);
	return 0;
}

void jem_recorded_close(struct jem_recorded *recorded)
{
	jem_streams_deinit(&recorded->streams);
	if (recorded->data >= 0)
		close(recorded->data);
	if (recorded->folder >= 0)
		close(recorded->folder);
	recorded->data = recorded->folder = -1;
}

const char *jem_recorded_node(const struct jem_recorded *recorded, const char *epoch,
			      enum jem_kind kind)
{
	const struct jem_stream *stream = NULL;

	if (recorded->has_nodes)
		stream = jem_streams_find(&recorded->streams, epoch, kind);
	return stream ? stream->node : "";
}

int jem_recorded_model(const struct jem_recorded *recorded, struct jem_job_model **ret)
{
	struct jem_job_model *model;
	int status = jem_model_create(&model);

	if (status < 0)
		return status;
	jem_model_set_identity(model, &recorded->identity);
	status = jem_model_replay(model, &recorded->streams, recorded->data, 0);
	if (status < 0) {
		jem_model_destroy(model);
		return status;
	}
	jem_model_note_streams(model, &recorded->streams);
	*ret = model;
	return 0;
}
