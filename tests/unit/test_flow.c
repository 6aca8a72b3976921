/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder and the data flow on code as gcc 12 and clang 14 write it. */
#include "tests/unit/check.h"
#include "tracer/symbols/flow.h"

#define BASE  0x401000u
#define ALL   (0xffffull | 0xffull << 17)
#define SAVED 0xf0c8ull

enum {
	RAX = 0,
	RDX = 1,
	RCX = 2,
	RBX = 3,
	RSI = 4,
	RDI = 5,
	RBP = 6,
	RSP = 7,
	R12 = 12
};

struct text {
	const uint8_t *bytes;
	size_t len;
};

static const uint8_t *code_at(void *data, uint64_t address, size_t *left)
{
	const struct text *text = data;

	if (address < BASE || address - BASE >= text->len)
		return NULL;
	*left = text->len - (size_t)(address - BASE);
	return text->bytes + (address - BASE);
}

static struct jem_flow flow;

#define RUN(known, ...)                                                                            \
	({                                                                                         \
		static const uint8_t bytes_[] = { __VA_ARGS__ };                                   \
		struct text text_ = { bytes_, sizeof(bytes_) };                                    \
                                                                                                   \
		jem_flow_init(&flow, code_at, &text_, known);                                      \
		jem_flow_run(&flow, BASE, BASE + sizeof(bytes_));                                  \
	})

#define RETURNS(...)                                                                               \
	({                                                                                         \
		static const uint8_t bytes_[] = { __VA_ARGS__ };                                   \
		struct text text_ = { bytes_, sizeof(bytes_) };                                    \
                                                                                                   \
		jem_flow_init(&flow, code_at, &text_, SAVED);                                      \
		jem_flow_run(&flow, BASE, 0);                                                      \
	})

static const struct jem_flow_node *low(uint16_t node, unsigned size)
{
	return &flow.nodes[jem_flow_low(&flow, node, size)];
}

static int length(const char *hex)
{
	uint8_t code[16] = { 0 };
	size_t len = 0;
	struct jem_x86_insn insn;

	for (; *hex; hex += hex[2] ? 3 : 2)
		code[len++] = (uint8_t)strtoul((char[]){ hex[0], hex[1], 0 }, NULL, 16);
	int whole = jem_x86_decode(code, len, &insn);

	/* not a byte less may do */
	for (size_t cut = 0; cut < len; cut++)
		CHECK(jem_x86_decode(code, cut, &insn) < 0);
	return whole == (int)len ? 0 : whole ? whole : -1;
}

