/* SPDX-License-Identifier: Apache-2.0 */
/* sched_tool: what dat2graph and running_waiting do: recordings -> views -> graphs, numbers, episodes. */
#include "common/cleanup.h"
#include "common/log.h"
#include "common/sched/episodes.h"
#include "common/sched/stats.h"
#include "common/sched/stats_json.h"
#include "tools/sched_input.h"
#include "tools/sched_options.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	EPISODES_SHOWN = 10,
	FILES_MAX = 1000,
};

/* What folders call tasks that are not of the job (DESIGN section 3, privacy). */
static const char foreign_name[] = "other";

/* A recording and all that is made of it for its graph. */
struct sheet {
	struct jem_sched_input input;
	struct jem_sched_counts counts;
	struct jem_sched_stats stats;
	struct jem_sched_episodes episodes;
	struct jem_sched_legend_row *legend; /* owned */
	struct jem_sched_mark marks[EPISODES_SHOWN];
	struct jem_buf texts[EPISODES_SHOWN];
	char subtitle[200];
};

struct work {
	const struct jem_sched_options *options; /* borrowed */
	enum jem_sched_graph graph;
	enum jem_sheet_format format;
	struct sheet *sheets;         /* owned */
	struct jem_sched_view *views; /* owned */
	size_t count;
	struct jem_tints tints;
	struct jem_topology topology;
};

static void deinit(struct work *work)
{
	for (size_t i = 0; i < work->count; i++) {
		struct sheet *sheet = &work->sheets[i];

		jem_sched_input_deinit(&sheet->input);
		jem_sched_counts_deinit(&sheet->counts);
		jem_sched_stats_deinit(&sheet->stats);
		jem_sched_episodes_deinit(&sheet->episodes);
		for (size_t k = 0; k < EPISODES_SHOWN; k++)
			jem_buf_deinit(&sheet->texts[k]);
		free(sheet->legend);
	}
	jem_tints_deinit(&work->tints);
	jem_topology_deinit(&work->topology);
	free(work->sheets);
	free(work->views);
}

static int no_memory(void)
{
	log_error("no memory");
	return EX_OSERR;
}

/* The window of a recording; EX_DATAERR when nothing of it is in there. */
static int choose(const struct work *work, size_t i)
{
	const struct jem_sched_options *options = work->options;
	const struct jem_sched_window window = {
		.after_sleep = options->is_after_sleep,
		.min_s = options->has_min ? options->min_s : NAN,
		.max_s = options->has_max ? options->max_s : NAN,
	};
	const struct jem_sched_input *input = &work->sheets[i].input;
	struct jem_sched_select *select = &work->views[i].select;

	*select = (struct jem_sched_select){ .only_forked = options->is_forked,
					     .target = options->target,
					     .cpus = options->cores,
					     .cpu_count = options->core_count };
	if (jem_sched_select_window(&input->model, &window, select) == 1)
		log_warning("%s: there is no sleep to begin after, beginning at its start",
			    input->path);
	if (select->to_ns > select->from_ns)
		return EX_OK;
	if (options->has_min || options->has_max)
		log_error("%s: nothing lies between --min and --max: it has %.6g to %.6g s",
			  input->path, (double)(input->model.begin_ns - select->zero_ns) * 1e-9,
			  (double)(input->model.end_ns - select->zero_ns) * 1e-9);
	else
		log_error("%s: there is no scheduling event in it", input->path);
	return EX_DATAERR;
}

static int load(struct work *work, char **words)
{
	struct jem_err err;
	int status = EX_OK;

	for (size_t i = 0; i < work->count && status == EX_OK; i++) {
		struct jem_sched_input *input = &work->sheets[i].input;

		if (jem_sched_input_open(input, words[i], &err) < 0) {
			log_error("%s", err.text);
			return EX_NOINPUT;
		}
		if (*input->warning)
			log_warning("%s: %s", input->path, input->warning);
		status = choose(work, i);
	}
	return status;
}

/* The topology that was named, that beside the first recording (`jem record` writes one), or this machine's. */
static int read_topology(struct work *work, char **ret_from)
{
	const struct jem_sched_options *options = work->options;
	auto_free char *beside = NULL;
	const char *path = options->topology;
	struct jem_err err;
	int rc;

	if (asprintf(&beside, "%s.topology", work->sheets[0].input.path) < 0) {
		beside = NULL;
		return no_memory();
	}
	if (!path && !access(beside, R_OK))
		path = beside;
	rc = path ? jem_topology_read(path, &work->topology, &err)
		  : jem_topology_of_machine("", &work->topology, &err);
	if (rc < 0) {
		log_error("%s", err.text);
		return path ? EX_NOINPUT : EX_UNAVAILABLE;
	}
	*ret_from = strdup(path ? path : "this machine");
	return *ret_from ? EX_OK : no_memory();
}

