/* SPDX-License-Identifier: Apache-2.0 */
/* The views of `jem calls` that are made from profile records: table, tree, folded stacks. */
#include "common/cleanup.h"
#include "receiver/calls/call_text.h"
#include "receiver/calls/call_tree.h"
#include "receiver/record_text.h"
#include "receiver/replay.h"
#include "tools/calls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	PUT_BYTES = 256 << 10,
	COLUMN = 10,
};

static int read_profile(struct jem_calls *calls, struct jem_job_profile *profile)
{
	auto_replay struct jem_replay *replay = NULL;
	struct jem_replay_record record;
	struct jem_json_doc doc;
	int status = jem_replay_open(calls->recorded.data, 1u << JEM_KIND_profile, 0, &replay);

	jem_json_doc_init(&doc);
	while (status == 0 && (status = jem_replay_next(replay, &record)) > 0) {
		status = jem_json_read(&doc, record.line, record.len, NULL);
		if (status == 0)
			status = jem_job_profile_add(profile, record.at.epoch, &doc, 0);
		if (status == -EBADMSG || status == -E2BIG) {
			calls->damaged++;
			status = 0;
		}
	}
	if (replay)
		calls->damaged += jem_replay_damaged(replay);
	jem_json_doc_deinit(&doc);
	return status;
}

static void put_name(struct jem_buf *buf, const char *name)
{
	jem_text_escape(buf, name, strlen(name));
}

/* A duration at the right of its column. */
static void put_time(struct jem_buf *buf, uint64_t ns)
{
	size_t start = buf->len;
	size_t len;

	jem_call_write_duration(buf, ns);
	len = buf->len - start;
	if (buf->failed || len >= COLUMN || !jem_buf_extend(buf, COLUMN - len))
		return;
	memmove(buf->data + buf->len - len, buf->data + start, len);
	memset(buf->data + start, ' ', COLUMN - len);
}

/* The table */

static void put_function(struct jem_buf *buf, const struct jem_job_profile *profile,
			 const struct jem_job_profile_function *function, double whole)
{
	const struct jem_job_profile_times *times = &function->times;
	const char *file = jem_name_table_at(&profile->names, function->file);

	put_time(buf, times->self_ns);
	jem_buf_printf(buf, "%7.1f", whole > 0 ? 100 * (double)times->self_ns / whole : 0);
	put_time(buf, times->total_ns);
	jem_buf_printf(buf, "%12" PRIu64, times->calls);
	put_time(buf, times->returns ? times->total_ns / times->returns : 0);
	put_time(buf, times->min_ns);
	put_time(buf, times->max_ns);
	jem_buf_add_str(buf, "  ");
	put_name(buf, jem_name_table_at(&profile->names, function->function));
	if (*file) {
		jem_buf_add_str(buf, "  ");
		put_name(buf, file);
		if (function->line)
			jem_buf_printf(buf, ":%" PRIu32, function->line);
	}
	jem_buf_add_char(buf, '\n');
}

static int put_table(struct jem_calls *calls, const struct jem_job_profile *profile,
		     struct jem_buf *buf)
{
	auto_free struct jem_job_profile_function *table = NULL;
	int64_t count = jem_job_profile_table(profile, &table);
	double whole = 0;
	int status = 0;

	for (int64_t i = 0; i < count; i++)
		whole += (double)table[i].times.self_ns;
	jem_buf_add_str(buf, "      self      %     total       calls      mean  shortest   longest"
			     "  function\n");
	for (int64_t i = 0; i < count && status == 0; i++) {
		const char *name = jem_name_table_at(&profile->names, table[i].function);

		if (!jem_calls_wants(calls, name, strlen(name)))
			continue;
		calls->found++;
		put_function(buf, profile, &table[i], whole);
		if (buf->len > PUT_BYTES)
			status = jem_calls_put(calls, buf);
	}
	if (count < 0)
		return (int)count;
	return status ? status : jem_calls_put(calls, buf);
}

int jem_calls_profile(struct jem_calls *calls)
{
	struct jem_job_profile profile;
	struct jem_buf buf;
	int status;

	jem_job_profile_init(&profile);
	jem_buf_init(&buf, 0);
	status = read_profile(calls, &profile);
	if (status == 0)
		status = put_table(calls, &profile, &buf);
	jem_buf_deinit(&buf);
	jem_job_profile_deinit(&profile);
	return status;
}

/* Trees */

/* A view of the tree that is being written. */
struct writing {
	struct jem_calls *calls;
	const struct jem_call_tree *tree;
	bool *shown; /* owned; of each node */
	struct jem_buf buf;
	struct jem_buf stack; /* of a folded line */
	int status;
};