CASE(knows_the_length_of_common_instructions)
{
	static const char *const known[] = {
		"55",
		"41 54",
		"48 89 e5",
		"48 83 ec 20",
		"48 81 ec 90 00 00 00",
		"89 7d ec",
		"48 8b 45 08",
		"48 8d 3d b9 ff ff ff",
		"e8 7b fd ff ff",
		"ff 15 91 2e 00 00",
		"c3",
		"f3 c3",
		"f2 c3",
		"c9",
		"f3 0f 1e fa",
		"0f 1f 84 00 00 00 00 00",
		"66 2e 0f 1f 84 00 00 00 00 00",
		"48 c7 45 f8 00 00 00 00",
		"66 c7 45 f8 01 00",
		"48 b8 01 02 03 04 05 06 07 08",
		"b8 01 00 00 00",
		"0f b6 c0",
		"48 0f be 07",
		"48 63 d0",
		"48 98",
		"f2 0f 10 45 f8",
		"f3 0f 11 44 24 0c",
		"66 0f ef c0",
		"0f 28 c1",
		"66 48 0f 6e c0",
		"66 48 0f 7e c0",
		"66 0f d6 45 f0",
		"0f 16 44 24 10",
		"66 0f 6c c1",
		"db 6d e0",
		"dd 45 f0",
		"74 08",
		"0f 84 00 01 00 00",
		"eb fe",
		"64 48 8b 04 25 28 00 00 00",
		"64 48 2b 04 25 28 00 00 00",
		"48 6b c0 0a",
		"0f af c2",
		"c1 e0 04",
		"d1 f8",
		"f7 d8",
		"83 7d fc 00",
		"80 3c 25 00 00 00 00 01",
		"db 7d e0",
		"d9 5d fc",
		"c5 fa 10 45 f8",
		"c4 e1 f9 6e c0",
		"c5 fd 7f 44 24 20",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (length(known[i]))
			check_fail(__FILE__, __LINE__, "%s: %d", known[i], length(known[i]));
}

CASE(refuses_what_it_does_not_follow)
{
	struct jem_x86_insn insn;
	static const uint8_t divides[] = { 0xf7, 0xf9 }, exchanges[] = { 0x87, 0xd8 };
	static const uint8_t asks[] = { 0x0f, 0xa2 }, calls[] = { 0x0f, 0x05 };

	CHECK(jem_x86_decode(divides, 2, &insn) < 0);
	CHECK(jem_x86_decode(exchanges, 2, &insn) < 0);
	CHECK(jem_x86_decode(asks, 2, &insn) < 0);
	CHECK(jem_x86_decode(calls, 2, &insn) < 0);
}

/* push rbp; mov rsp,rbp; sub 32,rsp; mov edi,-20(rbp); movss xmm0,-24(rbp); mov rsi,rbx; call */
CASE(finds_arguments_in_spills_and_registers)
{
	CHECK_EQ(RUN(ALL, 0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0x89, 0x7d, 0xec, 0xf3,
		     0x0f, 0x11, 0x45, 0xe8, 0x48, 0x89, 0xf3, 0xe8, 0, 0, 0, 0),
		 JEM_FLOW_REACHED);
	/* rbp is the stack pointer at entry less 8 */
	CHECK_EQ(flow.nodes[flow.gpr[RBP]].reg, RSP);
	CHECK_EQ(flow.nodes[flow.gpr[RBP]].value, -8);
	CHECK_EQ(flow.nodes[flow.gpr[RSP]].value, -40);
	const struct jem_flow_node *edi = low(jem_flow_memory(&flow, RSP, -8 - 20, 4), 4);

	CHECK_EQ(edi->kind, JEM_FLOW_EXTEND);
	CHECK_EQ(flow.nodes[edi->a].kind, JEM_FLOW_REG);
	CHECK_EQ(flow.nodes[edi->a].reg, RDI);
	CHECK(jem_flow_is_written(&flow, RSP, -8 - 24, 4));
	CHECK(!jem_flow_is_written(&flow, RSP, -8 - 28, 4));
	CHECK_EQ(flow.nodes[flow.gpr[RBX]].reg, RSI);
}

/* mov dil,al; mov al,-1(rsp): a byte in a register that had something else */
CASE(keeps_a_byte_apart_from_the_rest_of_its_register)
{
	CHECK_EQ(RUN(ALL, 0x40, 0x88, 0xf8, 0x88, 0x44, 0x24, 0xff, 0xe8, 0, 0, 0, 0),
		 JEM_FLOW_REACHED);
	const struct jem_flow_node *byte = low(jem_flow_memory(&flow, RSP, -1, 1), 1);

	CHECK_EQ(byte->kind, JEM_FLOW_EXTEND);
	CHECK_EQ(flow.nodes[byte->a].reg, RDI);
	CHECK_EQ(low(flow.gpr[RAX], 4)->kind, JEM_FLOW_EXTEND);
	CHECK(flow.nodes[low(flow.gpr[RAX], 4)->a].kind == JEM_FLOW_ALU);
}

/* test al,al; je over; movaps xmm0..1; over: the register save area of a variadic function */
CASE(steps_over_the_saves_of_variadic_functions)
{
	CHECK_EQ(RUN(ALL, 0x84, 0xc0, 0x74, 0x0a, 0x0f, 0x29, 0x44, 0x24, 0x50, 0x0f, 0x29, 0x4c,
		     0x24, 0x60, 0x48, 0x89, 0xfb, 0xe8, 0, 0, 0, 0),
		 JEM_FLOW_REACHED);
	CHECK_EQ(flow.nodes[flow.gpr[RBX]].reg, RDI);
	CHECK(!jem_flow_is_written(&flow, RSP, 0x50, 8));
}

CASE(ends_at_a_branch_that_is_none_of_those)
{
	CHECK_EQ(RUN(ALL, 0x85, 0xff, 0x74, 0x03, 0x48, 0x89, 0xfb, 0xe8, 0, 0, 0, 0),
		 JEM_FLOW_LOST);
}

/* mov ebx,eax; add 8,rsp; pop rbx; pop rbp; ret: and so rbx is not what the pop brings */
CASE(rebuilds_a_return_value)
{
	CHECK_EQ(RETURNS(0x89, 0xd8, 0x48, 0x83, 0xc4, 0x08, 0x5b, 0x5d, 0xc3), JEM_FLOW_RETURNS);
	const struct jem_flow_node *eax = low(flow.gpr[RAX], 4);

	CHECK_EQ(eax->kind, JEM_FLOW_EXTEND);
	CHECK_EQ(flow.nodes[eax->a].kind, JEM_FLOW_REG);
	CHECK_EQ(flow.nodes[eax->a].reg, RBX);
	CHECK_EQ(flow.nodes[flow.gpr[RBX]].kind, JEM_FLOW_LOAD);
}

/* lea 3(rbx,rbp,4),rax; ret */
CASE(rebuilds_a_sum)
{
	CHECK_EQ(RETURNS(0x48, 0x8d, 0x44, 0xab, 0x03, 0xc3), JEM_FLOW_RETURNS);
	CHECK_EQ(flow.nodes[flow.gpr[RAX]].kind, JEM_FLOW_ALU);
}

/* cmp 0x66,bx; sete dl; cmp 0x16,bx; sete al; or edx,eax; movzbl al,eax; ret */
CASE(rebuilds_a_condition)
{
	CHECK_EQ(RETURNS(0x66, 0x83, 0xfb, 0x66, 0x0f, 0x94, 0xc2, 0x66, 0x83, 0xfb, 0x16, 0x0f,
			 0x94, 0xc0, 0x09, 0xd0, 0x0f, 0xb6, 0xc0, 0xc3),
		 JEM_FLOW_RETURNS);
	const struct jem_flow_node *eax = low(flow.gpr[RAX], 4);

	CHECK_EQ(eax->kind, JEM_FLOW_EXTEND);
	CHECK_EQ(flow.nodes[eax->a].kind, JEM_FLOW_ALU);
	CHECK_EQ(flow.nodes[flow.nodes[eax->a].a].kind, JEM_FLOW_EXTEND);
}

/* mov 8(rsp),rdx; sub fs:40,rdx; jne fail; mov rbx,rax; ret; fail: call */
CASE(goes_past_the_stack_protector)
{
	CHECK_EQ(RETURNS(0x48, 0x8b, 0x54, 0x24, 0x08, 0x64, 0x48, 0x2b, 0x14, 0x25, 0x28, 0, 0, 0,
			 0x75, 0x04, 0x48, 0x89, 0xd8, 0xc3, 0xe8, 0, 0, 0, 0),
		 JEM_FLOW_RETURNS);
	CHECK_EQ(flow.nodes[flow.gpr[RAX]].reg, RBX);
}

/* mov rax,rdi; call _Unwind_Resume: a landing pad; what the hook left in rax nobody knows */
CASE(tells_a_landing_pad)
{
	CHECK_EQ(RETURNS(0x48, 0x89, 0xdf, 0xe8, 0, 0, 0, 0), JEM_FLOW_NO_RETURN);
	CHECK_EQ(RETURNS(0xc3), JEM_FLOW_RETURNS);
	CHECK_EQ(flow.gpr[RAX], 0);
}

TESTS(T(knows_the_length_of_common_instructions), T(refuses_what_it_does_not_follow),
      T(finds_arguments_in_spills_and_registers),
      T(keeps_a_byte_apart_from_the_rest_of_its_register),
      T(steps_over_the_saves_of_variadic_functions), T(ends_at_a_branch_that_is_none_of_those),
      T(rebuilds_a_return_value), T(rebuilds_a_sum), T(rebuilds_a_condition),
      T(goes_past_the_stack_protector), T(tells_a_landing_pad))
