/* SPDX-License-Identifier: Apache-2.0 */
/* What shells and interpreters report: hostile lines, limits per place, commands that do not end. */
#include "common/clock.h"
#include "common/local_socket.h"
#include "daemon/sources/script/places.h"
#include "daemon/sources/script/script_source.h"
#include "tests/unit/bench.h"
#include "tests/unit/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct scene {
	struct bench *bench;
	struct jem_config *config;
	struct jem_script_source *source;
	char folder[64], path[96];
	int fd;
};

static void open_scene(struct scene *scene)
{
	struct jem_script_options options;
	struct jem_err err;

	scene->bench = bench_open();
	strcpy(scene->folder, "/tmp/jem-scripts-XXXXXX");
	CHECK(mkdtemp(scene->folder));
	snprintf(scene->path, sizeof(scene->path), "%s/s", scene->folder);
	CHECK_OK(jem_config_create(&scene->config));
	options = (struct jem_script_options){
		.loop = &scene->bench->loop,
		.batcher = scene->bench->batcher,
		.config = scene->config,
		.address = scene->path,
		.pid = getpid(),
	};
	CHECK_OK(jem_script_source_create(&options, &scene->source));
	scene->fd = jem_local_connect(scene->path, &err);
	CHECK(scene->fd >= 0);
}

static void say(struct scene *scene, const char *text)
{
	CHECK_EQ(send(scene->fd, text, strlen(text), 0), (long)strlen(text));
	uv_run(&scene->bench->loop, UV_RUN_NOWAIT); /* or the socket would be full some day */
}

/* Ends the job; all batches are there then. */
static void settle(struct scene *scene)
{
	jem_script_source_settle(scene->source);
	jem_script_source_stop(scene->source);
	jem_batcher_flush_all(scene->bench->batcher);
}

static void close_scene(struct scene *scene)
{
	close(scene->fd);
	jem_script_source_destroy(scene->source);
	jem_config_destroy(scene->config);
	CHECK_EQ(rmdir(scene->folder), 0);
	bench_close(scene->bench);
}

/* The bodies of all batches of a kind, one after the other. */
static const char *bodies(const struct scene *scene, enum jem_kind kind)
{
	static char all[200000];

	*all = '\0';
	for (size_t i = 0; i < scene->bench->count; i++)
		if (scene->bench->batches[i]->head.kind == kind)
			strncat(all, scene->bench->batches[i]->body, sizeof(all) - strlen(all) - 1);
	return all;
}

static uint64_t dropped(const struct scene *scene, enum jem_cause cause)
{
	return jem_batcher_account(scene->bench->batcher, JEM_KIND_script)->dropped[cause];
}

CASE(records_what_is_told_and_hides_secrets)
{
	struct scene scene;

	open_scene(&scene);
	say(&scene,
	    "{\"lang\":\"bash\",\"event\":\"command\",\"t\":1,\"pid\":7,\"depth\":1,\"file\":\"j."
	    "sh\","
	    "\"line\":3,\"text\":\"login --password hunter2\",\"status\":4,\"duration_ns\":5}\n"
	    "{\"lang\":\"python\",\"event\":\"exception\",\"pid\":8,\"type\":\"KeyError\","
	    "\"message\":\"x\","
	    "\"traceback\":[\"a\",1,\"b\"],\"locals\":[{\"name\":\"api_key\",\"value\":\"abc123\"},"
	    "{\"name\":\"n\",\"type\":\"int\",\"value\":\"5\"},{\"name\":1}]}\n");
	settle(&scene);
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_script), "\"status\":4");
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_script), "\"text\":\"login --password ***\"");
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_script), "\"traceback\":[\"a\",\"b\"]");
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_script),
		       "\"locals\":[{\"name\":\"api_key\",\"value\":\"***\"},"
		       "{\"name\":\"n\",\"type\":\"int\",\"value\":\"5\"}]");
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_status), "Python scripts are followed");
	close_scene(&scene);
}

