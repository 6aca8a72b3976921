/* SPDX-License-Identifier: Apache-2.0 */
/* jem spool: what waits on disk for a broker: list it, check it, send it. */
#include "broker-client/spool/spool.h"
#include "broker-client/settings.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "daemon/batch_message.h"
#include "daemon/publisher.h"
#include "tools/tool.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
	FOLDERS_MAX = 8,
	STREAMS_MAX = 256, /* that are listed one by one */
	CLOSE_MS = 1000,
	EXIT_DAMAGED = 1
};

struct spool_options {
	uint64_t wait_s;
};

enum spool_flag {
	FLAG_WAIT
};

static const struct jem_flag flags[] = {
	[FLAG_WAIT] = { .flag = "wait",
			.argument = "SECONDS",
			.help = "send: how long to go on without a batch being taken; default 30" },
	{ 0 },
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct spool_options *options = arg;
	char *end;
	unsigned long seconds = strtoul(value, &end, 10);

	(void)flag;
	if (end == value || *end || seconds < 1 || seconds > 86400)
		return jem_err_set(err, -EINVAL, "from 1 to 86400 seconds, not \"%.32s\"", value);
	options->wait_s = seconds;
	return 0;
}

/* --- which spools --------------------------------------------------------------------------------- */

struct folders {
	char paths[FOLDERS_MAX][PATH_MAX];
	size_t count;
};

static bool is_spool(const char *path)
{
	auto_closedir DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (!strcmp(entry->d_name, "lock") || (dot && !strcmp(dot, ".seg")) ||
		    (dot && !strcmp(dot, ".ack")))
			return true;
	}
	return false;
}

static void add_folder(struct folders *folders, const char *path, const char *name)
{
	char *room;

	if (folders->count == FOLDERS_MAX)
		return;
	room = folders->paths[folders->count];
	if ((size_t)snprintf(room, PATH_MAX, "%s%s%s", path, *name ? "/" : "", name) < PATH_MAX &&
	    is_spool(room))
		folders->count++;
}

/* The folder itself, the spools in it (one per outlet), or those in its `spool` (a report's folder). */
static int find_folders(const char *path, struct folders *ret)
{
	static const char *const names[] = { "broker", "collector", "spool/broker",
					     "spool/collector" };
	auto_closedir DIR *dir = opendir(path);

	ret->count = 0;
	if (!dir) {
		log_error("%s: %s", path, strerror(errno));
		return -errno;
	}
	add_folder(ret, path, "");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		add_folder(ret, path, names[i]);
	if (ret->count)
		return 0;
	log_error("%s holds no spool: nothing waits there", path);
	return -ENOENT;
}

/* --- list and check ------------------------------------------------------------------------------- */

struct stream {
	enum jem_kind kind;
	uint64_t epoch;
	char job[JEM_NAME_MAX + 1];
	uint64_t batches, records, bytes, first, last;
};

struct listing {
	struct stream streams[STREAMS_MAX];
	size_t count;
	uint64_t batches, records, unreadable, unlisted;
};

static void on_lost(void *arg, const struct jem_frame *frame, enum jem_cause cause)
{
	struct listing *listing = arg;

	(void)cause;
	listing->unreadable++;
	printf("damaged: batch %" PRIu64 " of %s, epoch %016" PRIx64 ", %" PRIu32 " records\n",
	       frame->seq, jem_kinds[frame->kind].name, frame->epoch, frame->n);
}

static void on_trouble(void *arg, const char *text)
{
	struct listing *listing = arg;

	listing->unreadable++;
	printf("damaged: %s\n", text);
}

static struct stream *stream_of(struct listing *listing, const struct jem_frame *frame,
				const struct jem_buf *body)
{
	struct jem_batch *batch;
	struct stream *stream;

	for (size_t i = 0; i < listing->count; i++)
		if (listing->streams[i].kind == frame->kind &&
		    listing->streams[i].epoch == frame->epoch)
			return &listing->streams[i];
	if (listing->count == STREAMS_MAX)
		return NULL;
	stream = &listing->streams[listing->count++];
	*stream = (struct stream){
		.kind = frame->kind, .epoch = frame->epoch, .job = "?", .first = frame->seq
	};
	if (jem_batch_of_body(frame->kind, body->data, body->len, &batch, NULL) >= 0) {
		snprintf(stream->job, sizeof(stream->job), "%s", batch->head.source.names.job);
		free(batch);
	}
	return stream;
}

