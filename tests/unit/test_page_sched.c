/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a job's scheduling: section and files, with names that want to be more than text. */
#include "receiver/page/job_sched.h"
#include "receiver/page/page.h"

#include "tests/unit/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static const struct jem_page_options no_options = { .now_ns = 1700000001000000000u };

static uint32_t add_task(struct jem_sched_model *model, int32_t tid, const char *comm)
{
	struct jem_sched_task task = { .tid = tid,
				       .pid = tid,
				       .parent = JEM_SCHED_NONE,
				       .born_ns = INT64_MIN,
				       .died_ns = INT64_MAX };
	uint32_t index;

	CHECK_OK(jem_sched_model_name(model, comm, &task.comm));
	CHECK_OK(jem_sched_model_task(model, &task, &index));
	return index;
}

static void add_slice(struct jem_job_sched *sched, uint32_t task, uint16_t cpu, int64_t start_ns,
		      uint64_t run_ns, uint64_t wait_ns)
{
	const struct jem_sched_slice slice = { .start_ns = start_ns,
					       .run_ns = run_ns,
					       .wait_ns = wait_ns,
					       .task = task,
					       .comm = sched->model.tasks[task].comm,
					       .waker = JEM_SCHED_NONE,
					       .cpu = cpu,
					       .from_cpu = JEM_SCHED_NO_CPU,
					       .waker_cpu = JEM_SCHED_NO_CPU,
					       .end = JEM_SCHED_SLEEP };

	CHECK_OK(jem_sched_model_slice(&sched->model, &slice));
	sched->folder.slices++;
}

/* One task waits half a second for core 0, which another has, while core 1 is idle. */
static void make(struct jem_job_sched *sched, const char *level, struct jem_job_model *job)
{
	uint32_t hog;
	uint32_t poor;

	jem_job_sched_init(sched);
	hog = add_task(&sched->model, 10, "</svg><b>");
	poor = add_task(&sched->model, 11, "poor");
	add_slice(sched, hog, 1, SECOND, 1000000, 0);
	add_slice(sched, hog, 0, 2 * SECOND, SECOND, 0);
	add_slice(sched, poor, 0, 3 * SECOND, SECOND / 2, SECOND / 2);
	CHECK_OK(jem_sched_model_seal(&sched->model));
	snprintf(sched->folder.level, sizeof(sched->folder.level), "%s", level);
	sched->folder.cores = 2;
	CHECK_OK(jem_job_sched_sum_up(sched, job));
}

static char *page_of(const struct jem_job_sched *sched, const struct jem_job_model *job)
{
	struct jem_page_options options = no_options;
	static char text[1 << 20];
	char path[512];
	size_t len;
	FILE *file;
	int dirfd = open(check_folder(), O_RDONLY | O_DIRECTORY);

	options.sched = sched;
	CHECK_OK(jem_page_write_job(job, &options, dirfd));
	close(dirfd);
	snprintf(path, sizeof(path), "%s/index.html", check_folder());
	file = fopen(path, "r");
	CHECK(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

CASE(the_section_tells_what_waited_beside_an_idle_core)
{
	struct jem_job_model *job;
	struct jem_job_sched sched;
	const char *page;

	CHECK_OK(jem_model_create(&job));
	make(&sched, "tracefs", job);
	page = page_of(&sched, job);
	CHECK_CONTAINS(page, "id=\"scheduling\"");
	CHECK_CONTAINS(page, "href=\"#scheduling\"");
	CHECK_CONTAINS(page, "1 task waited 500.0 ms on core 0");
	CHECK_CONTAINS(page, "while core 1 was idle");
	CHECK_CONTAINS(page, "balanced while waiting");
	CHECK(!strstr(page, "</svg><b>"));
	CHECK(!strstr(page, "<b>"));
	jem_job_sched_deinit(&sched);
	jem_model_destroy(job);
}

CASE(what_the_level_cannot_see_is_not_told)
{
	struct jem_job_model *job;
	struct jem_job_sched sched;
	const char *page;

	CHECK_OK(jem_model_create(&job));
	make(&sched, "switches", job);
	page = page_of(&sched, job);
	CHECK_CONTAINS(page, "id=\"scheduling\"");
	CHECK_CONTAINS(page, "after preemption");
	CHECK(!strstr(page, "idle core"));
	CHECK(!strstr(page, "From wake-up"));
	jem_job_sched_deinit(&sched);
	jem_model_destroy(job);
}

CASE(a_job_without_has_no_section)
{
	struct jem_job_model *job;

	CHECK_OK(jem_model_create(&job));
	CHECK(!strstr(page_of(NULL, job), "scheduling"));
	jem_model_destroy(job);
}

CASE(drawings_are_files_of_their_own)
{
	static const char *const names[] = { "cores.svg", "cores.png", "running.svg",
					     "running.png" };
	int dirfd = open(check_folder(), O_RDONLY | O_DIRECTORY);
	struct jem_job_model *job;
	struct jem_job_sched sched;

	CHECK_OK(jem_model_create(&job));
	make(&sched, "tracefs", job);
	CHECK_EQ(jem_job_sched_graphs_write(&sched, JEM_GRAPH_SVG | JEM_GRAPH_PNG, dirfd), 4);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct stat about;
		char path[64];

		snprintf(path, sizeof(path), "graphs/%s", names[i]);
		CHECK_OK(fstatat(dirfd, path, &about, 0));
		CHECK_GE(about.st_size, 1000);
	}
	CHECK_EQ(jem_job_sched_graphs_write(NULL, JEM_GRAPH_SVG, dirfd), 0);
	jem_job_sched_deinit(&sched);
	jem_model_destroy(job);
	close(dirfd);
}

TESTS(T(the_section_tells_what_waited_beside_an_idle_core),
      T(what_the_level_cannot_see_is_not_told), T(a_job_without_has_no_section),
      T(drawings_are_files_of_their_own))
