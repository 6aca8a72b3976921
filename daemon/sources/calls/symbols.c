/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/symbols.h"

#include "common/cleanup.h"
#include "common/find.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
	IMAGES_MAX = 1024,
	REQUESTS_MAX = 4096,
	TIMEOUT_MS = 60000,
	MODULE_FD = 3, /* in the helper: MODULE_FD_WORD, OUTPUT_FD_WORD */
	OUTPUT_FD = 4,
	WORDS_MAX = 2 * 2 * JEM_PATTERNS_MAX + 32,
	NICE = 19
};

#define IMAGE_BYTES_MAX (1ull << 30)
#define MEMORY_MAX      "800000000"
#define MODULE_FD_WORD  "3"
#define OUTPUT_FD_WORD  "4"

/* What makes two requests the same: file, its path (patterns look at it), settings. */
struct key {
	uint64_t file[4]; /* build-id, or device, inode, size and time */
	uint64_t settings;
};

struct entry {
	struct entry *next;
	struct key key;
	char path[JEM_RING_PATH_MAX];
	struct jem_calls_image *image; /* owned; NULL: failed */
	enum jem_dead_end why;
	bool was_told;
};

struct waiting {
	struct waiting *next;
	struct key key;
	struct jem_symbols_request request; /* descriptor and reference owned */
};

struct jem_symbols {
	struct jem_symbols_options options;
	char program[PATH_MAX];
	struct entry *entries; /* owned */
	size_t entry_count;
	uint64_t image_bytes;
	struct waiting *queue; /* owned, first come first */
	size_t queue_count;
	uv_process_t helper;
	uv_timer_t timer;
	int output;      /* owned: of the helper, -1: none runs */
	bool has_helper; /* its handle is open */
	bool is_stopped, is_destroyed;
	unsigned open_handles;
};

static void start_next(struct jem_symbols *symbols);

