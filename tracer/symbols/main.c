/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jem-symbols: reads one module's debug data for the daemon, in a process of its own, because debug data is
 * hostile and large: it may take this process with it, and nothing else.
 *
 * Exit status: 0 the image is there (its flags say how much of it), 1 there is none, 64 wrong options. A
 * signal or another status: the image has the last stage that was whole, or is empty.
 */
#include "common/cleanup.h"
#include "tracer/symbols/dump.h"
#include "tracer/symbols/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

enum {
	CPU_SECONDS = 60,
	NICE = 5
};

/* Files are mapped: they take address space, which is bounded too, but no memory of their own. */
#define MAPPED_BYTES_MAX (UINT64_C(8) << 30)

struct arguments {
	struct jem_writer_options options;
	const char *include[JEM_PATTERNS_MAX];
	const char *exclude[JEM_PATTERNS_MAX];
	size_t include_count, exclude_count;
	uint64_t cpu_seconds;
	bool has_values;
	bool has_dump;
};

enum option_id {
	OPT_MODULE = 1,
	OPT_PATH,
	OPT_ROOT,
	OPT_OUTPUT,
	OPT_INCLUDE,
	OPT_EXCLUDE,
	OPT_VALUES,
	OPT_DEPTH,
	OPT_STRING_BYTES,
	OPT_ITEMS,
	OPT_OBJECT_BYTES,
	OPT_MEMORY,
	OPT_CPU,
	OPT_DUMP,
};

static const struct option options[] = {
	{ "module", required_argument, NULL, OPT_MODULE },
	{ "path", required_argument, NULL, OPT_PATH },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "include", required_argument, NULL, OPT_INCLUDE },
	{ "exclude", required_argument, NULL, OPT_EXCLUDE },
	{ "values", no_argument, NULL, OPT_VALUES },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "string-bytes", required_argument, NULL, OPT_STRING_BYTES },
	{ "items", required_argument, NULL, OPT_ITEMS },
	{ "object-bytes", required_argument, NULL, OPT_OBJECT_BYTES },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "cpu", required_argument, NULL, OPT_CPU },
	{ "dump", no_argument, NULL, OPT_DUMP },
	{ 0 },
};

static bool read_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && end != text && !*end && text[0] != '-' && *ret <= max;
}

static bool read_small(const char *text, unsigned max, unsigned *ret)
{
	uint64_t value;

	if (!read_number(text, max, &value))
		return false;
	*ret = (unsigned)value;
	return true;
}

static bool read_fd(const char *text, int *ret)
{
	unsigned value;

	if (!read_small(text, 1u << 20, &value) || fcntl((int)value, F_GETFD) < 0)
		return false;
	*ret = (int)value;
	return true;
}

static bool add(const char **list, size_t *count, const char *text)
{
	if (*count == JEM_PATTERNS_MAX)
		return false;
	list[(*count)++] = text;
	return true;
}

static bool read_option(struct arguments *args, int id, const char *value)
{
	struct jem_plan_limits *limits = &args->options.limits;

	switch (id) {
	case OPT_MODULE:
		return read_fd(value, &args->options.module_fd);
	case OPT_OUTPUT:
		return read_fd(value, &args->options.output_fd);
	case OPT_PATH:
		args->options.path = value;
		return true;
	case OPT_ROOT:
		args->options.root = value;
		return true;
	case OPT_INCLUDE:
		return add(args->include, &args->include_count, value);
	case OPT_EXCLUDE:
		return add(args->exclude, &args->exclude_count, value);
	case OPT_DEPTH:
		return read_small(value, 8, &limits->depth);
	case OPT_STRING_BYTES:
		return read_small(value, 4096, &limits->string_bytes);
	case OPT_ITEMS:
		return read_small(value, 1024, &limits->items);
	case OPT_OBJECT_BYTES:
		return read_small(value, 4096, &limits->object_bytes);
	case OPT_MEMORY:
		return read_number(value, UINT64_C(1) << 40, &args->options.memory_bytes);
	case OPT_CPU:
		return read_number(value, 86400, &args->cpu_seconds);
	case OPT_VALUES:
		args->has_values = true;
		return true;
	case OPT_DUMP:
		args->has_dump = true;
		return true;
	default:
		return false;
	}
}

/*
 * What hostile data can make of this process is bounded: memory, time, no core file. File size is not: the
 * image is bounded by the memory that it is made in.
 */
static void set_limits(const struct arguments *args)
{
	uint64_t memory = args->options.memory_bytes;
	struct rlimit none = { 0, 0 };
	struct rlimit cpu = { args->cpu_seconds, args->cpu_seconds + 1 };
	struct rlimit data = { memory, memory };
	struct rlimit space = { memory + MAPPED_BYTES_MAX, memory + MAPPED_BYTES_MAX };

	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_CPU, &cpu);
	if (memory) {
		setrlimit(RLIMIT_DATA, &data);
		setrlimit(RLIMIT_AS, &space);
	}
	prctl(PR_SET_DUMPABLE, 0);
	setpriority(PRIO_PROCESS, 0, NICE);
}

static int fail(int status, const char *text)
{
	fprintf(stderr, "jem-symbols: %s\n", text);
	return status;
}

int main(int argc, char **argv)
{
	struct arguments args = {
		.options = { .module_fd = -1,
			     .output_fd = -1,
			     .path = "",
			     .root = "",
			     .limits = { .depth = 1,
					 .string_bytes = 64,
					 .items = 8,
					 .object_bytes = 256 } },
		.cpu_seconds = CPU_SECONDS,
	};
	struct jem_patterns *patterns = NULL;
	struct jem_err err = { "" };
	int id, rc;

	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!read_option(&args, id, optarg))
			return fail(EX_USAGE, optarg ? optarg : "unknown option");
	if (optind < argc && args.options.module_fd < 0) {
		/* for people: the file by its name */
		args.options.path = argv[optind];
		args.options.module_fd = open(argv[optind], O_RDONLY | O_CLOEXEC);
	}
	if (args.has_dump && args.options.output_fd < 0)
		args.options.output_fd = memfd_create("image", MFD_CLOEXEC);
	if (args.options.module_fd < 0 || args.options.output_fd < 0)
		return fail(EX_USAGE, "needs --module FD, --path PATH and --output FD");
	if (jem_patterns_create(args.include, args.include_count, args.exclude, args.exclude_count,
				&patterns, &err) < 0)
		return fail(EX_USAGE, err.text);
	args.options.patterns = patterns;
	args.options.compile = args.has_values ? jem_plan_compile : NULL;
	set_limits(&args);
	rc = jem_writer_run(&args.options, &err);
	if (rc >= 0 && args.has_dump)
		rc = jem_dump_image(args.options.output_fd, stdout, &err);
	jem_patterns_destroy(patterns);
	return rc < 0 ? fail(EXIT_FAILURE, err.text) : EXIT_SUCCESS;
}
