/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/job_prmon.h"

#include "receiver/folder.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define VALUE_MAX 1e18 /* what a job tells beyond is taken as not told */

void jem_job_prmon_init(struct jem_job_prmon *prmon)
{
	*prmon = (struct jem_job_prmon){ 0 };
	jem_data_file_init(&prmon->file, "prmon", "txt", NULL);
	prmon->file.segment_bytes = 0;
	jem_prmon_init(&prmon->state.prmon);
	prmon->kept = prmon->state;
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		prmon->node[i] = NAN;
}

void jem_job_prmon_deinit(struct jem_job_prmon *prmon)
{
	jem_data_file_deinit(&prmon->file);
}

/* Taking records */

static double get_real(const struct jem_json_doc *doc, uint32_t token, double absent)
{
	double value;

	if (!token || jem_json_get_real(doc, token, &value) < 0 || !(fabs(value) <= VALUE_MAX))
		return absent;
	return value;
}

static uint64_t get_u64(const struct jem_json_doc *doc, uint32_t object, const char *name)
{
	uint32_t token = jem_json_member(doc, object, name);
	uint64_t value;

	return token && jem_json_get_u64(doc, token, &value) == 0 ? value : 0;
}

static void read_values(const struct jem_json_doc *doc, uint32_t values, double *ret)
{
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		ret[i] = NAN;
	for (uint32_t i = jem_json_first(doc, values); i < jem_json_end(doc, values);
	     i = jem_json_next(doc, i + 1)) {
		const struct jem_json_token *name = &doc->tokens[i];
		int metric = jem_metric_find(doc->text + name->start, name->end - name->start);

		if (metric >= 0)
			ret[metric] = get_real(doc, i + 1, NAN);
	}
}

static void add_sample(struct jem_job_prmon *prmon, uint64_t t_us, const double *job)
{
	struct jem_prmon *sums = &prmon->state.prmon;

	/* What an ended job holds is nothing; a job shorter than an interval has its one line. */
	if (job[JEM_METRIC_processes] == 0 && sums->samples)
		jem_prmon_add_final(sums, job);
	else
		jem_prmon_add(sums, t_us / 1000000, prmon->node, job, &prmon->file.pending);
	prmon->is_changed = true;
}

static void add_metric(struct jem_job_prmon *prmon, uint64_t t_us, const struct jem_json_doc *doc,
		       uint32_t record)
{
	uint32_t scope = jem_json_member(doc, record, "scope");
	uint32_t values = jem_json_member(doc, record, "values");
	double job[JEM_METRIC_COUNT];

	if (!scope || !values || jem_json_type(doc, values) != JEM_JSON_OBJECT)
		return;
	if (jem_json_equals(doc, scope, "node")) {
		read_values(doc, values, prmon->node);
	} else if (jem_json_equals(doc, scope, "job")) {
		read_values(doc, values, job);
		add_sample(prmon, t_us, job);
	}
}

static void add_environment(struct jem_job_prmon *prmon, const struct jem_json_doc *doc,
			    uint32_t record)
{
	struct jem_prmon_hardware *hardware = &prmon->state.hardware;
	uint32_t state = jem_json_member(doc, record, "state");
	uint32_t fields = jem_json_member(doc, record, "fields");
	uint32_t model;

	if (!state || !fields || !jem_json_equals(doc, state, "environment"))
		return;
	model = jem_json_member(doc, fields, "cpu_model");
	if (!model || jem_json_get_str(doc, model, hardware->model, sizeof(hardware->model)) < 0)
		hardware->model[0] = '\0';
	hardware->cpus = (unsigned)get_u64(doc, fields, "cpu_count");
	hardware->memory_kb = get_u64(doc, fields, "memory_total_bytes") / 1024;
	prmon->is_changed = true;
}

void jem_job_prmon_add(struct jem_job_prmon *prmon, enum jem_kind kind, uint64_t t_us,
		       const struct jem_json_doc *doc, uint32_t record)
{
	if (kind == JEM_KIND_metric)
		add_metric(prmon, t_us, doc, record);
	else if (kind == JEM_KIND_status)
		add_environment(prmon, doc, record);
}

void jem_job_prmon_commit(struct jem_job_prmon *prmon, bool is_written)
{
	if (is_written) {
		prmon->kept = prmon->state;
		prmon->kept_len = prmon->file.pending.len;
	} else {
		prmon->state = prmon->kept;
		prmon->file.pending.len = prmon->kept_len;
	}
}

/* Writing */

static int begin_file(struct jem_job_prmon *prmon, int folder)
{
	struct jem_buf header;
	int status = jem_data_file_open(&prmon->file, folder);

	if (status < 0 || prmon->file.size)
		return status;
	jem_buf_init(&header, 0);
	jem_prmon_write_header(&header);
	status = header.failed ? -ENOMEM
			       : jem_folder_write_at(prmon->file.fd, header.data, header.len, 0);
	if (status == 0)
		prmon->file.size = header.len;
	jem_buf_deinit(&header);
	return status;
}

