/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/job_profile.h"

#include "common/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

void jem_job_profile_init(struct jem_job_profile *profile)
{
	*profile = (struct jem_job_profile){ 0 };
	jem_name_table_init(&profile->names);
}

void jem_job_profile_deinit(struct jem_job_profile *profile)
{
	jem_name_table_deinit(&profile->names);
	free(profile->functions);
	free(profile->by_function.slots);
	free(profile->nodes);
	free(profile->by_node.slots);
	*profile = (struct jem_job_profile){ 0 };
}

/* Indices */

static uint64_t mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * 0x9e3779b97f4a7c15u;
	return a ^ a >> 29;
}

static uint64_t hash_function(const struct jem_job_profile_function *f)
{
	return mix(mix(mix(mix(mix(1, f->epoch), f->lang), f->function), f->file), f->line);
}

static bool is_same(const struct jem_job_profile_function *a,
		    const struct jem_job_profile_function *b)
{
	return a->function == b->function && a->file == b->file && a->line == b->line &&
	       a->lang == b->lang && a->epoch == b->epoch;
}

static uint64_t hash_node(uint32_t epoch, uint64_t number)
{
	return mix(mix(1, epoch), number);
}

static uint32_t *function_slot(const struct jem_job_profile *profile,
			       const struct jem_job_profile_function *key)
{
	uint32_t mask = profile->by_function.count - 1;
	uint32_t i = (uint32_t)hash_function(key) & mask;
	uint32_t *slots = profile->by_function.slots;

	while (slots[i] && !is_same(&profile->functions[slots[i] - 1], key))
		i = (i + 1) & mask;
	return &slots[i];
}

static uint32_t *node_slot(const struct jem_job_profile *profile, uint32_t epoch, uint64_t number)
{
	uint32_t mask = profile->by_node.count - 1;
	uint32_t i = (uint32_t)hash_node(epoch, number) & mask;
	uint32_t *slots = profile->by_node.slots;

	while (slots[i] && (profile->nodes[slots[i] - 1].number != number ||
			    profile->nodes[slots[i] - 1].epoch != epoch))
		i = (i + 1) & mask;
	return &slots[i];
}

static bool make_index(struct jem_job_profile_index *index, uint32_t cap)
{
	uint32_t *slots = calloc((size_t)cap * 2, sizeof(*slots));

	if (!slots)
		return false;
	free(index->slots);
	*index = (struct jem_job_profile_index){ slots, cap * 2 };
	return true;
}

static bool grow_functions(struct jem_job_profile *profile)
{
	uint32_t cap = profile->function_cap ? profile->function_cap * 2 : 256;
	struct jem_job_profile_function *functions =
		realloc(profile->functions, cap * sizeof(*functions));

	if (!functions)
		return false;
	profile->functions = functions;
	if (!make_index(&profile->by_function, cap))
		return false;
	profile->function_cap = cap;
	for (uint32_t i = 0; i < profile->function_count; i++)
		*function_slot(profile, &functions[i]) = i + 1;
	return true;
}

static bool grow_nodes(struct jem_job_profile *profile)
{
	uint32_t cap = profile->node_cap ? profile->node_cap * 2 : 256;
	struct jem_job_profile_node *nodes = realloc(profile->nodes, cap * sizeof(*nodes));

	if (!nodes)
		return false;
	profile->nodes = nodes;
	if (!make_index(&profile->by_node, cap))
		return false;
	profile->node_cap = cap;
	for (uint32_t i = 0; i < profile->node_count; i++)
		*node_slot(profile, nodes[i].epoch, nodes[i].number) = i + 1;
	return true;
}

/* Taking records */

static uint32_t get_name(struct jem_job_profile *profile, const struct jem_json_doc *doc,
			 uint32_t record, const char *member)
{
	uint32_t token = jem_json_member(doc, record, member);
	const struct jem_json_token *t = &doc->tokens[token];
	struct jem_buf text;
	uint32_t name = JEM_NAME_NONE;

	if (!token || t->type != JEM_JSON_STRING)
		return JEM_NAME_NONE;
	if (!t->escaped)
		return jem_name_table_get(&profile->names, doc->text + t->start, t->end - t->start);
	jem_buf_init(&text, 0);
	if (jem_json_get_text(doc, token, &text) == 0 && !text.failed && text.len)
		name = jem_name_table_get(&profile->names, text.data, text.len);
	jem_buf_deinit(&text);
	return name;
}

