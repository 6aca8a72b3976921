/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/launch.h"

#include "common/clock.h"
#include "tools/run/run.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SIGNALS_PER_PASS = 16,
	SWEEP_MS = 100
};

#define MS_NS 1000000u

/* --- signals ----------------------------------------------------------------------------------- */

static bool is_our_own(const struct jem_launch *launch, const struct signalfd_siginfo *info)
{
	pid_t sender = (pid_t)info->ssi_pid;

	return info->ssi_code <= 0 && sender > 0 &&
	       (sender == getpid() || sender == launch->sentinel.pid);
}

static void pass_on(struct jem_launch *launch, const struct signalfd_siginfo *info)
{
	union sigval value = { .sival_ptr = (void *)(uintptr_t)info->ssi_ptr };

	if (launch->job.pid <= 0 || launch->has_ended)
		return;
	if (info->ssi_code == SI_QUEUE)
		(void)sigqueue(launch->job.pid, (int)info->ssi_signo, value);
	else
		(void)kill(launch->job.pid, (int)info->ssi_signo);
}

static uint64_t bit_of(int sig)
{
	return (uint64_t)1 << (sig - 1);
}

static void take_signal(struct jem_launch *launch, const struct signalfd_siginfo *info,
			uint64_t known, uint64_t group)
{
	int sig = (int)info->ssi_signo;

	if (sig == SIGCHLD && info->ssi_code > 0) {
		launch->has_child_news = true;
		return;
	}
	if (is_our_own(launch, info))
		return;
	if (launch->phase > JEM_PHASE_RUNNING) {
		if (jem_signal_asks_to_end(sig)) {
			launch->is_cut_short = true;
			launch->phase = JEM_PHASE_OVER;
		}
		return;
	}
	if (!(known & bit_of(sig)))
		group = jem_sentinel_reached(&launch->sentinel, bit_of(sig));
	launch->sweep_ns = jem_now_ns() + SWEEP_MS * MS_NS;
	if (!(group & bit_of(sig)) && !jem_signal_is_terminals(info) &&
	    !jem_sentinel_reaches_late(&launch->sentinel, sig, (pid_t)info->ssi_pid))
		pass_on(launch, info);
	if (jem_signal_asks_to_end(sig))
		(void)jem_run_link_send(&launch->monitors.daemon, "flush");
}

/* What waits for us, but SIGCHLD: that is a child's news as a rule, and comes often. */
static uint64_t pending(void)
{
	sigset_t set;
	uint64_t mask = 0;

	sigpending(&set);
	for (int sig = 1; sig <= 64; sig++)
		if (sig != SIGCHLD && sigismember(&set, sig) == 1)
			mask |= bit_of(sig);
	return mask;
}

/* What reached the group is asked anew before each reading: an answer is good for one. */
static void take_signals(struct jem_launch *launch)
{
	struct signalfd_siginfo infos[SIGNALS_PER_PASS];
	ssize_t n;

	do {
		uint64_t known = pending();
		uint64_t group = jem_sentinel_reached(&launch->sentinel, known);

		n = read(launch->signals, infos, sizeof(infos));
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(*infos); i++)
			take_signal(launch, &infos[i], known, group);
	} while (n > 0);
}

/* --- children ---------------------------------------------------------------------------------- */

/* Our caller sees us stop as it would have seen the job: by the same signal. */
static void stop_with_job(struct jem_launch *launch, const struct jem_child_news *news)
{
	int sig = WSTOPSIG(news->status);

	(void)jem_run_link_send(&launch->monitors.daemon, "stop sig=%d mono_ns=%llu", sig,
				(unsigned long long)news->mono_ns);
	jem_sentinel_watch(&launch->sentinel, launch->job.pid);
	jem_signal_suffer(sig);
	jem_sentinel_unwatch(&launch->sentinel);
}

static void take_job_news(struct jem_launch *launch, const struct jem_child_news *news)
{
	if (WIFSTOPPED(news->status)) {
		stop_with_job(launch, news);
	} else if (WIFCONTINUED(news->status)) {
		(void)jem_run_link_send(&launch->monitors.daemon, "cont mono_ns=%llu",
					(unsigned long long)news->mono_ns);
	} else {
		launch->end = *news;
		launch->has_ended = true;
	}
}

