/* SPDX-License-Identifier: Apache-2.0 */
/* Sites, functions and lines of real programs, held against objdump, gdb and the source. */
#include "tests/unit/symbols.h"

#include "common/cleanup.h"
#include "tracer/symbols/x86_length.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const everything[] = { "*", NULL };

/* Address that a line of objdump -d begins with, 0: no instruction. */
static uint64_t line_address(const char *line)
{
	char *end;
	uint64_t address;

	while (*line == ' ')
		line++;
	address = strtoull(line, &end, 16);
	return end != line && end[0] == ':' && end[1] == '\t' ? address : 0;
}

static bool has_site(const struct symbols_image *image, uint64_t pc, uint32_t flags)
{
	for (size_t i = 0; i < image->view.site_count; i++)
		if (image->view.sites[i].pc == pc)
			return (image->view.sites[i].flags & (JEM_SITE_EXIT | JEM_SITE_TAIL)) ==
			       flags;
	return false;
}

static bool is_in_plt(const char *text, const char *line)
{
	const char *header = line;

	/* back to the line `ADDRESS <NAME>:` */
	while (header > text && !(header[-1] == '\n' && isxdigit((unsigned char)header[0])))
		header--;
	return memmem(header, strcspn(header, "\n"), "plt", 3) ||
	       memmem(header, strcspn(header, "\n"), "__cyg", 5);
}

/* Every call of a hook that objdump shows is a site, every jump makes one of its function; no others. */
static void compare_with_objdump(const struct symbols_image *image, const char *name)
{
	auto_free char *text = symbols_output("objdump -d --no-show-raw-insn %s", name);
	size_t calls = 0, tails = 0;

	for (char *line = text, *next; line; line = next) {
		size_t len = strcspn(line, "\n");
		const char *hook = memmem(line, len, "__cyg_profile_func_", 19);
		uint32_t exit = hook && !strncmp(hook + 19, "exit", 4) ? JEM_SITE_EXIT : 0;

		next = line[len] ? line + len + 1 : NULL;
		if (!hook || !line_address(line) || !next)
			continue;
		if (memmem(line, len, "call", 4)) {
			uint64_t behind = line_address(next);

			calls++;
			if (behind && !has_site(image, behind, exit))
				check_fail(__FILE__, __LINE__, "%s: no site %#lx", name,
					   (unsigned long)behind);
		} else if (memmem(line, len, "jmp", 3)) {
			tails += !is_in_plt(text, line);
		}
	}
	CHECK(calls > 4);
	for (size_t i = 0; i < image->view.site_count; i++)
		calls -= !(image->view.sites[i].flags & JEM_SITE_TAIL);
	CHECK_EQ(calls, 0);
	for (size_t i = 0, found = 0; i < image->view.site_count; i++) {
		found += (image->view.sites[i].flags & JEM_SITE_TAIL) != 0;
		CHECK(found <= 2 * tails);
		CHECK(!tails || found || i + 1 < image->view.site_count);
	}
}

static void check_calls_program(const struct symbols_image *image)
{
	static const struct {
		const char *name, *signature;
		uint32_t line;
	} wanted[] = {
		{ "leaf", "int leaf(int)", 13 },
		{ "walk", "int walk(struct node *, int)", 18 },
		{ "shared", "int shared(int)", 27 },
		{ "recursive", "int recursive(int)", 32 },
		{ "rare", "int rare(int)", 37 },
		{ "apply", "int apply(step_fn, int)", 46 },
		{ "main", "int main(int, char **)", 51 },
	};

	CHECK_EQ(image->view.header->flags, 0);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		const struct jem_image_function *function;
		uint32_t id = symbols_function(image, wanted[i].name);

		if (!id)
			check_fail(__FILE__, __LINE__, "no function %s", wanted[i].name);
		function = &image->view.functions[id];
		CHECK_EQ(function->flags, JEM_FUNCTION_INCLUDED);
		CHECK_STR(symbols_string(image, function->signature), wanted[i].signature);
		CHECK_STR(symbols_string(image, function->file), symbols_source("calls.c"));
		CHECK_EQ(function->line, wanted[i].line);
		CHECK(function->address != 0);
		CHECK_STR(symbols_string(image, image->view.types[function->return_type].name),
			  "int");
	}
	/* the indirect call in apply, the calls in main */
	CHECK(image->view.callsite_count >= 4);
	for (size_t i = 0; i < image->view.callsite_count; i++) {
		const struct jem_image_callsite *call = &image->view.callsites[i];

		CHECK(call->function && call->line);
		CHECK_STR(symbols_string(image, call->file), symbols_source("calls.c"));
	}
}