static void read_lane(struct jem_spool *spool, enum jem_lane lane, struct listing *listing)
{
	struct jem_frame frame;
	struct jem_buf body;
	uint64_t from = 0;

	jem_buf_init(&body, 0);
	for (; jem_spool_next(spool, lane, from, &frame, &body) > 0; from = frame.id + 1) {
		struct stream *stream = stream_of(listing, &frame, &body);

		listing->batches++;
		listing->records += frame.n;
		if (!stream) {
			listing->unlisted++;
			continue;
		}
		stream->batches++;
		stream->records += frame.n;
		stream->bytes += frame.len;
		stream->last = frame.seq;
	}
	jem_buf_deinit(&body);
}

static void print_listing(const char *path, const struct jem_spool *spool,
			  const struct listing *listing)
{
	struct jem_spool_size size = jem_spool_size(spool);
	time_t oldest = (time_t)(size.oldest_us / 1000000);
	struct tm tm;
	char when[32] = "-";

	if (size.oldest_us && localtime_r(&oldest, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%s: %" PRIu64 " batches, %" PRIu64 " records, %.1f MB on disk, oldest %s\n", path,
	       listing->batches, listing->records, (double)size.bytes / 1e6, when);
	for (size_t i = 0; i < listing->count; i++) {
		const struct stream *stream = &listing->streams[i];

		printf("  %-8s epoch %016" PRIx64 "  job %s  batches %" PRIu64 "  records %" PRIu64
		       "  seq %" PRIu64 " to %" PRIu64 "\n",
		       jem_kinds[stream->kind].name, stream->epoch, stream->job, stream->batches,
		       stream->records, stream->first, stream->last);
	}
	if (listing->unlisted)
		printf("  and %" PRIu64 " batches of more streams\n", listing->unlisted);
}

/* 0, EXIT_DAMAGED, or EX_NOINPUT. */
static int look(const char *path, bool is_check)
{
	struct listing listing = { .count = 0 };
	const struct jem_spool_options options = { .dir = path,
						   .is_read_only = true,
						   .on_lost = on_lost,
						   .on_trouble = on_trouble,
						   .arg = &listing };
	struct jem_spool *spool;
	struct jem_err err;

	if (jem_spool_open(&options, &spool, &err) < 0) {
		log_error("%s", err.text);
		return EX_NOINPUT;
	}
	for (int lane = 0; lane < JEM_LANE_COUNT; lane++)
		read_lane(spool, (enum jem_lane)lane, &listing);
	if (is_check)
		printf("%s: %" PRIu64 " batches whole, %" PRIu64 " faults\n", path, listing.batches,
		       listing.unreadable);
	else
		print_listing(path, spool, &listing);
	jem_spool_close(spool);
	return listing.unreadable ? EXIT_DAMAGED : EXIT_SUCCESS;
}

/* --- send ------------------------------------------------------------------------------------------ */

struct sending {
	uv_loop_t loop;
	uv_timer_t patience;
	uv_signal_t signals[2];
	struct jem_publisher *publisher; /* owned; NULL once it closes */
	uint64_t wait_s;
	uint64_t out; /* when the timer looked last */
	uint64_t held;
	uint64_t refused; /* by the broker, for good */
	uint64_t damaged;
	uint64_t progress_ns;
	const char *path;
};

static void on_send_lost(void *arg, const struct jem_head *head, enum jem_cause cause)
{
	(void)arg;
	log_warning("lost: batch %" PRIu64 " of %s, epoch %s: %s", head->seq,
		    jem_kinds[head->kind].name, head->epoch, jem_causes[cause]);
}

static void on_send_closed(void *arg)
{
	struct sending *sending = arg;

	uv_close((uv_handle_t *)&sending->patience, NULL);
	for (size_t i = 0; i < sizeof(sending->signals) / sizeof(*sending->signals); i++)
		uv_close((uv_handle_t *)&sending->signals[i], NULL);
}

static void end_sending(struct sending *sending)
{
	struct jem_publisher *publisher = sending->publisher;
	const struct jem_account *account;

	if (!publisher)
		return;
	sending->publisher = NULL;
	account = jem_publisher_account(publisher);
	sending->out = account->out;
	sending->held = account->held;
	sending->refused = account->dropped[JEM_CAUSE_rejected];
	sending->damaged = jem_account_dropped(account) - sending->refused;
	jem_publisher_close(publisher, CLOSE_MS, on_send_closed);
}

static void on_send_state(void *arg, bool is_connected, const char *text)
{
	const struct sending *sending = arg;

	if (is_connected)
		log_info("sending %s to %s", sending->path, text);
	else
		log_warning("%s", text);
}

static void on_sent(void *arg)
{
	end_sending(arg);
}

static void on_patience(uv_timer_t *timer)
{
	struct sending *sending = timer->data;
	uint64_t now = jem_now_ns();
	uint64_t out;

	if (!sending->publisher)
		return;
	out = jem_publisher_account(sending->publisher)->out;
	if (out != sending->out)
		sending->progress_ns = now;
	sending->out = out;
	if (jem_publisher_is_drained(sending->publisher) ||
	    now - sending->progress_ns > sending->wait_s * 1000000000ull)
		end_sending(sending);
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	end_sending(handle->data);
}

static void watch(struct sending *sending)
{
	static const int numbers[] = { SIGTERM, SIGINT };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < 2; i++) {
		uv_signal_init(&sending->loop, &sending->signals[i]);
		sending->signals[i].data = sending;
		uv_signal_start(&sending->signals[i], on_signal, numbers[i]);
	}
	uv_timer_init(&sending->loop, &sending->patience);
	sending->patience.data = sending;
	uv_timer_start(&sending->patience, on_patience, 0, 200);
}

