/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prmon_format: the two files of prmon (github.com/HSF/prmon), which PanDA's pilot reads.
 *
 * Text: a header of names and one line a sample, TAB between them, whole numbers: memory in kB,
 * I/O and network in bytes, times in seconds, Time since the epoch. JSON: {"Avg", "Max", "HW",
 * "Units", "prmon"}; averages of what adds up are rates in units a second, over wall time.
 *
 * Both the daemon (live) and the receiver (from the metric stream) write them from this.
 */
#ifndef JEM_COMMON_PRMON_FORMAT_H
#define JEM_COMMON_PRMON_FORMAT_H

#include "common/buf.h"
#include "common/metric.h"

#include <stdbool.h>
#include <stdint.h>

enum jem_prmon_column {
	JEM_PRMON_WTIME,
	JEM_PRMON_PSS,
	JEM_PRMON_RSS,
	JEM_PRMON_SWAP,
	JEM_PRMON_VMEM,
	JEM_PRMON_RCHAR,
	JEM_PRMON_READ_BYTES,
	JEM_PRMON_WCHAR,
	JEM_PRMON_WRITE_BYTES,
	JEM_PRMON_RX_BYTES,
	JEM_PRMON_RX_PACKETS,
	JEM_PRMON_TX_BYTES,
	JEM_PRMON_TX_PACKETS,
	JEM_PRMON_STIME,
	JEM_PRMON_UTIME,
	JEM_PRMON_NPROCS,
	JEM_PRMON_NTHREADS,
	JEM_PRMON_COLUMNS
};

/* The machine; 0 and "" are left out. */
struct jem_prmon_hardware {
	char model[128];
	unsigned cpus;
	unsigned sockets;
	unsigned cores_per_socket;
	unsigned threads_per_core;
	uint64_t memory_kb;
};

/* What the summary needs of all samples so far. Network is counted from the first. */
struct jem_prmon {
	uint64_t samples;
	double sum[JEM_PRMON_COLUMNS];
	double max[JEM_PRMON_COLUMNS];
	double last[JEM_PRMON_COLUMNS];
	double first_network[4];
};

void jem_prmon_init(struct jem_prmon *prmon);

/*
 * Takes a sample: the values of scope node and job, NAN where absent (which becomes 0, as prmon has
 * it). Peaks that do not depend on sampling go into Max. Writes its line of text, at `epoch_s`.
 */
void jem_prmon_add(struct jem_prmon *prmon, uint64_t epoch_s, const double *node, const double *job,
		   struct jem_buf *line);

/* Totals after the job's end: they count, but memory that is given back does not. No line. */
void jem_prmon_add_final(struct jem_prmon *prmon, const double *job);

void jem_prmon_write_header(struct jem_buf *text);
void jem_prmon_write_summary(const struct jem_prmon *prmon,
			     const struct jem_prmon_hardware *hardware, struct jem_buf *json);

#endif
