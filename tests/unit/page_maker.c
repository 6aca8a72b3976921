/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/page_maker.h"

#include <string.h>

#define FIELD(kind, name, offset, size, is_signed)                                                 \
	"\tfield:" kind " " name ";\toffset:" #offset ";\tsize:" #size ";\tsigned:" #is_signed ";" \
	"\n"
#define COMMON                                                                                     \
	"format:\n" FIELD("unsigned short", "common_type", 0, 2, 0)                                \
		FIELD("unsigned char", "common_flags", 2, 1, 0)                                    \
			FIELD("unsigned char", "common_preempt_count", 3, 1, 0)                    \
				FIELD("int", "common_pid", 4, 4, 1) "\n"

const char page_header_64[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
			      "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
			      "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
			      "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n";
const char page_header_32[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
			      "\tfield: local_t commit;\toffset:8;\tsize:4;\tsigned:1;\n"
			      "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
			      "\tfield: char data;\toffset:12;\tsize:4084;\tsigned:0;\n";

const char format_switch[] = "name: sched_switch\nID: 310\n" COMMON FIELD(
	"char", "prev_comm[16]", 8, 16, 0) FIELD("pid_t", "prev_pid", 24, 4, 1)
	FIELD("int", "prev_prio", 28, 4, 1) FIELD("long", "prev_state", 32, 8, 1)
		FIELD("char", "next_comm[16]", 40, 16, 0) FIELD("pid_t", "next_pid", 56, 4, 1)
			FIELD("int", "next_prio", 60, 4,
			      1) "\nprint fmt: \"prev_state=%s\", REC->prev_state & 0xff ? "
				 "__print_flags(REC->prev_state, "
				 "\"|\", { 0x0001, \"S\" }, { 0x0002, \"D\" }, { 0x0020, \"Z\" }, "
				 "{ 0x0080, \"I\" }) : "
				 "\"R\"\n";

const char format_migrate[] = "name: sched_migrate_task\nID: 314\n" COMMON FIELD(
	"__data_loc char[]", "comm", 8, 4, 0) FIELD("pid_t", "pid", 12, 4, 1)
	FIELD("int", "prio", 16, 4, 1) FIELD("int", "orig_cpu", 20, 4, 1)
		FIELD("int", "dest_cpu", 24, 4, 1) "\nprint fmt: \"comm=%s\", __get_str(comm)\n";

const char format_swap[] = "name: sched_swap_numa\nID: 319\n" COMMON FIELD("pid_t", "src_pid", 8, 4,
									   1)
	FIELD("int", "src_cpu", 12, 4, 1) FIELD("pid_t", "dst_pid", 16, 4, 1)
		FIELD("int", "dst_cpu", 20, 4, 1) "\nprint fmt: \"src_pid=%d\", REC->src_pid\n";

void page_begin(struct page_maker *page, uint64_t ns, size_t commit_size)
{
	memset(page, 0, sizeof(*page));
	memcpy(page->bytes, &ns, sizeof(ns));
	page->head = 8 + commit_size;
}

static void add_word(struct page_maker *page, uint32_t word)
{
	memcpy(page->bytes + page->head + page->len, &word, sizeof(word));
	page->len += sizeof(word);
}

void page_record(struct page_maker *page, uint64_t delta, const void *data, size_t words)
{
	add_word(page, (uint32_t)(words <= 28 ? words : 0) | (uint32_t)(delta << 5));
	if (words > 28)
		add_word(page, (uint32_t)(words + 1) * 4);
	memcpy(page->bytes + page->head + page->len, data, words * 4);
	page->len += words * 4;
}

void page_mark(struct page_maker *page, unsigned type, uint64_t value)
{
	add_word(page, type | (uint32_t)(value & 0x7ffffff) << 5);
	add_word(page, (uint32_t)(value >> 27));
}

void page_end(struct page_maker *page, uint32_t flags)
{
	uint32_t commit = (uint32_t)page->len | flags;

	memcpy(page->bytes + 8, &commit, sizeof(commit));
}

static void put32(uint8_t *data, size_t offset, int32_t value)
{
	memcpy(data + offset, &value, sizeof(value));
}

size_t data_switch(uint8_t *data, int32_t prev, const char *prev_comm, int64_t state, int32_t next,
		   const char *next_comm)
{
	memset(data, 0, 64);
	put32(data, 0, ID_SWITCH);
	put32(data, 4, prev);
	memcpy(data + 8, prev_comm, strnlen(prev_comm, 16));
	put32(data, 24, prev);
	memcpy(data + 32, &state, sizeof(state));
	memcpy(data + 40, next_comm, strnlen(next_comm, 16));
	put32(data, 56, next);
	return 16;
}

size_t data_migrate(uint8_t *data, int32_t mover, int32_t task, const char *comm, int32_t from,
		    int32_t to)
{
	size_t len = strlen(comm) + 1;

	memset(data, 0, 64);
	put32(data, 0, ID_MIGRATE);
	put32(data, 4, mover);
	put32(data, 8, (int32_t)(len << 16 | 28));
	put32(data, 12, task);
	put32(data, 20, from);
	put32(data, 24, to);
	memcpy(data + 28, comm, len);
	return (28 + len + 3) / 4;
}
