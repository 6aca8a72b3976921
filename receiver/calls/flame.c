/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/flame.h"

#include "receiver/calls/call_tree.h"
#include "receiver/calls/hue.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum {
	TOOLTIP_SIZE = JEM_NAME_TABLE_LENGTH + 160
};

static const double row_height = 17;
static const double margin = 12; /* of a file of its own */
static const double title_height = 40;
static const double note_height = 18;
static const double text_from = 24; /* width from which a frame bears its name */
static const float text_size = 11;

struct drawing {
	struct jem_canvas *canvas;
	const struct jem_call_tree *tree;
	double left;
	double top;
	double width;
	double least; /* nothing narrower is drawn */
	uint32_t rows;
	uint32_t frames;
	uint32_t lowest; /* row that is drawn */
	uint64_t smaller;
};

void jem_flame_time(uint64_t ns, char *ret, size_t size)
{
	static const char *const units[] = { "ns", "\u00b5s", "ms", "s" };
	double value = (double)ns;
	int i = 0;

	while (value >= 999.5 && i < 3) {
		value /= 1000;
		i++;
	}
	snprintf(ret, size, "%.*f\u202f%s",
		 !i || value >= 99.95 ? 0
		 : value >= 9.995     ? 1
				      : 2,
		 value, units[i]);
}

static struct jem_paint paint_of(const struct drawing *drawing, uint32_t node)
{
	if (node <= JEM_CALL_TREE_LOST)
		return jem_paint(JEM_COLOUR_shade);
	return jem_call_paint(jem_call_tree_name(drawing->tree, node));
}

/* The name as far as it goes: where the whole does not fit, what stands after its scope. */
static void put_name(const struct drawing *drawing, const char *name, double x, double y, double w)
{
	const struct jem_font font = { .paint = jem_paint(JEM_COLOUR_ink), .size = text_size };
	size_t scope = jem_call_scope(name);
	char text[160];

	if (w < text_from)
		return;
	/* Readers may have a wider font than any that is counted on. */
	if (name[scope] == ':' &&
	    jem_canvas_text_width(drawing->canvas, name, &font) > 0.92 * w - 6)
		name += scope + 2;
	jem_canvas_fit_text(drawing->canvas, name, 0.92 * w - 6, &font, text, sizeof(text));
	jem_canvas_text(drawing->canvas, x + 3, y + row_height - 5.5, text, &font);
}

static void format_tooltip(const struct drawing *drawing, uint32_t number, char ret[TOOLTIP_SIZE])
{
	const struct jem_call_tree_node *node = &drawing->tree->nodes[number];
	double whole = (double)drawing->tree->nodes[JEM_CALL_TREE_ROOT].width_ns;
	char total[32];
	char self[32];

	jem_flame_time(node->width_ns, total, sizeof(total));
	jem_flame_time(node->self_ns, self, sizeof(self));
	if (number == JEM_CALL_TREE_ROOT)
		snprintf(ret, TOOLTIP_SIZE, "all: %s", total);
	else
		snprintf(ret, TOOLTIP_SIZE,
			 "%s\n%s, %.1f\u202f%%; %s of its own; %" PRIu64 " call%s",
			 jem_call_tree_name(drawing->tree, number), total,
			 100 * (double)node->width_ns / whole, self, node->calls,
			 node->calls == 1 ? "" : "s");
}

static void draw_frame(const struct drawing *drawing, uint32_t number, double x, double w)
{
	const struct jem_call_tree_node *node = &drawing->tree->nodes[number];
	const char *name = jem_call_tree_name(drawing->tree, number);
	struct jem_paint paint = paint_of(drawing, number);
	double y = drawing->top + row_height * node->depth;
	char tooltip[TOOLTIP_SIZE];
	char numbers[3][24];
	const struct jem_fact facts[] = {
		{ "x", numbers[0] }, { "w", numbers[1] }, { "d", numbers[2] }, { "n", name }
	};

	snprintf(numbers[0], sizeof(numbers[0]), "%.2f", x);
	snprintf(numbers[1], sizeof(numbers[1]), "%.2f", w);
	snprintf(numbers[2], sizeof(numbers[2]), "%" PRIu32, node->depth);
	format_tooltip(drawing, number, tooltip);
	jem_canvas_group_begin(drawing->canvas, tooltip, facts, 4);
	jem_canvas_rect(drawing->canvas, x, y, fmax(w - 0.6, 0.4), row_height - 1, &paint);
	put_name(drawing, name, x, y, w);
	jem_canvas_group_end(drawing->canvas);
}

static uint64_t count_below(const struct jem_call_tree *tree, uint32_t number)
{
	const struct jem_call_tree_node *node = &tree->nodes[number];
	uint64_t count = 1;

	for (uint32_t i = 0; i < node->child_count; i++)
		count += count_below(tree, tree->order[node->children + i]);
	return count;
}

