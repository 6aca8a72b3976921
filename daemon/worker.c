/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker.h"

#include "common/identity.h"
#include "common/launch_link.h"
#include "common/local_socket.h"
#include "common/log.h"
#include "daemon/batcher.h"
#include "daemon/child.h"
#include "daemon/control.h"
#include "daemon/job.h"
#include "daemon/notify.h"
#include "daemon/outlets.h"
#include "daemon/redaction.h"
#include "daemon/sources.h"
#include "daemon/spool_place.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	CLOSE_MS = 300,          /* for the close frames of the broker's connection */
	LOST_LAUNCHER_MS = 3000, /* for delivery when the launcher is gone */
};

enum phase {
	PHASE_RUNNING,
	PHASE_SETTLING, /* the job has ended, and the rest of what it left is on its way */
	PHASE_DRAINING,
	PHASE_CLOSING
};

struct worker {
	const struct jem_worker_options *options;
	const struct jem_config *config; /* borrowed */
	uv_loop_t loop;
	enum phase phase;
	int exit_status;

	struct jem_identity identity;
	struct jem_clock clock;
	char epoch[JEM_EPOCH_SIZE];
	char boot_id[JEM_BOOT_ID_SIZE];

	/* the stages, in flow order; all owned */
	struct jem_redactor *redactor;
	bool hides_all; /* a pattern of privacy.redact is broken */
	struct jem_outlets *outlets;
	struct jem_batcher *batcher;
	struct jem_job *job;
	struct jem_sources *sources;
	struct jem_link *link;

	uv_signal_t signals[4];
	uv_timer_t drain_timer;
	uv_poll_t pid_poll;
	int pid_fd;                  /* -1: none */
	struct jem_control *control; /* owned, NULL: none */
	bool is_launcher_lost;
	struct jem_reaped reaped; /* how the job ended, while it settles */
	struct jem_job_totals totals;
};

static void end_job(struct worker *worker, const struct jem_reaped *reaped);
static void on_settled(void *arg);

/* --- publishing ------------------------------------------------------------------------------ */

static void on_batch(void *arg, struct jem_batch *batch)
{
	struct worker *worker = arg;

	jem_outlets_push(worker->outlets, batch);
}

static void on_lost(void *arg, const struct jem_head *head, enum jem_cause cause)
{
	struct worker *worker = arg;

	if (!worker->batcher)
		return;
	if (!strcmp(head->epoch, worker->epoch))
		jem_batcher_note_lost(worker->batcher, head->kind, cause, head->n);
	else
		log_warning("lost of epoch %s: batch %llu of %s, %llu records: %s", head->epoch,
			    (unsigned long long)head->seq, jem_kinds[head->kind].name,
			    (unsigned long long)head->n, jem_causes[cause]);
}

static void close_stages(struct worker *worker);

static void on_drained(void *arg)
{
	struct worker *worker = arg;

	if (worker->phase == PHASE_DRAINING)
		close_stages(worker);
}

/* What is left on disk is not lost, and the person is told how to send it; what is lost is told, too. */
static void tell_undelivered(struct worker *worker)
{
	const struct jem_account *account = jem_outlets_account(worker->outlets);
	unsigned long long count = account->held + account->dropped[JEM_CAUSE_undelivered];
	const char *spool = jem_outlets_spool(worker->outlets);

	/* Who publishes to nobody misses nothing. */
	if (!count || (!worker->options->collector &&
		       !jem_config_list_size(worker->config, JEM_OPTION_broker_url)))
		return;
	log_warning("%llu batches were not delivered within the time to drain", count);
	if (spool)
		jem_link_send(worker->link,
			      "left %llu batches wait on disk, send them with: jem spool send %s",
			      count, spool);
	else
		jem_link_send(worker->link, "left %llu batches were not delivered and are lost",
			      count);
}

static void on_drain_over(uv_timer_t *timer)
{
	close_stages(timer->data);
}

/* --- the end, in order ------------------------------------------------------------------------ */

