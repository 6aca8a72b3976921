/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample_report: writes the folder of a made-up job, for tests and for looking at pages.
 *
 *	sample_report DIR [ended|running|failed|hostile|empty|index] [SAMPLES]
 *
 * `index` writes the page of SAMPLES made-up jobs instead, of which the first is in DIR/first.
 *
 * The records are those a daemon would send, as JSON text through the same decoder; the numbers
 * come from a fixed seed, so equal arguments give equal files.
 */
#include "common/cleanup.h"
#include "receiver/page/page.h"
#include "tests/flow/sample_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <sys/stat.h>

#define T0_NS 1786543385000000000u
#define MIB   1048576.0
#define GIB   1073741824.0

/* What happens in the sample. */
struct plot {
	bool has_ended;
	bool has_failed;
	bool is_hostile;
	unsigned samples;
};

static struct jem_job_model *model;
static struct jem_json_doc doc;
static uint64_t noise_state = 88172645463325252u;

static double noise(void)
{
	noise_state ^= noise_state << 13; /* xorshift64 */
	noise_state ^= noise_state >> 7;
	noise_state ^= noise_state << 17;
	return (double)(noise_state >> 11) * 0x1p-53;
}

static void die(const char *what)
{
	fprintf(stderr, "sample_report: %s: %s\n", what, strerror(errno));
	exit(1);
}

__attribute__((format(printf, 3, 4))) static void feed(enum jem_kind kind, double t_s,
						       const char *format, ...)
{
	auto_free char *text = NULL;
	struct jem_err err;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		die("memory");
	if (jem_json_read(&doc, text, (size_t)len, &err) < 0) {
		fprintf(stderr, "sample_report: %s in %s\n", err.text, text);
		exit(1);
	}
	if (jem_model_feed(model, "wn-042", kind, T0_NS + (uint64_t)(t_s * 1e9), &doc, 0) < 0) {
		fprintf(stderr, "sample_report: refused: %s\n", text);
		exit(1);
	}
}

/* A value that wanders between 0 and 1, changed a little at each step. */
static double wander(double *state)
{
	*state += 0.15 * (noise() - 0.5) + 0.02 * (0.5 - *state);
	return *state = fmax(0, fmin(1, *state));
}

/* The job: it reads, computes on two cores, fits on one, writes. `part` goes from 0 to 1. */
static double cores_at(double part)
{
	if (part < 0.08)
		return 0.35 + 0.2 * noise();
	if (part < 0.70)
		return 1.82 + 0.15 * noise();
	if (part < 0.76)
		return 0.03 * noise();
	if (part < 0.95)
		return 0.97 + 0.03 * noise();
	return 0.5 + 0.4 * noise();
}

static double rss_at(double part)
{
	double rss = 60 * MIB;

	if (part > 0.02)
		rss += fmin(1, (part - 0.02) / 0.3) * 900 * MIB;
	if (part > 0.40)
		rss += (part - 0.40) * 1100 * MIB;
	if (part > 0.95)
		rss -= 500 * MIB;
	return rss * (0.995 + 0.01 * noise());
}

/* Cumulative values of the sample run. */
static struct {
	double user;
	double system;
	double node_user;
	double node_system;
	double rchar;
	double wchar;
	double read;
	double write;
	double peak;
	double psi_cpu;
	double psi_io;
	double psi_memory;
	double others;
} sum;