static int find_topology(struct work *work)
{
	auto_free char *from = NULL;
	int status;

	if (!work->options->is_socket_order && !work->options->topology)
		return EX_OK;
	status = read_topology(work, &from);
	for (size_t i = 0; i < work->count && status == EX_OK; i++) {
		const struct jem_sched_model *model = &work->sheets[i].input.model;
		size_t c = 0;

		while (c < model->cpu_count &&
		       jem_topology_find(&work->topology, model->cpus[c].number))
			c++;
		if (c < model->cpu_count)
			log_warning("%s: core %u is not in the topology of %s, placing it on top",
				    work->sheets[i].input.path, model->cpus[c].number, from);
	}
	return status;
}

/* Numbers */

static int print_stats(const struct work *work)
{
	struct jem_buf text;
	struct jem_json json;
	int rc = 0;

	jem_buf_init(&text, 0);
	json = jem_json_to(&text);
	jem_json_object_begin(&json);
	jem_json_key(&json, "files");
	jem_json_array_begin(&json);
	for (size_t i = 0; i < work->count && rc == 0; i++) {
		const struct jem_sched_input *input = &work->sheets[i].input;
		const struct jem_sched_stats_source source = {
			.file = input->path,
			.version = input->version,
			.cpus = input->cpus,
			.model = &input->model,
			.select = &work->views[i].select,
			.topology = work->topology.count ? &work->topology : NULL,
		};

		rc = jem_sched_stats_json(&json, &source);
	}
	jem_json_array_end(&json);
	jem_json_object_end(&json);
	jem_buf_add_char(&text, '\n');
	if (rc == 0 && !text.failed &&
	    (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout)))
		rc = -EIO;
	if (text.failed)
		rc = -ENOMEM;
	jem_buf_deinit(&text);
	if (rc < 0)
		log_error("the numbers cannot be printed: %s", strerror(-rc));
	return rc < 0 ? EX_IOERR : EX_OK;
}

/* Graphs */

static int make_legend(const struct work *work, size_t i)
{
	struct sheet *sheet = &work->sheets[i];
	struct jem_sched_view *view = &work->views[i];
	const struct jem_sched_stats *stats = &sheet->stats;
	int64_t zero_ns = view->select.zero_ns;

	if (jem_sched_stats_make(view->model, &view->select, &sheet->stats) < 0)
		return -ENOMEM;
	sheet->legend = calloc(stats->command_count + 1, sizeof(*sheet->legend));
	if (!sheet->legend)
		return -ENOMEM;
	for (size_t k = 0; k < stats->command_count; k++) {
		const struct jem_sched_command_stats *command = &stats->commands[k];

		sheet->legend[k] = (struct jem_sched_legend_row){
			.comm = command->comm == JEM_SCHED_NONE ? "?"
								: view->model->names[command->comm],
			.tint = jem_tints_of_name(&work->tints, i, command->comm),
			.first_s = (double)(command->first_ns - zero_ns) * 1e-9,
			.last_s = (double)(command->last_ns - zero_ns) * 1e-9,
			.run_s = (double)command->run_ns * 1e-9,
			.switches = command->switches,
			.pids = command->pids,
		};
	}
	view->legend = sheet->legend;
	view->legend_count = stats->command_count;
	return 0;
}

static int make_marks(const struct work *work, size_t i)
{
	struct sheet *sheet = &work->sheets[i];
	struct jem_sched_view *view = &work->views[i];
	const struct jem_sched_episodes *episodes = &sheet->episodes;

	if (jem_sched_episodes_make(view->model, &view->select, &sheet->episodes) < 0)
		return -ENOMEM;
	for (size_t k = 0; k < episodes->worst_count && k < EPISODES_SHOWN; k++) {
		const struct jem_sched_episode *episode = &episodes->worst[k];

		jem_buf_printf(&sheet->texts[k], "%.6f s: ",
			       (double)(episode->from_ns - view->select.zero_ns) * 1e-9);
		jem_sched_episode_text(view->model, episode, &sheet->texts[k]);
		sheet->marks[k] = (struct jem_sched_mark){ episode->from_ns, episode->to_ns,
							   jem_buf_cstr(&sheet->texts[k]) };
		view->mark_count++;
	}
	view->marks = sheet->marks;
	return 0;
}