/* Each build must give the same functions, files and lines, whatever has become of the code. */
static void check_builds(const char *compiler)
{
	static const char *const flags[] = {
		"-O0",
		"-Og",
		"-O1",
		"-O2",
		"-O3",
		"-O2 -gdwarf-4",
		"-O2 -gz",
		"-O2 -fno-plt",
		"-O2 -fno-plt -Wl,-z,now -fcf-protection=full",
		"-O0 -no-pie -fno-pie",
		"-O2 -no-pie -fno-pie -Wl,-z,lazy",
		"-O2 -fno-optimize-sibling-calls -ffunction-sections",
		"-O2 -fdebug-types-section",
	};

	symbols_need(compiler);
	symbols_need("objdump");
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		struct symbols_image image;

		printf("# %s %s\n", compiler, flags[i]);
		symbols_shell("%s -g %s -finstrument-functions '%s' -o traced", compiler, flags[i],
			      symbols_source("calls.c"));
		symbols_read(&image, "traced", everything, NULL);
		check_calls_program(&image);
		compare_with_objdump(&image, "traced");
		symbols_free(&image);
	}
}

CASE(finds_all_sites_of_gcc_builds)
{
	check_builds("gcc");
}

CASE(finds_all_sites_of_clang_builds)
{
	check_builds("clang");
}

CASE(finds_all_sites_of_a_whole_program_build)
{
	struct symbols_image image;

	symbols_need("gcc");
	symbols_shell("gcc -g -O2 -flto -finstrument-functions '%s' -o traced 2>lto.log",
		      symbols_source("calls.c"));
	symbols_read(&image, "traced", everything, NULL);
	check_calls_program(&image);
	compare_with_objdump(&image, "traced");
	symbols_free(&image);
}

/* Of the several bodies of a constructor (C1, C2) we say one. */
static bool is_same_linkage(const char *ours, const char *line)
{
	size_t i;

	for (i = 0; ours[i]; i++)
		if (ours[i] != line[i] &&
		    !(isdigit((unsigned char)ours[i]) && isdigit((unsigned char)line[i]) && i &&
		      (ours[i - 1] == 'C' || ours[i - 1] == 'D')))
			return false;
	return line[i] == '\n' || line[i] == '.';
}

/* Asks gdb for the innermost function, inlined ones too, at the call of every hook. */
CASE(names_the_function_that_gdb_names)
{
	static const char *const builds[] = { "g++ -std=c++17 -O2", "clang++ -std=c++17 -O1" };

	symbols_need("gdb");
	for (size_t b = 0; b < sizeof(builds) / sizeof(*builds); b++) {
		auto_free char *names = NULL;
		struct symbols_image image;
		FILE *script;
		char *line;
		size_t compared = 0, step;

		if (b)
			symbols_need("clang++");
		/* clang refers to bodies that it does not make where it inlines always */
		symbols_shell("%s -g -finstrument-functions%s '%s' -o traced", builds[b],
			      b ? "-after-inlining" : "", symbols_source("types.cc"));
		symbols_read(&image, "traced", everything, NULL);
		step = image.view.site_count / 200 + 1;
		script = fopen(symbols_path("ask.py"), "w");
		CHECK(script != NULL);
		fprintf(script, "import gdb\nfor pc in (");
		for (size_t i = 0; i < image.view.site_count; i += step)
			if (!(image.view.sites[i].flags & JEM_SITE_TAIL))
				fprintf(script, "%#lx, ", (unsigned long)image.view.sites[i].pc);
		fprintf(script, "):\n    b = gdb.block_for_pc(pc - 1)\n"
				"    while b and not b.function: b = b.superblock\n"
				"    print('AT', b.function.linkage_name if b else '-')\n");
		fclose(script);
		names = symbols_output("gdb -q -nx -batch -x ask.py traced 2>/dev/null");
		line = names;
		for (size_t i = 0; i < image.view.site_count; i += step) {
			const struct jem_image_site *site = &image.view.sites[i];
			const char *ours = symbols_string(
				&image, image.view.functions[site->function].linkage_name);

			if (site->flags & JEM_SITE_TAIL)
				continue;
			line = strstr(line, "AT ");
			CHECK(line != NULL);
			line += 3;
			if (ours[0] && !is_same_linkage(ours, line))
				check_fail(__FILE__, __LINE__, "%#lx: %s, gdb has %.*s",
					   (unsigned long)site->pc, ours, (int)strcspn(line, "\n"),
					   line);
			compared += ours[0] != '\0';
		}
		CHECK(compared > 10);
		symbols_free(&image);
	}
}

