/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tracee.h"

#include "tests/unit/check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 30000,
	GO_FD = 3,
	ARRIVED_FD = 4,
	TABLE_BUCKETS = 2048,
	FUNCTIONS_MAX = 64,
};

static const char *build_folder(void)
{
	const char *folder = getenv("top_builddir");

	return folder ? folder : ".";
}

static void run_program(struct tracee *tracee, const char *const *words,
			const char *const *environment, int go, int arrived)
{
	const char *argv[16] = { tracee->program };
	char library[300], variable[400];
	unsigned count = 1;

	for (; words && *words && count < 15; words++)
		argv[count++] = *words;
	snprintf(library, sizeof(library), "%s/libjemtrace.so", build_folder());
	setenv("LD_PRELOAD", library, 1);
	setenv("JEM_CALLS", "*", 1);
	setenv("JEM_CALLS_SOCKET", tracee->socket, 1);
	for (; environment && *environment; environment++) {
		char *sign;

		snprintf(variable, sizeof(variable), "%s", *environment);
		sign = strchr(variable, '=');
		if (!sign) {
			unsetenv(variable);
			continue;
		}
		*sign = '\0';
		setenv(variable, sign + 1, 1);
	}
	if (dup2(go, GO_FD) < 0 || dup2(arrived, ARRIVED_FD) < 0)
		_exit(120);
	for (int fd = ARRIVED_FD + 1; fd < 64; fd++)
		close(fd);
	execv(tracee->program, (char **)argv);
	_exit(121);
}

/* Above what the program uses at 3 and 4, so that dup2 does not meet itself. */
static int lift(int fd)
{
	int lifted = fcntl(fd, F_DUPFD_CLOEXEC, 10);

	close(fd);
	return lifted;
}

void tracee_start(struct tracee *tracee, const char *program, const char *const *words,
		  const char *const *environment)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int go[2], arrived[2];

	memset(tracee, 0, sizeof(*tracee));
	snprintf(tracee->program, sizeof(tracee->program), "%s/%s", build_folder(), program);
	snprintf(tracee->socket, sizeof(tracee->socket), "%s/calls", check_folder());
	unlink(tracee->socket);
	memcpy(address.sun_path, tracee->socket, strlen(tracee->socket));
	tracee->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CHECK_OK(bind(tracee->listener, (struct sockaddr *)&address, sizeof(address)));
	CHECK_OK(listen(tracee->listener, 64));
	CHECK_OK(pipe2(go, O_CLOEXEC));
	CHECK_OK(pipe2(arrived, O_CLOEXEC));
	for (int i = 0; i < 2; i++) {
		go[i] = lift(go[i]);
		arrived[i] = lift(arrived[i]);
	}
	tracee->pid = fork();
	CHECK_OK(tracee->pid);
	if (!tracee->pid)
		run_program(tracee, words, environment, go[0], arrived[1]);
	close(go[0]);
	close(arrived[1]);
	tracee->go = go[1];
	tracee->arrived = arrived[0];
}

static bool becomes_readable(int fd, int ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int status;

	do
		status = poll(&poll_fd, 1, ms);
	while (status < 0 && errno == EINTR);
	return status > 0;
}

void tracee_meet(struct tracee *tracee)
{
	char byte;

	CHECK(becomes_readable(tracee->arrived, PATIENCE_MS));
	CHECK_EQ(read(tracee->arrived, &byte, 1), 1);
}

void tracee_go(struct tracee *tracee)
{
	CHECK_EQ(write(tracee->go, "g", 1), 1);
}

int tracee_end(struct tracee *tracee)
{
	int status = -1;

	/* The pipe's other end closes with the last of its processes. */
	while (becomes_readable(tracee->arrived, PATIENCE_MS)) {
		char byte;

		if (read(tracee->arrived, &byte, 1) <= 0)
			break;
	}
	CHECK_EQ(waitpid(tracee->pid, &status, 0), tracee->pid);
	close(tracee->go);
	close(tracee->arrived);
	close(tracee->listener);
	return status;
}

