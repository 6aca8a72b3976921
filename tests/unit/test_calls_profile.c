/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of threads into one profile, and calls into columns. */
#include "tests/unit/check.h"
#include "tests/unit/image_maker.h"

#include "daemon/sources/calls/profile.h"
#include "daemon/sources/calls/rows.h"

enum {
	EDGES = 64
};

struct tree {
	struct jem_ring_edge edges[EDGES];
	struct jem_profile *profile;
	struct jem_profile_seen seen;
	bool knows_nothing; /* the symbols are not there yet */
};

static bool read_edge(void *arg, uint32_t index, struct jem_ring_edge *ret)
{
	const struct tree *tree = arg;

	*ret = tree->edges[index];
	return ret->function != 0;
}

static uint32_t function_of(void *arg, const struct jem_ring_edge *edge)
{
	static const char *const names[] = { "", "main", "walk", "leaf", "other" };
	struct tree *tree = arg;
	uint32_t id = edge->function & ~JEM_EDGE_UNNAMED;

	return tree->knows_nothing ? 0 : jem_profile_function(tree->profile, names[id], "a.c", id);
}

static void add(struct tree *tree)
{
	const struct jem_profile_tree how = {
		.count = EDGES,
		.rate = 0.5,
		.read = read_edge,
		.function = function_of,
		.arg = tree,
	};

	jem_profile_add_tree(tree->profile, &tree->seen, &how);
}

static struct jem_ring_edge edge(uint32_t function, uint32_t parent, uint64_t calls, uint64_t total,
				 uint64_t self)
{
	return (struct jem_ring_edge){ .function = function,
				       .parent = parent,
				       .calls = calls,
				       .returns = calls,
				       .recorded = calls,
				       .total = total,
				       .self = self,
				       .min = total / (calls ? calls : 1),
				       .max = total };
}

static void tree_open(struct tree *tree)
{
	memset(tree, 0, sizeof(*tree));
	CHECK_OK(jem_profile_create(&tree->profile));
}

static void tree_close(struct tree *tree)
{
	jem_profile_seen_deinit(&tree->seen);
	jem_profile_destroy(tree->profile);
}

static const struct jem_profile_row *row_of(const struct jem_profile_rows *rows, const char *name)
{
	for (size_t i = 0; i < rows->count; i++)
		if (!strcmp(rows->rows[i].function, name))
			return &rows->rows[i];
	check_fail(__FILE__, __LINE__, "no row of %s", name);
}

CASE(sums_functions_over_their_nodes_and_names_their_callers)
{
	struct jem_profile_rows rows;
	const struct jem_profile_row *row;
	struct tree tree;

	tree_open(&tree);
	tree.edges[9] = edge(1, JEM_EDGE_ROOT, 1, 1000, 100);
	tree.edges[4] = edge(2, 10, 3, 900, 300); /* main -> walk */
	tree.edges[7] = edge(3, 5, 30, 600, 600); /* main -> walk -> leaf */
	tree.edges[1] = edge(3, 10, 2, 40, 40);   /* main -> leaf */
	add(&tree);
	CHECK_OK(jem_profile_take(tree.profile, false, 100, &rows));
	CHECK_EQ(rows.count, 3);
	row = row_of(&rows, "leaf");
	CHECK_EQ(row->calls, 32);
	CHECK_EQ(row->total_ns, 320);
	CHECK_EQ(row->self_ns, 320);
	CHECK_EQ(row->min_ns, 10);
	CHECK_EQ(row->max_ns, 300);
	CHECK_EQ(row->line, 3);
	CHECK_EQ(row->caller_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct jem_profile_caller *caller = &rows.callers[row->first_caller + i];

		CHECK_EQ(caller->calls, strcmp(caller->function, "walk") ? 2 : 30);
	}
	CHECK_STR(rows.callers[row_of(&rows, "main")->first_caller].function, "");
	jem_profile_rows_deinit(&rows);
	/* Nothing moved: nothing is told. What moves is told as a total. */
	add(&tree);
	CHECK_OK(jem_profile_take(tree.profile, false, 100, &rows));
	CHECK_EQ(rows.count, 0);
	jem_profile_rows_deinit(&rows);
	tree.edges[7] = edge(3, 5, 31, 620, 620);
	add(&tree);
	CHECK_OK(jem_profile_take(tree.profile, false, 100, &rows));
	CHECK_EQ(rows.count, 1);
	CHECK_EQ(rows.rows[0].calls, 33);
	CHECK_EQ(rows.rows[0].total_ns, 330);
	jem_profile_rows_deinit(&rows);
	tree_close(&tree);
}

