/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: the table of functions, profile.csv, the tree, the flame graph. */
#include "receiver/calls/call_tree.h"
#include "receiver/calls/flame.h"
#include "receiver/calls/hue.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_canvas.h"

#include <errno.h>

static const char epoch[] = "0123456789abcdef";
static const char other_epoch[] = "fedcba9876543210";

static int add_to(struct jem_job_profile *profile, const char *from, const char *record)
{
	struct jem_json_doc doc;
	int status;

	jem_json_doc_init(&doc);
	CHECK_OK(jem_json_read(&doc, record, strlen(record), NULL));
	status = jem_job_profile_add(profile, from, &doc, 0);
	jem_json_doc_deinit(&doc);
	return status;
}

static void add_function(struct jem_job_profile *profile, const char *from, const char *function,
			 unsigned calls, unsigned total, unsigned self)
{
	char record[400];

	snprintf(record, sizeof(record),
		 "{\"dt_ns\":0,\"lang\":\"c\",\"function\":\"%s\",\"file\":\"a.cc\",\"line\":3,"
		 "\"calls\":%u,\"returns\":%u,\"total_ns\":%u,\"self_ns\":%u,\"min_ns\":%u,"
		 "\"max_ns\":%u}",
		 function, calls, calls, total, self, total / calls, total);
	CHECK_OK(add_to(profile, from, record));
}

static void add_node(struct jem_job_profile *profile, const char *from, unsigned node, int parent,
		     const char *function, unsigned total, unsigned self)
{
	char record[400];

	snprintf(record, sizeof(record),
		 "{\"dt_ns\":0,\"lang\":\"c\",\"function\":\"%s\",\"node\":%u,\"parent\":%d,"
		 "\"calls\":1,\"total_ns\":%u,\"self_ns\":%u}",
		 function, node, parent, total, self);
	CHECK_OK(add_to(profile, from, record));
}

static char *csv_of(const struct jem_job_profile *profile)
{
	static struct jem_buf csv;

	jem_buf_clear(&csv);
	CHECK_OK(jem_job_profile_write_csv(profile, &csv));
	jem_buf_cstr(&csv);
	return csv.data;
}

CASE(the_last_record_of_a_function_counts_and_epochs_add_up)
{
	struct jem_job_profile profile;

	jem_job_profile_init(&profile);
	CHECK_STR(csv_of(&profile), "function,file,line,calls,total_ns,self_ns,min_ns,max_ns\n");
	add_function(&profile, epoch, "main", 1, 900, 100);
	add_function(&profile, epoch, "f", 10, 700, 700);
	add_function(&profile, epoch, "f", 20, 800, 750);
	add_function(&profile, other_epoch, "f", 2, 50, 50);
	CHECK_EQ(profile.function_count, 3);
	CHECK_STR(csv_of(&profile), "function,file,line,calls,total_ns,self_ns,min_ns,max_ns\n"
				    "f,a.cc,3,22,850,800,25,800\n"
				    "main,a.cc,3,1,900,100,900,900\n");
	jem_job_profile_deinit(&profile);
}

CASE(writes_names_into_csv_so_that_they_stay_names)
{
	struct jem_job_profile profile;
	const char *csv;

	jem_job_profile_init(&profile);
	add_function(&profile, epoch, "f(int, \\\"a\\\")", 1, 9, 9);
	add_function(&profile, epoch, "=cmd()", 1, 8, 8);
	csv = csv_of(&profile);
	CHECK_CONTAINS(csv, "\n\"f(int, \"\"a\"\")\",a.cc,3,");
	CHECK_CONTAINS(csv, "\n\"'=cmd()\",a.cc,3,");
	jem_job_profile_deinit(&profile);
}

CASE(refuses_what_lacks_a_function)
{
	struct jem_job_profile profile;

	jem_job_profile_init(&profile);
	CHECK_EQ(add_to(&profile, epoch, "{\"dt_ns\":0,\"calls\":1}"), -EBADMSG);
	CHECK_EQ(add_to(&profile, epoch, "{\"function\":7}"), -EBADMSG);
	CHECK_EQ(add_to(&profile, epoch, "{\"function\":\"f\",\"node\":0}"), -EBADMSG);
	CHECK_EQ(add_to(&profile, epoch, "{\"function\":\"f\",\"node\":\"x\"}"), -EBADMSG);
	CHECK_EQ(profile.function_count + profile.node_count, 0);
	jem_job_profile_deinit(&profile);
}