static void feed_job(double t_s, double part)
{
	double cores = cores_at(part);
	double rss = rss_at(part);
	double reading = part < 0.08 ? 260 * MIB : part < 0.7 ? 22 * MIB * noise() : 40e3;

	sum.user += 0.93 * cores;
	sum.system += (part < 0.08 ? 0.5 : 0.07) * cores;
	sum.rchar += reading;
	sum.read += part < 0.08 ? reading * 0.9 : reading * 0.02;
	sum.wchar += part > 0.95 ? 90 * MIB * noise() : 20e3;
	sum.write += part > 0.95 ? 60 * MIB * noise() : 4e3;
	sum.peak = fmax(sum.peak, rss * 0.93);
	feed(JEM_KIND_metric, t_s,
	     "{\"dt_ns\":0,\"scope\":\"job\",\"values\":{\"cpu_user_s\":%.6f,\"cpu_system_s\":%.6f,"
	     "\"cpu_cores\":%.4f,\"wall_s\":%.3f,\"rss_bytes\":%.0f,\"pss_bytes\":%.0f,"
	     "\"pss_age_s\":%.1f,\"peak_rss_bytes\":%.0f,\"memory_limit_bytes\":%.0f,"
	     "\"swap_bytes\":0,\"processes\":%d,\"threads\":%d,\"open_files\":%d,"
	     "\"rchar_bytes\":%.0f,\"wchar_bytes\":%.0f,\"read_bytes\":%.0f,\"write_bytes\":%.0f,"
	     "\"major_faults\":%d,\"cgroup_usage_bytes\":%.0f}}",
	     sum.user, sum.system, cores, t_s, rss, rss * 0.88, fmod(t_s, 30), sum.peak, 2 * GIB,
	     part < 0.08 ? 3 : 4, part < 0.08 ? 3 : 7, 14 + (int)(20 * part), sum.rchar, sum.wchar,
	     sum.read, sum.write, (int)(part * 40), rss * 1.06 + 40 * MIB);
}

static void feed_node(double t_s, double part)
{
	static double others = 0.2;
	static double waiting = 0.1;
	double busy = cores_at(part) + wander(&others) * 0.8;
	double io = part < 0.08 ? 0.4 * noise() : 0.04 * wander(&waiting);

	sum.node_user += 0.9 * busy;
	sum.node_system += 0.1 * busy;
	sum.psi_cpu += fmax(0, busy - 1.9) * 0.6;
	sum.psi_io += io;
	sum.psi_memory += part > 0.9 ? 0.02 * noise() : 0;
	sum.others += 1e5 * noise();
	feed(JEM_KIND_metric, t_s,
	     "{\"dt_ns\":0,\"scope\":\"node\",\"values\":{\"cpu_user_s\":%.3f,\"cpu_system_s\":%."
	     "3f,"
	     "\"cpu_count\":4,\"load1\":%.2f,\"load5\":%.2f,\"load15\":%.2f,\"tasks_runnable\":%d,"
	     "\"memory_total_bytes\":%.0f,\"memory_available_bytes\":%.0f,"
	     "\"memory_cached_bytes\":%.0f,\"swap_used_bytes\":0,\"psi_cpu_some_s\":%.6f,"
	     "\"psi_memory_some_s\":%.6f,\"psi_memory_full_s\":0,\"psi_io_some_s\":%.6f,"
	     "\"psi_io_full_s\":%.6f,\"disk_read_bytes\":%.0f,\"disk_write_bytes\":%.0f,"
	     "\"net_receive_bytes\":%.0f,\"net_transmit_bytes\":%.0f,\"work_free_bytes\":%.0f,"
	     "\"work_total_bytes\":%.0f,\"tmp_free_bytes\":%.0f,\"tmp_total_bytes\":%.0f,"
	     "\"home_free_bytes\":%.0f,\"home_total_bytes\":%.0f}}",
	     sum.node_user, sum.node_system, busy * (0.8 + 0.2 * part), busy * 0.7, busy * 0.5,
	     (int)(busy + 2 * noise()), 8 * GIB, 8 * GIB - rss_at(part) - 1.3 * GIB,
	     1.1 * GIB + part * 600 * MIB, sum.psi_cpu, sum.psi_memory, sum.psi_io,
	     sum.psi_io * 0.6, sum.read * 1.01 + sum.others, sum.write * 1.2 + sum.others * 3,
	     sum.others * 9, sum.others * 2, 31 * GIB - sum.write, 60 * GIB, 4 * GIB - part * GIB,
	     8 * GIB, 31 * GIB - sum.write, 60 * GIB);
}

