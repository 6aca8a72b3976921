// SPDX-License-Identifier: Apache-2.0
// What a reader does with the graphs of sched_page.js.
(function () {
	"use strict";
	const { MOVES, ENDS, NONE, $, Graph, colour_faces, draw, find, graphs, measure, name_of, order_rows, redraw, s_at, seconds,
		settings, sum_up, units, view } = window.sched_graphs;

	/* The window */

	function show(from, to) {
		const span = Math.min(view.whole, Math.max(to - from, view.whole / 5e6, 2e-7));
		const middle = (from + to) / 2;
		view.from = Math.max(0, Math.min(view.whole - span, middle - span / 2));
		view.to = view.from + span;
		redraw();
	}
	function zoom(factor, at) {
		const about = at === undefined ? (view.from + view.to) / 2 : at;
		const span = Math.min(view.whole, Math.max((view.to - view.from) * factor, view.whole / 5e6, 2e-7));
		const part = (about - view.from) / (view.to - view.from);
		show(about - part * span, about - part * span + span);
	}
	const pan = (part) => {
		const by = (view.to - view.from) * part;
		show(view.from + by, view.to + by);
	};
	const whole = () => show(0, view.whole);

	/* The slice below the pointer */

	// The nearest of a core within some pixels, which short ones need.
	function slice_at(graph, core, s) {
		const { data } = graph, at = units(graph, s), i = find(data, core, at);
		const near = units(graph, (view.to - view.from) * 4 / graph.width);
		let best = -1, least = near;
		for (let k = Math.max(data.first[core], i - 1); k < Math.min(data.first[core + 1], i + 2); k++) {
			if (data.how[k] >> 5 === 7) continue;
			const distance = Math.max(data.start[k] - at, at - data.end[k], 0);
			if (distance < least || (distance === 0 && best < 0)) {
				best = k;
				least = distance;
			}
		}
		return best;
	}
	function tell(graph, core, i) {
		const { data, meta } = graph, face = data.face[i], how = data.how[i], unit = meta.unit_s, lines = [];
		const pid = data.faces.pid[face], tid = data.faces.tid[face], run = (data.end[i] - data.start[i]) * unit;
		lines.push(`thread ${tid}${pid > 0 && pid !== tid ? " of process " + pid : ""}, core ${core.n}`);
		lines.push(`from ${(data.start[i] * unit + meta.zero_s).toFixed(6)} s, ran ${run ? seconds(run) : "less than " + seconds(unit)}`);
		lines.push(ENDS[how & 7] + (how & 24 ? " (guessed: an event is missing)" : ""));
		if (data.wait[i]) lines.push(`waited ${seconds(data.wait[i] * unit)} before`);
		if (data.waker[i] !== NONE) lines.push(`woken by ${name_of(graph, data.waker[i])} (${data.faces.tid[data.waker[i]]})`);
		if (MOVES[how >> 5]) lines.push(MOVES[how >> 5]);
		return lines;
	}
	// In the strip of counts: how many there are, as means of the column.
	function tell_counts(graph, x) {
		const column = Math.min(graph.sums.running.length - 1, Math.max(0, Math.floor(x - graph.left)));
		const shown = (value) => (Math.abs(value - Math.round(value)) < 0.005 ? Math.round(value) : value.toFixed(2));
		return [`${(s_at(graph, x) + graph.meta.zero_s).toFixed(6)} s`, `${shown(graph.sums.running[column])} running`,
			`${shown(graph.sums.waiting[column])} waiting for a core`];
	}
	function hover(graph, x, y) {
		const row = Math.floor((graph.top + graph.area - y) / graph.row), core = graph.rows[row];
		const i = graph.has_cores && core && y > graph.top ? slice_at(graph, core.index, s_at(graph, x)) : -1;
		const is_counts = y > graph.top + graph.area && x > graph.left && x < graph.width - graph.right;
		graph.tip.hidden = i < 0 && !is_counts;
		if (graph.tip.hidden) return;
		const [title, ...lines] = is_counts ? tell_counts(graph, x)
			: [name_of(graph, graph.data.face[i]), ...tell(graph, core, i)];
		const name = document.createElement("b");
		name.textContent = title;
		graph.tip.replaceChildren(name, ...lines.map((line) => {
			const element = document.createElement("div");
			element.textContent = line;
			return element;
		}));
		const width = graph.tip.offsetWidth, height = graph.tip.offsetHeight;
		graph.tip.style.left = Math.max(4, x + 14 + width > graph.width ? x - width - 14 : x + 14) + "px";
		graph.tip.style.top = Math.max(4, y + 14 + height > graph.height ? y - height - 14 : y + 14) + "px";
	}

	/* Pointers, wheel, keys */

	function use(graph) {
		const canvas = graph.canvas, pointers = new Map();
		const place = (event) => {
			const box = canvas.getBoundingClientRect();
			return { x: event.clientX - box.left, y: event.clientY - box.top };
		};
		canvas.addEventListener("wheel", (event) => {
			event.preventDefault();
			const pixels = event.deltaY * (event.deltaMode ? 30 : 1);
			if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan((event.deltaX || pixels) / graph.width);
			else zoom(2 ** (pixels / 240), s_at(graph, place(event).x));
			graph.tip.hidden = true;
		}, { passive: false });
		canvas.addEventListener("pointerdown", (event) => {
			canvas.setPointerCapture(event.pointerId);
			pointers.set(event.pointerId, place(event));
			canvas.classList.add("drags");
		});
		canvas.addEventListener("pointermove", (event) => {
			const now = place(event), before = pointers.get(event.pointerId);
			if (!before) {
				hover(graph, now.x, now.y);
				return;
			}
			const others = [...pointers].filter(([id]) => id !== event.pointerId);
			if (others.length) {
				const fixed = others[0][1].x;
				if (Math.abs(now.x - fixed) > 8) zoom(Math.abs(before.x - fixed) / Math.abs(now.x - fixed), s_at(graph, fixed));
			} else {
				pan((before.x - now.x) / (graph.width - graph.left - graph.right));
				if (event.pointerType === "touch") scrollBy(0, before.y - now.y);
			}
			pointers.set(event.pointerId, place(event));
			graph.tip.hidden = true;
		});
		const release = (event) => {
			const at = pointers.get(event.pointerId);
			pointers.delete(event.pointerId);
			if (!pointers.size) canvas.classList.remove("drags");
			if (at && event.pointerType === "touch" && event.type === "pointerup") hover(graph, at.x, at.y);
		};
		canvas.addEventListener("pointerup", release);
		canvas.addEventListener("pointercancel", release);
		canvas.addEventListener("pointerleave", () => { graph.tip.hidden = true; });
		canvas.addEventListener("dblclick", (event) => zoom(1 / 4, s_at(graph, place(event).x)));
		const keys = { ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), PageUp: () => pan(-0.9), PageDown: () => pan(0.9),
			ArrowUp: () => zoom(0.7), ArrowDown: () => zoom(1 / 0.7), "+": () => zoom(0.7), "=": () => zoom(0.7),
			"-": () => zoom(1 / 0.7), 0: whole, Home: () => show(0, view.to - view.from),
			End: () => show(view.whole - (view.to - view.from), view.whole), Escape: whole };
		canvas.addEventListener("keydown", (event) => {
			if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
			event.preventDefault();
			graph.tip.hidden = true;
			keys[event.key]();
		});
	}

	/* Search */

	function mark(graph, words) {
		const { faces } = graph.data, text = words.toLowerCase(), number = /^\d+$/.test(words) ? Number(words) : -1;
		let found = 0;
		graph.marked = null;
		if (!words) return 0;
		graph.marked = new Uint8Array(faces.tid.length);
		for (let i = 0; i < graph.marked.length; i++)
			if (faces.tid[i] === number || faces.pid[i] === number ||
				(number < 0 && name_of(graph, i).toLowerCase().includes(text))) {
				graph.marked[i] = 1;
				found++;
			}
		return found;
	}
	function search(words) {
		let found = 0;
		settings.words = words.trim();
		for (const graph of graphs) {
			if (!graph.data) continue;
			found += mark(graph, settings.words);
			colour_faces(graph);
			sum_up(graph);
		}
		$("found").textContent = settings.words ? `${found} task${found === 1 ? "" : "s"} found` : "";
		redraw();
	}
	// To the next slice of what was searched for, behind the middle of the window.
	function go_on() {
		const middle = (view.from + view.to) / 2;
		let best = Infinity;
		for (const graph of graphs) {
			const { data, marked, meta } = graph;
			if (!data || !marked) continue;
			for (const { index } of graph.rows)
				for (let i = find(data, index, units(graph, middle)); i < data.first[index + 1]; i++)
					if (marked[data.face[i]] && data.start[i] * meta.unit_s > middle * (1 + 1e-9) + 1e-9) {
						best = Math.min(best, data.start[i] * meta.unit_s);
						break;
					}
		}
		const span = view.to - view.from;
		if (best < Infinity) show(best - span / 2, best + span / 2);
	}

	/* Start */

	function control_search() {
		const words = $("words");
		let pause = 0;
		if (!words) return; // a page of counts alone
		words.addEventListener("input", () => {
			clearTimeout(pause);
			pause = setTimeout(() => search(words.value), 120);
		});
		words.addEventListener("keydown", (event) => {
			if (event.key !== "Enter") return;
			clearTimeout(pause);
			if (settings.words !== words.value.trim()) search(words.value);
			go_on();
		});
		document.querySelectorAll("button.find").forEach((button) => button.addEventListener("click", () => {
			words.value = button.textContent;
			search(button.textContent);
		}));
	}
	function control() {
		const by = $("by");
		const again = () => {
			graphs.forEach((graph) => {
				order_rows(graph);
				if (graph.data) colour_faces(graph);
			});
			redraw();
		};
		if (by) {
			by.value = settings.by;
			by.addEventListener("change", () => { settings.by = by.value; again(); });
		}
		control_search();
		for (const name of ["socket", "waiting", "arrows"]) {
			const box = $(name);
			if (!box) continue;
			box.checked = settings[name];
			box.addEventListener("change", () => {
				settings[name] = box.checked;
				$("told").textContent = "";
				again();
			});
		}
		$("in").addEventListener("click", () => zoom(0.5));
		$("out").addEventListener("click", () => zoom(2));
		$("all").addEventListener("click", whole);
		document.querySelectorAll("button.go").forEach((button) => button.addEventListener("click", () => {
			const from = Number(button.dataset.from), to = Number(button.dataset.to), more = Math.max((to - from) * 2, 1e-6);
			show(from - more, to + more);
		}));
		let width = innerWidth;
		addEventListener("resize", () => {
			if (width === innerWidth) return; // phones: only their bars came or went
			width = innerWidth;
			graphs.forEach(measure);
			redraw();
		});
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
	}

	async function load(graph) {
		const element = graph.section.querySelector(".data");
		const bytes = await sched_data.bytes_of(element.textContent);
		element.remove(); // millions of characters
		graph.data = sched_data.decode(bytes, graph.meta.cores.length);
		colour_faces(graph);
		sum_up(graph);
		measure(graph);
		use(graph);
		graph.section.querySelector(".busy").remove();
		graph.canvas.hidden = false;
		measure(graph);
		draw(graph);
		graph.section.dataset.ready = performance.now().toFixed(0);
	}

	async function start() {
		document.querySelectorAll("section.trace").forEach((section) => graphs.push(Graph(section)));
		if (!graphs.length) return;
		const { meta } = graphs[0];
		Object.assign(settings, { by: meta.by, socket: meta.socket, waiting: meta.waiting, arrows: meta.arrows });
		view.whole = view.to = meta.axis_s;
		graphs.forEach(order_rows);
		$("controls").hidden = false;
		control();
		for (const graph of graphs)
			await load(graph).catch((error) => {
				graph.section.querySelector(".busy").textContent = "The data of this graph cannot be read: " + error.message;
			});
	}
	start();
})();