/* At most JEM_CALL_TREE_DEPTH deep. */
static void draw_below(struct drawing *drawing, uint32_t number, double x, double w)
{
	const struct jem_call_tree_node *node = &drawing->tree->nodes[number];

	if (w < drawing->least || node->depth >= drawing->rows ||
	    drawing->frames >= JEM_FLAME_FRAMES) {
		if (node->width_ns)
			drawing->smaller += count_below(drawing->tree, number);
		return;
	}
	draw_frame(drawing, number, x, w);
	drawing->frames++;
	if (node->depth > drawing->lowest)
		drawing->lowest = node->depth;
	for (uint32_t i = 0; i < node->child_count; i++) {
		uint32_t child = drawing->tree->order[node->children + i];
		double part =
			(double)drawing->tree->nodes[child].width_ns * w / (double)node->width_ns;

		draw_below(drawing, child, x, part);
		x += part;
	}
}

/* Rows that will have something wide enough. */
static uint32_t count_rows(const struct drawing *drawing)
{
	const struct jem_call_tree *tree = drawing->tree;
	double scale = drawing->width / (double)tree->nodes[JEM_CALL_TREE_ROOT].width_ns;
	uint32_t rows = 1;

	for (uint32_t i = 1; i < tree->count; i++)
		if ((double)tree->nodes[i].width_ns * scale >= drawing->least &&
		    tree->nodes[i].depth >= rows)
			rows = tree->nodes[i].depth + 1;
	return rows < drawing->rows ? rows : drawing->rows;
}

static void draw_note(const struct drawing *drawing, double y)
{
	const struct jem_font font = { .paint = jem_paint(JEM_COLOUR_muted), .size = text_size };
	uint64_t hidden = drawing->smaller + drawing->tree->cut;
	char text[96];

	if (!hidden)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 " smaller %s not drawn", hidden,
		 hidden == 1 ? "frame is" : "frames are");
	jem_canvas_text(drawing->canvas, drawing->left, y + 12, text, &font);
}

static void draw_ground(struct jem_canvas *canvas, const struct jem_flame_view *view)
{
	const struct jem_font bold = { .paint = jem_paint(JEM_COLOUR_ink),
				       .size = 15,
				       .is_bold = true };
	const struct jem_paint ground = jem_paint(JEM_COLOUR_paper);
	char text[200];

	jem_canvas_rect(canvas, 0, 0, canvas->width, canvas->height, &ground);
	jem_canvas_fit_text(canvas, view->title, view->width - 2 * margin - 180, &bold, text,
			    sizeof(text));
	jem_canvas_text(canvas, margin, 26, text, &bold);
}

static void draw(struct drawing *drawing, const struct jem_flame_view *view)
{
	const struct jem_call_tree_node *root = &drawing->tree->nodes[JEM_CALL_TREE_ROOT];
	uint32_t rows;
	char total[32];
	char description[128];
	double bottom;

	drawing->left = view->is_alone ? margin : 0;
	drawing->top = view->is_alone ? title_height : 0;
	drawing->width = view->width - 2 * drawing->left;
	drawing->least = fmax(drawing->width / 1000, 1);
	drawing->rows = view->rows && view->rows < JEM_FLAME_ROWS ? view->rows : JEM_FLAME_ROWS;
	rows = count_rows(drawing);
	bottom = drawing->top + row_height * rows;
	jem_flame_time(root->width_ns, total, sizeof(total));
	snprintf(description, sizeof(description),
		 "%s in followed functions, callers above what they call, the wider the longer",
		 total);
	jem_canvas_page(drawing->canvas, view->width,
			bottom + note_height + (view->is_alone ? margin / 2 : 0), "Flame graph",
			description);
	if (view->is_alone)
		draw_ground(drawing->canvas, view);
	draw_below(drawing, JEM_CALL_TREE_ROOT, drawing->left, drawing->width);
	draw_note(drawing, bottom);
}

bool jem_flame_has_data(const struct jem_job_profile *profile)
{
	for (uint32_t i = 0; i < profile->node_count; i++)
		if (profile->nodes[i].total_ns || profile->nodes[i].self_ns)
			return true;
	return false;
}

void jem_flame_draw(struct jem_canvas *canvas, const struct jem_job_profile *profile,
		    const struct jem_flame_view *view)
{
	struct jem_call_tree tree;
	struct drawing drawing = { .canvas = canvas, .tree = &tree };

	if (jem_call_tree_make(&tree, profile, JEM_CALL_TREE_BY_NAME) < 0) {
		canvas->error = -ENOMEM;
		return;
	}
	if (tree.nodes[JEM_CALL_TREE_ROOT].width_ns)
		draw(&drawing, view);
	jem_call_tree_deinit(&tree);
}