int jem_job_prmon_write(struct jem_job_prmon *prmon, int folder)
{
	int status = 0;

	if (prmon->max_bytes && prmon->file.size + prmon->file.pending.len > prmon->max_bytes) {
		prmon->is_full |= prmon->file.pending.len > 0;
		jem_buf_clear(&prmon->file.pending);
	}
	if (prmon->file.pending.len || prmon->file.pending.failed) {
		status = begin_file(prmon, folder);
		if (status == 0)
			status = jem_data_file_write(&prmon->file, folder);
		jem_buf_clear(&prmon->file.pending);
	}
	jem_job_prmon_commit(prmon, true);
	return status;
}

int jem_job_prmon_save(struct jem_job_prmon *prmon, int folder)
{
	struct jem_buf text;
	int status;

	if (!prmon->is_changed || !prmon->state.prmon.samples)
		return 0;
	jem_buf_init(&text, 0);
	jem_prmon_write_summary(&prmon->state.prmon, &prmon->state.hardware, &text);
	status = text.failed ? -ENOMEM
			     : jem_folder_replace(folder, "prmon.json", text.data, text.len);
	jem_buf_deinit(&text);
	prmon->is_changed = status < 0;
	return status;
}

/* Checkpoints */

int jem_job_prmon_recover(struct jem_job_prmon *prmon, const struct jem_prmon_state *from,
			  int folder)
{
	int status = jem_data_file_scan(&prmon->file, folder);

	prmon->state = *from;
	if (!from->prmon.samples)
		jem_prmon_init(&prmon->state.prmon);
	prmon->kept = prmon->state;
	if (status == 0 && from->text_bytes < prmon->file.size)
		status = jem_data_file_cut(&prmon->file, folder, from->text_bytes);
	return status;
}

struct jem_prmon_state jem_job_prmon_state(const struct jem_job_prmon *prmon)
{
	struct jem_prmon_state state = prmon->state;

	state.text_bytes = prmon->file.size;
	return state;
}

static void put_reals(struct jem_json *json, const char *name, const double *values, int count)
{
	jem_json_key(json, name);
	jem_json_array_begin(json);
	for (int i = 0; i < count; i++)
		jem_json_real(json, values[i]); /* NAN: null */
	jem_json_array_end(json);
}

static void put_u64(struct jem_json *json, const char *name, uint64_t value)
{
	jem_json_key(json, name);
	jem_json_u64(json, value);
}

void jem_prmon_state_put(const struct jem_prmon_state *state, struct jem_json *json)
{
	const struct jem_prmon *sums = &state->prmon;
	const struct jem_prmon_hardware *hardware = &state->hardware;

	jem_json_object_begin(json);
	put_u64(json, "bytes", state->text_bytes);
	put_u64(json, "samples", sums->samples);
	put_reals(json, "sum", sums->sum, JEM_PRMON_COLUMNS);
	put_reals(json, "max", sums->max, JEM_PRMON_COLUMNS);
	put_reals(json, "last", sums->last, JEM_PRMON_COLUMNS);
	put_reals(json, "first_network", sums->first_network, 4);
	jem_json_key(json, "model");
	jem_json_str(json, hardware->model);
	put_u64(json, "cpus", hardware->cpus);
	put_u64(json, "memory_kb", hardware->memory_kb);
	jem_json_object_end(json);
}

static void get_reals(const struct jem_json_doc *doc, uint32_t object, const char *name,
		      double absent, double *ret, int count)
{
	uint32_t array = jem_json_member(doc, object, name);
	uint32_t at = array ? jem_json_first(doc, array) : 0;

	if (array && jem_json_type(doc, array) != JEM_JSON_ARRAY)
		array = 0;
	for (int i = 0; i < count; i++) {
		bool is_there = array && at < jem_json_end(doc, array);

		ret[i] = is_there ? get_real(doc, at, absent) : absent;
		if (is_there)
			at = jem_json_next(doc, at);
	}
}

void jem_prmon_state_get(const struct jem_json_doc *doc, uint32_t object,
			 struct jem_prmon_state *ret)
{
	struct jem_prmon *sums = &ret->prmon;
	struct jem_prmon_hardware *hardware = &ret->hardware;
	uint32_t model = object ? jem_json_member(doc, object, "model") : 0;

	*ret = (struct jem_prmon_state){ 0 };
	if (!object)
		return;
	ret->text_bytes = get_u64(doc, object, "bytes");
	sums->samples = get_u64(doc, object, "samples");
	get_reals(doc, object, "sum", 0, sums->sum, JEM_PRMON_COLUMNS);
	get_reals(doc, object, "max", 0, sums->max, JEM_PRMON_COLUMNS);
	get_reals(doc, object, "last", 0, sums->last, JEM_PRMON_COLUMNS);
	get_reals(doc, object, "first_network", NAN, sums->first_network, 4);
	if (model)
		jem_json_get_str(doc, model, hardware->model, sizeof(hardware->model));
	hardware->cpus = (unsigned)get_u64(doc, object, "cpus");
	hardware->memory_kb = get_u64(doc, object, "memory_kb");
}