/* The handles of our own, and the link. */
static void close_rest(struct worker *worker)
{
	jem_link_close(worker->link);
	worker->link = NULL;
	for (size_t i = 0; i < sizeof(worker->signals) / sizeof(*worker->signals); i++)
		uv_close((uv_handle_t *)&worker->signals[i], NULL);
	uv_close((uv_handle_t *)&worker->drain_timer, NULL);
	if (worker->pid_fd >= 0)
		uv_close((uv_handle_t *)&worker->pid_poll, NULL);
}

static void on_outlets_closed(void *arg)
{
	struct worker *worker = arg;

	worker->outlets = NULL;
	jem_link_send(worker->link, "done");
	jem_notify("STATUS=ended");
	close_rest(worker);
}

static void destroy_sources(struct worker *worker)
{
	worker->phase = PHASE_CLOSING;
	uv_timer_stop(&worker->drain_timer);
	jem_sources_destroy(worker->sources);
	worker->sources = NULL;
	jem_control_close(worker->control);
	worker->control = NULL;
	jem_batcher_destroy(worker->batcher);
	worker->batcher = NULL;
}

static void close_stages(struct worker *worker)
{
	if (worker->phase == PHASE_CLOSING)
		return;
	destroy_sources(worker);
	tell_undelivered(worker);
	jem_outlets_close(worker->outlets, CLOSE_MS, on_outlets_closed);
}

static void on_unused_closed(void *arg)
{
	struct worker *worker = arg;

	worker->outlets = NULL;
}

/* Of a start that failed: whichever stages there are. The launcher is let go first. */
static void undo_stages(struct worker *worker)
{
	close_rest(worker);
	destroy_sources(worker);
	if (worker->outlets)
		jem_outlets_close(worker->outlets, 0, on_unused_closed);
}

static uint64_t drain_ms(const struct worker *worker)
{
	uint64_t ms = jem_config_ns(worker->config, JEM_OPTION_run_drain) / 1000000;

	if (worker->is_launcher_lost)
		return LOST_LAUNCHER_MS;
	/* The launcher waits as long for us and the collector together: leave it a part. */
	return worker->options->launcher_fd >= 0 ? ms * 6 / 10 : ms;
}

static void drain(struct worker *worker, uint64_t timeout_ms)
{
	struct jem_record *record;

	if (worker->phase > PHASE_SETTLING)
		return;
	worker->phase = PHASE_DRAINING;
	jem_notify("STOPPING=1");
	record = jem_batcher_begin(worker->batcher, JEM_KIND_status, jem_now_ns());
	jem_record_word(record, "state", "monitor_ended");
	jem_record_word(record, "text", "the monitor ends");
	jem_batcher_end(worker->batcher, JEM_URGENT);
	jem_sources_stop(worker->sources);
	jem_batcher_finish(worker->batcher);
	uv_timer_start(&worker->drain_timer, on_drain_over, timeout_ms, 0);
	if (jem_outlets_are_drained(worker->outlets))
		close_stages(worker);
}

static void say_line(void *arg, const char *line)
{
	struct worker *worker = arg;

	jem_link_send(worker->link, "line %s", line);
}

static void on_settled(void *arg)
{
	struct worker *worker = arg;

	if (worker->phase != PHASE_SETTLING)
		return;
	jem_job_ended(worker->job, &worker->reaped, &worker->totals);
	jem_job_summarise(worker->job, say_line, worker);
	drain(worker, drain_ms(worker));
}

static void end_job(struct worker *worker, const struct jem_reaped *reaped)
{
	uint64_t deadline_ns = jem_now_ns() + drain_ms(worker) * 500000;

	if (worker->phase != PHASE_RUNNING)
		return;
	worker->phase = PHASE_SETTLING;
	worker->reaped = *reaped;
	jem_sources_on_exit(worker->sources, reaped, deadline_ns, &worker->totals);
	jem_sources_settle(worker->sources, deadline_ns, on_settled, worker);
}

/* --- what the launcher tells ------------------------------------------------------------------ */

