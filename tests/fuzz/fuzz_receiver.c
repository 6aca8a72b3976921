/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_receiver: any messages into a receiver. Whatever they say, nothing outside its folder changes
 * (links that lead out of it are planted in it), every ticket is settled once, the account of batches
 * is balanced, and what is in the folder are files of ours that can be read again.
 *
 * An input is a byte of flags and messages: length and bytes of the topic, of the content-encoding
 * and of the message id (a byte of length each), then of the body (two bytes, little-endian).
 */
#include "common/cleanup.h"
#include "common/log.h"
#include "receiver/receiver.h"
#include "receiver/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SINGLE = 1, /* the folder is that of one job */
	LIVE = 2,
	TWICE = 4, /* closed in between, and opened again on the same folder */
	MESSAGES_MAX = 64,
};

struct input {
	const uint8_t *at;
	const uint8_t *end;
};

struct world {
	char root[200]; /* out/ and outside/ are in it */
	int fd;         /* owned; of root, for good */
	uv_loop_t loop;
	struct jem_config *config;
	struct jem_receiver *receiver;
	unsigned settled[MESSAGES_MAX];
	uint64_t tickets;
};

static struct world world;

static void must(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "fuzz_receiver: %s\n", what);
	abort();
}

/* The world */

static void make_file(const char *name, const char *text)
{
	int fd = openat(world.fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "no file");
	close(fd);
}

