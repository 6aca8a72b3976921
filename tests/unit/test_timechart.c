/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/timechart.h"
#include "receiver/graph/timeline.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_canvas.h"

#include <math.h>

static struct jem_buf drawn;
static struct jem_canvas *canvas;

static void begin(void)
{
	jem_buf_init(&drawn, 0);
	canvas = fake_canvas_create(&drawn);
}

/* What was drawn since begin(). */
static const char *calls(void)
{
	CHECK_OK(jem_canvas_finish(canvas));
	jem_canvas_destroy(canvas);
	return jem_buf_cstr(&drawn);
}

static void end(void)
{
	jem_buf_deinit(&drawn);
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static struct jem_timechart make_chart(const struct jem_series *series)
{
	return (struct jem_timechart){
		.title = "Memory",
		.unit = JEM_UNIT_bytes,
		.curves = { { .series = series, .label = "rss", .colour = JEM_COLOUR_C1 } },
		.curve_count = 1,
		.from_s = 100,
		.to_s = 140,
		.origin_s = 100,
	};
}

/* The whole drawing, call by call: what is drawn, where, and in which order. */
CASE(draws_a_small_chart_exactly)
{
	static const char golden[] =
		"page 360 160 Memory: rss from 1.00\u202fGiB to 3.00\u202fGiB; "
		"limit 4.00\u202fGiB\n"
		"line C1 1.6 48.0,10.0 65.6,10.0\n"
		"text ink 11 70.0,14.0 rss\n"
		"text muted 11 94.8,14.0 max 3.00\u202fGiB\n"
		"line critical 1.6 dashed 190.0,10.0 207.6,10.0\n"
		"text ink 11 212.0,14.0 limit\n"
		"text muted 11 250.0,14.0 4.00\u202fGiB\n"
		"group unit=bytes x0=48 x1=348 y0=37 y1=138 top=4294967296 span=40 from=0\n"
		"text muted 11 end 42.0,142.5 0\n"
		"line rule 1.0 48.0,113.5 348.0,113.5\n"
		"text muted 11 end 42.0,117.5 1\n"
		"line rule 1.0 48.0,88.5 348.0,88.5\n"
		"text muted 11 end 42.0,92.5 2\n"
		"line rule 1.0 48.0,62.5 348.0,62.5\n"
		"text muted 11 end 42.0,66.5 3\n"
		"line rule 1.0 48.0,37.5 348.0,37.5\n"
		"text muted 11 end 42.0,41.5 4\n"
		"text muted 11 end 42.0,28.0 GiB\n"
		"line axis 1.0 48.5,138.0 48.5,142.0\n"
		"text muted 11 middle 48.5,154.0 0\n"
		"line axis 1.0 123.5,138.0 123.5,142.0\n"
		"text muted 11 middle 123.5,154.0 10 s\n"
		"line axis 1.0 198.5,138.0 198.5,142.0\n"
		"text muted 11 middle 198.5,154.0 20 s\n"
		"line axis 1.0 273.5,138.0 273.5,142.0\n"
		"text muted 11 middle 273.5,154.0 30 s\n"
		"line axis 1.0 348.5,138.0 348.5,142.0\n"
		"line axis 1.0 48.0,138.5 348.0,138.5\n"
		"clip 48.0,36.0+300.0x103.0\n"
		"group name=rss colour=C1\n"
		"line C1 1.6 48.0,112.8 123.0,87.5 198.0,62.2\n"
		"end\n"
		"line critical 1.2 dashed 48.0,37.0 348.0,37.0\n"
		"unclip\n"
		"group tooltip at 15.0\u202fs: disk-full\n"
		"line warning 1.0 dotted 160.5,31.0 160.5,138.0\n"
		"end\n"
		"end\n"
		"finish\n";
	static const struct jem_mark mark = { 115, 1, JEM_COLOUR_warning, "disk-full", "text" };
	struct jem_series series;
	struct jem_timechart chart = make_chart(&series);

	jem_series_init(&series);
	for (int i = 0; i < 3; i++)
		CHECK_OK(jem_series_add(&series, 100 + 10 * i, (i + 1) * 1073741824.0));
	chart.limit = 4 * 1073741824.0;
	chart.limit_label = "limit";
	chart.marks = &mark;
	chart.mark_count = 1;
	begin();
	jem_timechart_draw(canvas, &chart, 360, 160);
	CHECK_STR(calls(), golden);
	end();
	jem_series_deinit(&series);
}

CASE(shows_the_extremes_of_many_samples_as_a_band)
{
	struct jem_series series;
	struct jem_timechart chart = make_chart(&series);

	jem_series_init(&series);
	for (int i = 0; i < 20000; i++)
		CHECK_OK(jem_series_add(&series, 100 + i * 1e-3 * 40 / 20, i == 7777 ? 9e9 : 1e9));
	begin();
	jem_timechart_draw(canvas, &chart, 360, 160);
	CHECK_EQ(count(calls(), "polygon C1/0.25"), 1);
	/* 9e9 bytes are 8.38 GiB; the axis goes to 10 and the area from 37 to 138. */
	CHECK_CONTAINS(drawn.data, ",53.3");
	CHECK_CONTAINS(drawn.data, "max 8.38\u202fGiB");
	end();
	jem_series_deinit(&series);
}

CASE(shades_gaps_and_does_not_draw_over_them)
{
	struct jem_series series;
	struct jem_timechart chart = make_chart(&series);

	jem_series_init(&series);
	for (int i = 0; i < 41; i++)
		if (i < 10 || i > 30)
			CHECK_OK(jem_series_add(&series, 100 + i, 1e9));
	begin();
	jem_timechart_draw(canvas, &chart, 360, 160);
	CHECK_EQ(count(calls(), "rects shade"), 1);
	CHECK_CONTAINS(drawn.data, "tooltip no data for about 2");
	CHECK_EQ(count(drawn.data, "line C1 1.6"), 3); /* legend, before and after */
	end();
	jem_series_deinit(&series);
}

CASE(tells_a_far_limit_without_pressing_the_curves_flat)
{
	struct jem_series series;
	struct jem_timechart chart = make_chart(&series);

	jem_series_init(&series);
	CHECK_OK(jem_series_add(&series, 110, 1e9));
	chart.limit = 64e9;
	chart.limit_label = "limit";
	begin();
	jem_timechart_draw(canvas, &chart, 360, 160);
	CHECK_CONTAINS(calls(), "59.6\u202fGiB");
	CHECK_CONTAINS(drawn.data, "top=1048576000 ");
	CHECK_EQ(count(drawn.data, "line critical"), 1); /* in the legend only */
	end();
	jem_series_deinit(&series);
}

static uint64_t random_state = 88172645463325252u;

static double uniform(void)
{
	random_state ^= random_state << 13; /* xorshift64 */
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (double)(random_state >> 11) * 0x1p-53;
}

static int by_time(const void *a, const void *b)
{
	const struct jem_mark *left = a;
	const struct jem_mark *right = b;

	return left->t_s < right->t_s ? -1 : left->t_s > right->t_s;
}

static void check_placed(const struct jem_placed_mark *a, const struct jem_placed_mark *b,
			 const struct jem_font *font)
{
	double a1 = a->label_x + jem_canvas_text_width(canvas, a->label, font);
	double b1 = b->label_x + jem_canvas_text_width(canvas, b->label, font);

	if (a->lane < 0 || b->lane < 0)
		return;
	if (a->lane == b->lane)
		CHECK(a1 <= b->label_x || b1 <= a->label_x);
	if (a->lane > b->lane)
		CHECK(a->x <= b->label_x || a->x >= b1);
	if (b->lane > a->lane)
		CHECK(b->x <= a->label_x || b->x >= a1);
}

CASE(labels_of_marks_never_touch)
{
	static const char *const labels[] = {
		"x", "any-error", "memory-near-limit",
		"a name that is far too long to be shown as a whole"
	};
	struct jem_mark marks[80];
	struct jem_placed_mark placed[80];
	struct jem_mark_layout layout = {
		.x0 = 48,
		.x1 = 800,
		.to_s = 1000,
		.min_gap = 4,
		.label_max = 120,
		.font = { .size = 11 },
	};

	begin();
	for (int round = 0; round < 300; round++) {
		size_t marks_count = 1 + (size_t)(uniform() * 80);
		unsigned total = 0;
		size_t n;

		layout.lanes = (unsigned)round % 4;
		for (size_t i = 0; i < marks_count; i++)
			marks[i] = (struct jem_mark){ uniform() * 1000, (int)(uniform() * 4),
						      JEM_COLOUR_notice, labels[i % 4], "text" };
		qsort(marks, marks_count, sizeof(*marks), by_time);
		n = jem_marks_place(canvas, marks, marks_count, &layout, placed, 80);
		for (size_t i = 0; i < n; i++) {
			total += placed[i].count;
			CHECK(placed[i].lane < (int)layout.lanes);
			CHECK(placed[i].lane < 0 || placed[i].label_x >= layout.x0);
			for (size_t k = 0; k < i; k++)
				check_placed(&placed[i], &placed[k], &layout.font);
		}
		CHECK_EQ(total, marks_count);
	}
	calls();
	end();
}

CASE(a_mark_of_higher_rank_gets_its_label_first)
{
	static const struct jem_mark marks[] = {
		{ 500, 0, JEM_COLOUR_muted, "continued", "" },
		{ 510, 3, JEM_COLOUR_critical, "any-error", "No space left" },
		{ 511, 1, JEM_COLOUR_notice, "note", "" },
	};
	struct jem_placed_mark placed[8];
	struct jem_mark_layout layout = { .x1 = 800,
					  .to_s = 1000,
					  .lanes = 1,
					  .min_gap = 4,
					  .label_max = 120,
					  .font = { .size = 11 } };

	begin();
	CHECK_EQ(jem_marks_place(canvas, marks, 3, &layout, placed, 8), 2);
	CHECK_EQ(placed[0].lane, -1);
	CHECK_EQ(placed[1].lane, 0);
	CHECK_STR(placed[1].label, "any-error +1");
	CHECK_CONTAINS(placed[1].tooltip, "No space left");
	CHECK_CONTAINS(placed[1].tooltip, "note");
	calls();
	end();
}

CASE(draws_the_states_of_a_job_as_a_bar)
{
	static const struct jem_phase phases[] = {
		{ -5, JEM_COLOUR_axis, "starting" },
		{ 0, JEM_COLOUR_good, "running" },
		{ 60, JEM_COLOUR_warning, "stopped" },
	};
	struct jem_timeline timeline = { .phases = phases, .phase_count = 3, .to_s = 100 };

	begin();
	jem_timeline_draw(canvas, &timeline, 360);
	CHECK_STR(calls(), "page 360 24 Timeline: 0 marks over the life of the job\n"
			   "group tooltip running for 1\u202fmin 0\u202fs\n"
			   "rects good 48.0,10.0+180.0x10.0\n"
			   "end\n"
			   "group tooltip stopped for 40.0\u202fs\n"
			   "rects warning 228.0,10.0+120.0x10.0\n"
			   "end\n"
			   "finish\n");
	end();
}

TESTS(T(draws_a_small_chart_exactly), T(shows_the_extremes_of_many_samples_as_a_band),
      T(shades_gaps_and_does_not_draw_over_them),
      T(tells_a_far_limit_without_pressing_the_curves_flat), T(labels_of_marks_never_touch),
      T(a_mark_of_higher_rank_gets_its_label_first), T(draws_the_states_of_a_job_as_a_bar))
