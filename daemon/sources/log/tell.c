/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/tell.h"

#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct jem_record *begin(struct jem_batcher *batcher, const char *state, const char *what)
{
	struct jem_record *record = jem_batcher_begin(batcher, JEM_KIND_status, jem_now_ns());

	jem_record_word(record, "state", state);
	jem_record_word(record, "what", what);
	return record;
}

static void end(struct jem_batcher *batcher, struct jem_record *record, const char *text)
{
	jem_record_str(record, "text", text);
	jem_batcher_end(batcher, JEM_URGENT);
}

void jem_log_tell_start(struct jem_batcher *batcher, size_t files, size_t rules, bool is_watched)
{
	struct jem_record *record = begin(batcher, "observing", "log");
	char text[160];

	snprintf(text, sizeof(text), "following %zu %s with %zu %s", files,
		 files == 1 ? "file" : "files", rules, rules == 1 ? "rule" : "rules");
	jem_record_word(record, "level", is_watched ? "inotify" : "polling");
	if (!is_watched)
		jem_record_word(record, "remedy",
				"raise fs.inotify.max_user_instances to see lines at once");
	end(batcher, record, text);
}

void jem_log_tell_stream(struct jem_batcher *batcher, const char *name, const char *target, int r)
{
	struct jem_record *record = begin(batcher, "observing", name);
	char text[512];

	if (!r)
		snprintf(text, sizeof(text), "%s is followed in %.300s", name, target);
	else if (r == -EEXIST)
		snprintf(text, sizeof(text), "%s goes to %.300s, which is followed already", name,
			 target);
	else if (r == -EINVAL)
		snprintf(text, sizeof(text), "%s goes to %.300s, which is no file", name, target);
	else
		snprintf(text, sizeof(text), "%s cannot be followed: %s", name, strerror(-r));
	jem_record_word(record, "level", !r || r == -EEXIST ? "file" : "none");
	if (r == -EINVAL && strcmp(target, "/dev/null") != 0)
		jem_record_word(record, "remedy", "send it to a file, or use --tee");
	end(batcher, record, text);
}

void jem_log_tell_degraded(struct jem_batcher *batcher, const char *file, const char *text)
{
	struct jem_record *record = begin(batcher, "degraded", "log");

	log_warning("%s, carrying on", text);
	jem_record_str(record, "file", file);
	end(batcher, record, text);
}

void jem_log_tell_rule(void *arg, const char *name, const char *text)
{
	struct jem_batcher *batcher = arg;
	struct jem_record *record = begin(batcher, "degraded", "log");

	log_warning("rule %s: %s", name, text);
	jem_record_str(record, "rule", name);
	end(batcher, record, text);
}

void jem_log_tell_cut(struct jem_batcher *batcher, const struct jem_follow *follow,
		      const struct jem_follow_file *file, uint64_t from, uint64_t to,
		      uint64_t suppressed)
{
	struct jem_record *record = begin(batcher, "degraded", "log");
	char text[512];

	if (to > from)
		snprintf(text, sizeof(text),
			 "%.300s was cut before it was read: bytes %" PRIu64 " to %" PRIu64
			 " are lost",
			 follow->label, from, to);
	else
		snprintf(text, sizeof(text),
			 "%.300s was cut at byte %" PRIu64
			 "; what was added right before that, if anything, is lost",
			 follow->label, from);
	jem_record_str(record, "file", follow->label);
	jem_record_word(record, "file_id", file->tail.id_text);
	jem_record_u64(record, "from", from);
	jem_record_u64(record, "to", to);
	if (suppressed)
		jem_record_u64(record, "suppressed", suppressed);
	end(batcher, record, text);
}

void jem_log_tell_left(struct jem_batcher *batcher, const struct jem_follow *follow)
{
	for (struct jem_follow_file *file = follow->files; file; file = file->next) {
		struct jem_record *record;
		struct jem_file_info info;

		if (jem_file_info(file->tail.fd, "", &info) || info.size <= file->tail.at.offset)
			continue;
		jem_batcher_drop(batcher, JEM_KIND_log, JEM_CAUSE_undelivered, 1);
		record = begin(batcher, "degraded", "log");
		jem_record_str(record, "file", follow->label);
		jem_record_u64(record, "from", file->tail.at.offset);
		jem_record_u64(record, "to", info.size);
		end(batcher, record, "the time to read the rest of the file was over");
	}
}
