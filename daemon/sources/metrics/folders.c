/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/folders.h"

#include "common/cleanup.h"
#include "common/clock.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/statvfs.h>

enum {
	WORKER_STACK = 256 << 10,
};
static const uint64_t STUCK_NS = 2000000000;  /* this long in one statvfs: serve the others */
static const uint64_t GOODBYE_NS = 200000000; /* for workers that are not stuck to end */

struct folder {
	char *path;       /* owned; NULL: none */
	uint64_t busy_ns; /* since when a worker is in its statvfs, 0: none is */
	struct jem_space space;
};

struct jem_folders {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned refs;     /* the owner and every living worker */
	unsigned worker;   /* the serving one's number; earlier ones end when they come back */
	uint64_t kicks;    /* asked for */
	uint64_t finished; /* the kick that was last served whole */
	uint64_t busy_ns;  /* since when the serving worker is in one statvfs, 0: it is not */
	bool is_ending;
	size_t count;
	struct folder folders[];
};

struct worker {
	struct jem_folders *shared;
	unsigned number;
};

static void free_shared(struct jem_folders *shared)
{
	for (size_t i = 0; i < shared->count; i++)
		free(shared->folders[i].path);
	pthread_cond_destroy(&shared->changed);
	pthread_mutex_destroy(&shared->mutex);
	free(shared);
}

/* Leaves with the mutex held; the last one out frees. */
static void leave(struct jem_folders *shared)
{
	bool is_last = !--shared->refs;

	pthread_cond_broadcast(&shared->changed);
	pthread_mutex_unlock(&shared->mutex);
	if (is_last)
		free_shared(shared);
}

static struct jem_space look(const char *path)
{
	struct statvfs fs;

	if (statvfs(path, &fs) < 0)
		return (struct jem_space){ .is_known = false };
	return (struct jem_space){
		.is_known = true,
		.free_bytes = (double)fs.f_bavail * (double)fs.f_frsize,
		.total_bytes = (double)fs.f_blocks * (double)fs.f_frsize,
		.free_inodes = fs.f_files ? (double)fs.f_favail : NAN,
	};
}

/* One round, with the mutex held but while looking. Ends early when another worker took over. */
static void serve(struct jem_folders *shared, unsigned number)
{
	uint64_t kick = shared->kicks;

	for (size_t i = 0; i < shared->count && number == shared->worker; i++) {
		struct folder *folder = &shared->folders[i];
		struct jem_space space;

		if (!folder->path || folder->busy_ns)
			continue;
		shared->busy_ns = folder->busy_ns = jem_now_ns();
		pthread_mutex_unlock(&shared->mutex);
		space = look(folder->path);
		pthread_mutex_lock(&shared->mutex);
		folder->busy_ns = 0;
		folder->space = space;
	}
	if (number != shared->worker)
		return;
	shared->busy_ns = 0;
	shared->finished = kick;
	pthread_cond_broadcast(&shared->changed);
}

static void *run_worker(void *arg)
{
	struct worker worker = *(struct worker *)arg;
	struct jem_folders *shared = worker.shared;

	free(arg);
	pthread_mutex_lock(&shared->mutex);
	while (!shared->is_ending && worker.number == shared->worker) {
		if (shared->finished == shared->kicks)
			pthread_cond_wait(&shared->changed, &shared->mutex);
		else
			serve(shared, worker.number);
	}
	leave(shared);
	return NULL;
}

/* With the mutex held. */
static int start_worker(struct jem_folders *shared)
{
	struct worker *worker = malloc(sizeof(*worker));
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int r;

	if (!worker)
		return -ENOMEM;
	*worker = (struct worker){ .shared = shared, .number = shared->worker + 1 };
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WORKER_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &attr, run_worker, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (r) {
		free(worker);
		return -r;
	}
	shared->worker++;
	shared->refs++;
	shared->busy_ns = 0;
	return 0;
}

int jem_folders_create(const char *const *paths, size_t count, struct jem_folders **ret)
{
	struct jem_folders *shared = calloc(1, sizeof(*shared) + count * sizeof(*shared->folders));
	pthread_condattr_t attr;

	if (!shared)
		return -ENOMEM;
	pthread_mutex_init(&shared->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&shared->changed, &attr);
	pthread_condattr_destroy(&attr);
	shared->refs = 1;
	shared->count = count;
	for (size_t i = 0; i < count; i++) {
		if (!paths[i])
			continue;
		shared->folders[i].path = strdup(paths[i]);
		if (!shared->folders[i].path) {
			free_shared(shared);
			return -ENOMEM;
		}
	}
	*ret = shared;
	return 0;
}

/* Waits, with the mutex held, for `is_done`, at most `wait_ns`. */
static void wait_for(struct jem_folders *shared, bool (*is_done)(const struct jem_folders *),
		     uint64_t wait_ns)
{
	uint64_t until = jem_now_ns() + wait_ns;
	struct timespec deadline = { .tv_sec = (time_t)(until / 1000000000),
				     .tv_nsec = (long)(until % 1000000000) };

	while (!is_done(shared) &&
	       pthread_cond_timedwait(&shared->changed, &shared->mutex, &deadline) != ETIMEDOUT)
		continue;
}

static bool is_alone(const struct jem_folders *shared)
{
	return shared->refs == 1;
}

static bool is_served(const struct jem_folders *shared)
{
	return shared->finished == shared->kicks;
}

static bool is_stuck(const struct jem_folders *shared)
{
	return shared->busy_ns && jem_now_ns() - shared->busy_ns > STUCK_NS;
}

void jem_folders_destroy(struct jem_folders *shared)
{
	if (!shared)
		return;
	pthread_mutex_lock(&shared->mutex);
	shared->is_ending = true;
	pthread_cond_broadcast(&shared->changed);
	wait_for(shared, is_alone, GOODBYE_NS);
	leave(shared);
}

void jem_folders_kick(struct jem_folders *shared)
{
	if (!shared)
		return;
	pthread_mutex_lock(&shared->mutex);
	shared->kicks++;
	/* No worker yet, or one that will not come back soon. Failing to start is tried again. */
	if (!shared->worker || is_stuck(shared))
		(void)start_worker(shared);
	pthread_cond_broadcast(&shared->changed);
	pthread_mutex_unlock(&shared->mutex);
}

void jem_folders_wait(struct jem_folders *shared, uint64_t wait_ns)
{
	pthread_mutex_lock(&shared->mutex);
	if (!is_stuck(shared))
		wait_for(shared, is_served, wait_ns);
	pthread_mutex_unlock(&shared->mutex);
}

void jem_folders_read(struct jem_folders *shared, size_t i, struct jem_space *ret)
{
	const struct folder *folder = &shared->folders[i];

	pthread_mutex_lock(&shared->mutex);
	*ret = folder->space;
	if (folder->busy_ns && jem_now_ns() - folder->busy_ns > STUCK_NS)
		ret->is_known = false;
	pthread_mutex_unlock(&shared->mutex);
}
