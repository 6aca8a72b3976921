/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/self.h"

#include "common/cleanup.h"
#include "common/metric.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	INTERVAL_MS = 10000
};

struct jem_self_source {
	struct jem_batcher *batcher;           /* borrowed, outlives us */
	struct jem_outlets *outlets;           /* borrowed, outlives us */
	const struct jem_metrics_ticks *ticks; /* borrowed, outlives us; or NULL */
	bool (*read_calls)(void *arg, struct jem_calls_account *ret); /* NULL: none are traced */
	void *calls_arg;                                              /* borrowed, outlives us */
	uv_timer_t timer;
};

static void on_due(uv_timer_t *timer)
{
	jem_self_source_publish(timer->data);
}

int jem_self_source_create(uv_loop_t *loop, struct jem_batcher *batcher,
			   struct jem_outlets *outlets, struct jem_self_source **ret)
{
	struct jem_self_source *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	self->batcher = batcher;
	self->outlets = outlets;
	uv_timer_init(loop, &self->timer);
	self->timer.data = self;
	uv_timer_start(&self->timer, on_due, INTERVAL_MS, INTERVAL_MS);
	*ret = self;
	return 0;
}

void jem_self_source_add_ticks(struct jem_self_source *self, const struct jem_metrics_ticks *ticks)
{
	self->ticks = ticks;
}

void jem_self_source_add_calls(struct jem_self_source *self,
			       bool (*read)(void *arg, struct jem_calls_account *ret), void *arg)
{
	self->read_calls = read;
	self->calls_arg = arg;
}

static uint64_t resident_bytes(void)
{
	auto_close int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	unsigned long pages = 0;
	char text[128];
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (len <= 0)
		return 0;
	text[len] = '\0';
	if (sscanf(text, "%*u %lu", &pages) != 1)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void add(struct jem_record *record, enum jem_metric metric, double value)
{
	jem_record_real(record, jem_metrics[metric].name, value);
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static void add_costs(struct jem_record *record)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	add(record, JEM_METRIC_cpu_user_s, seconds(usage.ru_utime));
	add(record, JEM_METRIC_cpu_system_s, seconds(usage.ru_stime));
	add(record, JEM_METRIC_rss_bytes, (double)resident_bytes());
	add(record, JEM_METRIC_peak_rss_bytes, (double)usage.ru_maxrss * 1024);
	add(record, JEM_METRIC_minor_faults, (double)usage.ru_minflt);
	add(record, JEM_METRIC_major_faults, (double)usage.ru_majflt);
	add(record, JEM_METRIC_voluntary_switches, (double)usage.ru_nvcsw);
	add(record, JEM_METRIC_involuntary_switches, (double)usage.ru_nivcsw);
}

static void add_accounts(const struct jem_self_source *self, struct jem_record *record)
{
	const struct jem_account *batches = jem_outlets_account(self->outlets);
	struct jem_account sum = { 0 };
	uint64_t dropped = 0;

	for (int i = 0; i < JEM_KIND_COUNT; i++) {
		const struct jem_account *account =
			jem_batcher_account(self->batcher, (enum jem_kind)i);

		sum.in += account->in;
		sum.out += account->out;
		sum.held += account->held;
		dropped += jem_account_dropped(account);
	}
	add(record, JEM_METRIC_records_in, (double)sum.in);
	add(record, JEM_METRIC_records_out, (double)sum.out);
	add(record, JEM_METRIC_records_held, (double)sum.held);
	add(record, JEM_METRIC_records_dropped, (double)dropped);
	add(record, JEM_METRIC_batches_in, (double)batches->in);
	add(record, JEM_METRIC_batches_out, (double)batches->out);
	add(record, JEM_METRIC_batches_held, (double)batches->held);
	add(record, JEM_METRIC_batches_dropped, (double)jem_account_dropped(batches));
}

static void add_ticks(const struct jem_self_source *self, struct jem_record *record)
{
	if (!self->ticks || !self->ticks->taken)
		return;
	add(record, JEM_METRIC_tick_s, self->ticks->cost_s);
	add(record, JEM_METRIC_tick_late_s, self->ticks->late_s);
	add(record, JEM_METRIC_ticks_missed, (double)self->ticks->missed);
}

static void add_calls(const struct jem_self_source *self, struct jem_record *record)
{
	struct jem_calls_account account;

	if (!self->read_calls || !self->read_calls(self->calls_arg, &account))
		return;
	add(record, JEM_METRIC_calls_processes, (double)account.processes);
	add(record, JEM_METRIC_calls_seen, (double)account.seen);
	add(record, JEM_METRIC_calls_records, (double)account.rows);
	add(record, JEM_METRIC_calls_unselected, (double)account.unselected);
	add(record, JEM_METRIC_calls_ring_full, (double)account.dropped);
	add(record, JEM_METRIC_calls_limited, (double)account.limited);
	add(record, JEM_METRIC_calls_unslotted, (double)account.unslotted);
	add(record, JEM_METRIC_calls_broken, (double)account.broken);
	add(record, JEM_METRIC_calls_unwound, (double)account.unwound);
	add(record, JEM_METRIC_calls_edges_lost, (double)account.edges_lost);
	add(record, JEM_METRIC_calls_profile_lost, (double)account.profile_lost);
	add(record, JEM_METRIC_calls_modules_lost, (double)account.modules_lost);
	add(record, JEM_METRIC_calls_plan_faults, (double)account.plan_faults);
	add(record, JEM_METRIC_calls_patched, (double)account.patched);
	add(record, JEM_METRIC_calls_unpatchable, (double)account.unpatchable);
	add(record, JEM_METRIC_calls_drain_s, (double)account.cpu_ns * 1e-9);
}

void jem_self_source_publish(struct jem_self_source *self)
{
	struct jem_record *record = jem_batcher_begin(self->batcher, JEM_KIND_metric, jem_now_ns());

	jem_record_word(record, "scope", jem_scope_name(JEM_SCOPE_MONITOR));
	jem_record_i64(record, "pid", getpid());
	jem_record_object_begin(record, "values");
	add_costs(record);
	add_ticks(self, record);
	add_accounts(self, record);
	add_calls(self, record);
	jem_record_object_end(record);
	jem_batcher_end(self->batcher, JEM_IN_TIME);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void jem_self_source_destroy(struct jem_self_source *self)
{
	if (self)
		uv_close((uv_handle_t *)&self->timer, on_timer_closed);
}