int jem_symbols_create(const struct jem_symbols_options *options, struct jem_symbols **ret)
{
	struct jem_symbols *symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return -ENOMEM;
	symbols->options = *options;
	symbols->output = -1;
	if (options->program)
		snprintf(symbols->program, sizeof(symbols->program), "%s", options->program);
	else if (jem_find_program("jem-symbols", symbols->program) < 0)
		symbols->program[0] = '\0';
	uv_timer_init(options->loop, &symbols->timer);
	symbols->timer.data = symbols;
	symbols->open_handles = 1;
	*ret = symbols;
	return 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

static int make_key(const struct jem_symbols_request *request, struct key *ret)
{
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	ret->settings = request->settings->key;
	if (request->fd < 0 || fstat(request->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	/* Also with a build-id: a file in its place may be another one. */
	ret->file[0] = st.st_dev;
	ret->file[1] = st.st_ino;
	ret->file[2] = (uint64_t)st.st_size;
	ret->file[3] = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	return 0;
}

static struct entry *find(const struct jem_symbols *symbols, const struct key *key,
			  const char *path)
{
	struct entry *entry = symbols->entries;

	while (entry && (memcmp(&entry->key, key, sizeof(*key)) || strcmp(entry->path, path)))
		entry = entry->next;
	return entry;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void release(struct jem_symbols_request *request)
{
	if (request->fd >= 0)
		close(request->fd);
	jem_calls_settings_unref(request->settings);
}

/* The program of the process was replaced since it was loaded: the image is of another build. */
static bool is_of(const struct jem_calls_image *image, const struct jem_symbols_request *request)
{
	const struct jem_image_header *header = image->view.header;

	return !request->build_id_len || !header->build_id_len ||
	       (request->build_id_len == header->build_id_len &&
		!memcmp(request->build_id, header->build_id, header->build_id_len));
}

static void answer(struct jem_symbols *symbols, struct entry *entry,
		   struct jem_symbols_request *request)
{
	struct jem_calls_image *image = entry ? entry->image : NULL;
	enum jem_dead_end why = entry ? entry->why : JEM_DEAD_END_NO_SYMBOLS;
	bool is_first = !entry || !entry->was_told;

	if (image && !is_of(image, request)) {
		log_warning("%s is not the file that process runs any more, ignoring",
			    request->path);
		image = NULL;
		why = JEM_DEAD_END_NO_SYMBOLS;
	}
	if (entry)
		entry->was_told = true;
	if (!symbols->is_stopped)
		symbols->options.on_image(symbols->options.arg, request, image, why, is_first);
	release(request);
}

/* Everybody who waits for the same. */
static void answer_all(struct jem_symbols *symbols, struct entry *entry)
{
	struct waiting **at = &symbols->queue;
	struct waiting *done = NULL;

	while (*at) {
		struct waiting *waiting = *at;

		if (memcmp(&waiting->key, &entry->key, sizeof(entry->key)) ||
		    strcmp(waiting->request.path, entry->path)) {
			at = &waiting->next;
			continue;
		}
		*at = waiting->next;
		symbols->queue_count--;
		waiting->next = done;
		done = waiting;
	}
	while (done) {
		struct waiting *waiting = done;

		done = waiting->next;
		answer(symbols, entry, &waiting->request);
		free(waiting);
	}
}

/* --- images ----------------------------------------------------------------------------------- */

static void image_destroy(struct jem_calls_image *image)
{
	if (!image)
		return;
	if (image->bytes)
		munmap(image->bytes, image->len);
	free(image->profile);
	free(image->path);
	free(image);
}

static enum jem_dead_end lack_of(const struct jem_image *image)
{
	uint32_t flags = image->header->flags;

	if (flags & JEM_IMAGE_NOT_TRACED)
		return JEM_DEAD_END_NOT_TRACED;
	if (flags & JEM_IMAGE_BAD_DEBUG)
		return JEM_DEAD_END_BAD_DEBUG;
	if (flags & JEM_IMAGE_NO_DEBUG)
		return JEM_DEAD_END_NO_DEBUG;
	return flags & JEM_IMAGE_INCOMPLETE ? JEM_DEAD_END_INCOMPLETE : JEM_DEAD_END_COUNT;
}

/* Sealed, mapped, checked: NULL with the reason. */
static struct jem_calls_image *open_image(struct jem_symbols *symbols, int fd, const char *path,
					  struct jem_err *err)
{
	struct jem_calls_image *image = calloc(1, sizeof(*image));
	struct stat st;

	if (!image || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0 ||
	    fstat(fd, &st) < 0) {
		jem_err_set(err, -errno, "%s", strerror(errno));
		goto fail;
	}
	if (st.st_size == 0 || (uint64_t)st.st_size > IMAGE_BYTES_MAX - symbols->image_bytes) {
		jem_err_set(err, -EFBIG, "an image of %lld bytes", (long long)st.st_size);
		goto fail;
	}
	image->len = (size_t)st.st_size;
	image->bytes = mmap(NULL, image->len, PROT_READ, MAP_SHARED, fd, 0);
	if (image->bytes == MAP_FAILED) {
		image->bytes = NULL;
		jem_err_set(err, -errno, "%s", strerror(errno));
		goto fail;
	}
	image->path = strdup(path);
	if (!image->path || jem_image_open(&image->view, image->bytes, image->len, err) < 0)
		goto fail;
	image->profile = calloc(image->view.function_count + 1, sizeof(*image->profile));
	if (!image->profile)
		goto fail;
	symbols->image_bytes += image->len;
	return image;
fail:
	image_destroy(image);
	return NULL;
}

static struct entry *add_entry(struct jem_symbols *symbols, const struct waiting *waiting)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->key = waiting->key;
	memcpy(entry->path, waiting->request.path, sizeof(entry->path));
	entry->why = JEM_DEAD_END_NO_SYMBOLS;
	entry->next = symbols->entries;
	symbols->entries = entry;
	symbols->entry_count++;
	return entry;
}

/* The helper has ended: what it left goes to everybody who waits for it. */
static void finish(struct jem_symbols *symbols, const char *ending)
{
	struct waiting *first = symbols->queue;
	struct jem_err err = { "" };
	struct entry *entry = add_entry(symbols, first);

	if (!entry) {
		symbols->queue = first->next;
		symbols->queue_count--;
		answer(symbols, NULL, &first->request);
		free(first);
	} else {
		entry->image = open_image(symbols, symbols->output, entry->path, &err);
		if (entry->image) {
			entry->image->settings = entry->key.settings;
			entry->why = lack_of(&entry->image->view);
		}
		if (*ending || !entry->image)
			log_warning("symbols of %s: %s%s%s", entry->path, ending,
				    *ending && *err.text ? ", " : "", err.text);
	}
	close(symbols->output);
	symbols->output = -1;
	if (entry)
		answer_all(symbols, entry);
}

/* --- the helper ------------------------------------------------------------------------------- */

static void on_helper_closed(uv_handle_t *handle)
{
	struct jem_symbols *symbols = handle->data;

	symbols->open_handles--;
	symbols->has_helper = false;
	if (symbols->is_destroyed)
		jem_symbols_destroy(symbols);
	else if (!symbols->is_stopped)
		start_next(symbols);
}

static void on_helper_exit(uv_process_t *helper, int64_t status, int sig)
{
	struct jem_symbols *symbols = helper->data;
	char ending[64] = "";

	uv_timer_stop(&symbols->timer);
	if (sig)
		snprintf(ending, sizeof(ending), "the helper died of SIG%s", sigabbrev_np(sig));
	else if (status)
		snprintf(ending, sizeof(ending), "the helper ended with status %" PRId64, status);
	finish(symbols, ending);
	uv_close((uv_handle_t *)helper, on_helper_closed);
}

static void on_timeout(uv_timer_t *timer)
{
	struct jem_symbols *symbols = timer->data;

	log_warning("symbols take longer than %d s, ignoring", TIMEOUT_MS / 1000);
	uv_process_kill(&symbols->helper, SIGKILL);
}

/* The command line of the helper; `words` has room for WORDS_MAX. Texts are borrowed. */
struct command {
	const char *words[WORDS_MAX];
	size_t count;
	char depth[16], string_bytes[16], items[16];
};

static void add_word(struct command *command, const char *option, const char *value)
{
	command->words[command->count++] = option;
	if (value)
		command->words[command->count++] = value;
}

static void add_patterns(struct command *command, const char *option,
			 const struct jem_buf *patterns)
{
	for (size_t at = 0; at < patterns->len; at += strlen(patterns->data + at) + 1)
		add_word(command, option, patterns->data + at);
}

static void make_command(struct command *command, const struct jem_symbols *symbols,
			 const struct jem_symbols_request *request)
{
	const struct jem_calls_settings *settings = request->settings;

	command->count = 0;
	snprintf(command->depth, sizeof(command->depth), "%u", settings->depth);
	snprintf(command->string_bytes, sizeof(command->string_bytes), "%u",
		 settings->string_bytes);
	snprintf(command->items, sizeof(command->items), "%u", settings->items);
	add_word(command, symbols->program, NULL);
	add_word(command, "--module", MODULE_FD_WORD);
	add_word(command, "--path", request->path);
	add_word(command, "--output", OUTPUT_FD_WORD);
	add_word(command, "--memory", MEMORY_MAX);
	add_word(command, "--depth", command->depth);
	add_word(command, "--string-bytes", command->string_bytes);
	add_word(command, "--items", command->items);
	if (settings->has_values)
		add_word(command, "--values", NULL);
	add_patterns(command, "--include", &settings->include);
	add_patterns(command, "--exclude", &settings->exclude);
	command->words[command->count] = NULL;
}

static int spawn(struct jem_symbols *symbols, struct jem_symbols_request *request)
{
	struct command command;
	uv_stdio_container_t stdio[] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		[MODULE_FD] = { .flags = UV_INHERIT_FD, .data.fd = request->fd },
		[OUTPUT_FD] = { .flags = UV_INHERIT_FD, .data.fd = symbols->output },
	};
	uv_process_options_t options = {
		.exit_cb = on_helper_exit,
		.file = symbols->program,
		.args = (char **)(uintptr_t)command.words,
		.stdio_count = sizeof(stdio) / sizeof(*stdio),
		.stdio = stdio,
	};
	int status;

	make_command(&command, symbols, request);
	status = uv_spawn(symbols->options.loop, &symbols->helper, &options);
	symbols->helper.data = symbols;
	symbols->has_helper = true;
	symbols->open_handles++;
	if (status < 0)
		uv_close((uv_handle_t *)&symbols->helper, on_helper_closed);
	else
		(void)setpriority(PRIO_PROCESS, (id_t)symbols->helper.pid, NICE);
	return status;
}

static void start_next(struct jem_symbols *symbols)
{
	struct waiting *first = symbols->queue;
	int status = -ENOENT;

	if (!first || symbols->has_helper || symbols->is_stopped)
		return;
	symbols->output = memfd_create("jem-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (symbols->output < 0) {
		status = -errno;
	} else if (*symbols->program && symbols->entry_count < IMAGES_MAX) {
		status = spawn(symbols, &first->request);
		if (status >= 0) {
			uv_timer_start(&symbols->timer, on_timeout, TIMEOUT_MS, 0);
			return;
		}
		finish(symbols, uv_strerror(status));
		return; /* the next one starts when the handle is closed */
	}
	symbols->queue = first->next;
	symbols->queue_count--;
	if (symbols->output >= 0)
		close(symbols->output);
	symbols->output = -1;
	log_warning("symbols of %s: %s", first->request.path,
		    *symbols->program ? strerror(-status) : "jem-symbols is missing");
	answer(symbols, NULL, &first->request);
	free(first);
	start_next(symbols);
}

void jem_symbols_want(struct jem_symbols *symbols, const struct jem_symbols_request *request)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	struct jem_symbols_request taken = *request;
	struct waiting **last = &symbols->queue;
	struct entry *known;

	if (!waiting || symbols->is_stopped || symbols->queue_count == REQUESTS_MAX ||
	    make_key(request, &waiting->key) < 0) {
		free(waiting);
		answer(symbols, NULL, &taken);
		return;
	}
	known = find(symbols, &waiting->key, request->path);
	if (known) {
		free(waiting);
		answer(symbols, known, &taken);
		return;
	}
	waiting->request = taken;
	while (*last)
		last = &(*last)->next;
	*last = waiting;
	symbols->queue_count++;
	start_next(symbols);
}

bool jem_symbols_are_busy(const struct jem_symbols *symbols)
{
	return symbols->queue_count > 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

void jem_symbols_stop(struct jem_symbols *symbols)
{
	if (symbols->is_stopped)
		return;
	symbols->is_stopped = true;
	if (symbols->has_helper && uv_is_active((uv_handle_t *)&symbols->helper))
		uv_process_kill(&symbols->helper, SIGKILL);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct jem_symbols *symbols = handle->data;

	symbols->open_handles--;
	jem_symbols_destroy(symbols);
}

void jem_symbols_destroy(struct jem_symbols *symbols)
{
	if (!symbols)
		return;
	if (!symbols->is_destroyed) {
		symbols->is_destroyed = true;
		jem_symbols_stop(symbols);
		uv_close((uv_handle_t *)&symbols->timer, on_timer_closed);
		return;
	}
	if (symbols->open_handles)
		return;
	while (symbols->queue) {
		struct waiting *waiting = symbols->queue;

		symbols->queue = waiting->next;
		release(&waiting->request);
		free(waiting);
	}
	while (symbols->entries) {
		struct entry *entry = symbols->entries;

		symbols->entries = entry->next;
		image_destroy(entry->image);
		free(entry);
	}
	free(symbols);
}
