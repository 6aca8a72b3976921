// SPDX-License-Identifier: Apache-2.0
// Graphs of scheduling that are looked into: wheel and pinch zoom, drag pans, keys do both, a pointer
// shows the slice below it, words and numbers find tasks. All graphs of a page show the same seconds.
(function () {
	"use strict";
	const { NONE, add, cells_of, clear, count_wait, counts_of, find, levels_of } = sched_data;
	const FINEST = 8192, COUNT_CELLS = 8192;
	const ENDS = ["then slept", "then waited, uninterruptible", "was preempted", "was stopped", "ended", "end not known",
		"still there when the data end"];
	const MOVES = ["", "placed on this core at wake-up", "moved to this core by load balancing",
		"moved to this core towards its memory", "came from another core"];
	const view = { from: 0, to: 1, whole: 1 }; // seconds from the left end of every graph
	const settings = { by: "pid", socket: false, waiting: false, arrows: false, words: "" };
	const graphs = [];
	const $ = (id) => document.getElementById(id);
	const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
	const pixel = (hex) => {
		const value = parseInt(hex.slice(1), 16);
		return (0xff000000 | (value & 0xff) << 16 | (value & 0xff00) | value >> 16) >>> 0;
	};
	const paler = (a, b, part) => {
		let mixed = 0;
		for (let shift = 0; shift < 24; shift += 8)
			mixed |= Math.round((a >> shift & 255) * part + (b >> shift & 255) * (1 - part)) << shift;
		return (0xff000000 | mixed) >>> 0;
	};
	const seconds = (value) => {
		const size = Math.abs(value);
		if (size >= 1 || value === 0) return value.toFixed(size < 100 ? 4 : 2) + " s";
		return size >= 1e-3 ? (value * 1e3).toFixed(3) + " ms" : (value * 1e6).toFixed(size < 1e-6 ? 3 : 1) + " \u00b5s";
	};

	/* A graph */

	function Graph(section) {
		const meta = JSON.parse(section.querySelector(".meta").textContent);
		const graph = {
			section, meta, data: null, levels: [], lut: null, marked: null, counts: null,
			plot: section.querySelector(".plot"), canvas: section.querySelector("canvas"), tip: section.querySelector(".tip"),
			rows: [], left: 44, right: 10, top: 17, strip: 0, width: 0, row: 0
		};
		graph.has_cores = meta.graph === "cores";
		return graph;
	}
	const units = (graph, s) => s / graph.meta.unit_s;
	const x_of = (graph, s) => graph.left + (s - view.from) / (view.to - view.from) * (graph.width - graph.left - graph.right);
	const s_at = (graph, x) => view.from + (x - graph.left) / (graph.width - graph.left - graph.right) * (view.to - view.from);

	function order_rows(graph) {
		const cores = graph.meta.cores.map((core, index) => ({ ...core, index })).filter((core) => core.shown);
		cores.sort((a, b) => (settings.socket ? a.rank - b.rank : 0) || a.n - b.n);
		graph.rows = cores; // from below
	}
	// The colours of a page, black first; on dark ground they are lightened.
	function tints_of(graph) {
		const is_dark = (pixel(colour("paper")) & 255) < 128;
		return [pixel(colour("ink")), ...graph.meta.tints.map((hex) => (is_dark ? paler(pixel(hex), 0xffffffff, 0.75) : pixel(hex)))];
	}
	function colour_legend(graph) {
		const tints = tints_of(graph);
		document.body.classList.toggle("by-command", settings.by === "command");
		graph.section.querySelectorAll(".key rect").forEach((rect) => {
			const tint = tints[rect.dataset.tint];
			rect.style.fill = `rgb(${tint & 255},${tint >> 8 & 255},${tint >> 16 & 255})`;
		});
	}
	function colour_faces(graph) {
		const { meta, data } = graph, faces = data.faces, dull = pixel(colour("rule")), tints = tints_of(graph);
		colour_legend(graph);
		graph.lut = new Uint32Array(faces.tid.length);
		for (let i = 0; i < graph.lut.length; i++) {
			const of_name = faces.name[i] < 0 ? 0 : meta.names[faces.name[i]][1];
			const number = settings.by === "pid" ? faces.tid[i] : Math.max(0, faces.parent[i]);
			const tint = of_name === 0 || settings.by === "command" ? of_name : 1 + number % (tints.length - 1);
			graph.lut[i] = graph.marked && !graph.marked[i] ? dull : tints[tint];
		}
	}
	function sum_up(graph) {
		const { data, meta } = graph, cells = cells_of(FINEST);
		graph.levels = meta.cores.map((core, index) =>
			(graph.has_cores ? levels_of(data, index, meta.span, FINEST, graph.marked, cells) : null));
	}
	const name_of = (graph, face) => {
		const index = graph.data.faces.name[face];
		return index < 0 ? "?" : graph.meta.names[index][0];
	};

	/* Drawing */

	function measure(graph) {
		const width = graph.plot.clientWidth, rows = Math.max(1, graph.rows.length);
		const wanted = rows <= 8 ? 30 : rows <= 32 ? 16 : rows <= 160 ? 5 : 2;
		const area = graph.has_cores ? Math.max(60, Math.min(rows * wanted, Math.max(innerHeight * 0.66, rows * 2))) : 0;
		graph.width = width;
		graph.row = area / rows;
		graph.area = Math.round(area);
		graph.left = width < 500 ? 34 : 44;
		graph.strip = graph.has_cores ? 110 : Math.max(260, innerHeight * 0.5);
		graph.height = graph.top + graph.area + (graph.has_cores ? 14 : 0) + graph.strip + 24;
		const ratio = Math.min(2, devicePixelRatio || 1);
		graph.ratio = ratio;
		graph.canvas.width = Math.round(width * ratio);
		graph.canvas.height = Math.round(graph.height * ratio);
		graph.canvas.style.height = graph.height + "px";
	}

	// The cells of one row of the picture: from a level when that is fine enough, else from the slices.
	function fill_row(graph, core, cells, from, to, count) {
		const { data, meta } = graph, per_cell = (to - from) / count;
		clear(cells);
		let level = -1, size = meta.span / FINEST;
		while (level + 1 < graph.levels[core].length && size * 2 ** (level + 1) <= per_cell) level++;
		if (level >= 0) {
			const at = graph.levels[core][level], unit = size * 2 ** level;
			const end = Math.min(at.face.length, Math.ceil(to / unit));
			for (let c = Math.max(0, Math.floor(from / unit)); c < end; c++) {
				if (!at.busy[c] && !at.waits[c]) continue;
				const x = Math.min(count - 1, Math.max(0, Math.floor((c * unit - from) / per_cell)));
				if (at.waits[c]) {
					cells.changes[x]++;
					cells.changes[x + 1]--;
				}
				if (!at.busy[c]) continue;
				const part = at.busy[c] / 255 * unit / per_cell;
				const rank = part + (graph.marked && graph.marked[at.face[c]] ? 2 : 0);
				cells.busy[x] += part;
				if (rank > cells.best[x]) {
					cells.best[x] = rank;
					cells.face[x] = at.face[c];
				}
			}
			return;
		}
		for (let i = find(data, core, from); i < data.first[core + 1]; i++) {
			if (data.start[i] - data.longest[core] >= to) break;
			if (data.how[i] >> 5 !== 7 && data.start[i] < to)
				add(cells, (data.start[i] - from) / per_cell, (data.end[i] - from) / per_cell, data.face[i],
					graph.marked && graph.marked[data.face[i]] ? 2 : 0);
			if (data.wait[i] && !data.has_moved[i])
				count_wait(cells.changes, (data.start[i] - data.wait[i] - from) / per_cell, (data.start[i] - from) / per_cell);
		}
		for (const i of data.moved[core])
			count_wait(cells.changes, (data.start[i] - data.wait[i] - from) / per_cell, (data.start[i] - from) / per_cell);
	}

	function paint_cores(graph, context) {
		const ratio = graph.ratio, w = Math.max(1, Math.round((graph.width - graph.left - graph.right) * ratio));
		const h = Math.max(1, Math.round(graph.area * ratio)), paper = pixel(colour("paper")), red = pixel(colour("critical"));
		const image = context.createImageData(w, h), pixels = new Uint32Array(image.data.buffer);
		const cells = cells_of(w), rows = graph.rows.length, share = settings.waiting ? 0.6 : 0.82;
		const from = units(graph, view.from), to = units(graph, view.to);
		pixels.fill(paper);
		for (let r = 0; r < rows; r++) {
			const top = Math.round(h * (rows - 1 - r) / rows), bottom = Math.round(h * (rows - r) / rows), height = bottom - top;
			const full = Math.max(1, Math.min(Math.round(height * share), 24 * ratio));
			const rest = height > 5 ? 1 : 0, line = Math.max(1, Math.min(5 * ratio, Math.round(height * 0.22)));
			const middle = top + (settings.waiting ? full / 2 : height / 2);
			fill_row(graph, graph.rows[r].index, cells, from, to, w);
			let waiting = 0;
			for (let x = 0; x < w; x++) {
				waiting += cells.changes[x];
				if (settings.waiting && waiting > 0)
					for (let y = Math.max(top + full, bottom - line - rest); y < bottom - rest; y++) pixels[y * w + x] = red;
				if (cells.face[x] === NONE) continue;
				const busy = Math.min(1, cells.busy[x]), tall = Math.max(1, Math.round(full * (0.35 + 0.65 * busy)));
				const tint = tall < 3 && busy < 0.5 ? paler(graph.lut[cells.face[x]], paper, 0.45 + busy) : graph.lut[cells.face[x]];
				const y1 = Math.min(bottom, Math.round(middle + tall / 2));
				for (let y = Math.max(top, y1 - tall); y < y1; y++) pixels[y * w + x] = tint;
			}
		}
		context.putImageData(image, Math.round(graph.left * ratio), Math.round(graph.top * ratio));
	}

	function step_of(span, most) {
		const power = 10 ** Math.floor(Math.log10(span / most));
		return [1, 2, 5, 10].map((f) => f * power).find((step) => span / step <= most);
	}
	function draw_seconds(graph, context, bottom) {
		const step = step_of(view.to - view.from, Math.max(2, (graph.width - graph.left) / 90));
		const zero = graph.meta.zero_s, digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
		context.fillStyle = colour("muted");
		context.textAlign = "center";
		for (let i = 0; i < 100; i++) { // counted, as a step may be nothing to very large times
			const n = Math.ceil((view.from + zero) / step - 1e-6) + i;
			if (!(n * step <= view.to + zero)) break;
			const x = x_of(graph, n * step - zero);
			context.fillRect(x, bottom, 1, 4);
			const text = (n * step).toFixed(digits), half = context.measureText(text).width / 2;
			if (x + half < graph.width && x - half > 0) context.fillText(text, x, bottom + 16);
		}
		context.textAlign = "left";
		context.fillText("s", 4, bottom + 16);
	}
	function draw_names(graph, context) {
		let step = 1;
		while (step * graph.row < 12) step *= 2;
		context.fillStyle = colour("muted");
		context.textAlign = "right";
		graph.rows.forEach((core, r) => {
			const y = graph.top + graph.area - (r + 0.5) * graph.row;
			if (r % step === 0) context.fillText(String(core.n), graph.left - 5, y + 4);
			if (settings.socket && r && core.socket !== graph.rows[r - 1].socket)
				context.fillRect(graph.left - 8, y + graph.row / 2, graph.width - graph.left - graph.right + 8, 1);
		});
		context.textAlign = "left";
		context.fillText("core", 2, 10);
	}
	function draw_gaps(graph, context) {
		context.strokeStyle = colour("axis");
		context.lineWidth = 1;
		for (const [core, from, to] of graph.meta.gaps) {
			const row = graph.rows.findIndex((r) => r.index === core);
			const x0 = Math.max(graph.left, x_of(graph, from)), x1 = Math.min(graph.width - graph.right, x_of(graph, to));
			if (row < 0 || x1 < graph.left || x0 > graph.width) continue;
			const y = graph.top + graph.area - (row + 1) * graph.row, step = Math.max(5, (x1 - x0) / 300);
			context.save();
			context.beginPath();
			context.rect(x0, y, Math.max(1, x1 - x0), graph.row);
			context.clip();
			context.fillStyle = colour("shade");
			context.fillRect(x0, y, Math.max(1, x1 - x0), graph.row);
			context.beginPath();
			for (let x = x0 - graph.row; x < x1; x += step) {
				context.moveTo(x, y + graph.row);
				context.lineTo(x + graph.row, y);
			}
			context.stroke();
			context.restore();
		}
	}
	function draw_marks(graph, context) {
		const end = graph.width - graph.right;
		graph.meta.marks.forEach(([from, to], i) => {
			const x0 = Math.max(graph.left, x_of(graph, from)), x1 = Math.min(end, x_of(graph, to));
			if (x1 < graph.left || x0 > end) return;
			const height = graph.area + (graph.has_cores ? 14 : 0) + graph.strip;
			context.fillStyle = colour("critical");
			context.fillRect(x0, graph.top - 3, Math.max(2, x1 - x0), 3);
			context.globalAlpha = 0.6;
			if (x_of(graph, from) >= graph.left) context.fillRect(x0, graph.top, 1, height);
			if (x_of(graph, to) <= end) context.fillRect(x1, graph.top, 1, height);
			context.globalAlpha = 1;
			context.textAlign = "center";
			context.fillText(String(i + 1), (x0 + x1) / 2, 10);
		});
	}

	// From who woke to who was woken, while there are few enough to be told apart.
	function draw_arrows(graph, context) {
		const { data } = graph, from = units(graph, view.from), to = units(graph, view.to), row_of = [];
		const found = [];
		graph.rows.forEach((core, r) => { row_of[core.index] = r; });
		for (const { index } of graph.rows)
			for (let i = find(data, index, from); i < data.first[index + 1] && data.start[i] <= to && found.length <= 1500; i++)
				if (data.waker[i] !== NONE) found.push([index, i]);
		$("told").textContent = found.length > 1500 ? "zoom in to see arrows" : "";
		if (found.length > 1500) return;
		context.save();
		context.beginPath();
		context.rect(graph.left, graph.top, graph.width - graph.left - graph.right, graph.area);
		context.clip();
		context.strokeStyle = context.fillStyle = colour("ink");
		context.lineWidth = 1;
		for (const [core, i] of found) {
			const woken = data.start[i] - data.wait[i];
			const waker = graph.rows.find(({ index }) => {
				const k = find(data, index, woken - 1);
				return k < data.first[index + 1] && data.start[k] <= woken + 1 && data.face[k] === data.waker[i];
			});
			if (!waker) continue;
			const y = (r) => graph.top + graph.area - (r + (settings.waiting ? 0.7 : 0.5)) * graph.row;
			const x0 = x_of(graph, woken * graph.meta.unit_s), x1 = x_of(graph, data.start[i] * graph.meta.unit_s);
			const y0 = y(row_of[waker.index]), y1 = y(row_of[core]);
			const turn = Math.atan2(y1 - y0, x1 - x0);
			context.beginPath();
			context.moveTo(x0, y0);
			context.lineTo(x1, y1);
			for (const side of [-0.4, 0.4]) {
				context.moveTo(x1, y1);
				context.lineTo(x1 - 6 * Math.cos(turn + side), y1 - 6 * Math.sin(turn + side));
			}
			context.stroke();
			context.fillRect(x0 - 1.5, y0 - 1.5, 3, 3);
		}
		context.restore();
	}

	// Means of the window over `count` columns: from the cells of the whole where these are fine enough.
	function counts_now(graph, count) {
		const from = units(graph, view.from), to = units(graph, view.to), unit = graph.meta.span / COUNT_CELLS;
		if ((to - from) / count < unit) return counts_of(graph.data, graph.meta.cores.length, from, to, count);
		graph.counts = graph.counts || counts_of(graph.data, graph.meta.cores.length, 0, graph.meta.span, COUNT_CELLS);
		const sums = { running: new Float32Array(count), waiting: new Float32Array(count) };
		for (let x = 0; x < count; x++) {
			const a = Math.max(0, Math.floor((from + x * (to - from) / count) / unit));
			const b = Math.min(COUNT_CELLS, Math.max(a + 1, Math.floor((from + (x + 1) * (to - from) / count) / unit)));
			let worst = 0;
			for (let c = a; c < b; c++) {
				sums.running[x] += graph.counts.running[c] / (b - a);
				worst = Math.max(worst, graph.counts.waiting[c]);
			}
			sums.waiting[x] = worst; // its peak: a mean would hide the short ones
		}
		return sums;
	}
	function draw_counts(graph, context) {
		const w = Math.max(1, Math.round(graph.width - graph.left - graph.right)), cores = graph.meta.core_count;
		const top = graph.top + graph.area + (graph.has_cores ? 14 : 0), bottom = top + graph.strip;
		const { running, waiting } = graph.sums = counts_now(graph, w);
		let most = cores;
		for (let x = 0; x < w; x++) most = Math.max(most, running[x] + waiting[x]);
		const y = (value) => bottom - value / (most * 1.08) * graph.strip;
		context.fillStyle = colour("critical");
		for (let x = 0; x < w; x++)
			if (waiting[x] > 0) {
				const high = Math.max(1, y(running[x]) - y(running[x] + waiting[x])), low = y(running[x]);
				context.globalAlpha = 0.4;
				context.fillRect(graph.left + x, low - high, 1, high);
				context.globalAlpha = 1;
				context.fillRect(graph.left + x, low - high, 1, Math.min(2, high));
			}
		context.fillStyle = colour("good");
		for (let x = 0; x < w; x++)
			if (running[x] > 0) {
				const height = Math.max(1, bottom - y(running[x]));
				context.globalAlpha = 0.45;
				context.fillRect(graph.left + x, bottom - height, 1, height);
				context.globalAlpha = 1;
				context.fillRect(graph.left + x, bottom - height, 1, Math.min(2, height));
			}
		context.fillStyle = colour("ink");
		for (let x = graph.left; x < graph.width - graph.right; x += 5) context.fillRect(x, y(cores), 2, 1);
		context.fillStyle = colour("muted");
		context.textAlign = "right";
		context.fillText("0", graph.left - 5, bottom);
		if (bottom - y(cores) > 12) context.fillText(String(cores), graph.left - 5, y(cores) + 4);
		if (y(cores) - y(most) > 12) context.fillText(String(Math.round(most)), graph.left - 5, y(most) + 4);
		context.textAlign = "left";
		if (y(cores) - top > 22 || y(most) - top > 12) context.fillText("tasks", 2, top + 9);
		else context.fillText("tasks", 2, (y(cores) + bottom) / 2 + 4);
	}

	function draw(graph) {
		if (!graph.data) return;
		const begun = performance.now(), context = graph.canvas.getContext("2d");
		context.setTransform(1, 0, 0, 1, 0, 0);
		context.fillStyle = colour("paper");
		context.fillRect(0, 0, graph.canvas.width, graph.canvas.height);
		if (graph.has_cores) paint_cores(graph, context);
		context.setTransform(graph.ratio, 0, 0, graph.ratio, 0, 0);
		context.font = "11px system-ui, sans-serif";
		if (graph.has_cores) {
			draw_gaps(graph, context);
			draw_names(graph, context);
		}
		draw_counts(graph, context);
		draw_marks(graph, context);
		if (graph.has_cores && settings.arrows) draw_arrows(graph, context);
		draw_seconds(graph, context, graph.height - 22);
		Object.assign(graph.section.dataset, { from: (view.from + graph.meta.zero_s).toFixed(9),
			to: (view.to + graph.meta.zero_s).toFixed(9), frame: (performance.now() - begun).toFixed(1) });
	}
	let is_due = false;
	function redraw() {
		if (is_due) return;
		is_due = true;
		requestAnimationFrame(() => {
			is_due = false;
			graphs.forEach(draw);
		});
	}

	window.sched_graphs = { MOVES, ENDS, NONE, $, FINEST, colour_faces, draw, find, graphs, measure, name_of, order_rows, redraw,
		s_at, seconds, settings, sum_up, units, view, Graph };
})();
