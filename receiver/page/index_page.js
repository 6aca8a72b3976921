// SPDX-License-Identifier: Apache-2.0
// The page of all jobs where scripts run: searching, choosing by state, sorting by any column.
(function () {
	"use strict";
	var table = document.getElementById("jobs");
	var tools = document.getElementById("tools");
	var refresh = Number(document.documentElement.dataset.refresh);
	var key = "jem:" + location.pathname;
	if (table && tools) {
		var body = table.tBodies[0];
		var rows = Array.prototype.slice.call(body.rows);
		var search = document.getElementById("search");
		var found = document.getElementById("found");
		var buttons = Array.prototype.slice.call(tools.querySelectorAll("button"));
		var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
		var state = {};
		try { state = JSON.parse(sessionStorage.getItem(key)) || {}; } catch (e) { /* private mode */ }
		var keep = function () {
			try { sessionStorage.setItem(key, JSON.stringify(state)); } catch (e) { /* private mode */ }
		};
		var filter = function () {
			var words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
			var shown = 0;
			rows.forEach(function (row) {
				var text = row.textContent.toLowerCase();
				var fits = (!state.state || row.dataset.state === state.state) &&
					words.every(function (word) { return text.indexOf(word) >= 0; });
				row.hidden = !fits;
				shown += fits;
			});
			found.textContent = shown === rows.length ? "" : shown + " of " + rows.length + " shown";
			buttons.forEach(function (button) {
				button.setAttribute("aria-pressed", String((button.dataset.state || "") === (state.state || "")));
			});
		};
		var sort = function () {
			var column = state.column;
			var sign = state.down ? -1 : 1;
			rows.sort(function (a, b) {
				var x = a.cells[column].dataset.v, y = b.cells[column].dataset.v;
				if (x !== undefined && y !== undefined) return sign * (Number(x) - Number(y));
				return sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent, undefined, { numeric: true });
			});
			rows.forEach(function (row) { body.appendChild(row); });
			heads.forEach(function (head, i) {
				if (i === column) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
				else head.removeAttribute("aria-sort");
			});
		};
		heads.forEach(function (head, i) {
			var button = document.createElement("button");
			button.type = "button";
			button.textContent = head.textContent;
			head.textContent = "";
			head.appendChild(button);
			button.addEventListener("click", function () {
				state.down = state.column === i ? !state.down : head.className.indexOf("n") === 0;
				state.column = i;
				sort();
				keep();
			});
		});
		buttons.forEach(function (button) {
			button.addEventListener("click", function () {
				state.state = button.dataset.state || "";
				filter();
				keep();
			});
		});
		search.addEventListener("input", function () {
			state.search = search.value;
			filter();
			keep();
		});
		tools.hidden = false;
		search.value = state.search || "";
		if (typeof state.column === "number" && state.column < heads.length) sort();
		filter();
		if (refresh && state.y) scrollTo(0, state.y);
		addEventListener("pagehide", function () {
			state.y = scrollY;
			keep();
		});
	}
	if (!refresh) return;
	var renew = function () {
		if (document.hidden || String(getSelection()).length > 0 || document.activeElement.id === "search")
			setTimeout(renew, 1000);
		else
			location.reload();
	};
	setTimeout(renew, refresh * 1000);
})();