CASE(tells_inlined_instances_and_where_they_stand)
{
	struct symbols_image image;
	uint32_t leaf, shared;
	size_t found = 0;

	symbols_need("gcc");
	symbols_shell("gcc -g -O2 -finstrument-functions '%s' -o traced",
		      symbols_source("calls.c"));
	symbols_read(&image, "traced", everything, NULL);
	leaf = symbols_function(&image, "leaf");
	shared = symbols_function(&image, "shared");
	for (size_t i = 0; i < image.view.site_count; i++) {
		const struct jem_image_site *site = &image.view.sites[i];

		if (site->function != leaf || site->caller != shared)
			continue;
		found++;
		CHECK(site->flags & JEM_SITE_INLINED);
		CHECK_EQ(site->caller_line, 29);
		CHECK_STR(symbols_string(&image, site->caller_file), symbols_source("calls.c"));
	}
	CHECK(found >= 2);
	symbols_free(&image);
}

CASE(keys_a_jump_to_the_hook_by_its_function)
{
	struct symbols_image image;
	uint32_t shared;
	bool is_found = false;

	symbols_need("gcc");
	symbols_shell("printf '%%s\\n' 'int x; void f(int a) { x = a; } int main(void) { f(1); "
		      "return x; }' >tail.c && gcc -g -O2 -fno-inline -finstrument-functions "
		      "tail.c -o traced");
	symbols_read(&image, "traced", everything, NULL);
	shared = symbols_function(&image, "f");
	CHECK(shared != 0);
	for (size_t i = 0; i < image.view.site_count; i++) {
		const struct jem_image_site *site = &image.view.sites[i];

		if (!(site->flags & JEM_SITE_TAIL) || site->function != shared)
			continue;
		is_found = true;
		CHECK_EQ(site->pc, image.view.functions[shared].address);
		CHECK(site->flags & JEM_SITE_EXIT);
	}
	CHECK(is_found);
	symbols_free(&image);
}

CASE(takes_the_functions_that_patterns_name)
{
	static const char *const by_file[] = { "file:calls.c", NULL };
	static const char *const not_these[] = { "re*", "apply(step_fn, int)", NULL };
	struct symbols_image image;

	symbols_need("gcc");
	symbols_shell("gcc -g -O1 -finstrument-functions '%s' -o traced",
		      symbols_source("calls.c"));
	symbols_read(&image, "traced", by_file, not_these);
	for (uint32_t i = 1; i < image.view.function_count; i++) {
		const char *name = symbols_string(&image, image.view.functions[i].name);
		bool is_out = !strcmp(name, "recursive") || !strcmp(name, "apply");

		CHECK_EQ(image.view.functions[i].flags & JEM_FUNCTION_INCLUDED, !is_out);
	}
	CHECK(symbols_function(&image, "recursive") != 0);
	symbols_free(&image);
}

/* --- where the debug data is -------------------------------------------------------------------- */

static void build_separate(const char *link)
{
	symbols_need("gcc");
	symbols_need("objcopy");
	symbols_shell("gcc -g -O1 -finstrument-functions '%s' -o traced && cp traced whole",
		      symbols_source("calls.c"));
	symbols_shell("objcopy --only-keep-debug traced traced.debug && strip -g traced && "
		      "objcopy --add-gnu-debuglink=%s traced",
		      link);
}

CASE(finds_debug_data_by_its_link)
{
	struct symbols_image image;

	build_separate("traced.debug");
	symbols_read(&image, "traced", everything, NULL);
	check_calls_program(&image);
	symbols_free(&image);
	symbols_shell("mkdir .debug && mv traced.debug .debug/");
	symbols_read(&image, "traced", everything, NULL);
	check_calls_program(&image);
	symbols_free(&image);
}