static void feed_processes(double t_s, double part)
{
	static const struct {
		int pid;
		const char *comm;
		double share;
	} processes[] = {
		{ 41873, "bash", 0.002 },
		{ 41902, "make_events.py", 0.08 },
		{ 41977, "analysis", 0.9 },
		{ 41978, "sh", 0.001 },
	};

	for (size_t i = 0; i < sizeof(processes) / sizeof(*processes); i++)
		if (!(i == 1 && part > 0.1) && !(i == 2 && part < 0.08))
			feed(JEM_KIND_metric, t_s,
			     "{\"scope\":\"process\",\"pid\":%d,\"comm\":\"%s\",\"values\":{"
			     "\"cpu_user_s\":%.3f,\"cpu_system_s\":%.3f,\"cpu_cores\":%.3f,"
			     "\"rss_bytes\":%.0f,\"peak_rss_bytes\":%.0f,\"pss_bytes\":%.0f,"
			     "\"threads\":%d,\"read_bytes\":%.0f,\"write_bytes\":%.0f}}",
			     processes[i].pid, processes[i].comm, sum.user * processes[i].share,
			     sum.system * processes[i].share, cores_at(part) * processes[i].share,
			     rss_at(part) * processes[i].share, sum.peak * processes[i].share,
			     rss_at(part) * processes[i].share * 0.88, i == 2 ? 4 : 1,
			     sum.read * processes[i].share, sum.write * processes[i].share);
}

static void feed_log(double t_s, double part, const struct plot *plot)
{
	if (part < 0.08)
		feed(JEM_KIND_log, t_s,
		     "{\"file\":\"analysis.log\",\"offset\":0,\"level\":\"info\",\"text\":"
		     "\"INFO make_events: wrote data/events-%02d.dat (48 MiB, checked)\"}",
		     (int)(part * 100));
	else
		feed(JEM_KIND_log, t_s,
		     "{\"file\":\"analysis.log\",\"offset\":0,\"text\":\"event %d: %d tracks, "
		     "chi2/ndf %.2f, selected %.1f %%\"}",
		     (int)(part * 1e6), (int)(3 + 40 * noise()), 0.8 + 0.5 * noise(), 12 + noise());
	if (plot->is_hostile)
		feed(JEM_KIND_log, t_s,
		     "{\"file\":\"../<b>.log\",\"offset\":0,\"level\":\"error\",\"rule\":"
		     "\"\\\"><script>alert(1)</script>\",\"text\":\"</script><script>alert(1)</"
		     "script>"
		     " <img src=x onerror=alert(1)> \\u001b[31mred\\u001b[0m \\u202egnp.exe\\u0000 "
		     "'\\\" &amp; ]]> %s\"}",
		     "longwordwithoutanyspacelongwordwithoutanyspacelongwordwithoutanyspace"
		     "longwordwithoutanyspacelongwordwithoutanyspacelongwordwithoutanyspace");
}

static void feed_begin(const struct plot *plot)
{
	feed(JEM_KIND_status, -0.4, "{\"state\":\"starting\",\"text\":\"the monitor is ready\"}");
	feed(JEM_KIND_status, -0.35,
	     "{\"state\":\"observing\",\"text\":\"processes found by perf task records: every "
	     "process, "
	     "also short-lived ones\",\"what\":\"processes\",\"level\":\"exact\",\"remedy\":\"\"}");
	feed(JEM_KIND_status, -0.35,
	     "{\"state\":\"observing\",\"text\":\"standard output is a terminal and is not "
	     "followed\","
	     "\"what\":\"stdout\",\"level\":\"off\",\"remedy\":\"redirect it to a file, or use "
	     "--tee\"}");
	feed(JEM_KIND_status, -0.3,
	     "{\"state\":\"environment\",\"text\":\"environment of the "
	     "job\",\"fields\":{\"system\":{"
	     "\"name\":\"Debian GNU/Linux 12 (bookworm)\",\"kernel\":\"6.1.0-32-amd64\",\"cpu\":"
	     "\"AMD EPYC 7443 24-Core Processor\",\"cores\":4,\"memory_bytes\":8589934592},"
	     "\"limits\":{\"open_files\":\"1024:1048576\",\"core\":\"0:unlimited\"},\"mounts\":{"
	     "\"work\":\"/var/lib/batch ext4 rw\",\"tmp\":\"/tmp tmpfs rw\"},\"variables\":{"
	     "\"PATH\":\"/usr/local/bin:/usr/bin:/bin\",\"LANG\":\"en_GB.UTF-8\",\"TMPDIR\":"
	     "\"/tmp\"}}}");
	feed(JEM_KIND_status, -0.2,
	     "{\"state\":\"credential\",\"text\":\"\",\"name\":\"X509_USER_PROXY\",\"remaining_s\":"
	     "39600}");
	feed(JEM_KIND_status, 0,
	     "{\"state\":\"running\",\"text\":\"the job runs\",\"pid\":41873,\"command\":\"%s\","
	     "\"folder\":\"/var/lib/batch/slot3/4711\"}",
	     plot->is_hostile ? "sh -c '<script>alert(1)</script>' \\u202e"
			      : "./run.sh --events 1000000 --output 'result file.json'");
}

