/* SPDX-License-Identifier: Apache-2.0 */
/* What a line tells of a job's calls: how many functions, how often, where the time goes, what was dropped. */
#include "common/cleanup.h"
#include "receiver/model_internal.h"

#include <errno.h>
#include <string.h>

#define RATE_NS 5000000000u /* the rate is over as long, a daemon tells its profile every second */

static struct jem_model_moved *latest(struct jem_job_model *model)
{
	return &model->moved[(model->moved_count - 1) % JEM_MODEL_MOVED];
}

/* Records of one profile bear one time; those of other nodes come between. */
static void note_moved(struct jem_job_model *model, uint64_t t_ns)
{
	if (!model->moved_count || t_ns > latest(model)->t_ns) {
		model->moved_count++;
		latest(model)->t_ns = t_ns;
	}
	latest(model)->calls = model->profile.moved;
}

int jem_model_feed_profile(struct jem_job_model *model, const char *epoch, uint64_t t_ns,
			   const struct jem_json_doc *doc, uint32_t record)
{
	int status = jem_job_profile_add(&model->profile, epoch, doc, record);

	if (status == 0)
		note_moved(model, t_ns);
	return status;
}

int jem_model_note_head(struct jem_job_model *model, const struct jem_head *head)
{
	struct jem_model_stream account = { .kind = head->kind };

	memcpy(account.node, head->source.names.node, sizeof(account.node));
	memcpy(account.epoch, head->epoch, sizeof(account.epoch));
	for (size_t i = 0; i < model->stream_count; i++)
		if (model->streams[i].kind == head->kind &&
		    !strcmp(model->streams[i].epoch, head->epoch) &&
		    !strcmp(model->streams[i].node, account.node))
			account = model->streams[i];
	account.batches++;
	account.records += head->n;
	account.is_final |= head->is_final;
	for (int cause = 0; cause < JEM_CAUSE_COUNT; cause++)
		if (head->dropped[cause] > account.dropped[cause])
			account.dropped[cause] = head->dropped[cause];
	return jem_model_set_stream(model, &account);
}

/* -1: not known, nothing has been told twice. */
static double rate_at(const struct jem_job_model *model, uint64_t now_ns)
{
	uint64_t kept = model->moved_count < JEM_MODEL_MOVED ? model->moved_count : JEM_MODEL_MOVED;
	const struct jem_model_moved *last =
		&model->moved[(model->moved_count - 1) % JEM_MODEL_MOVED];
	const struct jem_model_moved *first = last;

	if (kept < 2)
		return -1;
	for (uint64_t back = 2; back <= kept && last->t_ns - first->t_ns < RATE_NS; back++)
		first = &model->moved[(model->moved_count - back) % JEM_MODEL_MOVED];
	if (now_ns > last->t_ns + RATE_NS)
		return 0;
	return (double)(last->calls - first->calls) / ((double)(last->t_ns - first->t_ns) * 1e-9);
}

static bool has_epochs(const struct jem_job_profile *profile)
{
	for (uint32_t i = 1; i < profile->function_count; i++)
		if (profile->functions[i].epoch != profile->functions[0].epoch)
			return true;
	return false;
}

/* Without a sorted table where one daemon told all: screens ask for this several times a second. */
static int sum_up(const struct jem_job_profile *profile, struct jem_model_calls *ret)
{
	auto_free struct jem_job_profile_function *table = NULL;
	const struct jem_job_profile_function *functions = profile->functions;
	const struct jem_job_profile_function *hottest = NULL;
	int64_t count = profile->function_count;
	double whole_ns = 0;

	if (has_epochs(profile)) {
		count = jem_job_profile_table(profile, &table);
		functions = table;
	}
	for (int64_t i = 0; i < count; i++) {
		const struct jem_job_profile_times *times = &functions[i].times;

		ret->calls += times->calls;
		whole_ns += (double)times->self_ns;
		if (times->self_ns && (!hottest || times->self_ns > hottest->times.self_ns))
			hottest = &functions[i];
	}
	if (hottest) {
		ret->hottest = jem_name_table_at(&profile->names, hottest->function);
		ret->hottest_part = (double)hottest->times.self_ns / whole_ns;
	}
	ret->functions = count > 0 ? (uint64_t)count : 0;
	return count < 0 ? (int)count : 0;
}

bool jem_model_has_calls(const struct jem_job_model *model)
{
	if (model->profile.function_count || model->by_kind[JEM_KIND_call])
		return true;
	for (size_t i = 0; i < model->stream_count; i++)
		if (model->streams[i].kind == JEM_KIND_call && model->streams[i].records)
			return true;
	return false;
}

int jem_model_get_calls(const struct jem_job_model *model, uint64_t now_ns,
			struct jem_model_calls *ret)
{
	struct jem_model_calls calls = { .per_s = -1 };
	int status = sum_up(&model->profile, &calls);

	if (status < 0)
		return status;
	if (model->state != JEM_JOB_UNKNOWN && model->state != JEM_JOB_ENDED &&
	    !model->monitor_ended)
		calls.per_s = rate_at(model, now_ns);
	for (size_t i = 0; i < model->stream_count; i++)
		for (int cause = 0; cause < JEM_CAUSE_COUNT; cause++)
			if (model->streams[i].kind == JEM_KIND_call)
				calls.dropped[cause] += model->streams[i].dropped[cause];
	*ret = calls;
	return 0;
}