/* It was never begun. */
static void on_unsent_closed(void *arg)
{
	(void)arg;
}

static int send_spool(const struct jem_tool_args *args, const char *path)
{
	const struct spool_options *own = args->options;
	const char *urls[16];
	struct sending sending = { .path = path, .wait_s = own->wait_s ? own->wait_s : 30 };
	struct jem_publisher_options options = {
		.loop = &sending.loop,
		.urls = urls,
		.access = jem_broker_access(args->config),
		.spool = { .dir = path },
		.on_lost = on_send_lost,
		.on_state = on_send_state,
		.on_drained = on_sent,
		.arg = &sending,
	};
	struct jem_err err = { "" };

	while (options.url_count < 16 &&
	       options.url_count < jem_config_list_size(args->config, JEM_OPTION_broker_url)) {
		urls[options.url_count] =
			jem_config_list_at(args->config, JEM_OPTION_broker_url, options.url_count);
		options.url_count++;
	}
	uv_loop_init(&sending.loop);
	if (jem_publisher_create(&options, &sending.publisher, &err) < 0) {
		log_error("%s", err.text);
		uv_loop_close(&sending.loop);
		return EX_CONFIG;
	}
	if (!jem_publisher_spool(sending.publisher)) {
		log_error("%s", jem_publisher_spool_fault(sending.publisher));
		jem_publisher_close(sending.publisher, 0, on_unsent_closed);
		uv_run(&sending.loop, UV_RUN_DEFAULT);
		uv_loop_close(&sending.loop);
		return EX_NOINPUT;
	}
	sending.progress_ns = jem_now_ns();
	watch(&sending);
	uv_run(&sending.loop, UV_RUN_DEFAULT);
	uv_loop_close(&sending.loop);
	printf("%s: %" PRIu64 " batches sent, %" PRIu64 " left", path, sending.out, sending.held);
	if (sending.refused)
		printf(", %" PRIu64 " refused by the broker", sending.refused);
	if (sending.damaged)
		printf(", %" PRIu64 " damaged", sending.damaged);
	putchar('\n');
	if (sending.held)
		return EX_UNAVAILABLE;
	return sending.refused || sending.damaged ? EXIT_DAMAGED : EXIT_SUCCESS;
}

/* The folder around the spools goes with the last of them. */
static void leave_folder(const char *path)
{
	char inner[PATH_MAX];

	if ((size_t)snprintf(inner, sizeof(inner), "%s/spool", path) < sizeof(inner))
		rmdir(inner);
	rmdir(path);
}

static int run(const struct jem_tool_args *args)
{
	const char *verb = args->words[0];
	bool is_send = !strcmp(verb, "send");
	struct folders folders;
	int worst = EXIT_SUCCESS;

	if (!is_send && strcmp(verb, "list") != 0 && strcmp(verb, "check") != 0) {
		log_error("\"%s\" is none of list, check and send", verb);
		return EX_USAGE;
	}
	if (is_send && !jem_config_list_size(args->config, JEM_OPTION_broker_url)) {
		log_error("no broker to send to; name one by --broker URL");
		return EX_USAGE;
	}
	if (find_folders(args->words[1], &folders) < 0)
		return EX_NOINPUT;
	for (size_t i = 0; i < folders.count; i++) {
		int status = is_send ? send_spool(args, folders.paths[i])
				     : look(folders.paths[i], !strcmp(verb, "check"));

		worst = status > worst ? status : worst;
	}
	if (is_send)
		leave_folder(args->words[1]);
	return worst;
}

const struct jem_tool jem_tool_spool = {
	.name = "spool",
	.usage = "Usage: jem spool list|check|send [OPTION]... DIR\n"
		 "What waits on disk for a broker: lists it, checks that it is whole, or sends "
		 "it.\n",
	.programs = JEM_FOR_CLIENT,
	.flags = flags,
	.options_size = sizeof(struct spool_options),
	.on_flag = on_flag,
	.words_min = 2,
	.words_max = 2,
	.run = run,
};
