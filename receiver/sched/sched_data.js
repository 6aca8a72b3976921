// SPDX-License-Identifier: Apache-2.0
// Scheduling data of a page: base64 -> inflate -> slices in typed arrays -> level of detail.
// The layout is told in receiver/sched/pack.h.
const sched_data = (function () {
	"use strict";
	const RECENT = 24, NONE = 0xffffffff;

	// Inflate (RFC 1950, 1951), for browsers without DecompressionStream.
	const length_base = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
		131, 163, 195, 227, 258];
	const distance_base = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025,
		1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
	const code_order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

	// Canonical codes as counts by length and symbols in order.
	function code_of(lengths) {
		const counts = new Uint16Array(16), offsets = new Uint16Array(16), symbols = new Uint16Array(lengths.length);
		lengths.forEach((length) => { counts[length]++; });
		counts[0] = 0;
		for (let i = 1; i < 15; i++) offsets[i + 1] = offsets[i] + counts[i];
		lengths.forEach((length, symbol) => { if (length) symbols[offsets[length]++] = symbol; });
		return { counts, symbols };
	}
	function inflate(input) {
		let out = new Uint8Array(input.length * 4 + 1024), size = 0, at = 2, bits = 0, held = 0;
		const room = (more) => {
			if (size + more <= out.length) return;
			const larger = new Uint8Array(Math.max(out.length * 2, size + more));
			larger.set(out);
			out = larger;
		};
		const take = (count) => {
			while (held < count) {
				bits |= input[at++] << held;
				held += 8;
			}
			const value = bits & ((1 << count) - 1);
			bits >>>= count;
			held -= count;
			return value;
		};
		const symbol = (code) => {
			let value = 0, first = 0, index = 0;
			for (let length = 1; length < 16; length++) {
				value |= take(1);
				const count = code.counts[length];
				if (value - count < first) return code.symbols[index + value - first];
				index += count;
				first = (first + count) << 1;
				value <<= 1;
			}
			throw new Error("damaged data");
		};
		const fixed = () => {
			const lengths = Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8));
			return [code_of(lengths), code_of(new Array(30).fill(5))];
		};
		const dynamic = () => {
			const literals = take(5) + 257, distances = take(5) + 1, count = take(4) + 4;
			const lengths = new Array(19).fill(0), all = [];
			for (let i = 0; i < count; i++) lengths[code_order[i]] = take(3);
			const code = code_of(lengths);
			while (all.length < literals + distances) {
				const s = symbol(code);
				if (s < 16) all.push(s);
				else {
					const value = s === 16 ? all[all.length - 1] : 0;
					for (let n = s === 16 ? 3 + take(2) : s === 17 ? 3 + take(3) : 11 + take(7); n > 0; n--) all.push(value);
				}
			}
			return [code_of(all.slice(0, literals)), code_of(all.slice(literals))];
		};
		const block = ([literals, distances]) => {
			for (;;) {
				let s = symbol(literals);
				if (s === 256) return;
				if (s < 256) {
					room(1);
					out[size++] = s;
					continue;
				}
				s -= 257;
				const length = length_base[s] + (s < 8 || s === 28 ? 0 : take((s >> 2) - 1));
				const d = symbol(distances);
				const back = distance_base[d] + (d < 4 ? 0 : take((d >> 1) - 1));
				room(length);
				for (let i = 0; i < length; i++, size++) out[size] = out[size - back];
			}
		};
		for (let is_last = 0; !is_last;) {
			is_last = take(1);
			const kind = take(2);
			if (kind === 0) {
				bits = held = 0;
				const length = input[at] | input[at + 1] << 8;
				room(length);
				out.set(input.subarray(at + 4, at + 4 + length), size);
				size += length;
				at += 4 + length;
			} else {
				block(kind === 1 ? fixed() : dynamic());
			}
		}
		return out.subarray(0, size);
	}

	async function bytes_of(text) {
		const letters = atob(text), packed = new Uint8Array(letters.length);
		for (let i = 0; i < packed.length; i++) packed[i] = letters.charCodeAt(i);
		if (typeof DecompressionStream === "undefined") return inflate(packed);
		const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
		return new Uint8Array(await new Response(stream).arrayBuffer());
	}

	// As many numbers as `into` holds; returns where they end. The hot loop of opening a page.
	function numbers(bytes, at, into) {
		for (let i = 0; i < into.length; i++) {
			let value = bytes[at++];
			if (value >= 0x80) {
				value &= 0x7f;
				for (let scale = 128, more = true; more; scale *= 128) {
					const byte = bytes[at++];
					more = byte >= 0x80;
					value += (byte & 0x7f) * scale;
				}
			}
			into[i] = value;
		}
		return at;
	}
	const unsigned = (value) => (value % 2 ? -(value + 1) / 2 : value / 2); // zigzag

	// Ranks among the last ones of each core into what they stand for, in place; 0 is none if there is one.
	function unrank(into, first, has_none) {
		const recent = new Uint32Array(RECENT);
		for (let c = 0; c + 1 < first.length; c++)
			for (let i = first[c], known = 0; i < first[c + 1]; i++) {
				const rank = into[i] - has_none;
				if (rank === 0) {
					into[i] = recent[0];
					continue;
				}
				if (rank < 0) {
					into[i] = NONE;
					continue;
				}
				const value = rank < RECENT ? recent[rank] : rank - RECENT;
				if (rank >= RECENT && known < RECENT) known++;
				for (let k = rank < RECENT ? rank : known - 1; k > 0; k--) recent[k] = recent[k - 1];
				recent[0] = into[i] = value;
			}
	}

	// The slices of all cores, one core after the other, in units from the start of the window.
	function decode(bytes, cores) {
		const head = new Float64Array(1), counts = new Float64Array(cores), first = [0];
		let at = numbers(bytes, 0, head);
		const table = new Float64Array(head[0] * 4), faces = { tid: [], pid: [], parent: [], name: [] };
		at = numbers(bytes, at, table);
		for (let i = 0, tid = 0; i < table.length; i += 4) {
			tid += unsigned(table[i]);
			faces.tid.push(tid);
			faces.pid.push(tid - unsigned(table[i + 1]));
			faces.parent.push(table[i + 2] - 1);
			faces.name.push(table[i + 3] - 1);
		}
		at = numbers(bytes, at, counts);
		counts.forEach((count, c) => first.push(first[c] + count));
		const count = first[cores];
		const data = {
			faces, first, count,
			start: new Float64Array(count), end: new Float64Array(count), how: new Uint8Array(count),
			face: new Uint32Array(count), wait: new Float64Array(count), waker: new Uint32Array(count)
		};
		// By way of one kind of array: the loop is twice as fast when it knows no other.
		const column = new Float64Array(count);
		for (const name of ["start", "end", "how", "face", "wait", "waker"]) {
			if (name === "how") {
				data.how.set(bytes.subarray(at, at + count));
				at += count;
				continue;
			}
			at = numbers(bytes, at, column);
			data[name].set(column);
		}
		at = numbers(bytes, at, head);
		const moved = new Float64Array(head[0] * 2);
		numbers(bytes, at, moved);
		// Those who waited for another core than they ran on, by that core.
		data.moved = Array.from({ length: cores }, () => []);
		data.has_moved = new Uint8Array(count);
		for (let i = 0; i < moved.length; i += 2) {
			data.moved[moved[i + 1]].push(moved[i]);
			data.has_moved[moved[i]] = 1;
		}
		const { start, end, wait } = data;
		data.longest = counts.map((_, c) => {
			let most = 0;
			for (let i = first[c], last = 0; i < first[c + 1]; i++) {
				start[i] += last;
				last = end[i] += start[i];
				if (wait[i] > most) most = wait[i];
			}
			return most;
		});
		unrank(data.face, first, 0);
		unrank(data.waker, first, 1);
		return data;
	}

	// The first slice of a core that ends after the time.
	function find(data, core, time) {
		let low = data.first[core], high = data.first[core + 1];
		while (low < high) {
			const middle = (low + high) >> 1;
			if (data.end[middle] > time) high = middle; else low = middle + 1;
		}
		return low;
	}

	// Sums up a slice in the cells that it touches: who ran longest, and how much ran. Marked faces win.
	function add(cells, a, b, face, weight) {
		const cell = a | 0;
		if (a >= 0 && b < cell + 1 && cell < cells.face.length) { // most are within one
			const part = b - a > 0.004 ? b - a : 0.004;
			cells.busy[cell] += part;
			if (part + weight > cells.best[cell]) {
				cells.best[cell] = part + weight;
				cells.face[cell] = face;
			}
			return;
		}
		const count = cells.face.length, from = Math.max(0, a), to = Math.min(count, Math.max(b, a));
		if (!(from <= count && to >= 0)) return;
		const last = Math.max(Math.min(Math.floor(from), count - 1), Math.ceil(to) - 1);
		for (let c = Math.min(Math.floor(from), count - 1); c <= last; c++) {
			const part = Math.max(Math.min(to, c + 1) - Math.max(from, c), 0.004);
			cells.busy[c] += part;
			if (part + weight > cells.best[c]) {
				cells.best[c] = part + weight;
				cells.face[c] = face;
			}
		}
	}
	function cells_of(count) {
		return { face: new Uint32Array(count).fill(NONE), busy: new Float32Array(count), best: new Float32Array(count),
			changes: new Int32Array(count + 1) };
	}

	function clear(cells) {
		cells.busy.fill(0);
		cells.best.fill(0);
		cells.face.fill(NONE);
		cells.changes.fill(0);
	}

	// Cells of one core, halved again and again: { face, busy (0 to 255), waits } by level, the finest first.
	function levels_of(data, core, span, size, marked, cells) {
		const scale = size / span;
		clear(cells);
		const { start, end, how, face, wait, has_moved } = data, { busy, best } = cells, shown = cells.face;
		for (let i = data.first[core], last = data.first[core + 1]; i < last; i++) {
			const a = start[i] * scale, b = end[i] * scale, cell = a | 0;
			if (wait[i] && !has_moved[i]) count_wait(cells.changes, (start[i] - wait[i]) * scale, a);
			if (how[i] >> 5 === 7) continue;
			if (marked || b >= cell + 1 || cell >= size) {
				add(cells, a, b, face[i], marked && marked[face[i]] ? 2 : 0);
				continue;
			}
			const part = b - a > 0.004 ? b - a : 0.004; // most are within a cell
			busy[cell] += part;
			if (part > best[cell]) {
				best[cell] = part;
				shown[cell] = face[i];
			}
		}
		for (const i of data.moved[core])
			count_wait(cells.changes, (data.start[i] - data.wait[i]) * scale, data.start[i] * scale);
		const levels = [{ face: cells.face.slice(), busy: new Uint8Array(size), waits: new Uint8Array(size) }];
		for (let c = 0, waiting = 0; c < size; c++) {
			levels[0].busy[c] = cells.busy[c] ? Math.max(1, Math.min(255, Math.round(cells.busy[c] * 255))) : 0;
			waiting += cells.changes[c];
			levels[0].waits[c] = waiting > 0 ? 1 : 0;
		}
		for (let n = size / 2; n >= 256; n /= 2) {
			const fine = levels[levels.length - 1];
			const level = { face: new Uint32Array(n), busy: new Uint8Array(n), waits: new Uint8Array(n) };
			for (let c = 0; c < n; c++) {
				const a = 2 * c, b = a + 1;
				const wins = (fine.busy[b] + (marked && marked[fine.face[b]] ? 256 : 0)) >
					(fine.busy[a] + (marked && marked[fine.face[a]] ? 256 : 0));
				level.face[c] = fine.face[wins ? b : a];
				level.busy[c] = (fine.busy[a] + fine.busy[b] + 1) >> 1;
				level.waits[c] = fine.waits[a] | fine.waits[b];
			}
			levels.push(level);
		}
		return levels;
	}
	function count_wait(changes, a, b) {
		const count = changes.length - 1;
		const from = Math.max(0, Math.floor(a)), to = Math.min(count, Math.ceil(b));
		if (to <= from) return;
		changes[from]++;
		changes[to]--;
	}

	// Time that is running or waiting, by column, in columns: whole ones as differences, ends as parts.
	function totals_of(count) {
		return { parts: new Float64Array(count + 1), changes: new Float64Array(count + 2) };
	}
	function add_total(totals, a, b) {
		const count = totals.parts.length - 1;
		a = Math.max(0, a);
		b = Math.min(count, b);
		if (!(b > a)) return;
		const from = a | 0, to = b | 0;
		if (from === to) {
			totals.parts[from] += b - a;
			return;
		}
		totals.parts[from] += from + 1 - a;
		totals.parts[to] += b - to;
		totals.changes[from + 1] += 1;
		totals.changes[to] -= 1;
	}
	function sum_totals(totals) {
		const count = totals.parts.length - 1, sums = new Float32Array(count);
		for (let c = 0, whole = 0; c < count; c++) {
			whole += totals.changes[c];
			sums[c] = totals.parts[c] + whole;
		}
		return sums;
	}
	// Running and waiting tasks as means over `count` columns of a window.
	function counts_of(data, cores, from, to, count) {
		const running = totals_of(count), waiting = totals_of(count), scale = count / (to - from);
		const { start, end, wait } = data, parts = running.parts;
		for (let core = 0; core < cores; core++)
			for (let i = find(data, core, from), last = data.first[core + 1]; i < last; i++) {
				if (start[i] - data.longest[core] >= to) break;
				const a = (start[i] - from) * scale, b = (end[i] - from) * scale, cell = a | 0;
				if (a >= 0 && b < cell + 1 && b <= count) parts[cell] += b - a; // most are within a cell
				else add_total(running, a, b);
				if (wait[i]) add_total(waiting, a - wait[i] * scale, a);
			}
		return { running: sum_totals(running), waiting: sum_totals(waiting) };
	}

	return { NONE, add, bytes_of, cells_of, clear, count_wait, counts_of, decode, find, inflate, levels_of };
})();