static void on_exit_message(struct worker *worker, const char *message)
{
	struct jem_reaped reaped;

	if (jem_reaped_parse(message, &reaped) < 0)
		reaped = (struct jem_reaped){ .status = -1, .mono_ns = jem_now_ns() };
	end_job(worker, &reaped);
}

static void on_reap_message(struct worker *worker, const char *message)
{
	struct jem_reaped reaped;

	if (jem_reaped_parse(message, &reaped) >= 0)
		jem_sources_on_reap(worker->sources, &reaped);
}

static void on_exec_message(struct worker *worker, const char *message, uint64_t mono_ns)
{
	int64_t from = 0;

	(void)jem_link_number(message, "stderr", &from);
	jem_sources_on_exec(worker->sources, mono_ns, from > 0 ? (uint64_t)from : 0);
	jem_job_running(worker->job, mono_ns);
}

static void on_link_message(void *arg, const char *message)
{
	struct worker *worker = arg;
	int64_t number = 0;
	int64_t mono_ns = (int64_t)jem_now_ns();

	if (worker->phase != PHASE_RUNNING)
		return;
	(void)jem_link_number(message, "mono_ns", &mono_ns);
	if (jem_link_is(message, "exec")) {
		on_exec_message(worker, message, (uint64_t)mono_ns);
	} else if (jem_link_is(message, "reap")) {
		on_reap_message(worker, message);
	} else if (jem_link_is(message, "execfail")) {
		(void)jem_link_number(message, "errno", &number);
		jem_job_not_started(worker->job, (int)number);
		drain(worker, drain_ms(worker));
	} else if (jem_link_is(message, "untraced")) {
		if (jem_link_number(message, "why", &number) == 0)
			jem_sources_on_untraced(worker->sources, number);
	} else if (jem_link_is(message, "program")) {
		jem_sources_on_program(worker->sources, message + strlen("program "));
	} else if (jem_link_is(message, "stop")) {
		(void)jem_link_number(message, "sig", &number);
		jem_job_stopped(worker->job, (int)number, (uint64_t)mono_ns);
	} else if (jem_link_is(message, "cont")) {
		jem_job_continued(worker->job, (uint64_t)mono_ns);
	} else if (jem_link_is(message, "exit")) {
		on_exit_message(worker, message);
	} else if (jem_link_is(message, "flush")) {
		jem_batcher_flush_all(worker->batcher);
	}
}

static void on_launcher_gone(void *arg)
{
	struct worker *worker = arg;
	struct jem_reaped reaped = { .status = -1, .mono_ns = jem_now_ns() };

	log_warning("the launcher is gone, ending");
	worker->is_launcher_lost = true;
	if (worker->phase == PHASE_RUNNING)
		end_job(worker, &reaped);
}

/* --- a job that we did not launch -------------------------------------------------------------- */

static void on_pid_gone(uv_poll_t *poll, int status, int events)
{
	struct worker *worker = poll->data;
	struct jem_reaped reaped = { .status = -1, .mono_ns = jem_now_ns() };

	(void)status, (void)events;
	uv_poll_stop(poll);
	reaped.pid = worker->options->pid;
	jem_child_peek(reaped.pid, &reaped);
	end_job(worker, &reaped);
}

static int watch_pid(struct worker *worker)
{
	worker->pid_fd = (int)syscall(SYS_pidfd_open, worker->options->pid, 0);
	if (worker->pid_fd < 0)
		return -errno;
	uv_poll_init(&worker->loop, &worker->pid_poll, worker->pid_fd);
	worker->pid_poll.data = worker;
	return uv_poll_start(&worker->pid_poll, UV_READABLE, on_pid_gone);
}

/* --- signals ------------------------------------------------------------------------------------ */

static void on_signal(uv_signal_t *handle, int number)
{
	struct worker *worker = handle->data;

	/* Beside a launched job a SIGTERM is for the job: what is held goes out now, we stay. */
	if (worker->link) {
		if (worker->phase == PHASE_RUNNING)
			jem_batcher_flush_all(worker->batcher);
		return;
	}
	log_info("ending on SIG%s", sigabbrev_np(number));
	on_settled(worker); /* if the job has ended already, that is said */
	drain(worker, drain_ms(worker));
}