CASE(counts_what_is_no_record_and_what_was_lost)
{
	struct scene scene;

	open_scene(&scene);
	say(&scene,
	    "nonsense\n{\"event\":\"command\"}\n{\"lang\":\"perl\",\"event\":\"command\"}\n[1]\n"
	    "{\"lang\":\"bash\",\"event\":\"lost\",\"n\":6}\n"
	    "{\"lang\":\"bash\",\"event\":\"count\",\"n\":9,\"file\":\"j\",\"line\":2,\"total_ns\":"
	    "90,"
	    "\"min_ns\":1,\"max_ns\":20}\n");
	settle(&scene);
	CHECK_EQ(dropped(&scene, JEM_CAUSE_invalid), 4);
	CHECK_EQ(dropped(&scene, JEM_CAUSE_queue_full), 6);
	CHECK_EQ(dropped(&scene, JEM_CAUSE_rate_limited), 9);
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_profile), "\"function\":\"j:2\"");
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_profile),
		       "\"calls\":9,\"returns\":9,\"recorded\":0,\"total_ns\":90");
	close_scene(&scene);
}

CASE(limits_each_place_and_keeps_calls_and_returns_in_pairs)
{
	struct scene scene;
	unsigned calls = 0;
	unsigned returns = 0;

	open_scene(&scene);
	for (int i = 0; i < 300; i++)
		say(&scene, "{\"lang\":\"bash\",\"event\":\"call\",\"function\":\"f\",\"file\":"
			    "\"j\",\"line\":1}\n"
			    "{\"lang\":\"bash\",\"event\":\"return\",\"function\":\"f\",\"file\":"
			    "\"j\",\"line\":1,"
			    "\"duration_ns\":2}\n");
	settle(&scene);
	for (const char *at = bodies(&scene, JEM_KIND_script); (at = strstr(at, "\"event\":\""));
	     at += 9) {
		calls += !strncmp(at + 9, "call", 4);
		returns += !strncmp(at + 9, "return", 6);
	}
	CHECK_EQ(calls, 200);
	CHECK_EQ(returns, 200);
	CHECK_EQ(dropped(&scene, JEM_CAUSE_rate_limited), 200);
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_profile),
		       "\"calls\":300,\"returns\":300,\"recorded\":200,\"total_ns\":600");
	close_scene(&scene);
}

CASE(tells_a_command_that_never_ends)
{
	struct scene scene;
	char text[400];
	uint64_t now = jem_now_ns();

	open_scene(&scene);
	snprintf(text, sizeof(text),
		 "{\"lang\":\"bash\",\"event\":\"start\",\"t\":%" PRIu64
		 ",\"pid\":5,\"text\":\"ended\"}\n"
		 "{\"lang\":\"bash\",\"event\":\"command\",\"t\":%" PRIu64
		 ",\"pid\":5,\"text\":\"ended\",\"duration_ns\":10}\n"
		 "{\"lang\":\"bash\",\"event\":\"start\",\"t\":%" PRIu64
		 ",\"pid\":6,\"text\":\"hangs\"}\n",
		 now - 100, now - 90, now - 80);
	say(&scene, text);
	settle(&scene);
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_script), "\"event\":\"command\"");
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_script),
		       "\"event\":\"start\",\"depth\":0,\"text\":\"hangs\"");
	CHECK(!strstr(bodies(&scene, JEM_KIND_script),
		      "\"event\":\"start\",\"depth\":0,\"text\":\"ended\""));
	close_scene(&scene);
}

CASE(says_that_no_script_has_reported)
{
	struct scene scene;

	open_scene(&scene);
	settle(&scene);
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_status), "no script has reported");
	CHECK_CONTAINS(bodies(&scene, JEM_KIND_status), "\"level\":\"none\"");
	close_scene(&scene);
}

TESTS(T(records_what_is_told_and_hides_secrets), T(counts_what_is_no_record_and_what_was_lost),
      T(limits_each_place_and_keeps_calls_and_returns_in_pairs), T(tells_a_command_that_never_ends),
      T(says_that_no_script_has_reported))