CASE(finds_debug_data_by_its_checksum)
{
	struct symbols_image image;

	symbols_need("gcc");
	symbols_shell("gcc -g -O1 -Wl,--build-id=none -finstrument-functions '%s' -o traced && "
		      "objcopy --only-keep-debug traced traced.debug && strip -g traced && "
		      "objcopy --add-gnu-debuglink=traced.debug traced",
		      symbols_source("calls.c"));
	symbols_read(&image, "traced", everything, NULL);
	check_calls_program(&image);
	symbols_free(&image);
	symbols_shell("printf x >>traced.debug");
	symbols_read(&image, "traced", everything, NULL);
	CHECK_EQ(image.view.header->flags, JEM_IMAGE_NO_DEBUG | JEM_IMAGE_BAD_DEBUG);
	symbols_free(&image);
}

CASE(refuses_debug_data_of_another_build)
{
	struct symbols_image image;
	uint32_t main_function;

	build_separate("traced.debug");
	symbols_shell("gcc -g -O2 -finstrument-functions '%s' -o other && "
		      "objcopy --only-keep-debug other traced.debug",
		      symbols_source("calls.c"));
	symbols_read(&image, "traced", everything, NULL);
	CHECK_EQ(image.view.header->flags, JEM_IMAGE_NO_DEBUG | JEM_IMAGE_BAD_DEBUG);
	CHECK_CONTAINS(symbols_string(&image, image.view.header->note), "traced.debug");
	/* names are still there, from the symbol table */
	main_function = symbols_function(&image, "main");
	CHECK(main_function != 0);
	CHECK_EQ(image.view.functions[main_function].flags,
		 JEM_FUNCTION_INCLUDED | JEM_FUNCTION_NO_DEBUG);
	compare_with_objdump(&image, "traced");
	symbols_free(&image);
}

CASE(says_that_a_module_is_not_traced)
{
	struct symbols_image image;

	symbols_need("gcc");
	symbols_shell("gcc -g -O1 '%s' -o traced", symbols_source("calls.c"));
	symbols_read(&image, "traced", everything, NULL);
	CHECK(image.view.header->flags & JEM_IMAGE_NOT_TRACED);
	CHECK_EQ(image.view.site_count, 0);
	CHECK_CONTAINS(symbols_string(&image, image.view.header->note), "-finstrument-functions");
	symbols_free(&image);
}

CASE(reads_split_debug_data)
{
	struct symbols_image image;

	symbols_need("gcc");
	symbols_shell("gcc -g -gsplit-dwarf -O1 -finstrument-functions '%s' -o traced",
		      symbols_source("calls.c"));
	symbols_read(&image, "traced", everything, NULL);
	check_calls_program(&image);
	symbols_free(&image);
	symbols_shell("rm -f *.dwo");
	symbols_read(&image, "traced", everything, NULL);
	CHECK(image.view.header->flags & JEM_IMAGE_INCOMPLETE);
	CHECK_CONTAINS(symbols_string(&image, image.view.header->note), ".dwo");
	CHECK(symbols_function(&image, "recursive") != 0);
	symbols_free(&image);
}

CASE(refuses_what_is_no_module)
{
	struct jem_writer_options options = { .path = "x", .root = "" };
	auto_close int output = memfd_create("image", MFD_CLOEXEC);
	auto_close int module = memfd_create("module", MFD_CLOEXEC);
	struct jem_patterns *patterns;
	struct jem_err err = { "" };

	CHECK_OK(jem_patterns_create(everything, 1, NULL, 0, &patterns, &err));
	CHECK_EQ(write(module, "#!/bin/sh\n", 10), 10);
	options.module_fd = module;
	options.output_fd = output;
	options.patterns = patterns;
	CHECK_EQ(jem_writer_run(&options, &err), -ENOEXEC);
	CHECK_STR(err.text, "not an ELF file");
	jem_patterns_destroy(patterns);
}

/* A plan compiler that takes the process with it, as damaged debug data may. */
static int die_at_the_third(const struct jem_plan_request *request, struct jem_plan *ret)
{
	static int calls;

	if (++calls == 3)
		raise(SIGKILL);
	return -ENOMEM;
}