static void watch_signals(struct worker *worker)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		uv_signal_init(&worker->loop, &worker->signals[i]);
		worker->signals[i].data = worker;
		uv_signal_start(&worker->signals[i], on_signal, numbers[i]);
	}
}

/* --- building the stages ------------------------------------------------------------------------ */

/* The names as people write them travel in every head: they pass the redactor like any text. */
static void redact_names(struct worker *worker)
{
	char *truths[] = { worker->identity.true_site, worker->identity.true_user,
			   worker->identity.true_job, worker->identity.true_node };

	for (size_t i = 0; i < sizeof(truths) / sizeof(*truths); i++) {
		size_t len = strlen(truths[i]);
		const char *text = jem_redact(worker->redactor, truths[i], &len);

		if (text != truths[i])
			snprintf(truths[i], JEM_TRUE_NAME_SIZE, "%.*s", (int)len, text);
	}
}

static int open_outlets(struct worker *worker, struct jem_err *err)
{
	char container_id[JEM_TOPIC_MAX];
	const struct jem_outlets_options options = {
		.loop = &worker->loop,
		.config = worker->config,
		.container_id = container_id,
		.job = worker->identity.names.job,
		.collector = worker->options->collector,
		.on_lost = on_lost,
		.on_drained = on_drained,
		.arg = worker,
	};

	snprintf(container_id, sizeof(container_id), "jemd/%s/%s", worker->identity.names.node,
		 worker->epoch);
	return jem_outlets_create(&options, &worker->outlets, err);
}

static int open_batcher(struct worker *worker)
{
	const struct jem_batcher_options options = {
		.loop = &worker->loop,
		.identity = &worker->identity,
		.clock = &worker->clock,
		.redactor = worker->redactor,
		.epoch = worker->epoch,
		.boot_id = worker->boot_id,
		.on_batch = on_batch,
		.arg = worker,
	};

	return jem_batcher_create(&options, &worker->batcher);
}

static int open_link(struct worker *worker)
{
	static const struct jem_link_events events = { .on_message = on_link_message,
						       .on_gone = on_launcher_gone };

	if (worker->options->launcher_fd < 0)
		return 0;
	return jem_link_open(&worker->loop, worker->options->launcher_fd, &events, worker,
			     &worker->link);
}

static int open_sources(struct worker *worker)
{
	const struct jem_sources_options options = {
		.loop = &worker->loop,
		.config = worker->config,
		.clock = &worker->clock,
		.redactor = worker->redactor,
		.batcher = worker->batcher,
		.outlets = worker->outlets,
		.job = worker->job,
		.pid = worker->options->pid,
		.is_launched = worker->link != NULL,
		.prmon_text = worker->options->prmon_text,
		.copies = { worker->options->copies[0], worker->options->copies[1] },
		.prmon_json = worker->options->prmon_json,
	};

	return jem_sources_create(&options, &worker->sources);
}

static int on_control(void *arg, const char *assignments, size_t len, struct jem_err *err)
{
	struct worker *worker = arg;

	if (worker->phase != PHASE_RUNNING)
		return jem_err_set(err, -ESRCH, "the job has ended");
	return jem_sources_control(worker->sources, assignments, len, err);
}

/* In the job's folder; a job without one is found by its name. */
static void open_control(struct worker *worker)
{
	const char *folder = getenv("JEM_FOLDER");
	char address[PATH_MAX];
	struct jem_err err;

	if (worker->options->pid <= 0 || worker->options->prmon_text || worker->options->prmon_json)
		return;
	if (folder)
		snprintf(address, sizeof(address), "%s/control.sock", folder);
	else
		snprintf(address, sizeof(address), JEM_CONTROL_ABSTRACT, (unsigned)geteuid(),
			 worker->identity.names.job);
	if (jem_control_open(&worker->loop, address, on_control, worker, &worker->control, &err) <
	    0)
		log_warning("no control: %s, ignoring", err.text);
}