bool tracee_has_hello(struct tracee *tracee, int ms)
{
	return becomes_readable(tracee->listener, ms);
}

static int compare_symbols(const void *a, const void *b)
{
	const struct tracee_symbol *x = a;
	const struct tracee_symbol *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static void read_symbols(struct view *view, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	CHECK_OK(fd);
	CHECK_OK(fstat(fd, &status));

	const uint8_t *file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	close(fd);
	CHECK(file != MAP_FAILED);

	const Elf64_Ehdr *header = (const void *)file;
	const Elf64_Shdr *sections = (const void *)(file + header->e_shoff);

	for (unsigned i = 0; i < header->e_shnum; i++) {
		const Elf64_Sym *symbols = (const void *)(file + sections[i].sh_offset);
		const char *names = (const char *)file + sections[sections[i].sh_link].sh_offset;

		if (sections[i].sh_type != SHT_SYMTAB)
			continue;
		for (size_t k = 0; k < sections[i].sh_size / sizeof(*symbols); k++) {
			struct tracee_symbol *to = &view->symbols[view->symbol_count];

			if (ELF64_ST_TYPE(symbols[k].st_info) != STT_FUNC || !symbols[k].st_size ||
			    view->symbol_count == TRACEE_SYMBOLS_MAX)
				continue;
			snprintf(to->name, sizeof(to->name), "%s", names + symbols[k].st_name);
			to->address = symbols[k].st_value;
			to->size = symbols[k].st_size;
			view->symbol_count++;
		}
	}
	munmap((void *)file, (size_t)status.st_size);
	qsort(view->symbols, view->symbol_count, sizeof(*view->symbols), compare_symbols);
}

static void *map(int fd, size_t *bytes)
{
	struct stat status;
	void *at;

	CHECK_OK(fstat(fd, &status));
	*bytes = (size_t)status.st_size;
	at = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(at != MAP_FAILED);
	return at;
}

void view_accept(struct view *view, struct tracee *tracee)
{
	struct iovec part = { &view->hello, sizeof(view->hello) };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fds[2];

	memset(view, 0, sizeof(*view));
	CHECK(becomes_readable(tracee->listener, PATIENCE_MS));

	int fd = accept4(tracee->listener, NULL, NULL, SOCK_CLOEXEC);

	CHECK_OK(fd);
	CHECK(becomes_readable(fd, PATIENCE_MS));
	CHECK_EQ(recvmsg(fd, &message, MSG_CMSG_CLOEXEC), sizeof(view->hello));
	CHECK_EQ(control.head.cmsg_len, CMSG_LEN(sizeof(fds)));
	memcpy(fds, CMSG_DATA(&control.head), sizeof(fds));
	close(fd);
	view->rings_fd = fds[0];
	view->plan_fd = fds[1];
	view->rings = map(fds[0], &view->rings_bytes);
	view->plan = map(fds[1], &view->plan_bytes);
	CHECK_EQ(view->hello.magic, JEM_HELLO_MAGIC);
	CHECK(!memcmp(view_header(view)->magic, JEM_RING_MAGIC, 8));
	view->bias = view_modules(view)[0].bias;
	read_symbols(view, tracee->program);
	view->records = calloc(TRACEE_RECORDS_MAX, sizeof(*view->records));
	view->threads = calloc(TRACEE_RECORDS_MAX, sizeof(*view->threads));
	view->values_at = calloc(TRACEE_RECORDS_MAX + 1, sizeof(*view->values_at));
	view->op_count = 1;
}

void view_close(struct view *view)
{
	munmap(view->rings, view->rings_bytes);
	munmap(view->plan, view->plan_bytes);
	close(view->rings_fd);
	close(view->plan_fd);
	free(view->records);
	free(view->threads);
	free(view->values_at);
}

struct jem_ring_header *view_header(struct view *view)
{
	return (struct jem_ring_header *)(void *)view->rings;
}

struct jem_ring_thread *view_thread(struct view *view, unsigned index)
{
	return (struct jem_ring_thread *)(void *)(view->rings + view_header(view)->threads_offset) +
	       index;
}

struct jem_ring_edge *view_edges(struct view *view, unsigned index)
{
	return (struct jem_ring_edge *)(void *)(view->rings + view_header(view)->edges_offset) +
	       (size_t)index * view_header(view)->edge_count;
}

struct jem_ring_module *view_modules(struct view *view)
{
	return (struct jem_ring_module *)(void *)(view->rings + view_header(view)->modules_offset);
}

const char *view_function(struct view *view, uint64_t pc)
{
	uint64_t address = pc - 1 - view->bias;

	for (unsigned i = 0; i < view->symbol_count; i++) {
		if (address - view->symbols[i].address < view->symbols[i].size)
			return view->symbols[i].name;
	}
	return "";
}

static void note_site(struct view *view, const struct jem_ring_record *record)
{
	struct tracee_site *site = &view->sites[view->site_count];

	/* A tail exit's key is its function, which an unknown record does not tell: see note_tails. */
	if (record->flags & JEM_RECORD_TAIL_EXIT)
		return;
	for (unsigned i = 0; i < view->site_count; i++) {
		if (view->sites[i].pc == record->site_pc)
			return;
	}
	CHECK(view->site_count < TRACEE_SITES_MAX);
	*site = (struct tracee_site){ .pc = record->site_pc, .key = record->site_pc };
	site->is_exit = record->kind == JEM_RECORD_UNKNOWN_EXIT;
	snprintf(site->function, sizeof(site->function), "%s",
		 view_function(view, record->site_pc));
	/* A function's own enter is the first one in its text that is met. */
	for (unsigned i = 0; i < view->site_count && !site->is_exit; i++)
		site->is_inlined |=
			!view->sites[i].is_exit && !strcmp(view->sites[i].function, site->function);
	view->site_count++;
}

/* Every function that was entered may have tail exits. */
static void note_tails(struct view *view)
{
	unsigned count = view->site_count;

	for (unsigned i = 0; i < count; i++) {
		bool is_new = !view->sites[i].is_exit;

		for (unsigned k = 0; k < view->site_count; k++)
			is_new = is_new &&
				 !(view->sites[k].is_tail &&
				   !strcmp(view->sites[k].function, view->sites[i].function));
		for (unsigned k = 0; k < view->symbol_count && is_new; k++) {
			struct tracee_site *site = &view->sites[view->site_count];

			if (strcmp(view->symbols[k].name, view->sites[i].function) != 0)
				continue;
			CHECK(view->site_count < TRACEE_SITES_MAX);
			*site = view->sites[i];
			site->key = view->bias + view->symbols[k].address;
			site->is_exit = site->is_tail = true;
			view->site_count++;
			is_new = false;
		}
	}
}

/* With JEM_RECORD_VALUES all that the record has more is parts. */
static void keep_values(struct view *view, const struct jem_ring_record *record,
			const uint64_t *words, unsigned fixed)
{
	unsigned count = record->words - fixed;

	CHECK_EQ(count > 0, !!(record->flags & JEM_RECORD_VALUES));
	CHECK_LE(view->word_count + count, TRACEE_WORDS_MAX);
	memcpy(view->words + view->word_count, words + fixed, count * sizeof(*words));
	view->word_count += count;
	view->values_at[view->record_count] = view->word_count;
}

unsigned view_values(struct view *view, unsigned record, const uint64_t **ret)
{
	unsigned begin = view->values_at[record];

	*ret = view->words + begin;
	return view->values_at[record + 1] - begin;
}

static void read_record(struct view *view, unsigned thread, const uint64_t *words)
{
	struct jem_ring_record record = { 0 };
	static const unsigned fixed[] = { 0, JEM_RECORD_ENTER_WORDS, JEM_RECORD_EXIT_WORDS,
					  JEM_RECORD_UNKNOWN_WORDS, JEM_RECORD_UNKNOWN_WORDS };

	memcpy(&record, words, sizeof(*words));
	if (record.kind == JEM_RECORD_JUMP)
		return; /* no hook call */
	CHECK(record.kind >= JEM_RECORD_ENTER && record.kind <= JEM_RECORD_UNKNOWN_EXIT);
	CHECK_GE(record.words, fixed[record.kind]);
	memcpy(&record, words, fixed[record.kind] * sizeof(*words));
	if (record.kind >= JEM_RECORD_UNKNOWN_ENTER)
		note_site(view, &record);
	CHECK(view->record_count < TRACEE_RECORDS_MAX);
	view->threads[view->record_count] = thread;
	view->records[view->record_count++] = record;
	view->read_count++;
	keep_values(view, &record, words, fixed[record.kind]);
}

void view_read(struct view *view)
{
	uint32_t size = view_header(view)->ring_bytes;

	view->record_count = 0;
	view->word_count = 0;
	for (unsigned t = 0; t < view_header(view)->thread_count; t++) {
		struct jem_ring_thread *thread = view_thread(view, t);
		const uint8_t *ring =
			view->rings + view_header(view)->rings_offset + (uint64_t)t * size;
		uint64_t head = __atomic_load_n(&thread->head, __ATOMIC_ACQUIRE);
		uint64_t at = thread->tail;

		CHECK_LE(head - at, size);
		while (at != head) {
			const uint64_t *words = (const void *)(ring + (at & (size - 1)));
			uint64_t to_end = size - (at & (size - 1));
			struct jem_ring_record first;

			memcpy(&first, words, sizeof(*words));
			if (first.kind == JEM_RECORD_SKIP) {
				at += to_end;
				continue;
			}
			CHECK(first.words && first.words * 8u <= to_end);
			read_record(view, t, words);
			at += first.words * 8u;
			CHECK_LE(at, head);
		}
		__atomic_store_n(&thread->tail, at, __ATOMIC_RELEASE);
	}
}

void view_discard(struct view *view)
{
	for (unsigned t = 0; t < view_header(view)->thread_count; t++) {
		struct jem_ring_thread *thread = view_thread(view, t);

		__atomic_store_n(&thread->tail, __atomic_load_n(&thread->head, __ATOMIC_ACQUIRE),
				 __ATOMIC_RELEASE);
	}
}

unsigned view_sites(struct view *view, const char *function, struct tracee_site *ret, unsigned max)
{
	unsigned count = 0;

	for (unsigned i = 0; i < view->site_count && count < max; i++) {
		if (!strcmp(view->sites[i].function, function))
			ret[count++] = view->sites[i];
	}
	return count;
}

unsigned view_count(struct view *view, unsigned kind, const char *function)
{
	unsigned count = 0;

	for (unsigned i = 0; i < view->record_count; i++) {
		const struct jem_ring_record *record = &view->records[i];
		uint64_t pc = record->site_pc;

		if (record->kind != kind)
			continue;
		if (record->kind <= JEM_RECORD_EXIT) {
			CHECK(record->site && record->site <= view->site_count);
			pc = view->sites[record->site - 1].pc;
		}
		count += !strcmp(view_function(view, pc), function);
	}
	return count;
}

static void put_site(struct jem_plan_site *table, const struct jem_plan_site *site)
{
	uint64_t at = jem_plan_hash(site->key) & (TABLE_BUCKETS - 1);

	while (table[at].key)
		at = (at + 1) & (TABLE_BUCKETS - 1);
	table[at] = *site;
}

static uint32_t function_id(const char *const *included, const char *name)
{
	for (uint32_t i = 0; included && included[i]; i++) {
		if (!strcmp(included[i], name))
			return i + 1;
	}
	return 0;
}

uint32_t view_code(struct view *view, const struct jem_plan_op *ops, unsigned count)
{
	uint32_t begin = view->op_count;

	CHECK_LE(begin + count, TRACEE_OPS_MAX);
	memcpy(view->ops + begin, ops, count * sizeof(*ops));
	view->op_count += count;
	return begin;
}

void view_plan(struct view *view, const char *const *included, uint32_t state, uint32_t limit,
	       uint32_t process_limit)
{
	struct jem_plan_header *plan = view->plan;
	uint64_t bytes = TABLE_BUCKETS * sizeof(struct jem_plan_site);
	uint64_t offset = 4096 + view->tables++ % 8 * bytes;
	struct jem_plan_site *table = (void *)((uint8_t *)plan + offset);
	struct jem_plan_function *functions = (void *)((uint8_t *)plan + 4096 + 8 * bytes);
	uint64_t code = 8192 + 8 * bytes;

	note_tails(view);
	memset(table, 0, bytes);
	for (unsigned i = 0; i < view->site_count; i++) {
		const struct tracee_site *from = &view->sites[i];
		uint32_t function = function_id(included, from->function);
		struct jem_plan_site site = { .key = from->key,
					      .site = i + 1,
					      .function = function ? function : FUNCTIONS_MAX - 1,
					      .flags = (function ? JEM_SITE_INCLUDED : 0) |
						       (from->is_exit ? JEM_SITE_EXIT : 0) |
						       (from->is_inlined ? JEM_SITE_INLINED : 0) |
						       (from->is_tail ? JEM_SITE_TAIL : 0) };

		if (view->adjust)
			view->adjust(view, from, &site);
		put_site(table, &site);
	}
	if (view->callsite.key)
		put_site(table, &view->callsite);
	memcpy((uint8_t *)plan + code, view->ops, sizeof(view->ops));
	__atomic_store_n(&plan->generation, plan->generation + 1, __ATOMIC_SEQ_CST);
	memcpy(plan->magic, JEM_PLAN_MAGIC, 8);
	plan->version = JEM_RING_VERSION;
	plan->state = state;
	plan->file_bytes = view->plan_bytes;
	plan->site_mask = TABLE_BUCKETS - 1;
	plan->sites_offset = offset;
	plan->functions_offset = 4096 + 8 * bytes;
	plan->function_count = FUNCTIONS_MAX;
	plan->code_offset = code;
	plan->code_count = view->op_count;
	plan->guard = view->guard;
	plan->record_bytes = 4096;
	for (unsigned i = 1; i < FUNCTIONS_MAX; i++)
		functions[i].limit = limit;
	plan->process_limit = process_limit;
	__atomic_store_n(&plan->generation, plan->generation + 1, __ATOMIC_SEQ_CST);
}

void view_check_accounts(struct view *view)
{
	uint64_t written = 0;

	for (unsigned t = 0; t < view_header(view)->thread_count; t++) {
		const struct jem_ring_thread *thread = view_thread(view, t);

		CHECK_EQ(thread->seen, thread->written + thread->dropped + thread->limited);
		written += thread->written;
	}
	CHECK_EQ(view->read_count, written);
}

struct jem_ring_edge *view_edge(struct view *view, uint32_t function)
{
	struct jem_ring_edge *found = NULL;

	for (unsigned t = 0; t < view_header(view)->thread_count; t++) {
		struct jem_ring_edge *edges = view_edges(view, t);

		for (unsigned i = 0; i < view_header(view)->edge_count; i++) {
			if (edges[i].function != function)
				continue;
			CHECK(!found);
			found = &edges[i];
		}
	}
	return found;
}

uint64_t view_calls(struct view *view, uint32_t function)
{
	uint64_t calls = 0;

	for (unsigned t = 0; t < view_header(view)->thread_count; t++) {
		struct jem_ring_edge *edges = view_edges(view, t);

		for (unsigned i = 0; i < view_header(view)->edge_count; i++)
			calls += edges[i].function == function ? edges[i].calls : 0;
	}
	return calls;
}
