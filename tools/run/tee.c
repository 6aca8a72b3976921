/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/tee.h"

#include "tools/run/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CHUNK = 64 << 10
};

/* What the copier tells: one of these and the stream's digit. */
enum {
	TOLD_CLOSED = 'c', /* the stream is over, or nobody reads it any more */
	TOLD_FULL = 'f',   /* the copy cannot be written any more */
	TOLD_DRAINED = 'd'
};

void jem_tee_init(struct jem_tee *tee)
{
	memset(tee, 0, sizeof(*tee));
	for (int i = 0; i < JEM_TEE_STREAMS; i++)
		tee->streams[i].out = tee->streams[i].in = tee->streams[i].copy = -1;
	tee->given[0] = tee->given[1] = tee->control = -1;
	tee->is_drained = true;
}

static void close_stream(struct jem_tee_stream *stream)
{
	jem_fd_close(&stream->out);
	jem_fd_close(&stream->in);
	jem_fd_close(&stream->copy);
}

void jem_tee_deinit(struct jem_tee *tee)
{
	for (int i = 0; i < JEM_TEE_STREAMS; i++)
		close_stream(&tee->streams[i]);
	jem_fd_close(&tee->given[0]);
	jem_fd_close(&tee->given[1]);
	jem_fd_close(&tee->control);
	tee->is_drained = true;
}

static bool is_over(const struct jem_tee *tee)
{
	return tee->streams[0].in < 0 && tee->streams[1].in < 0;
}