static void take_child_news(struct jem_launch *launch)
{
	struct jem_child_news news;

	launch->has_child_news = false;
	while (jem_reaper_next(&news)) {
		bool is_over = WIFEXITED(news.status) || WIFSIGNALED(news.status);

		if (news.pid == launch->job.pid)
			take_job_news(launch, &news);
		else if (!is_over)
			continue;
		else if (news.pid == launch->sentinel.pid)
			jem_sentinel_forget(&launch->sentinel);
		else if (news.pid == launch->tee.copier)
			jem_tee_copier_died(&launch->tee);
		else if (news.pid != launch->monitors.daemon.pid &&
			 news.pid != launch->monitors.collector.pid)
			jem_reaper_tell(&launch->reaper, &launch->monitors.daemon, &news);
	}
}

/* --- links ------------------------------------------------------------------------------------- */

static void on_fault(void *arg, const char *text)
{
	jem_voice_fault(arg, "%s", text);
}

static void take_messages(struct jem_launch *launch, struct jem_run_link *link, const char *name)
{
	if (!jem_run_link_is_open(link))
		return;
	jem_run_link_receive(link, on_fault, &launch->voice);
	if (link->drain_ms >= 0) {
		launch->options.drain_ns = (uint64_t)link->drain_ms * MS_NS;
		link->drain_ms = -1;
	}
	if (!jem_run_link_is_open(link) && !link->is_done && launch->phase <= JEM_PHASE_RUNNING)
		jem_voice_fault(&launch->voice, "%s has ended%s%s%s%s; the job goes on without it",
				name, link->is_cut_off ? " (cut off: it talks too much)" : "",
				launch->folder.fd >= 0 ? ", see " : "", launch->folder.shown,
				launch->folder.fd >= 0 ? "/monitor.log" : "");
}

static void take_result(struct jem_launch *launch)
{
	launch->exec_error = jem_run_job_result(&launch->job);
	if (launch->exec_error) {
		jem_voice_fail("cannot run %s: %s", launch->options.command[0],
			       strerror(launch->exec_error));
		(void)jem_run_link_send(&launch->monitors.daemon, "execfail errno=%d",
					launch->exec_error);
		return;
	}
	(void)jem_run_link_send(&launch->monitors.daemon, "exec mono_ns=%llu stderr=%llu",
				(unsigned long long)launch->job.released_ns,
				(unsigned long long)launch->stderr_bytes);
	if (launch->voice.is_quiet)
		close(STDERR_FILENO); /* nothing of the job's is left with us */
}

/* --- phases ------------------------------------------------------------------------------------ */

static bool is_waited_for(const struct jem_run_link *link)
{
	return jem_run_link_is_open(link) && !link->is_ready;
}

/* --strict: every monitor that belongs to this run is there and ready, and nobody complained. */
static bool is_whole(const struct jem_launch *launch)
{
	const struct jem_monitors *monitors = &launch->monitors;
	bool wants_collector = launch->folder.socket >= 0;

	return !launch->voice.fault_count && jem_run_link_is_open(&monitors->daemon) &&
	       monitors->daemon.is_ready &&
	       (!wants_collector ||
		(jem_run_link_is_open(&monitors->collector) && monitors->collector.is_ready));
}

static void leave_held(struct jem_launch *launch, bool is_late)
{
	const struct jem_monitors *monitors = &launch->monitors;
	bool is_strict = launch->options.is_strict;
	struct stat info;

	if (!is_late && (is_waited_for(&monitors->daemon) ||
			 (is_strict && is_waited_for(&monitors->collector))))
		return;
	if (is_strict && !is_whole(launch)) {
		jem_voice_fail("--strict: the monitor is not whole%s; the job is not started",
			       is_late ? " in time (run.start_wait)" : "");
		launch->is_refused = true;
		launch->phase = JEM_PHASE_OVER;
		return;
	}
	jem_ending_say_start(launch);
	/* What stands there by now is our voice, or older: none of the job's. */
	if (!fstat(STDERR_FILENO, &info) && S_ISREG(info.st_mode))
		launch->stderr_bytes = (uint64_t)info.st_size;
	jem_run_job_release(&launch->job);
	launch->phase = JEM_PHASE_RUNNING;
}

static void leave_running(struct jem_launch *launch)
{
	if (launch->job.result >= 0)
		take_result(launch);
	jem_sentinel_stop(&launch->sentinel);
	jem_tee_drain(&launch->tee);
	launch->deadline_ns = launch->end.mono_ns + launch->options.drain_ns;
	launch->phase = JEM_PHASE_PASSING;
}