/* Nodes that match, what is above them and what is below. */
static void choose(struct writing *writing)
{
	const struct jem_call_tree *tree = writing->tree;
	bool *shown = writing->shown;

	/* A parent comes before its children: what matches hands on downwards. */
	for (uint32_t i = JEM_CALL_TREE_LOST + 1; i < tree->count; i++) {
		const char *name = jem_call_tree_name(tree, i);
		bool matches = jem_calls_wants(writing->calls, name, strlen(name));

		writing->calls->found += matches;
		shown[i] = matches || shown[tree->nodes[i].parent];
	}
	for (uint32_t i = tree->count; i-- > 1;)
		shown[tree->nodes[i].parent] |= shown[i];
}

static void flush(struct writing *writing)
{
	if (writing->status == 0 && writing->buf.len > PUT_BYTES)
		writing->status = jem_calls_put(writing->calls, &writing->buf);
}

/* At most JEM_CALL_TREE_DEPTH deep, as the next. */
static void put_node(struct writing *writing, uint32_t number)
{
	const struct jem_call_tree_node *node = &writing->tree->nodes[number];
	double whole = (double)writing->tree->nodes[JEM_CALL_TREE_ROOT].width_ns;
	struct jem_buf *buf = &writing->buf;

	if (!writing->shown[number])
		return;
	put_time(buf, node->width_ns);
	jem_buf_printf(buf, "%7.1f", whole > 0 ? 100 * (double)node->width_ns / whole : 0);
	put_time(buf, node->self_ns);
	jem_buf_printf(buf, "%12" PRIu64 "  %*s", node->calls, 2 * (int)node->depth, "");
	put_name(buf, jem_call_tree_name(writing->tree, number));
	jem_buf_add_char(buf, '\n');
	flush(writing);
	for (uint32_t i = 0; i < node->child_count; i++)
		put_node(writing, writing->tree->order[node->children + i]);
}

/* In this format ; parts the frames of a stack and the last space comes before the number. */
static void put_frame(struct jem_buf *buf, const char *name)
{
	size_t start = buf->len;

	put_name(buf, name);
	for (size_t i = start; !buf->failed && i < buf->len; i++)
		if (buf->data[i] == ';')
			buf->data[i] = ':';
}

static void put_stack(struct writing *writing, uint32_t number)
{
	const struct jem_call_tree_node *node = &writing->tree->nodes[number];
	size_t len = writing->stack.len;

	if (!writing->shown[number])
		return;
	if (number != JEM_CALL_TREE_ROOT) {
		if (len)
			jem_buf_add_char(&writing->stack, ';');
		put_frame(&writing->stack, jem_call_tree_name(writing->tree, number));
	}
	if (node->self_ns >= 1000) {
		jem_buf_add(&writing->buf, writing->stack.data, writing->stack.len);
		jem_buf_printf(&writing->buf, " %" PRIu64 "\n", node->self_ns / 1000);
		flush(writing);
	}
	for (uint32_t i = 0; i < node->child_count; i++)
		put_stack(writing, writing->tree->order[node->children + i]);
	writing->stack.len = len;
}

static int write_tree(struct jem_calls *calls, const struct jem_call_tree *tree, bool is_folded)
{
	struct writing writing = { .calls = calls,
				   .tree = tree,
				   .shown = calloc(tree->count, sizeof(bool)) };

	if (!writing.shown)
		return -ENOMEM;
	jem_buf_init(&writing.buf, 0);
	jem_buf_init(&writing.stack, 0);
	choose(&writing);
	if (is_folded) {
		put_stack(&writing, JEM_CALL_TREE_ROOT);
	} else {
		jem_buf_add_str(&writing.buf,
				"     total      %      self       calls  function\n");
		put_node(&writing, JEM_CALL_TREE_ROOT);
	}
	if (writing.status == 0 && writing.stack.failed)
		writing.status = -ENOMEM;
	if (writing.status == 0)
		writing.status = jem_calls_put(calls, &writing.buf);
	jem_buf_deinit(&writing.buf);
	jem_buf_deinit(&writing.stack);
	free(writing.shown);
	return writing.status;
}

static int show_tree(struct jem_calls *calls, bool is_folded)
{
	struct jem_job_profile profile;
	struct jem_call_tree tree;
	int status;

	jem_job_profile_init(&profile);
	status = read_profile(calls, &profile);
	if (status == 0)
		status = jem_call_tree_make(
			&tree, &profile, is_folded ? JEM_CALL_TREE_BY_NAME : JEM_CALL_TREE_BY_TIME);
	if (status == 0) {
		status = write_tree(calls, &tree, is_folded);
		jem_call_tree_deinit(&tree);
	}
	jem_job_profile_deinit(&profile);
	return status;
}

int jem_calls_tree(struct jem_calls *calls)
{
	return show_tree(calls, false);
}

int jem_calls_folded(struct jem_calls *calls)
{
	return show_tree(calls, true);
}