/* What happens once, at its part of the run. */
static const struct {
	double part;
	bool only_failed;
	enum jem_kind kind;
	const char *record;
} events[] = {
	{ 0.31, false, JEM_KIND_log,
	  "{\"file\":\"analysis.log\",\"offset\":0,\"level\":\"warning\",\"rule\":\"slow-read\","
	  "\"text\":\"WARNING reader: events-17.dat took 4.1 s, expected 0.4 s\"}" },
	{ 0.62, false, JEM_KIND_alert,
	  "{\"rule\":\"memory-near-limit\",\"severity\":\"warning\",\"text\":\"rss_bytes is above "
	  "0.6 of the limit (1.21 of 2.00 GiB) for 30 s\",\"values\":{}}" },
	{ 0.70, false, JEM_KIND_status, "{\"state\":\"stopped\",\"text\":\"stopped by STOP\"}" },
	{ 0.76, false, JEM_KIND_status, "{\"state\":\"continued\",\"text\":\"the job goes on\"}" },
	{ 0.985, true, JEM_KIND_log,
	  "{\"file\":\"analysis.log\",\"offset\":0,\"level\":\"error\",\"rule\":\"any-error\","
	  "\"text\":\"ERROR writer: cannot write result file.json: No space left on device\"}" },
	{ 0.985, true, JEM_KIND_alert,
	  "{\"rule\":\"any-error\",\"severity\":\"critical\",\"text\":\"ERROR writer: cannot write "
	  "result file.json: No space left on device\",\"values\":{}}" },
};

/* Feeds the events between two parts. */
static void feed_events(double from, double to, const struct plot *plot)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (events[i].part >= from && events[i].part < to &&
		    (plot->has_failed || !events[i].only_failed))
			feed(events[i].kind, events[i].part * plot->samples, "%s",
			     events[i].record);
}

static void feed_end(double length, const struct plot *plot)
{
	const char *how =
		plot->has_failed
			? "\"text\":\"ended by signal 11 (SEGV), core dumped\",\"signal\":11,"
			  "\"core\":true"
			: "\"text\":\"ended with exit status 0\",\"exit_code\":0";

	if (!plot->has_ended)
		return;
	feed(JEM_KIND_status, length,
	     "{\"state\":\"ended\",%s,\"wall_s\":%.3f,\"cpu_user_s\":%.3f,\"cpu_system_s\":%.3f,"
	     "\"peak_rss_bytes\":%.0f,\"memory_limit_bytes\":%.0f,\"processes\":17}",
	     how, length, sum.user, sum.system, sum.peak, 2 * GIB);
	feed(JEM_KIND_status, length + 0.1, "{\"state\":\"monitor_ended\",\"text\":\"\"}");
}

static void set_streams(const struct plot *plot)
{
	static const enum jem_kind kinds[] = { JEM_KIND_status, JEM_KIND_metric, JEM_KIND_log,
					       JEM_KIND_alert };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct jem_model_stream stream = {
			.node = "wn-042",
			.epoch = "9f2c41d07be3a865",
			.kind = kinds[i],
			.records = model->by_kind[kinds[i]],
			.batches = model->by_kind[kinds[i]] / 2 + 1,
			.is_final = plot->has_ended,
		};

		if (plot->has_failed && kinds[i] == JEM_KIND_log) {
			stream.missing_batches = 2;
			stream.missing_records = 31;
			stream.dropped[JEM_CAUSE_queue_full] = 12;
		}
		if (jem_model_set_stream(model, &stream) < 0)
			die("memory");
	}
}

static void tell(const struct plot *plot)
{
	struct jem_identity identity = {
		.names = { "cern-prod", "aresearcher", "4711-3", "wn-042" },
	};

	if (plot->is_hostile)
		strcpy(identity.true_job, "<script>alert(1)</script>\"'\xe2\x80\xae\x01");
	jem_model_set_identity(model, &identity);
	if (!plot->samples)
		return;
	feed_begin(plot);
	for (unsigned i = 0; i < plot->samples; i++) {
		double part = (double)i / plot->samples;
		double t_s = i + 0.002 * noise();

		feed_events(part, (i + 1.0) / plot->samples, plot);
		if (part > 0.50 && part < 0.53)
			continue; /* the daemon was stopped */
		feed_job(t_s, part);
		feed_node(t_s, part);
		if (i % 5 == 0)
			feed_processes(t_s, part);
		if (i % (1 + plot->samples / 300) == 0)
			feed_log(t_s, part, plot);
	}
	if (plot->samples > 10)
		sample_calls_feed(model, T0_NS / 1000, plot->samples, plot->is_hostile);
	feed_end(plot->samples, plot);
	set_streams(plot);
}