/* A number that JSON readers hold exactly, so that sums of them do not overflow. */
static uint64_t get_u64(const struct jem_json_doc *doc, uint32_t record, const char *member)
{
	uint32_t token = jem_json_member(doc, record, member);
	uint64_t number;

	if (!token || jem_json_get_u64(doc, token, &number) < 0 || number >> 53)
		return 0;
	return number;
}

static int add_function(struct jem_job_profile *profile,
			const struct jem_job_profile_function *entry)
{
	uint32_t *slot;

	if (profile->function_count == profile->function_cap &&
	    profile->function_cap < JEM_JOB_PROFILE_FUNCTIONS && !grow_functions(profile))
		return -ENOMEM;
	slot = function_slot(profile, entry);
	if (!*slot && profile->function_count == profile->function_cap) {
		profile->left_out++;
		return 0;
	}
	/* Of the first one nobody knows since when: a screen may have been opened in the middle. */
	if (!*slot)
		*slot = ++profile->function_count;
	else if (entry->times.calls > profile->functions[*slot - 1].times.calls)
		profile->moved += entry->times.calls - profile->functions[*slot - 1].times.calls;
	profile->functions[*slot - 1] = *entry;
	return 0;
}

static int add_node(struct jem_job_profile *profile, const struct jem_job_profile_node *entry)
{
	uint32_t *slot;

	if (profile->node_count == profile->node_cap && profile->node_cap < JEM_JOB_PROFILE_NODES &&
	    !grow_nodes(profile))
		return -ENOMEM;
	slot = node_slot(profile, entry->epoch, entry->number);
	if (!*slot && profile->node_count == profile->node_cap) {
		profile->left_out++;
		return 0;
	}
	if (!*slot)
		*slot = ++profile->node_count;
	profile->nodes[*slot - 1] = *entry;
	return 0;
}

int jem_job_profile_add(struct jem_job_profile *profile, const char *epoch,
			const struct jem_json_doc *doc, uint32_t record)
{
	uint32_t function = get_name(profile, doc, record, "function");
	uint32_t node = jem_json_member(doc, record, "node");
	uint32_t parent = jem_json_member(doc, record, "parent");
	struct jem_job_profile_function entry = {
		.epoch = jem_name_table_get(&profile->names, epoch, strlen(epoch)),
		.lang = get_name(profile, doc, record, "lang"),
		.function = function,
		.file = get_name(profile, doc, record, "file"),
		.line = (uint32_t)get_u64(doc, record, "line"),
		.times = { get_u64(doc, record, "calls"), get_u64(doc, record, "returns"),
			   get_u64(doc, record, "total_ns"), get_u64(doc, record, "self_ns"),
			   get_u64(doc, record, "min_ns"), get_u64(doc, record, "max_ns") },
	};
	struct jem_job_profile_node at = { entry.epoch,
					   0,
					   -1,
					   entry.lang,
					   function,
					   entry.times.calls,
					   entry.times.total_ns,
					   entry.times.self_ns };

	if (function == JEM_NAME_NONE)
		return -EBADMSG;
	if (function == JEM_NAME_OTHER) {
		profile->left_out++; /* one name for many would tell the last of them */
		return 0;
	}
	if (!node)
		return add_function(profile, &entry);
	if (jem_json_get_u64(doc, node, &at.number) < 0 || !at.number)
		return -EBADMSG;
	if (!parent || jem_json_get_i64(doc, parent, &at.parent) < 0 || at.parent < -1)
		at.parent = -1;
	return add_node(profile, &at);
}

const struct jem_job_profile_node *jem_job_profile_node(const struct jem_job_profile *profile,
							uint32_t epoch, uint64_t number)
{
	uint32_t place = profile->node_cap ? *node_slot(profile, epoch, number) : 0;

	return place ? &profile->nodes[place - 1] : NULL;
}

/* The table */

struct sorting {
	const struct jem_name_table *names;
};

