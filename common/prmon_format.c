/* SPDX-License-Identifier: Apache-2.0 */
#include "common/prmon_format.h"

#include "common/json_writer.h"

#include <math.h>
#include <stdio.h>

enum column_kind {
	AVERAGED, /* Avg is the mean of the samples */
	RATED,    /* Avg is what it grew by over wall time */
	SUMMED,   /* no Avg: times */
};

static const struct column {
	const char *name;
	enum column_kind kind;
	const char *unit; /* of Max; Avg of RATED: per second */
	int metric;
	enum jem_scope scope;
	double scale; /* ours times this is prmon's */
	int peak;     /* metric that holds the true peak, -1: none */
} columns[JEM_PRMON_COLUMNS] = {
#define COLUMN(id, name, kind, unit, metric, scope, scale, peak)                                   \
	[JEM_PRMON_##id] = { name, kind, unit, JEM_METRIC_##metric, JEM_SCOPE_##scope, scale, peak }
	COLUMN(WTIME, "wtime", SUMMED, "s", wall_s, JOB, 1, -1),
	COLUMN(PSS, "pss", AVERAGED, "kB", pss_bytes, JOB, 1. / 1024, JEM_METRIC_peak_pss_bytes),
	COLUMN(RSS, "rss", AVERAGED, "kB", rss_bytes, JOB, 1. / 1024, JEM_METRIC_peak_rss_bytes),
	COLUMN(SWAP, "swap", AVERAGED, "kB", swap_bytes, JOB, 1. / 1024, -1),
	COLUMN(VMEM, "vmem", AVERAGED, "kB", vsize_bytes, JOB, 1. / 1024, -1),
	COLUMN(RCHAR, "rchar", RATED, "B", rchar_bytes, JOB, 1, -1),
	COLUMN(READ_BYTES, "read_bytes", RATED, "B", read_bytes, JOB, 1, -1),
	COLUMN(WCHAR, "wchar", RATED, "B", wchar_bytes, JOB, 1, -1),
	COLUMN(WRITE_BYTES, "write_bytes", RATED, "B", write_bytes, JOB, 1, -1),
	COLUMN(RX_BYTES, "rx_bytes", RATED, "B", net_receive_bytes, NODE, 1, -1),
	COLUMN(RX_PACKETS, "rx_packets", RATED, "1", net_receive_packets, NODE, 1, -1),
	COLUMN(TX_BYTES, "tx_bytes", RATED, "B", net_transmit_bytes, NODE, 1, -1),
	COLUMN(TX_PACKETS, "tx_packets", RATED, "1", net_transmit_packets, NODE, 1, -1),
	COLUMN(STIME, "stime", SUMMED, "s", cpu_system_s, JOB, 1, -1),
	COLUMN(UTIME, "utime", SUMMED, "s", cpu_user_s, JOB, 1, -1),
	COLUMN(NPROCS, "nprocs", AVERAGED, "1", processes, JOB, 1, -1),
	COLUMN(NTHREADS, "nthreads", AVERAGED, "1", threads, JOB, 1, -1),
#undef COLUMN
};

void jem_prmon_init(struct jem_prmon *prmon)
{
	*prmon = (struct jem_prmon){ 0 };
	for (int i = 0; i < 4; i++)
		prmon->first_network[i] = NAN;
}

static bool is_network(int column)
{
	return columns[column].scope == JEM_SCOPE_NODE;
}

static void lift(double *max, double value)
{
	if (value > *max)
		*max = value;
}

static void take_peak(struct jem_prmon *prmon, int i, const double *job)
{
	if (columns[i].peak >= 0 && !isnan(job[columns[i].peak]))
		lift(&prmon->max[i], job[columns[i].peak] * columns[i].scale);
}

void jem_prmon_add(struct jem_prmon *prmon, uint64_t epoch_s, const double *node, const double *job,
		   struct jem_buf *line)
{
	jem_buf_printf(line, "%llu", (unsigned long long)epoch_s);
	for (int i = 0; i < JEM_PRMON_COLUMNS; i++) {
		const struct column *column = &columns[i];
		double value = (is_network(i) ? node : job)[column->metric] * column->scale;

		if (is_network(i)) {
			double *first = &prmon->first_network[i - JEM_PRMON_RX_BYTES];

			if (isnan(*first))
				*first = value;
			value -= *first;
		}
		if (isnan(value) || value < 0)
			value = 0;
		prmon->sum[i] += value;
		prmon->last[i] = value;
		lift(&prmon->max[i], value);
		take_peak(prmon, i, job);
		jem_buf_printf(line, "\t%.0f", floor(value));
	}
	jem_buf_add_char(line, '\n');
	prmon->samples++;
}

void jem_prmon_add_final(struct jem_prmon *prmon, const double *job)
{
	for (int i = 0; i < JEM_PRMON_COLUMNS; i++) {
		double value = job[columns[i].metric] * columns[i].scale;

		if (is_network(i))
			continue;
		take_peak(prmon, i, job);
		if (columns[i].kind != AVERAGED && !isnan(value)) {
			lift(&prmon->last[i], value);
			lift(&prmon->max[i], value);
		}
	}
}

void jem_prmon_write_header(struct jem_buf *text)
{
	jem_buf_add_str(text, "Time");
	for (int i = 0; i < JEM_PRMON_COLUMNS; i++)
		jem_buf_printf(text, "\t%s", columns[i].name);
	jem_buf_add_char(text, '\n');
}

static void write_averages(const struct jem_prmon *prmon, struct jem_json *json)
{
	double wall_s = prmon->last[JEM_PRMON_WTIME];

	jem_json_key(json, "Avg");
	jem_json_object_begin(json);
	for (int i = 0; i < JEM_PRMON_COLUMNS; i++) {
		double value = 0;

		if (columns[i].kind == SUMMED)
			continue;
		if (columns[i].kind == AVERAGED && prmon->samples)
			value = prmon->sum[i] / (double)prmon->samples;
		else if (columns[i].kind == RATED && wall_s > 0)
			value = prmon->last[i] / wall_s;
		jem_json_key(json, columns[i].name);
		/* counts of processes to a hundredth, all else in whole units */
		jem_json_real(json,
			      i >= JEM_PRMON_NPROCS ? round(value * 100) / 100 : round(value));
	}
	jem_json_object_end(json);
}

static void write_maxima(const struct jem_prmon *prmon, struct jem_json *json)
{
	jem_json_key(json, "Max");
	jem_json_object_begin(json);
	for (int i = 0; i < JEM_PRMON_COLUMNS; i++) {
		jem_json_key(json, columns[i].name);
		jem_json_u64(json, (uint64_t)round(prmon->max[i]));
	}
	jem_json_object_end(json);
}

static void write_number(struct jem_json *json, const char *name, uint64_t value)
{
	if (!value)
		return;
	jem_json_key(json, name);
	jem_json_u64(json, value);
}

static void write_hardware(const struct jem_prmon_hardware *hardware, struct jem_json *json)
{
	jem_json_key(json, "HW");
	jem_json_object_begin(json);
	jem_json_key(json, "cpu");
	jem_json_object_begin(json);
	write_number(json, "CPUs", hardware->cpus);
	write_number(json, "CoresPerSocket", hardware->cores_per_socket);
	if (*hardware->model) {
		jem_json_key(json, "ModelName");
		jem_json_str(json, hardware->model);
	}
	write_number(json, "Sockets", hardware->sockets);
	write_number(json, "ThreadsPerCore", hardware->threads_per_core);
	jem_json_object_end(json);
	jem_json_key(json, "mem");
	jem_json_object_begin(json);
	write_number(json, "MemTotal", hardware->memory_kb);
	jem_json_object_end(json);
	jem_json_object_end(json);
}

static void write_units(struct jem_json *json, const char *block, bool is_average)
{
	jem_json_key(json, block);
	jem_json_object_begin(json);
	for (int i = 0; i < JEM_PRMON_COLUMNS; i++) {
		bool is_rate = is_average && columns[i].kind == RATED;
		char unit[8];

		if (is_average && columns[i].kind == SUMMED)
			continue;
		snprintf(unit, sizeof(unit), "%s%s", columns[i].unit, is_rate ? "/s" : "");
		jem_json_key(json, columns[i].name);
		jem_json_str(json, unit);
	}
	jem_json_object_end(json);
}

void jem_prmon_write_summary(const struct jem_prmon *prmon,
			     const struct jem_prmon_hardware *hardware, struct jem_buf *buf)
{
	struct jem_json json = jem_json_to(buf);

	jem_json_object_begin(&json);
	write_averages(prmon, &json);
	write_hardware(hardware, &json);
	write_maxima(prmon, &json);
	jem_json_key(&json, "Units");
	jem_json_object_begin(&json);
	write_units(&json, "Avg", true);
	write_units(&json, "Max", false);
	jem_json_object_end(&json);
	jem_json_key(&json, "prmon");
	jem_json_object_begin(&json);
	jem_json_key(&json, "Version");
	jem_json_str(&json, JEM_VERSION);
	jem_json_object_end(&json);
	jem_json_object_end(&json);
	jem_buf_add_char(buf, '\n');
}
