/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/x86_length.h"

#include <stdbool.h>

enum {
	LENGTH_MAX = 15, /* longer ones fault */
	REX_W = 8,
	XOP_MAP = 8 /* AMD's extension: 8F where pop's ModRM cannot be */
};

/*
 * What follows an opcode: `.` nothing, `m` ModRM, `b` 1 byte, `w` 2, `z` 4 (2 with prefix 66), `B` and `Z`
 * ModRM and those, `v` 4 or 8 with REX.W, `o` an address, `e` 3 bytes, `t` and `T` ModRM and an immediate
 * for test alone, `x` no instruction in 64-bit mode.
 */
static const char one_byte[257] = "mmmmbzxxmmmmbzx." /* 00 */
				  "mmmmbzxxmmmmbzxx"
				  "mmmmbzxxmmmmbzxx"
				  "mmmmbzxxmmmmbzxx"
				  "xxxxxxxxxxxxxxxx" /* 40: REX, taken before */
				  "................"
				  "xxxmxxxxzZbB...." /* 60 */
				  "bbbbbbbbbbbbbbbb"
				  "BZxBmmmmmmmmmmmm" /* 80 */
				  "..........x....."
				  "oooo....bz......" /* a0 */
				  "bbbbbbbbvvvvvvvv"
				  "BBw.xxBZe.w..bx." /* c0 */
				  "mmmmxxx.mmmmmmmm"
				  "bbbbbbbbzzxb...." /* e0 */
				  "x.xx..tT......mm";

static const char two_byte[257] = "mmmmx.....x.xm.B" /* 00 */
				  "mmmmmmmmmmmmmmmm"
				  "mmmmxxxxmmmmmmmm"
				  "........xxxxxxxx" /* 30: 38 and 3a are taken before */
				  "mmmmmmmmmmmmmmmm"
				  "mmmmmmmmmmmmmmmm"
				  "mmmmmmmmmmmmmmmm"
				  "BBBBmmm.mmmmmmmm" /* 70 */
				  "zzzzzzzzzzzzzzzz"
				  "mmmmmmmmmmmmmmmm"
				  "...mBmxx...mBmmm" /* a0 */
				  "mmmmmmmmmmBmmmmm"
				  "mmBmBBBm........" /* c0 */
				  "mmmmmmmmmmmmmmmm"
				  "mmmmmmmmmmmmmmmm"
				  "mmmmmmmmmmmmmmmm";

struct prefixes {
	size_t len;
	bool has_16_bit, has_short_address;
	uint8_t rex;
};

static struct prefixes read_prefixes(const uint8_t *code, size_t left)
{
	struct prefixes p = { 0 };

	for (; p.len < left && p.len < LENGTH_MAX; p.len++) {
		switch (code[p.len]) {
		case 0x66:
			p.has_16_bit = true;
			continue;
		case 0x67:
			p.has_short_address = true;
			continue;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
		case 0xf0:
		case 0xf2:
		case 0xf3:
			continue;
		}
		break;
	}
	if (p.len < left && (code[p.len] & 0xf0) == 0x40)
		p.rex = code[p.len++];
	return p;
}

/* Bytes of ModRM, SIB and displacement. */
static size_t modrm_length(const uint8_t *code, size_t left)
{
	uint8_t mod, rm;
	size_t len = 1;

	if (!left)
		return LENGTH_MAX + 1;
	mod = code[0] >> 6;
	rm = code[0] & 7;
	if (mod == 3)
		return 1;
	if (rm == 4) {
		if (left < 2)
			return LENGTH_MAX + 1;
		len++;
		if (mod == 0 && (code[1] & 7) == 5)
			len += 4;
	} else if (mod == 0 && rm == 5) {
		len += 4;
	}
	return len + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

static bool is_xop(const uint8_t *code, size_t left, size_t at)
{
	return code[at] == 0x8f && at + 1 < left && (code[at + 1] & 0x1f) >= XOP_MAP;
}

/* The kind of what follows; `at` moves behind the opcode. */
static char opcode_kind(const uint8_t *code, size_t left, size_t *at)
{
	uint8_t byte = code[*at];
	uint8_t map = 0;

	if (byte == 0x0f) {
		if (++*at >= left)
			return 'x';
		map = code[*at] == 0x38 ? 2 : code[*at] == 0x3a ? 3 : 1;
		*at += map > 1;
	} else if (byte == 0xc5 || byte == 0xc4 || byte == 0x62 || is_xop(code, left, *at)) {
		size_t head = byte == 0xc5 ? 2 : byte == 0x62 ? 4 : 3;

		if (*at + head >= left)
			return 'x';
		map = byte == 0xc5 ? 1 : byte == 0x62 ? code[*at + 1] & 7 : code[*at + 1] & 0x1f;
		*at += head;
		if (!map)
			return 'x';
	}
	if (*at >= left)
		return 'x';
	byte = code[(*at)++];
	switch (map) {
	case 0:
		return one_byte[byte];
	case 1:
		return two_byte[byte];
	case 3:
	case XOP_MAP:
		return 'B';
	case XOP_MAP + 2:
		return 'Z';
	default:
		return 'm';
	}
}

static size_t immediate_length(char kind, const struct prefixes *p, uint8_t modrm)
{
	size_t word = p->has_16_bit ? 2 : 4;

	switch (kind) {
	case 'b':
	case 'B':
		return 1;
	case 'w':
		return 2;
	case 'e':
		return 3;
	case 'z':
	case 'Z':
		return word;
	case 'v':
		return p->rex & REX_W ? 8 : word;
	case 'o':
		return p->has_short_address ? 4 : 8;
	case 't':
		return (modrm >> 3 & 7) < 2 ? 1 : 0;
	case 'T':
		return (modrm >> 3 & 7) < 2 ? word : 0;
	default:
		return 0;
	}
}

size_t jem_x86_length(const uint8_t *code, size_t left, size_t *opcode)
{
	struct prefixes p = read_prefixes(code, left);
	size_t at = p.len;
	uint8_t modrm = 0;
	uint8_t first;
	char kind;

	if (at >= left)
		return 0;
	if (opcode)
		*opcode = at;
	first = code[at];
	kind = opcode_kind(code, left, &at);
	if (kind == 'x')
		return 0;
	/* Near branches take 4 bytes whatever the prefix 66 says. */
	if (first == 0xe8 || first == 0xe9 ||
	    (first == 0x0f && (code[at - 1] & 0xf0) == 0x80 && kind == 'z'))
		p.has_16_bit = false;
	if (kind == 'm' || kind == 'B' || kind == 'Z' || kind == 't' || kind == 'T') {
		if (at >= left)
			return 0;
		modrm = code[at];
		at += modrm_length(code + at, left - at);
	}
	at += immediate_length(kind, &p, modrm);
	return at <= left && at <= LENGTH_MAX ? at : 0;
}
