/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_spool: any bytes as the only segment of a spool; it opens, reads to the end and takes more. */
#include "broker-client/spool/spool.h"
#include "common/cleanup.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(const char *dir, const char *name, const uint8_t *data, size_t size)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

static void read_all(struct jem_spool *spool)
{
	struct jem_frame frame;
	struct jem_buf body;
	uint64_t from = 0;

	jem_buf_init(&body, 0);
	while (jem_spool_next(spool, JEM_LANE_HUMAN, from, &frame, &body) > 0) {
		if (frame.id < from || body.len != frame.len)
			abort();
		from = frame.id + 1;
	}
	jem_buf_deinit(&body);
}

static void remove_folder(const char *dir)
{
	auto_closedir DIR *stream = opendir(dir);
	struct dirent *entry;

	while (stream && (entry = readdir(stream)))
		unlinkat(dirfd(stream), entry->d_name, 0);
	rmdir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "/tmp/fuzz-spool-XXXXXX";
	struct jem_head head = { .kind = JEM_KIND_log, .epoch = "0000000000000001" };
	struct jem_spool_options options = { .dir = dir, .max_bytes = 1 << 20 };
	struct jem_spool *spool;
	size_t acked = size ? data[0] : 0;
	uint64_t id;

	if (!mkdtemp(dir))
		abort();
	/* The first byte says how much of the rest is the file of what is acked. */
	if (acked > size)
		acked = size;
	put(dir, "human.ack", data, acked);
	put(dir, "human-0000000000000001.seg", data + acked, size - acked);
	if (jem_spool_open(&options, &spool, NULL) < 0)
		abort();
	read_all(spool);
	if (jem_spool_append(spool, &head, "x", 1, &id) < 0)
		abort();
	for (uint64_t i = jem_spool_oldest(spool, JEM_LANE_HUMAN); i <= id && i + 100000 > id; i++)
		jem_spool_ack(spool, JEM_LANE_HUMAN, i);
	options.max_age_us = 1;
	jem_spool_tick(spool, UINT64_MAX);
	jem_spool_close(spool);
	remove_folder(dir);
	return 0;
}