CASE(tells_the_tree_with_parents_before_and_after)
{
	struct jem_profile_rows rows;
	struct tree tree;

	tree_open(&tree);
	tree.edges[7] = edge(3, 5, 30, 600, 600); /* below walk, which comes later in the table */
	tree.edges[4] = edge(2, JEM_EDGE_ROOT, 3, 900, 300);
	tree.edges[8] = edge(4, JEM_EDGE_ELSEWHERE, 5, 50, 50);
	add(&tree);
	CHECK_OK(jem_profile_take(tree.profile, true, 100, &rows));
	CHECK_EQ(rows.count, 3);
	CHECK_EQ(row_of(&rows, "walk")->parent, 0);
	CHECK_EQ(row_of(&rows, "leaf")->parent, row_of(&rows, "walk")->node);
	CHECK_EQ(row_of(&rows, "other")->parent, -1);
	jem_profile_rows_deinit(&rows);
	tree_close(&tree);
}

CASE(counts_the_time_of_recursion_once)
{
	struct jem_profile_rows rows;
	struct tree tree;

	tree_open(&tree);
	tree.edges[0] = edge(2, JEM_EDGE_ROOT, 1, 1000, 400);
	tree.edges[1] = edge(2, 1, 1, 600, 350);
	tree.edges[2] = edge(2, 2, 1, 250, 250);
	add(&tree);
	CHECK_OK(jem_profile_take(tree.profile, false, 100, &rows));
	CHECK_EQ(rows.rows[0].calls, 3);
	CHECK_EQ(rows.rows[0].total_ns, 500);
	CHECK_EQ(rows.rows[0].self_ns, 500);
	jem_profile_rows_deinit(&rows);
	tree_close(&tree);
}

CASE(adds_nothing_that_a_process_takes_back)
{
	struct jem_profile_rows rows;
	struct tree tree;

	tree_open(&tree);
	tree.edges[0] = edge(1, JEM_EDGE_ROOT, 10, 1000, 1000);
	add(&tree);
	tree.edges[0] = edge(1, JEM_EDGE_ROOT, 2, 10, 10);
	add(&tree);
	tree.edges[0] = edge(1, JEM_EDGE_ROOT, 12, 1200, 1200);
	add(&tree);
	CHECK_OK(jem_profile_take(tree.profile, false, 100, &rows));
	CHECK_EQ(rows.rows[0].calls, 12);
	CHECK_EQ(rows.rows[0].total_ns, 600);
	jem_profile_rows_deinit(&rows);
	tree_close(&tree);
}

CASE(survives_rings_of_parents_and_functions_without_names)
{
	struct jem_profile_rows rows;
	struct tree tree;

	tree_open(&tree);
	tree.edges[0] = edge(1, 2, 1, 10, 10);
	tree.edges[1] = edge(2, 1, 1, 10, 10);
	tree.edges[2] = edge(3, 3, 1, 10, 10); /* its own parent */
	add(&tree);
	CHECK_OK(jem_profile_take(tree.profile, false, 100, &rows));
	CHECK_EQ(rows.count, 3);
	jem_profile_rows_deinit(&rows);
	tree_close(&tree);

	/* Until its symbols are there a tree waits; then all of it is counted. */
	tree_open(&tree);
	tree.knows_nothing = true;
	tree.edges[0] = edge(1, JEM_EDGE_ROOT, 4, 10, 10);
	add(&tree);
	tree.knows_nothing = false;
	add(&tree);
	CHECK_OK(jem_profile_take(tree.profile, false, 100, &rows));
	CHECK_EQ(rows.rows[0].calls, 4);
	jem_profile_rows_deinit(&rows);
	tree_close(&tree);
}

