/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module that is damaged anywhere gives an image that can be opened, or none, with one line that says why.
 * Besides the input as it is, changes all over it are tried: the replay alone would only reach its first
 * bytes.
 */
#include "common/cleanup.h"
#include "tracer/symbols/writer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CHANGES = 4,
	CHANGED_BYTES = 6,
	MODULE_MAX = 1 << 20
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_image(int fd)
{
	struct jem_image image;
	struct jem_err err = { "" };
	struct stat st;
	void *bytes;

	if (fstat(fd, &st) < 0 || !st.st_size)
		abort();
	bytes = malloc((size_t)st.st_size);
	if (!bytes || pread(fd, bytes, (size_t)st.st_size, 0) != st.st_size)
		abort();
	if (jem_image_open(&image, bytes, (size_t)st.st_size, &err) < 0)
		abort();
	free(bytes);
}

static void run(const uint8_t *data, size_t size, const struct jem_patterns *patterns)
{
	struct jem_writer_options options = {
		.path = "/nowhere/module",
		.root = "/nowhere",
		.patterns = patterns,
		.compile = jem_plan_compile,
		.limits = { .depth = 2, .string_bytes = 32, .items = 4, .object_bytes = 128 },
		.memory_bytes = 64 << 20,
	};
	auto_close int module = memfd_create("module", MFD_CLOEXEC);
	auto_close int output = memfd_create("image", MFD_CLOEXEC);
	struct jem_err err = { "" };

	if (module < 0 || output < 0 || write(module, data, size) != (ssize_t)size)
		abort();
	options.module_fd = module;
	options.output_fd = output;
	if (jem_writer_run(&options, &err) < 0) {
		if (!err.text[0] || strpbrk(err.text, "\n\r\x1b"))
			abort();
	} else {
		check_image(output);
	}
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const everything[] = { "*" };
	struct jem_patterns *patterns = NULL;
	uint64_t state = 88172645463325252u;
	auto_free uint8_t *copy = malloc(size ? size : 1);

	if (!copy || size > MODULE_MAX ||
	    jem_patterns_create(everything, 1, NULL, 0, &patterns, NULL) < 0)
		return 0;
	for (size_t i = 0; i < size; i++)
		state = (state ^ data[i]) * 1099511628211u;
	state |= 1;
	run(data, size, patterns);
	for (int change = 0; size && change < CHANGES; change++) {
		memcpy(copy, data, size);
		for (int i = 0; i < CHANGED_BYTES; i++)
			copy[next_random(&state) % size] = (uint8_t)next_random(&state);
		run(copy, size, patterns);
	}
	jem_patterns_destroy(patterns);
	return 0;
}
