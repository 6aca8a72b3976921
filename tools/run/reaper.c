/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/reaper.h"

#include "common/clock.h"

#include <errno.h>
#include <sys/time.h>
#include <sys/wait.h>

bool jem_reaper_next(struct jem_child_news *ret)
{
	pid_t pid;

	do
		pid = wait4(-1, &ret->status, WNOHANG | WUNTRACED | WCONTINUED | __WALL,
			    &ret->usage);
	while (pid < 0 && errno == EINTR);
	ret->pid = pid;
	ret->mono_ns = jem_now_ns();
	return pid > 0;
}

static long long us_of(const struct timeval *time)
{
	return (long long)time->tv_sec * 1000000 + time->tv_usec;
}

static int tell(struct jem_run_link *link, const char *verb, const struct jem_child_news *news,
		unsigned count)
{
	const struct rusage *usage = &news->usage;

	return jem_run_link_send(
		link,
		"%s pid=%d status=%d utime_us=%lld stime_us=%lld maxrss_kb=%ld "
		"minflt=%ld majflt=%ld inblock=%ld oublock=%ld nvcsw=%ld nivcsw=%ld "
		"mono_ns=%llu count=%u",
		verb, (int)news->pid, news->status, us_of(&usage->ru_utime),
		us_of(&usage->ru_stime), usage->ru_maxrss, usage->ru_minflt, usage->ru_majflt,
		usage->ru_inblock, usage->ru_oublock, usage->ru_nvcsw, usage->ru_nivcsw,
		(unsigned long long)news->mono_ns, count);
}

static void add(struct jem_child_news *sum, const struct jem_child_news *news)
{
	struct rusage *to = &sum->usage;
	const struct rusage *from = &news->usage;

	sum->pid = news->pid;
	sum->status = news->status;
	sum->mono_ns = news->mono_ns;
	timeradd(&to->ru_utime, &from->ru_utime, &to->ru_utime);
	timeradd(&to->ru_stime, &from->ru_stime, &to->ru_stime);
	if (from->ru_maxrss > to->ru_maxrss)
		to->ru_maxrss = from->ru_maxrss;
	to->ru_minflt += from->ru_minflt;
	to->ru_majflt += from->ru_majflt;
	to->ru_inblock += from->ru_inblock;
	to->ru_oublock += from->ru_oublock;
	to->ru_nvcsw += from->ru_nvcsw;
	to->ru_nivcsw += from->ru_nivcsw;
}

void jem_reaper_settle(struct jem_reaper *reaper, struct jem_run_link *link)
{
	if (!reaper->owed_count)
		return;
	if (tell(link, "reap", &reaper->owed, reaper->owed_count) < 0)
		return;
	*reaper = (struct jem_reaper){ .owed_count = 0 };
}

void jem_reaper_tell(struct jem_reaper *reaper, struct jem_run_link *link,
		     const struct jem_child_news *orphan)
{
	add(&reaper->owed, orphan);
	reaper->owed_count++;
	jem_reaper_settle(reaper, link);
}

int jem_reaper_tell_exit(struct jem_run_link *link, const struct jem_child_news *end)
{
	return tell(link, "exit", end, 1);
}