static void leave_passing(struct jem_launch *launch)
{
	if (!launch->tee.is_drained)
		return;
	jem_reaper_settle(&launch->reaper, &launch->monitors.daemon);
	if (!launch->exec_error)
		(void)jem_reaper_tell_exit(&launch->monitors.daemon, &launch->end);
	launch->phase = JEM_PHASE_DELIVERING;
}

static bool is_through(const struct jem_run_link *link)
{
	return link->is_done || !jem_run_link_is_open(link);
}

static void leave_drain(struct jem_launch *launch, bool is_late)
{
	struct jem_monitors *monitors = &launch->monitors;

	if (launch->phase == JEM_PHASE_DELIVERING && (is_late || is_through(&monitors->daemon))) {
		(void)jem_run_link_send(&monitors->collector, "finish");
		launch->phase = JEM_PHASE_DRAWING;
	}
	if (launch->phase == JEM_PHASE_DRAWING && (is_late || is_through(&monitors->collector))) {
		launch->is_cut_short =
			!is_through(&monitors->daemon) || !is_through(&monitors->collector);
		launch->phase = JEM_PHASE_OVER;
	}
}

static void advance(struct jem_launch *launch)
{
	bool is_late = jem_now_ns() >= launch->deadline_ns;

	if (launch->phase <= JEM_PHASE_RUNNING && launch->has_ended)
		leave_running(launch);
	else if (launch->phase == JEM_PHASE_HELD)
		leave_held(launch, is_late);
	if (launch->phase == JEM_PHASE_PASSING)
		leave_passing(launch);
	if (launch->phase > JEM_PHASE_PASSING)
		leave_drain(launch, jem_now_ns() >= launch->deadline_ns);
}

/* --- waiting ----------------------------------------------------------------------------------- */

static int timeout_ms(const struct jem_launch *launch)
{
	uint64_t now = jem_now_ns();
	uint64_t until = UINT64_MAX;

	if (launch->phase != JEM_PHASE_RUNNING && launch->phase != JEM_PHASE_PASSING)
		until = launch->deadline_ns;
	if (launch->sweep_ns && launch->sweep_ns < until)
		until = launch->sweep_ns;
	if (jem_tee_wants_copier(&launch->tee) && until > now + SWEEP_MS * MS_NS)
		until = now + SWEEP_MS * MS_NS;
	if (until == UINT64_MAX)
		return -1;
	return until <= now ? 0 : (int)((until - now) / MS_NS + 1);
}

static void wait_and_take(struct jem_launch *launch)
{
	struct jem_monitors *monitors = &launch->monitors;
	short daemon_events = POLLIN | (launch->reaper.owed_count ? POLLOUT : 0);
	struct pollfd wait[] = {
		{ .fd = launch->signals, .events = POLLIN },
		{ .fd = monitors->daemon.fd, .events = daemon_events },
		{ .fd = monitors->collector.fd, .events = POLLIN },
		{ .fd = launch->tee.control, .events = POLLIN },
		{ .fd = launch->phase == JEM_PHASE_RUNNING ? launch->job.result : -1,
		  .events = POLLIN },
	};

	(void)poll(wait, sizeof(wait) / sizeof(*wait), timeout_ms(launch));
	/* First: a signal may have come from the job itself, which runs then. */
	if (wait[4].revents)
		take_result(launch);
	take_signals(launch);
	take_messages(launch, &monitors->daemon, "jemd");
	take_messages(launch, &monitors->collector, "the collector");
	jem_reaper_settle(&launch->reaper, &monitors->daemon);
	if (wait[3].revents)
		jem_tee_listen(&launch->tee, &launch->voice);
	if (launch->has_child_news)
		take_child_news(launch);
	if (launch->sweep_ns && jem_now_ns() >= launch->sweep_ns) {
		launch->sweep_ns = 0;
		jem_sentinel_sweep(&launch->sentinel);
	}
	if (jem_tee_wants_copier(&launch->tee))
		jem_tee_start(&launch->tee);
}

void jem_loop_run(struct jem_launch *launch)
{
	launch->phase = JEM_PHASE_HELD;
	launch->deadline_ns = jem_now_ns() + launch->options.start_wait_ns;
	advance(launch);
	while (launch->phase != JEM_PHASE_OVER) {
		wait_and_take(launch);
		if (launch->phase != JEM_PHASE_OVER)
			advance(launch);
	}
}