static void put_tree(const struct jem_call_tree *tree, uint32_t node, struct jem_buf *buf)
{
	const struct jem_call_tree_node *at = &tree->nodes[node];

	jem_buf_printf(buf, "%s=%" PRIu64, jem_call_tree_name(tree, node), at->width_ns);
	if (!at->child_count)
		return;
	jem_buf_add_char(buf, '(');
	for (uint32_t i = 0; i < at->child_count; i++) {
		if (i)
			jem_buf_add_char(buf, ' ');
		put_tree(tree, tree->order[at->children + i], buf);
	}
	jem_buf_add_char(buf, ')');
}

static const char *tree_of(const struct jem_job_profile *profile, enum jem_call_tree_order order)
{
	static struct jem_buf text;
	struct jem_call_tree tree;

	jem_buf_clear(&text);
	CHECK_OK(jem_call_tree_make(&tree, profile, order));
	put_tree(&tree, JEM_CALL_TREE_ROOT, &text);
	jem_call_tree_deinit(&tree);
	return jem_buf_cstr(&text);
}

CASE(joins_paths_of_several_epochs)
{
	struct jem_job_profile profile;

	jem_job_profile_init(&profile);
	add_node(&profile, epoch, 2, 1, "b", 30, 30); /* before its parent */
	add_node(&profile, epoch, 1, 0, "main", 100, 20);
	add_node(&profile, epoch, 3, 1, "a", 50, 50);
	add_node(&profile, other_epoch, 1, 0, "main", 10, 4);
	add_node(&profile, other_epoch, 2, 1, "b", 6, 6);
	CHECK_STR(tree_of(&profile, JEM_CALL_TREE_BY_NAME),
		  "all=110((path not kept)=0 main=110(a=50 b=36))");
	add_node(&profile, epoch, 2, 1, "b", 50, 50);
	CHECK_STR(tree_of(&profile, JEM_CALL_TREE_BY_TIME),
		  "all=130(main=130(b=56 a=50) (path not kept)=0)");
	jem_job_profile_deinit(&profile);
}

CASE(a_function_that_has_not_returned_is_as_wide_as_what_it_called)
{
	struct jem_job_profile profile;

	jem_job_profile_init(&profile);
	add_node(&profile, epoch, 1, 0, "main", 0, 0);
	add_node(&profile, epoch, 2, 1, "f", 40, 40);
	CHECK_STR(tree_of(&profile, JEM_CALL_TREE_BY_NAME),
		  "all=40((path not kept)=0 main=40(f=40))");
	jem_job_profile_deinit(&profile);
}

CASE(paths_that_are_not_known_have_a_place)
{
	struct jem_job_profile profile;

	jem_job_profile_init(&profile);
	add_node(&profile, epoch, 1, -1, "lost", 5, 5);
	add_node(&profile, epoch, 9, 8, "orphan", 7, 7);
	CHECK_STR(tree_of(&profile, JEM_CALL_TREE_BY_NAME),
		  "all=12((path not kept)=12(lost=5 orphan=7))");
	jem_job_profile_deinit(&profile);
}

CASE(cycles_and_depths_beyond_the_bound_are_counted)
{
	struct jem_job_profile profile;
	struct jem_call_tree tree;

	jem_job_profile_init(&profile);
	add_node(&profile, epoch, 1, 2, "a", 5, 5);
	add_node(&profile, epoch, 2, 3, "b", 5, 5);
	add_node(&profile, epoch, 3, 1, "c", 5, 5);
	add_node(&profile, epoch, 4, 4, "self", 5, 5);
	add_node(&profile, epoch, 5, 3, "behind", 5, 5);
	for (unsigned i = 0; i < JEM_CALL_TREE_DEPTH + 10; i++)
		add_node(&profile, epoch, 100 + i, i ? 99 + (int)i : 0, "deep", 7, 0);
	CHECK_OK(jem_call_tree_make(&tree, &profile, JEM_CALL_TREE_BY_NAME));
	CHECK_EQ(tree.cut, 15);
	CHECK_EQ(tree.count, JEM_CALL_TREE_DEPTH + 2);
	CHECK_EQ(tree.nodes[JEM_CALL_TREE_ROOT].width_ns, 7);
	jem_call_tree_deinit(&tree);
	jem_job_profile_deinit(&profile);
}

