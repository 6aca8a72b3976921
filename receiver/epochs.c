/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_reader.h"
#include "receiver/recording_internal.h"

#include <string.h>

static bool is_epoch(const char *text)
{
	return strlen(text) == JEM_EPOCH_SIZE - 1 &&
	       strspn(text, "0123456789abcdef") == JEM_EPOCH_SIZE - 1;
}

/* The stream that is told of; NULL: it is another node's, there are too many, or nobody waits for it. */
static struct jem_stream *find_told(struct jem_recording *recording, const char *node,
				    const char *epoch, enum jem_kind kind)
{
	struct jem_stream *stream = jem_streams_find(&recording->streams, epoch, kind);

	/* To a live subscriber a stream that it never heard of was before it joined. */
	if (!stream && !recording->common->is_live)
		return jem_streams_add(&recording->streams, node, epoch, kind);
	if (stream && *stream->node && *node && strcmp(stream->node, node))
		return NULL;
	return stream;
}

void jem_recording_note_epoch(struct jem_recording *recording, const char *node,
			      const struct jem_json_doc *doc, uint32_t record)
{
	char epoch[JEM_EPOCH_SIZE];
	uint32_t last = jem_json_member(doc, record, "last");

	if (!jem_json_equals(doc, jem_json_member(doc, record, "state"), "epoch") || !last ||
	    jem_json_type(doc, last) != JEM_JSON_OBJECT ||
	    jem_json_get_str(doc, jem_json_member(doc, record, "previous"), epoch, sizeof(epoch)) <
		    0 ||
	    !is_epoch(epoch))
		return;
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		uint32_t token = jem_json_member(doc, last, jem_kinds[kind].name);
		struct jem_stream *stream;
		uint64_t seq;

		if (!token || jem_json_get_u64(doc, token, &seq) < 0 || seq >= JEM_NUMBER_MAX)
			continue;
		stream = find_told(recording, node, epoch, (enum jem_kind)kind);
		if (!stream)
			continue;
		jem_stream_tell(stream, seq);
		recording->wants_checkpoint = true;
	}
}