CASE(leaves_a_whole_image_when_it_is_killed)
{
	struct jem_writer_options options = { .path = symbols_path("traced"),
					      .root = "",
					      .compile = die_at_the_third };
	auto_close int output = memfd_create("image", MFD_CLOEXEC);
	auto_close int module = -1;
	struct jem_patterns *patterns;
	struct jem_err err = { "" };
	struct jem_image image;
	struct stat st;
	void *bytes;
	int status = 0;
	pid_t child;

	symbols_need("gcc");
	symbols_shell("gcc -g -O2 -finstrument-functions '%s' -o traced",
		      symbols_source("calls.c"));
	CHECK_OK(jem_patterns_create(everything, 1, NULL, 0, &patterns, &err));
	module = open(options.path, O_RDONLY | O_CLOEXEC);
	options.module_fd = module;
	options.output_fd = output;
	options.patterns = patterns;
	child = fork();
	if (!child)
		_exit(jem_writer_run(&options, &err) < 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_OK(fstat(output, &st));
	bytes = malloc((size_t)st.st_size);
	CHECK_EQ(pread(output, bytes, (size_t)st.st_size, 0), st.st_size);
	if (jem_image_open(&image, bytes, (size_t)st.st_size, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
	CHECK_EQ(image.header->flags, JEM_IMAGE_INCOMPLETE);
	CHECK(image.function_count > 6 && image.site_count > 20);
	CHECK(image.functions[1].line > 0);
	free(bytes);
	jem_patterns_destroy(patterns);
}

/* --- instructions ------------------------------------------------------------------------------- */

/* Walks libc's and our own code as objdump does: the same instructions begin at the same places. */
CASE(walks_instructions_as_objdump_does)
{
	static const char *const files[] = { "/proc/self/exe", "/lib/x86_64-linux-gnu/libm.so.6",
					     "/lib/x86_64-linux-gnu/libc.so.6" };
	size_t compared = 0;

	symbols_need("objdump");
	for (size_t f = 0; f < sizeof(files) / sizeof(*files); f++) {
		auto_free char *real = realpath(files[f], NULL);
		auto_free char *text = NULL;

		if (!real)
			continue;
		text = symbols_output("objdump -d -w --no-addresses -j .text '%s' | head -n 400000",
				      real);
		/* By memchr: functions of strings measure all the rest first under AddressSanitizer. */
		const char *text_end = text + strlen(text);

		for (char *line = text, *next; line; line = next) {
			uint8_t bytes[16];
			size_t count = 0;
			char *end = memchr(line, '\n', (size_t)(text_end - line));
			char *at = line;

			next = end ? end + 1 : NULL;
			if (end)
				*end = '\0';
			if (*at != '\t' || strstr(at, "(bad)"))
				continue;
			for (at++; isxdigit((unsigned char)at[0]) &&
				   isxdigit((unsigned char)at[1]) && count < sizeof(bytes);
			     at += at[2] == ' ' ? 3 : 2)
				bytes[count++] =
					(uint8_t)strtoul((char[]){ at[0], at[1], 0 }, NULL, 16);
			/* objdump shows prefixes alone, and fwait with what follows as one */
			if (count < 2 || bytes[0] == 0x9b)
				continue;
			if (jem_x86_length(bytes, count, NULL) != count)
				check_fail(__FILE__, __LINE__, "%s: %s: length %zu", files[f], line,
					   jem_x86_length(bytes, count, NULL));
			CHECK_EQ(jem_x86_length(bytes, count - 1, NULL), 0);
			compared++;
		}
	}
	printf("# %zu instructions\n", compared);
	CHECK(compared > 10000);
}

TESTS(T(finds_all_sites_of_gcc_builds), T(finds_all_sites_of_clang_builds),
      T(finds_all_sites_of_a_whole_program_build), T(names_the_function_that_gdb_names),
      T(tells_inlined_instances_and_where_they_stand), T(keys_a_jump_to_the_hook_by_its_function),
      T(takes_the_functions_that_patterns_name), T(finds_debug_data_by_its_link),
      T(finds_debug_data_by_its_checksum), T(refuses_debug_data_of_another_build),
      T(says_that_a_module_is_not_traced), T(reads_split_debug_data), T(refuses_what_is_no_module),
      T(leaves_a_whole_image_when_it_is_killed), T(walks_instructions_as_objdump_does))