static const char *flame_of(const struct jem_job_profile *profile, double width)
{
	const struct jem_flame_view view = { .width = width };
	static struct jem_buf drawn;
	struct jem_canvas *canvas;

	jem_buf_clear(&drawn);
	canvas = fake_canvas_create(&drawn);
	jem_flame_draw(canvas, profile, &view);
	CHECK_EQ(jem_canvas_finish(canvas), 0);
	jem_canvas_destroy(canvas);
	return jem_buf_cstr(&drawn);
}

CASE(draws_frames_and_counts_those_that_are_too_small)
{
	struct jem_job_profile profile;
	const char *drawn;

	jem_job_profile_init(&profile);
	CHECK(!jem_flame_has_data(&profile));
	add_node(&profile, epoch, 1, 0, "main", 100000, 0);
	CHECK(jem_flame_has_data(&profile));
	add_node(&profile, epoch, 2, 1, "half", 50000, 50000);
	add_node(&profile, epoch, 3, 1, "tiny", 50, 10);
	add_node(&profile, epoch, 4, 3, "below", 40, 40);
	add_node(&profile, epoch, 5, 1, "ns::Class::method", 8000, 8000);
	drawn = flame_of(&profile, 1000);
	CHECK_CONTAINS(drawn, "2 smaller frames are not drawn");
	CHECK_CONTAINS(drawn, "half");
	CHECK_CONTAINS(drawn, "50.0\u202f%; 50.0\u202f\u00b5s of its own; 1 call");
	CHECK(!strstr(drawn, "tiny"));
	CHECK_CONTAINS(drawn, "method"); /* without its scope: that does not fit */
	CHECK_STR(flame_of(&profile, 1000), drawn);
	jem_job_profile_deinit(&profile);
}

CASE(functions_of_a_class_have_one_hue)
{
	struct jem_paint a = jem_call_paint("ns::Class<std::pair>::a(ns2::X::y)");
	struct jem_paint b = jem_call_paint("ns::Class::b");
	struct jem_paint c = jem_call_paint("ns::Class::a(int)");

	CHECK_EQ(jem_call_scope("ns::Class::b"), 9);
	CHECK_EQ(jem_call_scope("main"), 4);
	CHECK_EQ(jem_call_scope("a::M<b::c>::d(e::f)"), 10);
	CHECK_EQ(jem_call_scope("(anonymous namespace)::f()"), 21);
	CHECK_EQ(jem_call_scope("a::operator<(b::c)"), 1);
	CHECK_EQ(jem_call_scope("f(a::b)"), 1);
	CHECK_EQ(b.colour, c.colour);
	CHECK(a.opacity >= 0.2f && a.opacity < 0.5f);
}

CASE(names_are_bounded_and_equal_ones_are_one)
{
	struct jem_name_table names;
	char text[2 * JEM_NAME_TABLE_LENGTH];
	uint32_t a;

	jem_name_table_init(&names);
	a = jem_name_table_get(&names, "alpha", 5);
	CHECK_EQ(jem_name_table_get(&names, "alphabet", 5), a);
	CHECK(jem_name_table_get(&names, "alphabet", 8) != a);
	CHECK_EQ(jem_name_table_get(&names, "", 0), JEM_NAME_NONE);
	memset(text, 'x', sizeof(text));
	CHECK_EQ(strlen(jem_name_table_at(&names, jem_name_table_get(&names, text, sizeof(text)))),
		 JEM_NAME_TABLE_LENGTH);
	for (unsigned i = 0; i < JEM_NAME_TABLE_MAX + 100; i++) {
		int len = snprintf(text, sizeof(text), "name %u", i);

		jem_name_table_get(&names, text, (size_t)len);
	}
	CHECK_EQ(names.count, JEM_NAME_TABLE_MAX);
	CHECK(names.left_out >= 100);
	CHECK_EQ(jem_name_table_get(&names, "beyond", 6), JEM_NAME_OTHER);
	CHECK_STR(jem_name_table_at(&names, a), "alpha");
	jem_name_table_deinit(&names);
}

TESTS(T(the_last_record_of_a_function_counts_and_epochs_add_up),
      T(writes_names_into_csv_so_that_they_stay_names), T(refuses_what_lacks_a_function),
      T(joins_paths_of_several_epochs),
      T(a_function_that_has_not_returned_is_as_wide_as_what_it_called),
      T(paths_that_are_not_known_have_a_place), T(cycles_and_depths_beyond_the_bound_are_counted),
      T(draws_frames_and_counts_those_that_are_too_small), T(functions_of_a_class_have_one_hue),
      T(names_are_bounded_and_equal_ones_are_one))
