/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/symbols.h"

#include "common/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>

const char *symbols_path(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, PATH_MAX, "%s/%s", check_folder(), name);
	return path;
}

const char *symbols_source(const char *name)
{
	static char path[PATH_MAX];
	static char full[PATH_MAX];
	const char *top = getenv("top_srcdir");

	snprintf(path, sizeof(path), "%s/tests/unit/traced/%s", top ? top : "..", name);
	return realpath(path, full) ? full : path;
}

static char *command_of(const char *format, va_list args)
{
	char *command = NULL, *whole = NULL;

	if (vasprintf(&command, format, args) < 0 ||
	    asprintf(&whole, "cd '%s' && { %s; }", check_folder(), command) < 0)
		abort();
	free(command);
	return whole;
}

void symbols_shell(const char *format, ...)
{
	auto_free char *command = NULL;
	va_list args;
	int status;

	va_start(args, format);
	command = command_of(format, args);
	va_end(args);
	status = system(command);
	if (status)
		check_fail(__FILE__, __LINE__, "status %d of %s", status, command);
}

char *symbols_output(const char *format, ...)
{
	auto_free char *command = NULL;
	char *text = NULL;
	size_t len = 0, room = 0;
	va_list args;
	FILE *pipe;

	va_start(args, format);
	command = command_of(format, args);
	va_end(args);
	pipe = popen(command, "r");
	for (;;) {
		if (len + 1 >= room)
			text = realloc(text, room = room ? 2 * room : 65536);
		if (!pipe || !text)
			abort();
		size_t got = fread(text + len, 1, room - len - 1, pipe);
		if (!got)
			break;
		len += got;
	}
	text[len] = '\0';
	if (pclose(pipe))
		check_fail(__FILE__, __LINE__, "failed: %s", command);
	return text;
}

void symbols_need(const char *command)
{
	char line[256];

	snprintf(line, sizeof(line), "command -v %s >/dev/null", command);
	if (system(line)) {
		snprintf(line, sizeof(line), "%s is not installed", command);
		check_skip(line);
	}
}

static size_t count_of(const char *const *list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	return count;
}

static const void *section(const struct symbols_image *image, int which, size_t *count)
{
	const struct jem_image_header *header = image->bytes;

	CHECK_EQ(header->sections[which].offset % 8, 0);
	*count = header->sections[which].count;
	return (const char *)image->bytes + header->sections[which].offset;
}

static void read_image(struct symbols_image *image, const char *name, const char *const *include,
		       const char *const *exclude, jem_plan_compile_fn compile)
{
	struct jem_writer_options options = {
		.path = symbols_path(name),
		.root = "",
		.compile = compile,
		.limits = { .depth = 1, .string_bytes = 64, .items = 8, .object_bytes = 256 },
		.memory_bytes = 800000000,
	};
	auto_close int module = open(options.path, O_RDONLY | O_CLOEXEC);
	auto_close int output = memfd_create("image", MFD_CLOEXEC);
	struct jem_patterns *patterns = NULL;
	struct jem_image *view = &image->view;
	struct jem_err err = { "" };
	struct stat st;

	if (jem_patterns_create(include, count_of(include), exclude, count_of(exclude), &patterns,
				&err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
	options.module_fd = module;
	options.output_fd = output;
	options.patterns = patterns;
	if (jem_writer_run(&options, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s: %s", name, err.text);
	jem_patterns_destroy(patterns);
	CHECK_OK(fstat(output, &st));
	image->bytes = malloc((size_t)st.st_size);
	CHECK_EQ(pread(output, image->bytes, (size_t)st.st_size, 0), st.st_size);
	view->header = image->bytes;
	CHECK(!memcmp(view->header->magic, JEM_IMAGE_MAGIC, 8));
	CHECK_EQ(view->header->file_bytes, st.st_size);
	view->strings = section(image, JEM_IMAGE_STRINGS, &view->string_bytes);
	view->functions = section(image, JEM_IMAGE_FUNCTIONS, &view->function_count);
	view->sites = section(image, JEM_IMAGE_SITES, &view->site_count);
	view->callsites = section(image, JEM_IMAGE_CALLSITES, &view->callsite_count);
	view->code = section(image, JEM_IMAGE_CODE, &view->code_count);
	view->slots = section(image, JEM_IMAGE_SLOTS, &view->slot_count);
	view->types = section(image, JEM_IMAGE_TYPES, &view->type_count);
	view->members = section(image, JEM_IMAGE_MEMBERS, &view->member_count);
}

void symbols_read(struct symbols_image *image, const char *name, const char *const *include,
		  const char *const *exclude)
{
	read_image(image, name, include, exclude, NULL);
}

void symbols_read_values(struct symbols_image *image, const char *name, jem_plan_compile_fn compile)
{
	static const char *const everything[] = { "*", NULL };

	read_image(image, name, everything, NULL, compile);
}

void symbols_free(struct symbols_image *image)
{
	free(image->bytes);
	memset(image, 0, sizeof(*image));
}

const char *symbols_string(const struct symbols_image *image, uint32_t offset)
{
	CHECK(offset < image->view.string_bytes);
	return image->view.strings + offset;
}

uint32_t symbols_function(const struct symbols_image *image, const char *name)
{
	for (uint32_t i = 1; i < image->view.function_count; i++)
		if (!strcmp(symbols_string(image, image->view.functions[i].name), name))
			return i;
	return 0;
}
