/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/process.h"

#include "common/clock.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	STAT_TEXT = 1024,
	STATUS_TEXT = 4096,
	IO_TEXT = 512,
};

void jem_process_reader_init(struct jem_process_reader *reader, const char *root)
{
	*reader = (struct jem_process_reader){
		.root = root,
		.tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK),
		.boot_offset_ns = (int64_t)(jem_clock_read_ns(CLOCK_BOOTTIME) - jem_now_ns()),
	};
}

uint64_t jem_process_start_ns(const struct jem_process_reader *reader, uint64_t start_ticks)
{
	int64_t ns = (int64_t)(start_ticks * reader->tick_ns) - reader->boot_offset_ns;

	return ns > 0 ? (uint64_t)ns : 1;
}

void jem_process_close(struct jem_process *process)
{
	int *fds[] = { &process->stat_fd, &process->status_fd, &process->io_fd };

	for (int i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* Through the kept descriptor where we keep one. */
static ssize_t read_text(struct jem_process *process, const struct jem_process_reader *reader,
			 int *fd, const char *name, char *text, size_t size)
{
	ssize_t len;

	if (*fd < 0)
		*fd = jem_proc_open(reader->root, "/proc/%d/%s", (int)process->pid, name);
	if (*fd < 0)
		return *fd;
	len = jem_proc_pread_whole(*fd, text, size);
	/* A recorded tree is read anew each time: its files are replaced, not refilled. */
	if (!process->keeps_open || *reader->root) {
		close(*fd);
		*fd = -1;
	}
	return len;
}

void jem_split_time(uint64_t *user_ns, uint64_t *system_ns, uint64_t user_share,
		    uint64_t system_share, uint64_t total_ns)
{
	uint64_t shares = user_share + system_share;
	uint64_t system;

	if (total_ns < *user_ns + *system_ns)
		return;
	system = shares ? (uint64_t)((double)total_ns * (double)system_share / (double)shares) : 0;
	if (system > total_ns - *user_ns)
		system = total_ns - *user_ns;
	if (system < *system_ns)
		system = *system_ns;
	*system_ns = system;
	*user_ns = total_ns - system;
}

/* CPUCLOCK_SCHED of a whole process, as clock_getcpuclockid(3) makes it. */
static uint64_t process_clock_ns(pid_t pid)
{
	struct timespec t;
	clockid_t id = (clockid_t)(~(unsigned)pid << 3 | 2);

	if (clock_gettime(id, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void take_stat(struct jem_process *process, const struct jem_process_reader *reader,
		      const struct jem_proc_stat *stat)
{
	uint64_t user_ns = stat->user_ticks * reader->tick_ns;
	uint64_t system_ns = stat->system_ticks * reader->tick_ns;
	uint64_t clock_ns = *reader->root ? 0 : process_clock_ns(process->pid);

	if (clock_ns < user_ns + system_ns)
		clock_ns = user_ns + system_ns;
	if (!process->start_ticks) {
		process->start_ticks = stat->start_ticks;
		if (!process->start_ns)
			process->start_ns = jem_process_start_ns(reader, stat->start_ticks);
	}
	process->ppid = stat->ppid;
	process->session = stat->session;
	process->state = stat->state;
	process->threads = stat->threads;
	memcpy(process->comm, stat->comm, sizeof(process->comm));
	/* stat has ticks of 10 ms, rounded down; the clock has nanoseconds but does not split. */
	jem_split_time(&process->own.user_ns, &process->own.system_ns, user_ns, system_ns,
		       clock_ns);
	process->own.minor_faults = stat->minor_faults;
	process->own.major_faults = stat->major_faults;
	process->children.user_ns = stat->child_user_ticks * reader->tick_ns;
	process->children.system_ns = stat->child_system_ticks * reader->tick_ns;
	process->children.minor_faults = stat->child_minor_faults;
	process->children.major_faults = stat->child_major_faults;
}

/*
 * VmHWM never falls but by exec, which begins anew. A copy made by fork starts with its parent's
 * resident set: what it had before the exec is its own only beyond that.
 */
static void take_peak(struct jem_process *process, uint64_t before)
{
	uint64_t peak = process->memory.peak_rss_bytes;
	bool has_executed = peak && peak < before;

	if (has_executed && process->peak_rss_bytes <= process->inherited_rss_bytes)
		process->peak_rss_bytes = peak;
	if (peak > process->peak_rss_bytes)
		process->peak_rss_bytes = peak;
}

void jem_process_read_memory(struct jem_process *process, const struct jem_process_reader *reader)
{
	uint64_t before = process->memory.peak_rss_bytes;
	char text[STATUS_TEXT];

	if (read_text(process, reader, &process->status_fd, "status", text, sizeof(text)) < 0 ||
	    jem_proc_parse_status(text, &process->memory) < 0)
		return;
	if (process->memory.voluntary_switches > process->own.voluntary_switches)
		process->own.voluntary_switches = process->memory.voluntary_switches;
	if (process->memory.involuntary_switches > process->own.involuntary_switches)
		process->own.involuntary_switches = process->memory.involuntary_switches;
	take_peak(process, before);
}

static void take_io(struct jem_process *process, const struct jem_process_reader *reader)
{
	char text[IO_TEXT];

	process->has_io =
		read_text(process, reader, &process->io_fd, "io", text, sizeof(text)) >= 0 &&
		!jem_proc_parse_io(text, &process->own.io);
}

int jem_process_read(struct jem_process *process, const struct jem_process_reader *reader,
		     const struct jem_process *parent)
{
	struct jem_proc_stat stat;
	char text[STAT_TEXT];
	ssize_t len = read_text(process, reader, &process->stat_fd, "stat", text, sizeof(text));

	if (len < 0 || jem_proc_parse_stat(text, (size_t)len, &stat) < 0 || stat.state == 'X' ||
	    (process->start_ticks && stat.start_ticks != process->start_ticks)) {
		process->is_present = false;
		return -ESRCH;
	}
	if (!process->was_read && parent)
		process->inherited_rss_bytes = parent->peak_rss_bytes;
	process->before_rss_bytes = process->memory.rss_bytes;
	process->before_peak_bytes = process->peak_rss_bytes;
	take_stat(process, reader, &stat);
	jem_process_read_memory(process, reader);
	take_io(process, reader);
	process->open_files =
		stat.state == 'Z' ? 0 : jem_proc_open_files(reader->root, process->pid);
	process->was_read = process->is_present = true;
	return 0;
}

void jem_tally_add(struct jem_tally *sum, const struct jem_tally *more)
{
	sum->user_ns += more->user_ns;
	sum->system_ns += more->system_ns;
	sum->minor_faults += more->minor_faults;
	sum->major_faults += more->major_faults;
	sum->voluntary_switches += more->voluntary_switches;
	sum->involuntary_switches += more->involuntary_switches;
	sum->io.rchar += more->io.rchar;
	sum->io.wchar += more->io.wchar;
	sum->io.read_bytes += more->io.read_bytes;
	sum->io.write_bytes += more->io.write_bytes;
}
