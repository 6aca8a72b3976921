/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay: the main of a fuzz target in `make check`, where no fuzzer is linked.
 *
 * Every file of the target's corpus folder is one TAP case: the file itself, each of its first
 * lengths, and each of its first bytes changed in a few ways. The folder is corpus/<target> beside
 * this file, <target> being the program's name without `fuzz_`; or argv[1].
 */
#include "common/cleanup.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CORPUS_FILES_MAX = 4096,
	FILE_MAX = 1 << 20,
	MUTATED_BYTES = 512,
	CASE_SECONDS = 120
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An allocation of its exact size, so that the sanitizer sees one byte too far. */
static void run_exact(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static size_t run_mutations(uint8_t *data, size_t size)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };
	size_t limit = size < MUTATED_BYTES ? size : MUTATED_BYTES;
	size_t count = 1;

	run_exact(data, size);
	for (size_t len = 0; len < limit; len++, count++)
		run_exact(data, len);
	for (size_t at = 0; at < limit; at++) {
		for (size_t m = 0; m < sizeof(masks); m++, count++) {
			data[at] ^= masks[m];
			run_exact(data, size);
			data[at] ^= masks[m];
		}
	}
	return count;
}

static bool replay_file(const char *folder, const char *name, unsigned number)
{
	auto_free char *path = NULL;
	auto_free uint8_t *data = malloc(FILE_MAX);
	auto_fclose FILE *file = NULL;
	size_t size;

	if (!data || asprintf(&path, "%s/%s", folder, name) < 0)
		abort();
	file = fopen(path, "rb");
	if (!file) {
		printf("not ok %u - %s cannot be read\n", number, name);
		return false;
	}
	size = fread(data, 1, FILE_MAX, file);
	printf("# %s, %zu bytes\n", name, size);
	fflush(stdout); /* if the target crashes, this names the file */
	alarm(CASE_SECONDS);
	size = run_mutations(data, size);
	printf("ok %u - %s and its mutations, %zu inputs\n", number, name, size);
	return true;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static char *corpus_folder(const char *program)
{
	const char *top = getenv("top_srcdir");
	const char *base = strrchr(program, '/');
	char *folder = NULL;

	base = base ? base + 1 : program;
	if (!strncmp(base, "fuzz_", 5))
		base += 5;
	if (asprintf(&folder, "%s/tests/fuzz/corpus/%s", top ? top : ".", base) < 0)
		abort();
	return folder;
}

int main(int argc, char **argv)
{
	auto_free char *folder = argc > 1 ? strdup(argv[1]) : corpus_folder(argv[0]);
	struct dirent **names = NULL;
	int count = folder ? scandir(folder, &names, is_visible, alphasort) : -1;
	bool all_passed = true;

	if (count <= 0 || count > CORPUS_FILES_MAX) {
		fprintf(stderr, "%s: no corpus in %s; name the folder\n", argv[0], folder);
		return EXIT_FAILURE;
	}
	printf("1..%d\n", count);
	for (int i = 0; i < count; i++) {
		all_passed &= replay_file(folder, names[i]->d_name, (unsigned)i + 1);
		free(names[i]);
	}
	free(names);
	return all_passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