static int open_stages(struct worker *worker, struct jem_err *err)
{
	int status;

	jem_identity_init(&worker->identity, worker->config);
	jem_clock_init(&worker->clock);
	jem_epoch_make(worker->epoch);
	jem_boot_id_read(worker->boot_id);
	watch_signals(worker);
	uv_timer_init(&worker->loop, &worker->drain_timer);
	worker->drain_timer.data = worker;
	worker->pid_fd = -1;
	if ((status = jem_redaction_create(worker->config, &worker->redactor, &worker->hides_all,
					   err)) < 0)
		return status;
	redact_names(worker);
	if ((status = open_outlets(worker, err)) < 0)
		return status;
	if ((status = open_batcher(worker)) < 0 ||
	    (status = jem_job_create(worker->batcher, worker->options->pid, &worker->job)) < 0 ||
	    (status = open_link(worker)) < 0 || (status = open_sources(worker)) < 0)
		return jem_err_set(err, status, "cannot start: %s", strerror(-status));
	open_control(worker);
	if (worker->options->pid > 0 && !worker->link && (status = watch_pid(worker)) < 0)
		return jem_err_set(err, status, "no process %d to watch: %s",
				   (int)worker->options->pid, strerror(-status));
	return 0;
}

static void tell_fault(struct worker *worker, const char *line, size_t len)
{
	struct jem_record *record;

	jem_link_send(worker->link, "fault %.*s", (int)len, line);
	record = jem_batcher_begin(worker->batcher, JEM_KIND_status, jem_now_ns());
	jem_record_word(record, "state", "degraded");
	if (worker->hides_all)
		jem_record_word(record, "text",
				"a pattern of privacy.redact is broken: all text is "
				"hidden until it is mended");
	else
		jem_record_text(record, "text", line, len);
	jem_batcher_end(worker->batcher, JEM_URGENT);
}

/* Every fault of configuration and spool goes to the person and to the stream. */
static void tell_faults(struct worker *worker)
{
	const char *line = worker->options->faults;
	const char *spool = jem_outlets_fault(worker->outlets);
	char text[512];

	while (line && *line) {
		size_t len = strcspn(line, "\n");

		tell_fault(worker, line, len);
		line += len + (line[len] == '\n');
	}
	if (!spool)
		return;
	snprintf(text, sizeof(text), "%s; batches wait in memory only", spool);
	log_error("%s", text);
	tell_fault(worker, text, strlen(text));
}

static void start(struct worker *worker)
{
	jem_spool_tell_previous(jem_outlets_previous(worker->outlets), worker->batcher);
	tell_faults(worker);
	if (worker->options->pid > 0)
		jem_job_starting(worker->job);
	jem_sources_start(worker->sources);
	if (worker->options->pid > 0 && !worker->link)
		jem_job_running(worker->job, jem_now_ns()); /* it runs already */
	jem_link_send(worker->link, "set drain_ms=%llu",
		      (unsigned long long)(jem_config_ns(worker->config, JEM_OPTION_run_drain) /
					   1000000));
	jem_link_send(worker->link, "ready");
	jem_notify("READY=1");
}

int jem_worker_run(const struct jem_worker_options *options)
{
	struct worker worker = { .options = options, .config = options->config };
	struct jem_err err = { "" };
	int status = uv_loop_init(&worker.loop);

	if (status < 0) {
		log_error("no event loop: %s", uv_strerror(status));
		return EXIT_FAILURE;
	}
	status = open_stages(&worker, &err);
	if (status < 0) {
		log_error("%s", err.text);
		jem_link_send(worker.link, "fault %s", err.text);
		worker.exit_status = EXIT_FAILURE;
		undo_stages(&worker);
	} else {
		start(&worker);
	}
	uv_run(&worker.loop, UV_RUN_DEFAULT);
	jem_job_destroy(worker.job);
	jem_redactor_destroy(worker.redactor);
	if (worker.pid_fd >= 0)
		close(worker.pid_fd);
	uv_loop_close(&worker.loop);
	return worker.exit_status;
}
