// SPDX-License-Identifier: Apache-2.0
//
// The flame graph's script: zoom, search, keyboard, and both kept in the URL.
//
// Everything here only rearranges what the file already shows; without it the graph is complete.
// The script belongs to the <svg> it stands in (document.currentScript) and touches nothing else,
// so many graphs can share a page. Boxes are in pre-order and carry their exact value (data-v):
// where a box begins follows from the boxes before it, so zooming rounds once, at the end.
//
// Once it runs, one unit is one CSS pixel: the graph is laid out again for the width it is given,
// and more of it becomes readable on a wide screen instead of larger.
//
// State in the fragment: z, the box that fills the width, and s, the search. Alone in its document
// the graph uses these names; in a page they are prefixed with the graph's id.
//
// Lines that are only a comment and indentation are left out of the output: no template literals
// over several lines here.
(() => {
"use strict";
const NS = "http://www.w3.org/2000/svg";
const root = document.currentScript && document.currentScript.closest("svg");
if (!root || !root.querySelector(".fs"))
	return;
const alone = document.documentElement === root;
const chart = root.querySelector(".fs"), foot = root.querySelector(".ft");
const legend = root.querySelector(".lg"), title = root.querySelector(".h");
const states = root.querySelector(".sb");
const note = foot.querySelector("text"), noteText = note.textContent;
const WIDTH = 1200, PAD = 12, BAR = 30;
const height = +root.getAttribute("height"), row = +chart.dataset.row;
const frames = [], byElement = new Map();
let width = WIDTH, glyph = 7.3, zoomed, pattern = "", field, input;

const make = (parent, name, attributes) => {
	const e = parent.appendChild(document.createElementNS(NS, name));
	for (const k in attributes)
		e.setAttribute(k, attributes[k]);
	return e;
};

// ---- What the file says.
const read = () => {
	const open = [], boxes = chart.children;
	const base = +boxes[0].querySelector("rect").getAttribute("y");
	for (const g of boxes) {
		const rect = g.querySelector("rect"), y = +rect.getAttribute("y");
		const lines = g.querySelector("title").textContent.split("\n");
		const depth = Math.round(Math.abs(base - y) / row), up = open[depth - 1];
		const f = {
			g, rect, y, depth, up, text: g.querySelector("text"), name: lines[0],
			info: lines.join("  ·  "), value: +g.dataset.v, start: up ? up.used : 0,
			index: frames.length, merged: g.hasAttribute("data-m"),
			change: g.dataset.c ? " " + g.dataset.c : ""
		};
		f.used = f.start;
		if (up)
			up.used += f.value;
		// Boxes that this one ends: their subtrees are everything up to here.
		for (const o of open.splice(depth))
			o.end = f.index;
		open[depth] = f;
		g.setAttribute("tabindex", -1);
		frames.push(f);
		byElement.set(g, f);
	}
	for (const o of open)
		o.end = frames.length;
	zoomed = frames[0];
};

// ---- Labels: the same rule as the writer's, with the width the font really has.
const columns = (s) => {
	let n = 0;
	for (const c of s)
		n += c.codePointAt(0) < 0x530 || c === "\u2026" ? 1 : 2;
	return n;
};

const cut = (s, room) => {
	if (s.length * 2 <= room || columns(s) <= room)
		return s;
	let n = 0, out = "";
	for (const c of s) {
		n += columns(c);
		if (n > room - 1)
			break;
		out += c;
	}
	return out + "\u2026";
};

const label = (f, x, w) => {
	const room = Math.floor((w - 7) / glyph);
	const both = f.name + f.change;
	const text = f.change && columns(both) <= room ? both :
		room >= 3 || columns(f.name) <= room ? cut(f.name, room) : "";
	if (!f.text && text)
		f.text = make(f.g, "text", {y: f.y + 13});
	if (!f.text)
		return;
	f.text.setAttribute("x", (x + 4).toFixed(1));
	if (f.text.textContent !== text)
		f.text.textContent = text;
};

// ---- Layout.
const place = (f) => {
	const inside = f.index >= zoomed.index && f.index < zoomed.end;
	const above = f.index < zoomed.index && f.end > zoomed.index;
	const scale = (width - 2 * PAD) / (zoomed.value || 1);
	const x = above ? PAD : PAD + (f.start - zoomed.start) * scale;
	const w = above ? width - 2 * PAD : f.value * scale;
	f.g.classList.toggle("up", above);
	f.g.setAttribute("display", inside || above ? "inline" : "none");
	if (!inside && !above)
		return;
	f.rect.setAttribute("x", x.toFixed(1));
	f.rect.setAttribute("width", Math.max(w > 1.5 ? w - 0.5 : w, 0.2).toFixed(1));
	f.rect.setAttribute("rx", w > 6 ? 2 : 0);
	label(f, x, w);
};

// The bar stays at the lower edge of what the window shows of the graph.
const stick = () => {
	const box = root.getBoundingClientRect();
	const y = Math.min(height, innerHeight - box.top) - BAR;
	edge.setAttribute("visibility", y < height - BAR ? "visible" : "hidden");
	foot.setAttribute("transform", "translate(0," + Math.max(BAR, y).toFixed(1) + ")");
};

const relayout = () => {
	width = Math.max(Math.round(root.getBoundingClientRect().width) || width, 320);
	// Both: the height follows from the ratio of the attributes, not from the viewBox.
	root.setAttribute("width", width);
	root.setAttribute("viewBox", "0 0 " + width + " " + height);
	if (legend) {
		const free = width - PAD - legend.getBBox().width - title.getBBox().width;
		legend.setAttribute("transform", "translate(" + (width - WIDTH) + ",0)");
		legend.setAttribute("visibility", free < 2 * PAD ? "hidden" : "visible");
	}
	if (states)
		states.setAttribute("width", width - 2 * PAD);
	for (const e of root.querySelectorAll(".sl>g")) {
		const box = e.getBBox(), fits = box.x + box.width < width - PAD;
		e.setAttribute("visibility", fits ? "visible" : "hidden");
	}
	frames.forEach(place);
	arrange();
	stick();
};

const measure = () => {
	const probe = make(chart, "text", {visibility: "hidden"});
	probe.textContent = "M".repeat(50);
	glyph = Math.max(probe.getComputedTextLength() / 50, 3) || glyph;
	probe.remove();
};

// ---- The bar: a note to the left; matched share and buttons to the right.
const button = (text, action) => {
	const g = make(foot, "g", {class: "bt", role: "button", tabindex: 0, "aria-label": text});
	const rect = make(g, "rect", {y: 5, height: 20, rx: 3});
	const t = make(g, "text", {y: 19, x: 8});
	t.textContent = text;
	g.addEventListener("click", action);
	g.addEventListener("keydown", (e) => {
		if (e.key === "Enter" || e.key === " ") {
			e.preventDefault();
			e.stopPropagation();
			action();
		}
	});
	return {
		g, show: false,
		width: () => {
			const w = t.getComputedTextLength() + 16;
			rect.setAttribute("width", w.toFixed(1));
			return w;
		}
	};
};

const reset = button("Reset zoom", () => zoom(frames[0]));
const clear = button("Clear", () => search(""));
const find = button("Search", () => openField());
const edge = make(foot, "rect", {class: "ln", width: "100%", height: 1});
const matched = make(foot, "text", {
	y: 19, "text-anchor": "end", class: "mt", "aria-live": "polite"
});

const arrange = () => {
	let x = width - PAD;
	reset.show = zoomed !== frames[0];
	clear.show = pattern !== "";
	find.show = !field;
	for (const b of [find, clear, reset]) {
		b.g.setAttribute("display", b.show ? "inline" : "none");
		if (!b.show)
			continue;
		x -= b.width();
		b.g.setAttribute("transform", "translate(" + x.toFixed(1) + ",0)");
		x -= 8;
	}
	if (field) {
		const w = Math.min(240, x - PAD);
		x -= w;
		field.setAttribute("x", x);
		field.setAttribute("width", w);
		x -= 8;
	}
	matched.setAttribute("x", x);
	room = x - (matched.textContent ? matched.getComputedTextLength() + PAD : 0);
	say(said);
};

let said = noteText, room = WIDTH;
const say = (text) => {
	said = text;
	note.textContent = cut(text, Math.max(Math.floor((room - 2 * PAD) / glyph), 0));
};

// ---- Zoom.
const zoom = (f, quiet) => {
	zoomed = f && f.merged ? f.up : f || frames[0];
	frames.forEach(place);
	share();
	arrange();
	if (!quiet)
		save();
};

const percent = (part, whole) => {
	const p = whole ? 100 * part / whole : 0;
	return p && p < 0.005 ? "<0.01 %" : p.toFixed(2) + " %";
};

// ---- Search: a regular expression, or plain text if it is none; capitals make case matter.
const matcher = (text) => {
	const flags = text === text.toLowerCase() ? "iu" : "u";
	try {
		return new RegExp(text, flags);
	} catch (e) {
		return new RegExp(text.replace(/[.*+?^$|(){}\\[\]]/g, "\\$&"), flags);
	}
};

// A match inside a match is counted once: it is skipped with the subtree of the outer one.
const covered = (from, to) => {
	let sum = 0;
	for (let i = from; i < to;) {
		sum += frames[i].hit ? frames[i].value : 0;
		i = frames[i].hit ? frames[i].end : i + 1;
	}
	return sum;
};

const share = () => {
	if (!pattern) {
		matched.textContent = "";
		return;
	}
	const all = frames[0], z = zoomed;
	let text = "Matched " + percent(covered(0, frames.length), all.value);
	if (z !== all)
		text += ", " + percent(covered(z.index, z.end), z.value) + " of view";
	matched.textContent = text;
};

const search = (text, quiet) => {
	const re = text && matcher(text);
	pattern = text;
	for (const f of frames) {
		f.hit = !!re && !f.merged && re.test(f.name);
		f.g.classList.toggle("hit", f.hit);
	}
	if (!text)
		closeField();
	else if (input && input.value !== text)
		input.value = text;
	share();
	arrange();
	if (!quiet)
		save();
};

const openField = () => {
	if (!field) {
		field = make(foot, "foreignObject", {y: 4, height: 22});
		input = field.appendChild(document.createElementNS("http://www.w3.org/1999/xhtml", "input"));
		input.setAttribute("aria-label", "Search frames by regular expression");
		input.setAttribute("placeholder", "regular expression");
		input.setAttribute("spellcheck", "false");
		input.value = pattern;
		input.addEventListener("input", () => typed(input.value));
		arrange();
	}
	input.focus();
	input.select();
};

// Typing everything away leaves the field open.
const typed = (text) => {
	const keep = field;
	field = text ? field : null;
	search(text);
	field = keep;
	arrange();
};

const closeField = () => {
	if (!field)
		return;
	field.remove();
	field = input = null;
	arrange();
};

// ---- State in the URL. Foreign parts of the fragment stay.
const twins = () => [...document.querySelectorAll("[id='" + root.id + "']")].indexOf(root);
const prefix = alone ? "" : root.id + (twins() > 0 ? "-" + twins() : "") + ".";

const parts = () => location.hash.slice(1).split("&").filter((p) => p);
const own = (p) => p.startsWith(prefix + "z=") || p.startsWith(prefix + "s=");

const save = () => {
	const all = parts().filter((p) => !own(p));
	if (zoomed !== frames[0])
		all.push(prefix + "z=" + zoomed.index);
	if (pattern)
		all.push(prefix + "s=" + encodeURIComponent(pattern));
	try {
		const url = location.href.split("#")[0] + (all.length ? "#" + all.join("&") : "");
		history.replaceState(history.state, "", url);
	} catch (e) {
		// A sandboxed frame has no history of its own: the graph works, the URL stays.
	}
};

const restore = () => {
	const state = {z: "0", s: ""};
	for (const p of parts().filter(own))
		state[p[prefix.length]] = p.slice(prefix.length + 2);
	try {
		state.s = decodeURIComponent(state.s);
	} catch (e) {
		// A broken escape in a link: search for it as it stands.
	}
	search(state.s, true);
	zoom(frames[+state.z], true);
};

// ---- Pointer and keys.
const frameOf = (e) => byElement.get(e.target.closest && e.target.closest(".fs>g"));

const describe = (f) => {
	const of = zoomed === frames[0] || f.index < zoomed.index ? "" :
		"  ·  " + percent(f.value, zoomed.value) + " of view";
	say(f.info + of);
};

// Along the stack: up is towards the callees, as the picture shows it.
const neighbour = (f, key) => {
	const visible = (o) => o && o.g.getAttribute("display") !== "none" ? o : null;
	if (key === "ArrowDown")
		return f.up;
	if (key === "ArrowUp")
		return f.end > f.index + 1 ? visible(frames[f.index + 1]) : null;
	const same = frames.filter((o) => o.depth === f.depth && visible(o));
	return same[same.indexOf(f) + (key === "ArrowRight" ? 1 : -1)];
};

const focus = (f) => {
	for (const o of chart.querySelectorAll("[tabindex='0']"))
		o.setAttribute("tabindex", -1);
	f.g.setAttribute("tabindex", 0);
	f.g.setAttribute("role", "button");
	f.g.focus();
};

const frameKey = (e) => {
	const f = frameOf(e);
	if (!f)
		return;
	if (e.key === "Enter" || e.key === " ") {
		zoom(f);
	} else if (/^Arrow/.test(e.key)) {
		const to = neighbour(f, e.key);
		if (to)
			focus(to);
	} else {
		return;
	}
	e.preventDefault();
};

// Keys are for the graph under the pointer, else for the one with the focus; what is typed into the
// search field is for its own graph. The second Ctrl-F is the browser's.
const active = (e) => alone || e.target === input || root.matches(":hover") ||
	(root.contains(document.activeElement) && !document.querySelector("svg.js:hover"));
const pageKey = (e) => {
	const typing = /^(input|textarea|select)$/i.test(e.target.localName || "");
	const ctrlF = (e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === "f";
	if (!active(e) || e.defaultPrevented || (typing && e.target !== input))
		return;
	if ((ctrlF && !typing) || (e.key === "/" && !typing && !e.ctrlKey && !e.metaKey)) {
		e.preventDefault();
		openField();
	} else if (e.key === "Escape" && (pattern || field)) {
		search("");
	} else if (e.key === "Escape") {
		zoom(frames[0]);
	} else if (e.key === "Enter" && typing) {
		input.blur();
	}
};

read();
root.classList.add("js");
root.setAttribute("role", "group");
frames[0].g.setAttribute("tabindex", 0);
frames[0].g.setAttribute("role", "button");
chart.addEventListener("click", (e) => {
	const f = frameOf(e);
	if (f)
		zoom(f);
});
chart.addEventListener("mouseover", (e) => {
	const f = frameOf(e);
	if (f)
		describe(f);
});
chart.addEventListener("mouseleave", () => say(noteText));
// At the document: an SVG element that listens for the focus itself can be tabbed to.
document.addEventListener("focusin", (e) => {
	const f = frameOf(e);
	if (f)
		describe(f);
});
chart.addEventListener("keydown", frameKey);
document.addEventListener("keydown", pageKey);
addEventListener("hashchange", restore);
addEventListener("scroll", stick, {capture: true, passive: true});
addEventListener("resize", stick);
measure();
relayout();
restore();
if (window.ResizeObserver)
	new ResizeObserver(() => Math.abs(root.getBoundingClientRect().width - width) < 1 || relayout())
		.observe(root);
})();