CASE(takes_those_that_wait_longest_first)
{
	struct jem_profile_rows rows;
	struct tree tree;
	unsigned seen = 0;

	tree_open(&tree);
	for (uint32_t i = 0; i < 4; i++)
		tree.edges[i] = edge(i + 1, JEM_EDGE_ROOT, 1, 10, 10);
	add(&tree);
	for (int i = 0; i < 2; i++) {
		CHECK_OK(jem_profile_take(tree.profile, false, 2, &rows));
		CHECK_EQ(rows.count, 2);
		for (size_t k = 0; k < 2; k++)
			seen |= 1u << rows.rows[k].line;
		jem_profile_rows_deinit(&rows);
		tree.edges[0].calls++; /* the first moves all the time, and pushes nobody aside */
		tree.edges[0].returns++;
		add(&tree);
	}
	CHECK_EQ(seen, 0x1e);
	tree_close(&tree);
}

/* --- rows ------------------------------------------------------------------------------------- */

struct table {
	struct jem_redactor *redactor;
	struct jem_rows *rows;
	struct image_maker maker;
	struct jem_image image;
	uint8_t *bytes;
	struct jem_columns columns;
	struct jem_buf body, text;
};

static struct table *table_open(unsigned functions)
{
	struct table *table = calloc(1, sizeof(*table));
	size_t len;

	CHECK_OK(jem_redactor_create(NULL, 0, &table->redactor, NULL));
	CHECK_OK(jem_rows_create(table->redactor, &table->rows));
	image_maker_init(&table->maker);
	for (unsigned i = 0; i < functions; i++) {
		char name[32];

		snprintf(name, sizeof(name), "ns::f%u", i);
		image_function(&table->maker, name, JEM_FUNCTION_INCLUDED);
	}
	image_function(&table->maker, "bad\xff", JEM_FUNCTION_INCLUDED);
	image_function(&table->maker, "https://me:hunter2@host/", JEM_FUNCTION_INCLUDED);
	table->bytes = image_make(&table->maker, &len, &table->image);
	jem_columns_init(&table->columns);
	jem_buf_init(&table->body, 0);
	jem_buf_init(&table->text, 0);
	return table;
}

static void table_close(struct table *table)
{
	jem_rows_destroy(table->rows);
	jem_redactor_destroy(table->redactor);
	jem_columns_deinit(&table->columns);
	jem_buf_deinit(&table->body);
	jem_buf_deinit(&table->text);
	image_maker_deinit(&table->maker);
	free(table->bytes);
	free(table);
}