static int by_thing(const void *a, const void *b, void *arg)
{
	const struct jem_job_profile_function *x = a;
	const struct jem_job_profile_function *y = b;
	const struct jem_name_table *names = ((const struct sorting *)arg)->names;
	int order = 0;

	if (x->function != y->function)
		order = strcmp(jem_name_table_at(names, x->function),
			       jem_name_table_at(names, y->function));
	if (!order && x->file != y->file)
		order = strcmp(jem_name_table_at(names, x->file),
			       jem_name_table_at(names, y->file));
	if (!order && x->lang != y->lang)
		order = strcmp(jem_name_table_at(names, x->lang),
			       jem_name_table_at(names, y->lang));
	if (!order)
		order = x->line < y->line ? -1 : x->line > y->line;
	return order;
}

static int by_self(const void *a, const void *b, void *arg)
{
	const struct jem_job_profile_function *x = a;
	const struct jem_job_profile_function *y = b;

	if (x->times.self_ns != y->times.self_ns)
		return x->times.self_ns > y->times.self_ns ? -1 : 1;
	return by_thing(a, b, arg);
}

static void add_up(struct jem_job_profile_times *sum, const struct jem_job_profile_times *times)
{
	if (times->returns && (!sum->returns || times->min_ns < sum->min_ns))
		sum->min_ns = times->min_ns;
	if (times->max_ns > sum->max_ns)
		sum->max_ns = times->max_ns;
	sum->calls += times->calls;
	sum->returns += times->returns;
	sum->total_ns += times->total_ns;
	sum->self_ns += times->self_ns;
}

int64_t jem_job_profile_table(const struct jem_job_profile *profile,
			      struct jem_job_profile_function **ret)
{
	struct sorting sorting = { &profile->names };
	size_t n = profile->function_count;
	struct jem_job_profile_function *table = malloc((n + 1) * sizeof(*table));
	size_t kept = 0;

	if (!table)
		return -ENOMEM;
	if (n)
		memcpy(table, profile->functions, n * sizeof(*table));
	qsort_r(table, n, sizeof(*table), by_thing, &sorting);
	for (size_t i = 0; i < n; i++) {
		if (kept && !by_thing(&table[kept - 1], &table[i], &sorting))
			add_up(&table[kept - 1].times, &table[i].times);
		else
			table[kept++] = table[i];
	}
	qsort_r(table, kept, sizeof(*table), by_self, &sorting);
	*ret = table;
	return (int64_t)kept;
}

/* profile.csv */

/* RFC 4180; a text that a spreadsheet would take for a formula keeps a quote in front of it. */
static void put_field(struct jem_buf *buf, const char *text)
{
	if (*text && strchr("=+-@\t\r", *text)) {
		jem_buf_add_str(buf, "\"'");
	} else if (!strpbrk(text, ",\"\r\n")) {
		jem_buf_add_str(buf, text);
		return;
	} else {
		jem_buf_add_char(buf, '"');
	}
	for (; *text; text++) {
		if (*text == '"')
			jem_buf_add_char(buf, '"');
		jem_buf_add_char(buf, *text);
	}
	jem_buf_add_char(buf, '"');
}

int jem_job_profile_write_csv(const struct jem_job_profile *profile, struct jem_buf *buf)
{
	auto_free struct jem_job_profile_function *table = NULL;
	int64_t count = jem_job_profile_table(profile, &table);

	if (count < 0)
		return (int)count;
	jem_buf_add_str(buf, "function,file,line,calls,total_ns,self_ns,min_ns,max_ns\n");
	for (int64_t i = 0; i < count; i++) {
		const struct jem_job_profile_function *f = &table[i];
		const struct jem_job_profile_times *times = &f->times;

		put_field(buf, jem_name_table_at(&profile->names, f->function));
		jem_buf_add_char(buf, ',');
		put_field(buf, jem_name_table_at(&profile->names, f->file));
		jem_buf_printf(buf,
			       ",%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
			       ",%" PRIu64 "\n",
			       f->line, times->calls, times->total_ns, times->self_ns,
			       times->min_ns, times->max_ns);
	}
	return buf->failed ? -ENOMEM : 0;
}