static int open_stream(struct jem_tee_stream *stream, int fd, const struct jem_run_folder *folder,
		       const char *name, int *given)
{
	int ends[2];
	int rc = jem_fd_pipe(ends);

	if (rc < 0)
		return rc;
	stream->in = ends[0];
	*given = ends[1];
	stream->out = jem_fd_raise(dup(fd));
	rc = openat(folder->fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	stream->copy = rc < 0 ? -errno : jem_fd_raise(rc);
	snprintf(stream->path, PATH_MAX, "%.*s/%s", PATH_MAX - 32, folder->path, name);
	return stream->out < 0 ? -EMFILE : stream->copy < 0 ? stream->copy : 0;
}

int jem_tee_prepare(struct jem_tee *tee, const struct jem_run_folder *folder, uint64_t max_bytes)
{
	static const char *const names[] = { "memory_stdout.log", "memory_stderr.log" };
	struct stat st[2];
	int rc = 0;

	tee->max_bytes = max_bytes;
	for (int i = 0; i < 2 && rc == 0; i++) {
		if (fstat(i + 1, &st[i]) < 0) {
			st[i].st_mode = S_IFREG; /* closed: it stays closed */
			continue;
		}
		if (S_ISREG(st[i].st_mode))
			continue;
		if (i == 1 && tee->given[0] >= 0 && st[0].st_dev == st[1].st_dev &&
		    st[0].st_ino == st[1].st_ino) {
			tee->given[1] = jem_fd_raise(dup(tee->given[0]));
			tee->is_shared = true;
			continue;
		}
		rc = open_stream(&tee->streams[i], i + 1, folder, names[i], &tee->given[i]);
	}
	if (rc < 0)
		jem_tee_deinit(tee);
	return rc;
}

const char *jem_tee_copy(const struct jem_tee *tee, int stream)
{
	const struct jem_tee_stream *from = &tee->streams[tee->is_shared ? 0 : stream];

	return from->in >= 0 ? from->path : NULL;
}

/* Everything, however the other side behaves. -EPIPE and the like: nobody will read it. */
static int write_whole(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			poll(&wait, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return -errno;
		} else if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

struct copier {
	struct jem_tee *tee;
	int control;
	bool is_draining;
	int left[JEM_TEE_STREAMS]; /* what the job had written when it ended, not yet passed on */
};

static void tell(struct copier *copier, char what, int stream)
{
	char text[2] = { what, (char)('0' + stream) };

	(void)send(copier->control, text, 2, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void keep_copy(struct copier *copier, int i, const char *bytes, size_t len)
{
	struct jem_tee_stream *stream = &copier->tee->streams[i];
	struct stat st;

	if (stream->copy < 0)
		return;
	if (fstat(stream->copy, &st) == 0 && (uint64_t)st.st_size + len <= copier->tee->max_bytes &&
	    write_whole(stream->copy, bytes, len) == 0)
		return;
	jem_fd_close(&stream->copy);
	tell(copier, TOLD_FULL, i);
}

static void copy_some(struct copier *copier, int i)
{
	static char bytes[CHUNK];
	struct jem_tee_stream *stream = &copier->tee->streams[i];
	size_t want = sizeof(bytes);
	ssize_t n = read(stream->in, bytes, want);

	if (n < 0 && errno == EINTR)
		return;
	if (n > 0 && write_whole(stream->out, bytes, (size_t)n) == 0) {
		keep_copy(copier, i, bytes, (size_t)n);
		copier->left[i] -= (int)n;
		return;
	}
	close_stream(stream);
	copier->left[i] = 0;
	tell(copier, TOLD_CLOSED, i);
}

static void begin_to_drain(struct copier *copier)
{
	char order;

	if (recv(copier->control, &order, 1, 0) <= 0) {
		jem_fd_close(&copier->control); /* the launcher is gone; descendants may write on */
		return;
	}
	copier->is_draining = true;
	for (int i = 0; i < JEM_TEE_STREAMS; i++)
		if (copier->tee->streams[i].in < 0 ||
		    ioctl(copier->tee->streams[i].in, FIONREAD, &copier->left[i]) < 0)
			copier->left[i] = 0;
}

static _Noreturn void be_copier(struct jem_tee *tee, int control)
{
	struct copier copier = { .tee = tee, .control = control };
	struct jem_tee_stream *streams = tee->streams;

	for (;;) {
		struct pollfd wait[] = {
			{ .fd = streams[0].in, .events = POLLIN },
			{ .fd = streams[1].in, .events = POLLIN },
			{ .fd = copier.control, .events = POLLIN },
		};

		if (copier.is_draining && copier.left[0] <= 0 && copier.left[1] <= 0) {
			copier.is_draining = false;
			tell(&copier, TOLD_DRAINED, 0);
		}
		if (is_over(tee))
			_exit(0);
		if (poll(wait, 3, -1) < 0)
			continue;
		for (int i = 0; i < JEM_TEE_STREAMS; i++)
			if (wait[i].revents)
				copy_some(&copier, i);
		if (wait[2].revents)
			begin_to_drain(&copier);
	}
}

void jem_tee_start(struct jem_tee *tee)
{
	struct jem_tee_stream *streams = tee->streams;
	int ends[2];

	jem_fd_close(&tee->control);
	if (is_over(tee) || jem_fd_socketpair(ends) < 0)
		return;
	tee->is_drained = false;
	tee->copier = fork();
	if (tee->copier == 0) {
		int keep[] = { streams[0].in,  streams[0].out,  streams[0].copy, streams[1].in,
			       streams[1].out, streams[1].copy, ends[1] };

		setsid();
		prctl(PR_SET_NAME, "jem-tee");
		jem_fd_close_others(keep, sizeof(keep) / sizeof(*keep));
		be_copier(tee, ends[1]);
	}
	close(ends[1]);
	tee->control = ends[0];
	if (tee->copier < 0) {
		tee->copier = 0;
		jem_fd_close(&tee->control);
	} else if (tee->is_draining) {
		(void)send(tee->control, "d", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

void jem_tee_copier_died(struct jem_tee *tee)
{
	tee->copier = 0;
}

bool jem_tee_wants_copier(const struct jem_tee *tee)
{
	return !tee->copier && !tee->is_drained && !is_over(tee);
}

void jem_tee_listen(struct jem_tee *tee, struct jem_voice *voice)
{
	char text[2];
	ssize_t n;

	while ((n = recv(tee->control, text, sizeof(text), MSG_DONTWAIT)) == 2) {
		struct jem_tee_stream *stream = &tee->streams[text[1] == '1'];

		if (text[0] == TOLD_CLOSED)
			close_stream(stream);
		else if (text[0] == TOLD_DRAINED)
			tee->is_drained = true;
		else if (text[0] == TOLD_FULL) {
			jem_fd_close(&stream->copy);
			jem_voice_fault(voice, "the copy %s is full and ends here", stream->path);
		}
	}
	if (n == 0)
		jem_fd_close(&tee->control);
	if (is_over(tee))
		tee->is_drained = true;
}

void jem_tee_drain(struct jem_tee *tee)
{
	tee->is_draining = true;
	if (!tee->is_drained && tee->control >= 0)
		(void)send(tee->control, "d", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}