static void make_entry(struct jem_index_entry *entry, unsigned i)
{
	static char jobs[1000][16];
	static const char *const users[] = { "aresearcher", "bstudent", "operator" };

	snprintf(jobs[i % 1000], sizeof(jobs[0]), "47%02u-%u", 11 + i / 5, i % 5);
	*entry = (struct jem_index_entry){
		.href = i ? "none/index.html" : "first/index.html",
		.site = "cern-prod",
		.user = users[i % 3],
		.job = jobs[i % 1000],
		.node = "wn-042",
		.command = "./run.sh --events 1000000 --output 'result file.json'",
		.state = i % 7 == 1 ? JEM_JOB_RUNNING : JEM_JOB_ENDED,
		.exit_code = i % 7 == 3   ? 2
			     : i % 7 == 4 ? -1
					  : 0,
		.signal = i % 7 == 4 ? 9 : -1,
		.start_ns = T0_NS - i * 600000000000ull,
		.last_ns = T0_NS,
		.wall_s = 30 + 4000 * noise(),
		.cpu_s = 30 + 4000 * noise(),
		.peak_rss_bytes = noise() * 2 * GIB,
		.memory_limit_bytes = 2 * GIB,
		.worst = i % 7 == 3 ? JEM_SEVERITY_CRITICAL : JEM_SEVERITY_NONE,
		.alerts = i % 7 == 3,
		.lost_records = i % 11 == 5 ? 17 : 0,
	};
}

static void write_index(unsigned count, int dirfd)
{
	struct jem_page_options options = { .now_ns = T0_NS + 1000000000u };
	auto_free struct jem_index_entry *entries = calloc(count, sizeof(*entries));

	if (count && !entries)
		die("memory");
	for (unsigned i = 0; i < count; i++)
		make_entry(&entries[i], i);
	errno = -jem_page_write_index(entries, count, &options, dirfd);
	if (errno > 0)
		die("index");
}

static void write_report(const struct plot *plot, int dirfd)
{
	struct jem_page_options options = {
		.now_ns = T0_NS + plot->samples * 1000000000ull + 2000000000u,
		.refresh_s = plot->has_ended ? 0 : 2,
		.index = "../index.html",
	};

	jem_json_doc_init(&doc);
	if (jem_model_create(&model) < 0)
		die("memory");
	tell(plot);
	errno = -jem_graphs_write(model, JEM_GRAPH_SVG | JEM_GRAPH_PNG | JEM_GRAPH_PDF, dirfd);
	if (errno > 0)
		die("graphs");
	errno = -jem_job_profile_csv(model, dirfd);
	if (errno > 0)
		die("profile");
	errno = -jem_page_write_job(model, &options, dirfd);
	if (errno > 0)
		die("page");
	jem_model_destroy(model);
	jem_json_doc_deinit(&doc);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 2 ? argv[2] : "ended";
	struct plot plot = {
		.has_failed = !strcmp(kind, "failed") || !strcmp(kind, "hostile"),
		.is_hostile = !strcmp(kind, "hostile"),
		.samples = argc > 3 ? (unsigned)atoi(argv[3]) : 3600,
	};
	auto_close int dirfd = -1;

	if (argc < 2) {
		fprintf(stderr,
			"usage: sample_report DIR [ended|running|failed|hostile|empty|index] "
			"[SAMPLES]\n");
		return 64;
	}
	plot.has_ended = strcmp(kind, "running") != 0;
	if (!strcmp(kind, "empty"))
		plot.samples = 0;
	if (mkdir(argv[1], 0700) < 0 && errno != EEXIST)
		die(argv[1]);
	dirfd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		die(argv[1]);
	if (!strcmp(kind, "index"))
		write_index(plot.samples, dirfd);
	else
		write_report(&plot, dirfd);
	return 0;
}
