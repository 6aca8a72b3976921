// SPDX-License-Identifier: Apache-2.0
// What a job's page does where scripts run. Without them everything can still be read.
(function () {
	"use strict";
	var root = document.documentElement;
	var refresh = Number(root.dataset.refresh);
	var store = {
		key: "jem:" + location.pathname,
		read: function () {
			try { return JSON.parse(sessionStorage.getItem(this.key)) || {}; } catch (e) { return {}; }
		},
		write: function (value) {
			try { sessionStorage.setItem(this.key, JSON.stringify(value)); } catch (e) { /* private mode */ }
		}
	};
	var all = function (selector, parent) {
		return Array.prototype.slice.call((parent || document).querySelectorAll(selector));
	};

	// The page as it was before it renewed itself: place, open folds, search.
	var log = document.getElementById("lines");
	var search = document.getElementById("search");
	var state = store.read();
	all("details").forEach(function (fold) {
		if (state.folds && fold.id in state.folds) fold.open = state.folds[fold.id];
	});
	if (search && state.search) search.value = state.search;
	var levels = document.getElementById("levels");
	if (levels && state.levels) levels.setAttribute("aria-pressed", "true");
	var keep = function () {
		var folds = {};
		all("details").forEach(function (fold) { folds[fold.id] = fold.open; });
		store.write({
			y: scrollY, folds: folds, search: search && search.value,
			levels: levels && levels.getAttribute("aria-pressed") === "true",
			log: log && (log.scrollTop + log.clientHeight < log.scrollHeight - 4 ? log.scrollTop : null)
		});
	};

	// The last lines: at their end, unless somebody scrolled; searched and filtered by level.
	var filter = function () {
		var words = search.value.toLowerCase();
		var marked = levels.getAttribute("aria-pressed") === "true";
		all("tbody tr", log).forEach(function (row) {
			row.hidden = (words && row.textContent.toLowerCase().indexOf(words) < 0) ||
				(marked && !row.className);
		});
	};
	if (log) {
		if (search) {
			search.parentNode.hidden = false;
			search.addEventListener("input", filter);
			levels.addEventListener("click", function () {
				levels.setAttribute("aria-pressed", String(levels.getAttribute("aria-pressed") !== "true"));
				filter();
			});
			filter();
		}
		log.scrollTop = typeof state.log === "number" ? state.log : log.scrollHeight;
	}
	if (refresh && typeof state.y === "number") scrollTo(0, state.y);

	// Values under the pointer, read off the curves, in all graphs of the same node at once.
	var units = {
		bytes: ["B", "KiB", "MiB", "GiB", "TiB"], bytes_per_s: ["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"],
		cores: " cores", part: " %", count: "", load: ""
	};
	var format = function (value, unit) {
		var name = units[unit];
		if (typeof name === "object") {
			var i = 0;
			while (value >= 1023.5 && i < name.length - 1) { value /= 1024; i++; }
			return (value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)) + " " + name[i];
		}
		if (unit === "part") value *= 100;
		return (value < 10 ? value.toFixed(2) : value < 1000 ? value.toFixed(1) : value.toFixed(0)) + name;
	};
	var pad = function (n) { return (n < 10 ? "0" : "") + n; };
	var clock = function (seconds) {
		var s = Math.floor(seconds);
		var text = Math.floor(s / 3600) + ":" + pad(Math.floor(s / 60) % 60) + ":" + pad(s % 60);
		return text + (seconds < 600 ? (seconds - s).toFixed(1).slice(1) : "") + " after the start";
	};
	// A path is M x y, then pairs of differences, in tenths.
	var points = function (path) {
		var numbers = path.getAttribute("d").match(/-?\d*\.?\d+/g).map(Number);
		var x = 0, y = 0, list = [];
		for (var i = 0; i + 1 < numbers.length; i += 2) {
			x += numbers[i];
			y += numbers[i + 1];
			list.push([x, y]);
		}
		return list;
	};
	var plots = [];
	var prepare = function (holder) {
		var svg = holder.querySelector("svg");
		var plot = svg && svg.querySelector("[data-unit]");
		if (!plot) return;
		var facts = plot.dataset;
		var number = function (name) { return Number(facts[name]); };
		plots.push({
			holder: holder, width: svg.viewBox.baseVal.width,
			x0: number("x0"), x1: number("x1"), y0: number("y0"), y1: number("y1"), top: number("top"),
			from: number("from"), span: number("span"), unit: facts.unit,
			curves: all("g[data-name]", plot).map(function (group) {
				return {
					name: group.dataset.name, colour: group.dataset.colour,
					runs: all("path[fill=none]", group).map(points)
				};
			}).reverse() // drawn last, and so on top, is the first
		});
	};
	var value_at = function (plot, curve, x) {
		for (var r = 0; r < curve.runs.length; r++) {
			var run = curve.runs[r];
			if (x < run[0][0] - 1 || x > run[run.length - 1][0] + 1) continue;
			var low = 0, high = run.length - 1;
			while (high - low > 1) {
				var middle = (low + high) >> 1;
				if (run[middle][0] <= x) low = middle; else high = middle;
			}
			var a = run[low], b = run[high];
			var part = b[0] > a[0] ? Math.max(0, Math.min(1, (x - a[0]) / (b[0] - a[0]))) : 0;
			return Math.max(0, (plot.y1 - (a[1] + part * (b[1] - a[1]))) / (plot.y1 - plot.y0) * plot.top);
		}
		return null;
	};
	var element = function (name, className, parent) {
		var e = document.createElement(name);
		e.className = className;
		parent.appendChild(e);
		return e;
	};
	var show = function (plot, time, is_under) {
		var scale = plot.holder.clientWidth / plot.width;
		var x = plot.x0 + (time - plot.from) / plot.span * (plot.x1 - plot.x0);
		if (!plot.cursor) {
			plot.cursor = element("div", "cursor", plot.holder);
			plot.reading = element("div", "reading", plot.holder);
			plot.reading.setAttribute("aria-hidden", "true");
		}
		plot.cursor.hidden = !scale;
		plot.cursor.style.left = x * scale + "px";
		plot.reading.hidden = !is_under;
		if (!is_under) return;
		plot.reading.textContent = "";
		element("b", "", plot.reading).textContent = clock(time);
		plot.curves.forEach(function (curve) {
			var value = value_at(plot, curve, x);
			if (value === null) return;
			var row = element("div", "", plot.reading);
			row.style.setProperty("--key", "var(--" + curve.colour + ")");
			element("span", "", row).textContent = curve.name;
			element("b", "", row).textContent = format(value, plot.unit);
		});
		var room = plot.holder.clientWidth - x * scale;
		var width = plot.reading.offsetWidth;
		plot.reading.style.left = (room > width + 16 ? x * scale + 12 : Math.max(0, x * scale - width - 12)) + "px";
		plot.reading.style.top = plot.y0 * scale + "px";
	};
	var is_reading = false;
	var hide = function () {
		is_reading = false;
		plots.forEach(function (plot) {
			if (plot.cursor) plot.cursor.hidden = plot.reading.hidden = true;
		});
	};
	all(".plot").forEach(prepare);
	plots.forEach(function (plot) {
		plot.holder.addEventListener("pointermove", function (event) {
			var box = plot.holder.getBoundingClientRect();
			var x = (event.clientX - box.left) * plot.width / box.width;
			if (x < plot.x0 || x > plot.x1) return hide();
			is_reading = true;
			plots.forEach(function (other) {
				if (other.holder.clientWidth)
					show(other, plot.from + (x - plot.x0) / (plot.x1 - plot.x0) * plot.span, other === plot);
			});
		});
		plot.holder.addEventListener("pointerleave", hide);
	});

	// A running job's page renews itself, but not under a reader's hands; a stale one says so.
	var age = document.getElementById("age");
	var tell = function () {
		var seconds = Math.round(Date.now() / 1000 - Number(root.dataset.written));
		if (age && seconds > Math.max(60, 6 * refresh)) {
			age.textContent = "This page was written " + (seconds < 7200 ? Math.round(seconds / 60) + " minutes" :
				Math.round(seconds / 3600) + " hours") + " ago and may be out of date: " +
				"the monitor has not renewed it since.";
			age.hidden = false;
		}
	};
	if (!refresh) return;
	tell();
	addEventListener("pagehide", keep);
	var renew = function () {
		var selected = String(getSelection()).length > 0;
		if (document.hidden || selected || is_reading || root.dataset.flame ||
			(document.activeElement && document.activeElement.type === "search")) {
			setTimeout(renew, 1000);
			return;
		}
		keep();
		location.reload();
	};
	setTimeout(renew, refresh * 1000);
})();