/* Folders that a name from the network could mean, and links that lead out of them. */
static void plant(void)
{
	static const char *const folders[] = { "out",
					       "out/site",
					       "out/site/user",
					       "out/site/user/linked",
					       "out/site/user/linked/data",
					       "out/data" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		must(mkdirat(world.fd, folders[i], 0700) == 0, "no folder");
	must(symlinkat("../outside", world.fd, "out/away") == 0 &&
		     symlinkat("../../outside", world.fd, "out/site/away") == 0 &&
		     symlinkat("../../../outside", world.fd, "out/site/user/away") == 0 &&
		     symlinkat("../../../../../outside/file", world.fd,
			       "out/site/user/linked/data/log.jsonl") == 0 &&
		     symlinkat("../../../../outside/file", world.fd,
			       "out/site/user/linked/job.log") == 0 &&
		     symlinkat("../../outside/file", world.fd, "out/data/call.cbors.zst") == 0,
	     "no link");
}

static void remove_all(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			remove_all(fd, entry->d_name);
	if (dir)
		closedir(dir);
	unlinkat(parent, name, dir ? AT_REMOVEDIR : 0);
}

static void remove_world(void)
{
	uv_loop_close(&world.loop);
	uv_library_shutdown();
	jem_config_destroy(world.config);
	close(world.fd);
	remove_all(AT_FDCWD, world.root);
}

static void make_world(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(world.root, sizeof(world.root), "%.150s/fuzz-receiver-XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(world.root) != NULL, "no temporary folder");
	world.fd = open(world.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(world.fd >= 0 && mkdirat(world.fd, "outside", 0700) == 0, "no temporary folder");
	make_file("outside/file", "this stays");
	must(uv_loop_init(&world.loop) == 0 && jem_config_create(&world.config) == 0, "no memory");
	must(jem_config_set(world.config, JEM_RANK_COMMAND_LINE, "fuzz", "report", "max_bytes",
			    "1MiB", NULL) == 0,
	     "the setting");
	jem_log_threshold = JEM_LOG_ERROR;
	atexit(remove_world);
}

/* Checks */

static unsigned count_entries(const char *name)
{
	int fd = openat(world.fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_closedir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	return count;
}

static void check_outside(void)
{
	static struct stat file_before;
	static struct stat folder_before;
	struct stat file;
	struct stat folder;

	must(fstatat(world.fd, "outside/file", &file, AT_SYMLINK_NOFOLLOW) == 0 &&
		     fstatat(world.fd, "outside", &folder, AT_SYMLINK_NOFOLLOW) == 0,
	     "what is outside is gone");
	if (!file_before.st_ino) {
		file_before = file;
		folder_before = folder;
	}
	must(file.st_ino == file_before.st_ino && file.st_size == file_before.st_size &&
		     !memcmp(&file.st_mtim, &file_before.st_mtim, sizeof(file.st_mtim)) &&
		     !memcmp(&file.st_ctim, &file_before.st_ctim, sizeof(file.st_ctim)),
	     "a file outside has changed");
	must(!memcmp(&folder.st_mtim, &folder_before.st_mtim, sizeof(folder.st_mtim)),
	     "a folder outside has changed");
	must(count_entries(".") == 4, "something is beside the folder");
}

/* What was written can be read again, to the last byte. */
static void check_data(int folder)
{
	auto_close int data =
		openat(folder, "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_replay struct jem_replay *replay = NULL;
	struct jem_replay_record record;
	int status;

	if (data < 0 || jem_replay_open(data, JEM_KIND_MASK_ALL, 0, &replay) < 0)
		return;
	while ((status = jem_replay_next(replay, &record)) > 0)
		;
	must(status == 0 || status == -ELOOP, "what was written cannot be read");
	must(jem_replay_damaged(replay) == 0, "what was written is damaged");
}

/* Every name is one of ours, every file of the mode that it should have. */
static void check_inside(int folder)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_closedir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	must(dir != NULL, "a folder that cannot be read");
	check_data(folder);
	while ((entry = readdir(dir))) {
		auto_close int inner = -1;
		struct stat st;

		if (entry->d_name[0] == '.' && strspn(entry->d_name, ".") == strlen(entry->d_name))
			continue;
		must(strspn(entry->d_name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					   "0123456789_-.") == strlen(entry->d_name),
		     "a name that is none");
		must(fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0, "a name");
		if (S_ISREG(st.st_mode))
			must((st.st_mode & 0777) == 0600, "a file for others");
		if (!S_ISDIR(st.st_mode))
			continue;
		must((st.st_mode & 0777) == 0700, "a folder for others");
		inner = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		check_inside(inner);
	}
}

/* Messages */

static struct jem_slice take(struct input *input, unsigned length_bytes)
{
	struct jem_slice slice = { (const char *)input->at, 0 };
	size_t len = 0;

	for (unsigned i = 0; i < length_bytes && input->at < input->end; i++)
		len |= (size_t)*input->at++ << 8 * i;
	if (len > (size_t)(input->end - input->at))
		len = (size_t)(input->end - input->at);
	slice.data = (const char *)input->at;
	slice.len = len;
	input->at += len;
	return slice;
}

static void on_settle(void *arg, uint64_t ticket, enum jem_outcome outcome)
{
	(void)arg;
	(void)outcome;
	must(ticket < world.tickets, "a ticket that was not given");
	world.settled[ticket]++;
}

static void open_receiver(unsigned flags, const char *out)
{
	static const struct jem_source_names names = { "site", "user", "job", "node" };
	const struct jem_receiver_options options = {
		.loop = &world.loop,
		.config = world.config,
		.out = out,
		.job = flags & SINGLE ? &names : NULL,
		.is_live = flags & LIVE,
		.on_settle = on_settle,
	};

	must(jem_receiver_create(&options, &world.receiver, NULL) == 0, "no receiver");
}

/* Whether a batch was taken at all: else nothing may have been made. */
static bool close_receiver(void)
{
	struct jem_receiver_stats stats;

	jem_receiver_finish(world.receiver, 1);
	stats = jem_receiver_stats(world.receiver);
	must(stats.batches ==
		     stats.written + stats.duplicates + stats.invalid + stats.released + stats.held,
	     "the account is not balanced");
	jem_receiver_close(world.receiver, NULL, NULL);
	uv_run(&world.loop, UV_RUN_DEFAULT);
	for (uint64_t i = 0; i < world.tickets; i++)
		must(world.settled[i] == 1, "a ticket that is not settled once");
	return stats.batches > stats.invalid;
}

static void send_messages(struct input *input)
{
	while (input->at < input->end && world.tickets < MESSAGES_MAX) {
		struct jem_message message = { 0 };

		message.topic = take(input, 1);
		message.content_encoding = take(input, 1);
		message.message_id = take(input, 1);
		message.body = take(input, 2);
		jem_receiver_accept(world.receiver, &message, world.tickets++);
	}
}

/* One life of a receiver. */
static bool run(unsigned flags, struct input input)
{
	char path[210];

	snprintf(path, sizeof(path), "%s/out", world.root);
	memset(world.settled, 0, sizeof(world.settled));
	world.tickets = 0;
	open_receiver(flags, path);
	send_messages(&input);
	return close_receiver();
}

static void check_all(void)
{
	auto_close int out = openat(world.fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	check_outside();
	check_inside(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data + (size > 0), data + size };
	unsigned flags = size ? data[0] : 0;

	if (!*world.root) {
		make_world();
		plant();
		check_all();
	}
	if (!run(flags, input)) {
		must(count_entries("out") == 5 && count_entries("out/site") == 4 &&
			     count_entries("out/site/user") == 4 && count_entries("out/data") == 3,
		     "something was made for nothing");
		check_outside();
		return 0;
	}
	if (flags & TWICE)
		run(flags, input);
	check_all();
	remove_all(world.fd, "out");
	plant();
	return 0;
}