/* Takes the rows, and reads them back as every receiver does. */
static uint64_t table_take(struct table *table, uint64_t *base_ns)
{
	struct jem_head head = { .kind = JEM_KIND_call, .schema = 1 };
	struct jem_err err;
	struct jem_buf map;

	strcpy(head.source.names.site, "s");
	strcpy(head.source.names.user, "u");
	strcpy(head.source.names.job, "j");
	strcpy(head.source.names.node, "n");
	strcpy(head.epoch, "0123456789abcdef");
	strcpy(head.boot_id, "00000000-0000-0000-0000-000000000000");
	jem_buf_init(&map, 0);
	CHECK_OK(jem_rows_take(table->rows, base_ns, &head.n, &map));
	jem_buf_clear(&table->body);
	jem_columns_encode_body(&head, map.data, map.len, &table->body);
	jem_buf_deinit(&map);
	if (jem_columns_decode(&table->columns, table->body.data, table->body.len, &head, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
	return head.n;
}

static const char *table_row(struct table *table, uint64_t row)
{
	jem_buf_clear(&table->text);
	jem_columns_row(&table->columns, row, &table->text);
	return jem_buf_cstr(&table->text);
}

CASE(writes_rows_that_readers_understand)
{
	struct table *table = table_open(2);
	struct jem_row row = { .mono_ns = 5000,
			       .pid = 7,
			       .tid = 8,
			       .image = &table->image,
			       .function = 1,
			       .caller_image = &table->image,
			       .caller_key = table,
			       .caller_function = 2,
			       .caller_line = 44 };
	uint64_t base_ns;

	jem_rows_add(table->rows, &row);
	row = (struct jem_row){
		.mono_ns = 4000, .pid = 7, .tid = 9, .depth = 3, .is_exit = true, .address = 0xabc
	};
	jem_rows_add(table->rows, &row);
	jem_rows_set_duration(table->rows, 77);
	row.image = &table->image;
	row.function = 3;
	jem_rows_add(table->rows, &row);
	row.function = 4;
	jem_rows_add(table->rows, &row);
	CHECK_EQ(table_take(table, &base_ns), 4);
	CHECK_EQ(base_ns, 4000);
	CHECK_STR(table_row(table, 0),
		  "{\"dt_ns\":1000,\"pid\":7,\"tid\":8,\"event\":\"enter\",\"depth\":0,\"line\":7,"
		  "\"function\":\"ns::f0\",\"signature\":\"ns::f0\",\"file\":\"/src/a.c\","
		  "\"caller\":{\"function\":\"ns::f1\",\"line\":44},\"duration_ns\":null}");
	CHECK_CONTAINS(table_row(table, 1), "\"dt_ns\":0,");
	CHECK_CONTAINS(table_row(table, 1), "\"event\":\"exit\",\"depth\":3");
	CHECK_CONTAINS(table_row(table, 1), "\"function\":\"0xabc\"");
	CHECK_CONTAINS(table_row(table, 1), "\"duration_ns\":77");
	CHECK_CONTAINS(table_row(table, 1), "\"caller\":null");
	CHECK_CONTAINS(table_row(table, 2), "\"function\":\"bad\xef\xbf\xbd\"");
	CHECK(!strstr(table_row(table, 3), "hunter2"));
	/* The next batch knows nothing of this one. */
	row.function = 2;
	jem_rows_add(table->rows, &row);
	CHECK_EQ(table_take(table, &base_ns), 1);
	CHECK_CONTAINS(table_row(table, 0), "ns::f1");
	CHECK(!strstr(table_row(table, 0), "duration_ns")); /* nobody had one */
	table_close(table);
}

CASE(keeps_wide_dictionaries_and_long_times)
{
	struct table *table = table_open(1000);
	struct jem_row row = { .image = &table->image };
	uint64_t base_ns;

	for (uint32_t i = 0; i < 1000; i++) {
		row.mono_ns = i * 6000000000ull;
		row.function = 1 + i;
		jem_rows_add(table->rows, &row);
	}
	CHECK_EQ(table_take(table, &base_ns), 1000);
	CHECK_CONTAINS(table_row(table, 0), "\"function\":\"ns::f0\"");
	CHECK_CONTAINS(table_row(table, 255), "\"function\":\"ns::f255\"");
	CHECK_CONTAINS(table_row(table, 999), "\"function\":\"ns::f999\"");
	CHECK_CONTAINS(table_row(table, 999), "\"dt_ns\":5994000000000");
	table_close(table);
}

CASE(says_when_a_batch_is_full)
{
	struct table *table = table_open(1);
	struct jem_row row = { .image = &table->image, .function = 1 };
	uint64_t base_ns;
	uint64_t n = 0;

	while (!jem_rows_is_full(table->rows)) {
		row.mono_ns++;
		jem_rows_add(table->rows, &row);
		jem_cbor_str(jem_rows_item(table->rows, JEM_ROW_ARGS), "0123456789");
		n++;
	}
	CHECK_EQ(table_take(table, &base_ns), n);
	CHECK_GE(n, 1000);
	CHECK_LE(table->body.len, JEM_BATCH_TARGET + JEM_RECORD_SPLIT / 2);
	table_close(table);
}

TESTS(T(sums_functions_over_their_nodes_and_names_their_callers),
      T(tells_the_tree_with_parents_before_and_after), T(counts_the_time_of_recursion_once),
      T(adds_nothing_that_a_process_takes_back),
      T(survives_rings_of_parents_and_functions_without_names),
      T(takes_those_that_wait_longest_first), T(writes_rows_that_readers_understand),
      T(keeps_wide_dictionaries_and_long_times), T(says_when_a_batch_is_full))
