/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_machine: any words as plans of a site and its caller, on registers that point into a stack, at
 * the end of a mapping, and nowhere. Never a crash, never a word behind the room; what comes out is
 * well-formed, and the same the second time.
 */
#include "tracer/preload/guard.h"
#include "tracer/preload/machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	PAGE = 4096,
	STACK_WORDS = 64,
	OPS_MAX = 4096,
	HEAD = 4, /* bytes: room, fixed words of both, plan of the caller */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	struct jem_plan_site site, caller;
	uint32_t faults;
};

/*
 * Two pages with nothing on either side, as far as the constants of ops reach: what can be read is the
 * same the second time.
 */
#define AROUND (4ul << 30)
static uint64_t *stack;
static char *page;

static const struct jem_plan_site *find_site(const struct jem_machine *machine, uint64_t key)
{
	const struct input *input = machine->context;

	return key % 2 ? NULL : &input->caller;
}

static void prepare(void)
{
	char *pages = mmap(NULL, 2 * AROUND, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			   -1, 0);

	if (pages == MAP_FAILED)
		abort();
	pages += AROUND;
	if (mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE) < 0 ||
	    mprotect(pages + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE) < 0)
		abort();
	stack = (uint64_t *)(void *)(pages + PAGE);
	page = pages + 3 * PAGE;
	memset(page, 'p', PAGE);
	for (int i = 0; i < STACK_WORDS; i++)
		stack[i] = (uintptr_t)page + (uint64_t)i * 97 % (PAGE + 8);
	if (jem_guard_start(JEM_GUARD_FAULT) == JEM_GUARD_NONE)
		abort();
}

static unsigned run(const struct jem_machine *machine, const struct input *input, uint64_t *out,
		    unsigned words)
{
	struct jem_machine_frame frame = { .stack_low = (uintptr_t)stack,
					   .stack_high = (uintptr_t)(stack + STACK_WORDS),
					   .ticks = 1 << 30 };

	for (unsigned i = 0; i < 19; i++)
		frame.r[i] = i % 3 == 0   ? (uintptr_t)(stack + i)
			     : i % 3 == 1 ? (uintptr_t)page + PAGE - i
					  : (uint64_t)i << (3 * i);
	frame.xmm = stack;
	return jem_machine_run(machine, &input->site, &frame, out, words);
}

static void check_cells(const uint64_t *at, const uint64_t *end)
{
	struct jem_ring_cell cell;
	size_t words;

	while (at < end) {
		if (end - at < (ptrdiff_t)sizeof(cell) / 8)
			abort();
		memcpy(&cell, at, sizeof(cell));
		words = sizeof(cell) / 8 + (cell.len + 7) / 8;
		if ((size_t)(end - at) < words || cell.status > JEM_CELL_BUDGET || cell.reserved)
			abort();
		if (cell.len % 8 && at[words - 1] >> (cell.len % 8 * 8))
			abort();
		at += words;
	}
}

static void check_out(const struct input *input, const uint64_t *out, unsigned words)
{
	struct jem_ring_parts parts;
	const uint64_t *caller;

	memcpy(&parts, out, sizeof(parts));
	caller = out + 1 + parts.site_words;
	if (1u + parts.site_words + parts.caller_words != words)
		abort();
	if (parts.site_words < 1 + input->site.fixed_words)
		abort();
	check_cells(out + 2 + input->site.fixed_words, caller);
	if (!parts.caller_words)
		return;
	if (parts.caller_words < 1 + input->caller.fixed_words || parts.caller_site != 2)
		abort();
	check_cells(caller + 1 + input->caller.fixed_words, out + words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { .faults = 0 };
	struct jem_machine machine = { .find_site = find_site,
				       .context = &input,
				       .faults = &input.faults,
				       .record_bytes = 8 * JEM_RECORD_WORDS_MAX };
	size_t count;
	unsigned room;
	unsigned words;
	struct jem_plan_op *code;
	uint64_t *out;
	uint64_t *again;

	if (!page)
		prepare();
	if (size < HEAD)
		return 0;
	count = (size - HEAD) / sizeof(*code);
	if (count > OPS_MAX)
		count = OPS_MAX;
	room = data[0];
	input.site = (struct jem_plan_site){ .site = 1, .plan = 1, .fixed_words = data[1] % 66 };
	input.caller =
		(struct jem_plan_site){ .site = 2, .plan = data[3], .fixed_words = data[2] % 66 };
	code = malloc((count + 1) * sizeof(*code));
	out = calloc(room + 1u, sizeof(*out));
	again = calloc(room + 1u, sizeof(*again));
	if (!code || !out || !again)
		abort();
	memset(code, 0, sizeof(*code));
	memcpy(code + 1, data + HEAD, count * sizeof(*code));
	machine.code = code;
	machine.code_count = count + 1;
	words = run(&machine, &input, out, room);
	if (words > room || out[room] || words == 1)
		abort();
	if (words)
		check_out(&input, out, words);
	memset(again, 0xff, room * sizeof(*again)); /* nothing is left as it was found */
	if (run(&machine, &input, again, room) != words || memcmp(out, again, words * 8))
		abort();
	free(code);
	free(out);
	free(again);
	return 0;
}
