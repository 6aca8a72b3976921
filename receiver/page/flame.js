// SPDX-License-Identifier: Apache-2.0
// Flame graphs: a click makes a frame as wide as the picture, words make the frames stand out that
// have them. In an SVG file it brings its own controls, in a page those of the page are used.
(function () {
	"use strict";
	var space = "http://www.w3.org/2000/svg";
	// A page does not renew itself while somebody looks closer.
	var root_data = document.documentElement.dataset;
	var note = function (is_used) {
		if (is_used) root_data.flame = "used"; else delete root_data.flame;
	};
	var prepare = function (svg) {
		var frames = Array.prototype.map.call(svg.querySelectorAll("g[data-w]"), function (group) {
			var path = group.querySelector("path");
			var label = group.querySelector("text");
			var numbers = path.getAttribute("d").match(/-?\d*\.?\d+/g).map(Number); // M x y h w v h
			return {
				group: group, path: path, label: label,
				x: Number(group.dataset.x), w: Number(group.dataset.w), depth: Number(group.dataset.d),
				name: group.dataset.n, d: path.getAttribute("d"), text: label && label.textContent,
				y: numbers[1], h: numbers[3]
			};
		});
		var root = frames[0];
		if (!root) return null;
		var zoomed = root;

		// The name as far as it goes; without its scope where it does not fit.
		var fit = function (name, width) {
			var letters = Math.floor((width - 6) / 6.6);
			if (letters < 3) return "";
			if (name.length <= letters) return name;
			var depth = 0, from = 0;
			for (var i = 0; i < name.length; i++) {
				if (name.startsWith("operator", i)) break;
				if (name[i] === "(" && depth <= 0 && !name.startsWith("(anonymous", i)) break;
				if (name[i] === "<") depth++;
				else if (name[i] === ">") depth--;
				else if (depth <= 0 && name.startsWith("::", i)) from = i + 2;
			}
			var short = name.slice(from);
			return short.length <= letters ? short : short.slice(0, letters - 1) + "\u2026";
		};
		var write = function (frame, x, width) {
			var text = fit(frame.name, width);
			if (!frame.label && text) {
				frame.label = root.label.cloneNode(false);
				frame.label.setAttribute("y", frame.y + frame.h - 4.5);
				frame.group.appendChild(frame.label);
			}
			if (!frame.label) return;
			frame.label.setAttribute("x", x + 3);
			frame.label.textContent = text;
		};
		var place = function (frame) {
			var scale = root.w / zoomed.w;
			var is_above = frame.depth < zoomed.depth && frame.x <= zoomed.x + 0.01 &&
				frame.x + frame.w >= zoomed.x + zoomed.w - 0.01;
			var is_within = frame.depth >= zoomed.depth && frame.x >= zoomed.x - 0.01 &&
				frame.x + frame.w <= zoomed.x + zoomed.w + 0.01;
			var x = is_above ? root.x : root.x + (frame.x - zoomed.x) * scale;
			var width = is_above ? root.w : frame.w * scale;
			frame.group.style.display = is_above || is_within ? "" : "none";
			if (zoomed === root) {
				frame.path.setAttribute("d", frame.d);
				if (frame.label) {
					frame.label.textContent = frame.text || "";
					frame.label.setAttribute("x", frame.x + 3);
				}
				return;
			}
			frame.path.setAttribute("d", "M" + x + " " + frame.y + "h" + Math.max(width - 0.6, 0.4) + "v" +
				frame.h + "h" + -Math.max(width - 0.6, 0.4) + "z");
			write(frame, x, width);
		};
		var zoom = function (frame) {
			zoomed = frame;
			frames.forEach(place);
			note(zoomed !== root);
		};
		frames.forEach(function (frame) {
			frame.group.style.cursor = "pointer";
			frame.group.addEventListener("click", function () {
				zoom(frame === zoomed ? root : frame);
			});
		});
		return {
			reset: function () { zoom(root); },
			// How many frames have the words.
			search: function (words) {
				var found = 0;
				words = words.toLowerCase();
				frames.forEach(function (frame) {
					var has = !words || frame.name.toLowerCase().indexOf(words) >= 0;
					found += Boolean(words) && has;
					frame.group.style.opacity = has ? "" : "0.25";
					frame.path.style.stroke = words && has ? "currentColor" : "";
				});
				return found;
			}
		};
	};

	// In a page.
	if (document.documentElement.nodeName.toLowerCase() === "html") {
		var graphs = Array.prototype.map.call(document.querySelectorAll(".flame svg"), prepare)
			.filter(Boolean);
		var input = document.getElementById("flame-search");
		var button = document.getElementById("flame-reset");
		if (!input || !graphs.length) return;
		input.parentNode.hidden = false;
		input.addEventListener("input", function () {
			graphs.forEach(function (graph) { graph.search(input.value); });
		});
		button.addEventListener("click", function () {
			input.value = "";
			graphs.forEach(function (graph) { graph.search(""); graph.reset(); });
		});
		return;
	}

	// In a file of its own.
	var svg = document.documentElement;
	var graph = prepare(svg);
	if (!graph) return;
	var control = function (right, text, action) {
		var label = document.createElementNS(space, "text");
		label.setAttribute("x", svg.viewBox.baseVal.width - right);
		label.setAttribute("y", 26);
		label.setAttribute("font-size", 12);
		label.setAttribute("text-anchor", "end");
		label.setAttribute("class", "fnotice");
		label.setAttribute("tabindex", "0");
		label.setAttribute("role", "button");
		label.style.cursor = "pointer";
		label.textContent = text;
		label.addEventListener("click", action);
		label.addEventListener("keydown", function (event) { if (event.key === "Enter") action(); });
		svg.appendChild(label);
		return label;
	};
	var found = control(60, "search", function () {
		var words = prompt("Show the frames whose name has:") || "";
		var count = graph.search(words);
		found.textContent = words ? count + " found" : "search";
	});
	control(14, "reset", function () {
		graph.search("");
		graph.reset();
		found.textContent = "search";
	});
})();
