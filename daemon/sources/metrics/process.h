/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: one process of the job and what was read of it at the last ticks.
 *
 * It is named by pid and start time. Its files stay open where that is cheap (JEM_KEPT_OPEN), so
 * that a reading costs 5 us and can never be of a later process with the same pid.
 */
#ifndef JEM_DAEMON_METRICS_PROCESS_H
#define JEM_DAEMON_METRICS_PROCESS_H

#include "daemon/sources/metrics/proc_read.h"

#define JEM_KEPT_OPEN 128 /* processes of a set whose files stay open */

/* What adds up over processes: everything that only grows. */
struct jem_tally {
	uint64_t user_ns;
	uint64_t system_ns;
	uint64_t minor_faults;
	uint64_t major_faults;
	uint64_t voluntary_switches;
	uint64_t involuntary_switches;
	struct jem_proc_io io;
};

/* Proportional set size: the last reading, and what it cost (pss.h). */
struct jem_pss_reading {
	uint64_t bytes;
	uint64_t error_bytes;  /* it may be so much less */
	uint64_t read_ns;      /* when; 0: never */
	uint64_t cost_ns;      /* processor time of the whole reading */
	uint64_t stall_ns;     /* the longest the process's mappings were locked */
	uint64_t rss_bytes;    /* resident set at the reading */
	uint64_t anon_bytes;   /* its anonymous part */
	uint64_t smaps_ns;     /* how long smaps would lock the mappings, or did */
	uint64_t smaps_rss;    /* resident set when that was found; 0: not yet */
	bool is_known;         /* false: never read, or it was refused */
	bool is_not_for_pages; /* its page table says too little of it, or may not be read */
};

struct jem_process {
	pid_t pid;
	pid_t ppid;
	pid_t session;
	uint64_t start_ticks; /* since boot; 0 until it was read once */
	uint64_t start_ns;    /* CLOCK_MONOTONIC */
	uint64_t end_ns;      /* 0: it lives, as far as we know */
	char comm[JEM_COMM_SIZE];
	char state; /* as in proc(5); X: it has ended */

	struct jem_tally own;      /* of it, threads that ended included */
	struct jem_tally children; /* of those it has waited for, without I/O (which is in own) */
	struct jem_proc_status memory;
	uint64_t peak_rss_bytes;      /* highest ever; what fork handed down does not count */
	uint64_t inherited_rss_bytes; /* peaks up to here may be its parent's, from the fork */
	uint64_t before_rss_bytes;    /* resident set and peak at the tick before */
	uint64_t before_peak_bytes;
	uint64_t threads;
	int64_t open_files; /* negative: not ours to know */
	bool has_io;
	bool was_read;         /* at least once */
	bool is_present;       /* the last reading found it, alive or a zombie */
	bool has_children;     /* ever: wait4 tells its times with theirs */
	bool has_reaped_times; /* own is what wait4 told */
	bool is_gone;          /* waits to be swept out of the set */
	struct jem_pss_reading pss;

	/* what was last published, for metrics.process_change */
	struct jem_tally told;
	uint64_t told_ns; /* 0: never */
	uint64_t told_rss_bytes;
	uint64_t told_pss_bytes;
	uint64_t told_threads;
	int64_t told_open_files;

	bool keeps_open;
	int stat_fd; /* -1: not open */
	int status_fd;
	int io_fd;
};

/* How processes are read: constants of the machine. */
struct jem_process_reader {
	const char *root; /* borrowed, outlives us */
	uint64_t tick_ns;
	int64_t boot_offset_ns; /* CLOCK_BOOTTIME minus CLOCK_MONOTONIC */
};

void jem_process_reader_init(struct jem_process_reader *reader, const char *root);

/* When a process with these start ticks started, on CLOCK_MONOTONIC. */
uint64_t jem_process_start_ns(const struct jem_process_reader *reader, uint64_t start_ticks);

void jem_process_close(struct jem_process *process);

/*
 * 0, or -ESRCH when it has ended (or its pid is another's now). The parent, if it is one of the
 * job's, was read before: its peak is what the first reading takes for inherited.
 */
int jem_process_read(struct jem_process *process, const struct jem_process_reader *reader,
		     const struct jem_process *parent);

/* Reads only what memory it has and had. */
void jem_process_read_memory(struct jem_process *process, const struct jem_process_reader *reader);

/*
 * Raises the two times to a total, shared between them as the shares are. Neither falls, and both
 * add up to the total (as cputime_adjust in the kernel does it). A smaller total changes nothing.
 */
void jem_split_time(uint64_t *user_ns, uint64_t *system_ns, uint64_t user_share,
		    uint64_t system_share, uint64_t total_ns);

void jem_tally_add(struct jem_tally *sum, const struct jem_tally *more);

#endif
