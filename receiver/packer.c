/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/packer.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct work {
	uv_work_t request;
	struct jem_packer *packer; /* borrowed: it waits for us */
	struct work *next;
	int folder; /* owned */
	char name[NAME_MAX + 1];
	jem_pack_fn on_done; /* NULL: nobody waits for it any more */
	bool is_cancelled;
	void *arg; /* borrowed */
	struct jem_pack_result result;
};

struct jem_packer {
	uv_loop_t *loop;      /* borrowed, outlives us */
	struct work *running; /* owned */
	struct work *first;   /* owned, waiting */
	struct work **last;
	bool is_closing;
};

static void start_next(struct jem_packer *packer);

int jem_packer_create(uv_loop_t *loop, struct jem_packer **ret)
{
	struct jem_packer *packer = calloc(1, sizeof(*packer));

	if (!packer)
		return -ENOMEM;
	packer->loop = loop;
	packer->last = &packer->first;
	*ret = packer;
	return 0;
}

static void work_free(struct work *work)
{
	close(work->folder);
	free(work);
}

static void drop_waiting(struct jem_packer *packer, const void *arg)
{
	struct work **at = &packer->first;

	while (*at) {
		struct work *work = *at;

		if (arg && work->arg != arg) {
			at = &work->next;
			continue;
		}
		*at = work->next;
		work_free(work);
	}
	packer->last = at;
}

void jem_packer_forget(struct jem_packer *packer, const void *arg)
{
	drop_waiting(packer, arg);
	if (packer->running && packer->running->arg == arg)
		packer->running->on_done = NULL;
}

void jem_packer_cancel(struct jem_packer *packer, const void *arg)
{
	jem_packer_forget(packer, arg);
	if (packer->running && packer->running->arg == arg)
		packer->running->is_cancelled = true;
}

void jem_packer_close(struct jem_packer *packer)
{
	if (!packer)
		return;
	drop_waiting(packer, NULL);
	packer->is_closing = true;
	if (packer->running)
		packer->running->on_done = NULL;
	else
		free(packer);
}

/* In the pool's thread. */
static void on_work(uv_work_t *request)
{
	struct work *work = request->data;

	jem_pack_compress(work->folder, work->name, &work->result);
}

/* In the loop, so that a segment is never replaced while somebody there removes it. */
static void put_in_place(struct work *work)
{
	if (work->result.status == 0 && !work->is_cancelled)
		work->result.status = jem_pack_replace(work->folder, work->name);
	else
		jem_pack_discard(work->folder, work->name);
}

static void on_worked(uv_work_t *request, int status)
{
	struct work *work = request->data;
	struct jem_packer *packer = work->packer;

	if (status < 0)
		work->result.status = status;
	put_in_place(work);
	if (work->on_done)
		work->on_done(work->arg, &work->result);
	packer->running = NULL;
	work_free(work);
	if (packer->is_closing)
		free(packer);
	else
		start_next(packer);
}

static void start_next(struct jem_packer *packer)
{
	struct work *work = packer->first;

	if (packer->running || !work)
		return;
	packer->first = work->next;
	if (!packer->first)
		packer->last = &packer->first;
	packer->running = work;
	uv_queue_work(packer->loop, &work->request, on_work, on_worked);
}

int jem_packer_add(struct jem_packer *packer, int folder, const char *name, jem_pack_fn on_done,
		   void *arg)
{
	struct work *work = calloc(1, sizeof(*work));

	if (!work)
		return -ENOMEM;
	work->folder = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	if (work->folder < 0) {
		int status = -errno;

		free(work);
		return status;
	}
	work->request.data = work;
	work->packer = packer;
	work->on_done = on_done;
	work->arg = arg;
	strncpy(work->name, name, sizeof(work->name) - 1);
	*packer->last = work;
	packer->last = &work->next;
	start_next(packer);
	return 0;
}