static void list_marks(const struct work *work)
{
	for (size_t i = 0; i < work->count; i++) {
		const struct jem_sched_view *view = &work->views[i];
		const struct jem_sched_episodes *episodes = &work->sheets[i].episodes;

		printf("%s: %llu episodes in which a task waited while a core was idle, %.6g s in "
		       "all\n",
		       work->sheets[i].input.path, (unsigned long long)episodes->count,
		       (double)episodes->violated_ns * 1e-9);
		for (size_t k = 0; k < view->mark_count; k++)
			printf("%3zu  %s\n", k + 1, view->marks[k].text);
	}
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* What all graphs of a recording need; EX_OK or EX_OSERR. */
static int fill(struct work *work, size_t i)
{
	const struct jem_sched_options *options = work->options;
	struct sheet *sheet = &work->sheets[i];
	const struct jem_sched_model *model = &sheet->input.model;
	struct jem_sched_view *view = &work->views[i];
	int rc = 0;

	view->model = model;
	view->topology = options->is_socket_order ? &work->topology : NULL;
	view->tints = &work->tints;
	view->which = i;
	view->title = sheet->input.name;
	view->columns = options->columns;
	view->shows_waiting = options->shows_waiting;
	view->shows_arrows = options->shows_arrows;
	view->core_count = options->cores ? (unsigned)options->core_count : sheet->input.cpus;
	snprintf(sheet->subtitle, sizeof(sheet->subtitle), "%u cores, %llu switches%s",
		 view->core_count, (unsigned long long)model->switches,
		 options->is_forked ? ", only tasks made in the recording" : "");
	if (model->lost_events)
		snprintf(sheet->subtitle + strlen(sheet->subtitle),
			 sizeof(sheet->subtitle) - strlen(sheet->subtitle), ", %llu events lost",
			 (unsigned long long)model->lost_events);
	view->subtitle = sheet->subtitle;
	/* A page can be searched by its legend, and coloured otherwise. */
	if (work->graph == JEM_SCHED_CORES &&
	    (options->by == JEM_TINT_BY_COMMAND || work->format == JEM_SHEET_HTML))
		rc = make_legend(work, i);
	if (rc == 0 && options->shows_episodes)
		rc = make_marks(work, i);
	if (rc == 0 && work->graph == JEM_SCHED_COUNTS)
		rc = jem_sched_counts_make(model, &view->select, &sheet->counts);
	view->counts = &sheet->counts;
	return rc < 0 ? no_memory() : EX_OK;
}

static int make_tints(struct work *work)
{
	const struct jem_sched_model **models = calloc(work->count, sizeof(*models));
	bool has_folder = false;
	int rc = -ENOMEM;

	for (size_t i = 0; models && i < work->count; i++) {
		models[i] = &work->sheets[i].input.model;
		has_folder = has_folder || !work->sheets[i].input.version;
	}
	if (models)
		rc = jem_tints_init(&work->tints, work->options->by, work->options->target, models,
				    work->count);
	if (rc == 0 && has_folder)
		jem_tints_set_foreign(&work->tints, foreign_name, models);
	free(models);
	return rc < 0 ? no_memory() : EX_OK;
}

/* <stem>-cores.pdf here, whatever folder the recording is in. */
static char *default_output(const struct work *work)
{
	const char *name = work->sheets[0].input.name;
	size_t len = strlen(name);
	char *path;

	if (len > 4 && !strcmp(name + len - 4, ".dat"))
		len -= 4;
	if (asprintf(&path, "%.*s-%s.pdf", (int)len, name,
		     work->graph == JEM_SCHED_CORES ? "cores" : "running") < 0)
		return NULL;
	return path;
}

static void on_file(const char *path)
{
	puts(path);
}

static int draw(struct work *work)
{
	auto_free char *default_path = NULL;
	const char *path = work->options->output;
	struct jem_err err;
	double span_s = 0;
	int status = make_tints(work);

	for (size_t i = 0; i < work->count && status == EX_OK; i++) {
		const struct jem_sched_select *select = &work->views[i].select;

		status = fill(work, i);
		span_s = fmax(span_s, (double)(select->to_ns - select->from_ns) * 1e-9);
	}
	if (status != EX_OK)
		return status;
	for (size_t i = 0; i < work->count; i++)
		work->views[i].span_s = span_s;
	if (!path)
		path = default_path = default_output(work);
	if (!path)
		return no_memory();
	if (work->options->shows_episodes)
		list_marks(work);
	if (jem_sheets_write(path, name_of(path), work->graph, work->views, work->count, on_file,
			     &err) < 0) {
		log_error("%s", err.text);
		return EX_CANTCREAT;
	}
	return fflush(stdout) ? EX_IOERR : EX_OK;
}

int jem_sched_tool_run(const struct jem_tool_args *args, enum jem_sched_graph graph)
{
	struct jem_sched_options *options = args->options;
	struct work work = { .options = options, .graph = graph, .count = (size_t)args->count };
	struct jem_err err;
	int status = EX_OK;

	/* Before a long recording is read in vain. */
	if (options->output && jem_sheet_format(options->output, &work.format, &err) < 0) {
		log_error("%s", err.text);
		free(options->cores);
		return EX_USAGE;
	}
	work.sheets = calloc(work.count, sizeof(*work.sheets));
	work.views = calloc(work.count, sizeof(*work.views));
	if (!work.sheets || !work.views) {
		work.count = 0;
		status = no_memory();
	}
	if (status == EX_OK)
		status = load(&work, args->words);
	if (status == EX_OK)
		status = find_topology(&work);
	if (status == EX_OK)
		status = options->prints_stats ? print_stats(&work) : draw(&work);
	deinit(&work);
	free(options->cores);
	return status;
}
