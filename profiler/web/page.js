// SPDX-License-Identifier: Apache-2.0
//
// The page's script: which part of the machine used how much, and the flame graph of a selection.
//
// All state is in the URL's query, so every view has an address and every control is a link:
//     range=15m|1h|6h|24h, or from= and to= (milliseconds since the epoch)
//     by=LABEL, sel=VALUE   the table's label, and the row that is selected
//     event=cpu|off-cpu|wall   match=CONDITION   diff=1   idle=1   all=1
// The fragment belongs to the graph (zoom and search, formats/svg_view.js).
//
// Nothing that comes from profiles is ever parsed as HTML: texts are set as text, and the SVG is
// parsed as XML, and put here without its script and style, which the page's policy would refuse.
//
// Lines that are only a comment and indentation are left out of the output: no template literals
// over several lines here.
(() => {
"use strict";
const PRESETS = {"15m": 900e3, "1h": 3600e3, "6h": 21600e3, "24h": 86400e3};
const EVENTS = {cpu: "on CPU", "off-cpu": "off CPU", wall: "wall"};
const FEW = 10, MANY = 1000, GRAPHS = 25;
const $ = (id) => document.getElementById(id);
let round = 0, graphs = 0, sheet, focused;

// ---- State.
const read = () => {
	const q = new URLSearchParams(location.search);
	const from = Number(q.get("from")), to = Number(q.get("to"));
	const own = from > 0 && to > from;
	return {
		range: own ? "" : q.get("range") in PRESETS ? q.get("range") : "1h",
		from: own ? from : 0, to: own ? to : 0,
		by: q.get("by") || "service", sel: q.get("sel"),
		event: q.get("event") in EVENTS ? q.get("event") : "cpu",
		match: q.get("match") || "", diff: q.get("diff") === "1",
		idle: q.get("idle") === "1", all: q.get("all") === "1"
	};
};

const address = (state, change) => {
	const s = {...state, ...change}, q = new URLSearchParams();
	if (s.range && s.range !== "1h")
		q.set("range", s.range);
	if (!s.range) {
		q.set("from", s.from);
		q.set("to", s.to);
	}
	if (s.by !== "service")
		q.set("by", s.by);
	if (s.sel !== null)
		q.set("sel", s.sel);
	if (s.event !== "cpu")
		q.set("event", s.event);
	if (s.match)
		q.set("match", s.match);
	for (const k of ["diff", "idle", "all"])
		if (s[k])
			q.set(k, "1");
	const text = q.toString();
	return text ? "/?" + text : "/";
};

// Links are made anew by each view: the one that had the focus gets it back, by its place and text.
const remember = () => {
	const e = document.activeElement, place = e && e.closest("nav[id],tbody,#more,#when");
	focused = place && e.matches("a") ? {id: place.id, text: e.textContent} : null;
};

const refocus = () => {
	const lost = !document.activeElement || document.activeElement === document.body;
	const same = focused && lost && [...$(focused.id).querySelectorAll("a")]
		.find((a) => a.textContent === focused.text);
	if (same)
		same.focus({preventScroll: true});
};

const go = (to) => {
	remember();
	// Each graph's script stays with the document; now and then begin a new one.
	if (graphs > GRAPHS) {
		location.assign(to);
		return;
	}
	history.pushState(null, "", to);
	show();
};

// ---- Small parts.
const make = (parent, name, text, attributes) => {
	const e = parent.appendChild(document.createElement(name));
	if (text !== undefined)
		e.textContent = text;
	for (const k in attributes)
		e.setAttribute(k, attributes[k]);
	return e;
};

const link = (parent, text, to, current, title) => {
	const a = make(parent, "a", text, {href: to});
	if (current)
		a.setAttribute("aria-current", "true");
	if (title)
		a.title = title;
	return a;
};

const links = (id, items) => {
	const nav = $(id);
	nav.replaceChildren();
	for (const i of items)
		link(nav, ...i);
};

// A value in quotes as a match has it.
const quote = (text) => "\"" + text.replace(/[\\"]/g, "\\$&").replace(/[\x00-\x1f\x7f]/g,
	(c) => "\\x" + c.charCodeAt(0).toString(16).padStart(2, "0")) + "\"";

const condition = (s) => {
	const parts = [];
	if (s.match.trim())
		parts.push(s.match.trim().replace(/^\{|,?\s*\}$/g, ""));
	if (s.sel !== null)
		parts.push(s.by + "=" + quote(s.sel));
	return parts.join(",");
};

const trouble = (text) => {
	$("trouble").hidden = !text;
	$("trouble").textContent = text || "";
};

const ask = async (path, parameters) => {
	const r = await fetch("/api/v1/" + path + "?" + new URLSearchParams(parameters));
	if (r.ok)
		return r;
	let text = r.status + " " + r.statusText;
	try {
		text = (await r.json()).error;
	} catch (e) {
		// Not one of our errors: the status has to do.
	}
	throw new Error(text);
};

const clock = (ms) => {
	const d = new Date(ms - new Date(ms).getTimezoneOffset() * 60000);
	return d.toISOString().slice(0, 19);
};

const spoken = (from, to) => {
	const a = clock(from).replace("T", " "), b = clock(to).replace("T", " ");
	return a + " – " + (a.slice(0, 10) === b.slice(0, 10) ? b.slice(11) : b);
};

const number = (v) => v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2);
const percent = (part, whole) => {
	const p = whole ? 100 * part / whole : 0;
	return p && p < 0.05 ? "<0.1 %" : p.toFixed(1) + " %";
};

// ---- The table.
const share = (cell, kind, part, whole) => {
	const NS = "http://www.w3.org/2000/svg";
	const svg = cell.appendChild(document.createElementNS(NS, "svg"));
	svg.setAttribute("class", "share");
	svg.setAttribute("aria-hidden", "true");
	for (const [name, width] of [["all", 100], [kind, whole ? 100 * part / whole : 0]]) {
		const rect = svg.appendChild(document.createElementNS(NS, "rect"));
		rect.setAttribute("class", name);
		rect.setAttribute("width", width + "%");
		rect.setAttribute("height", "100%");
		rect.setAttribute("rx", 2);
	}
};

const row = (s, value, sums, totals, seconds) => {
	const tr = make($("rows"), "tr"), [cpu, , blocked] = sums;
	const on = value !== null && value === s.sel, name = make(tr, "td");
	const text = value === null ? "everything" : value || "(none)";
	link(name, text, address(s, {sel: on ? null : value}), on || (value === null && s.sel === null),
		text);
	tr.classList.toggle("on", on || (value === null && s.sel === null));
	make(tr, "td", number(cpu / 1e9 / seconds), {class: "n", title: "CPUs busy, on average"});
	make(tr, "td", percent(cpu, totals[0]), {class: "n"});
	share(make(tr, "td"), "cpu", cpu, totals[0]);
	make(tr, "td", number(blocked / 1e9 / seconds),
		{class: "n", title: "threads blocked, on average"});
	make(tr, "td", percent(blocked, totals[2]), {class: "n"});
	share(make(tr, "td"), "blocked", blocked, totals[2]);
};

const table = (s, answer) => {
	const c = answer.completeness, key = {cpu: [0], "off-cpu": [1, 2], wall: [0, 1, 2]}[s.event];
	const weight = (r) => key.reduce((sum, k) => sum + r.sums[k], 0);
	const rows = answer.rows.sort((a, b) => weight(b) - weight(a));
	const seconds = Math.max((c.last_ns - c.first_ns) / 1e9, 1);
	const shown = s.all ? rows : rows.filter((r, i) => i < FEW || r.value === s.sel);
	$("rows").replaceChildren();
	$("more").replaceChildren();
	$("rows").parentNode.hidden = !c.windows;
	if (!c.windows)
		return;
	row(s, null, answer.totals, answer.totals, seconds);
	for (const r of shown)
		row(s, r.value, r.sums, answer.totals, seconds);
	if (rows.length > FEW)
		link($("more"), s.all ? "Show fewer" : "Show all " + rows.length, address(s, {all: !s.all}));
	if (answer.more_rows)
		make($("more"), "span", " and " + answer.more_rows + " smaller ones", {class: "faint"});
	if (!c.complete)
		trouble("Not complete: " + c.damaged + " damaged files, " + c.stacks_missing +
			" stacks without frames.");
};

const nothing = async (s, labels) => {
	const p = make($("flame"), "p", "No profiles in this range.");
	const last = labels.ranges[labels.ranges.length - 1];
	if (!last)
		p.textContent = "There are no profiles yet: the first window is stored after some seconds.";
	else
		link(p, " Show the latest ones.", address(s, {
			range: "", to: Math.ceil(last.to_ns / 1e6),
			from: Math.floor(Math.max(last.from_ns / 1e6, last.to_ns / 1e6 - 3600e3))
		}));
};

// ---- The graph.
const graph = (text) => {
	// Its style before it is parsed: the policy refuses one in a parsed document, too. No name has a
	// "<" of its own there.
	const styles = [];
	const bare = text.replace(/<style>([^<]*)<\/style>/g, (all, style) => (styles.push(style), ""));
	const parsed = new DOMParser().parseFromString(bare, "image/svg+xml").documentElement;
	if (parsed.localName !== "svg")
		throw new Error("the graph cannot be read");
	for (const e of parsed.querySelectorAll("script,style"))
		e.remove();
	sheet = sheet || new CSSStyleSheet();
	sheet.replaceSync(styles.join("\n"));
	document.adoptedStyleSheets = [sheet];
	const svg = document.importNode(parsed, true);
	$("flame").replaceChildren(svg);
	// The graph's own script looks for the <svg> that it stands in.
	const script = document.createElement("script");
	script.src = "/flame.js";
	svg.append(script);
	graphs++;
};

const parameters = (s, range) => {
	const p = {from: range.from, to: range.to, event: s.event, idle: s.idle ? "1" : "0"};
	const match = condition(s);
	if (match)
		p.match = match;
	if (s.diff) {
		p["diff-from"] = 2 * range.from - range.to;
		p["diff-to"] = range.from;
	}
	return p;
};

const files = (s, p, formats) => {
	links("files", formats.filter((f) => f.diff || !s.diff).map((f) => [f.name, "/api/v1/" +
		(s.diff ? "diff?" : "query?") +
		new URLSearchParams({...p, format: f.name, download: "1"}), false,
	"Download as " + f.name]));
};

const toggles = (s, formats) => {
	const items = [];
	if (s.diff || formats.some((f) => f.name === "svg" && f.diff))
		items.push(["compare with the range before", address(s, {diff: !s.diff}), s.diff]);
	if (s.event !== "cpu")
		items.push(["idle waits", address(s, {idle: !s.idle}), s.idle,
			"waits for work to come, such as those of thread pools"]);
	links("toggles", items);
};

// ---- All of it.
const controls = (s) => {
	links("presets", Object.keys(PRESETS).map((r) =>
		[r, address(s, {range: r, from: 0, to: 0}), s.range === r, "the last " + r]));
	links("events", Object.keys(EVENTS).map((e) =>
		[EVENTS[e], address(s, {event: e}), s.event === e]));
	const title = s.sel === null ? "Everything" : s.sel || "(no " + s.by + ")";
	$("graph-title").textContent = title;
	document.title = title + " · " + EVENTS[s.event] + " · cresset";
	$("match").value = s.match;
	$("by-head").textContent = s.by;
	$("list-title").textContent = s.by === "service" ? "Services" : "By " + s.by;
};

const choices = (s, labels) => {
	const select = $("by"), names = labels.labels;
	select.replaceChildren();
	for (const name of names.includes(s.by) ? names : [s.by, ...names])
		make(select, "option", name, {value: name}).selected = name === s.by;
};

const times = (s, range) => {
	$("from").value = clock(range.from);
	$("to").value = clock(range.to);
	$("when").replaceChildren();
	if (s.range)
		link($("when"), spoken(range.from, range.to),
			address(s, {range: "", from: range.from, to: range.to}), false,
			"A link to this range that stays");
	else
		$("when").textContent = spoken(range.from, range.to);
};

const load = async (s, mine) => {
	const span = s.range ? {from: "-" + s.range, to: "now"} : {from: s.from, to: s.to};
	const some = s.match ? {...span, match: s.match} : span;
	const list = await (await ask("query", {...some, by: s.by, event: "wall", top: MANY})).json();
	// What the server took for "now" holds for all that follows.
	const range = {from: Math.floor(list.from_ns / 1e6), to: Math.ceil(list.to_ns / 1e6)};
	const labels = await (await ask("labels", range)).json();
	if (mine !== round)
		return;
	times(s, range);
	choices(s, labels);
	table(s, list);
	const p = parameters(s, range);
	toggles(s, labels.formats);
	files(s, p, labels.formats);
	refocus();
	if (!list.completeness.windows) {
		$("flame").replaceChildren();
		$("files").replaceChildren();
		nothing(s, labels);
		return;
	}
	const svg = await (await ask(s.diff ? "diff" : "query", {...p, format: "svg"})).text();
	if (mine === round)
		graph(svg);
};

const show = async () => {
	const s = read(), mine = ++round;
	trouble("");
	controls(s);
	refocus();
	$("flame").setAttribute("aria-busy", "true");
	try {
		await load(s, mine);
	} catch (e) {
		if (mine === round) {
			trouble(e.message);
			$("flame").replaceChildren();
		}
	}
	if (mine === round) {
		$("flame").setAttribute("aria-busy", "false");
		document.documentElement.dataset.round = mine;
	}
};

// Plain clicks on our own links change the view without loading the page again.
document.addEventListener("click", (e) => {
	const a = e.target.closest && e.target.closest("a[href^='/?'],a[href='/']");
	if (!a || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey || e.defaultPrevented)
		return;
	e.preventDefault();
	go(a.getAttribute("href"));
});
$("by").addEventListener("change", () => go(address(read(), {by: $("by").value, sel: null})));
$("filter").addEventListener("submit", (e) => {
	e.preventDefault();
	go(address(read(), {match: $("match").value}));
});
$("range").addEventListener("submit", (e) => {
	e.preventDefault();
	const from = new Date($("from").value).getTime(), to = new Date($("to").value).getTime();
	if (from > 0 && to > from)
		go(address(read(), {range: "", from, to}));
	else
		trouble("The range is empty: from is to be before to.");
});
addEventListener("popstate", show);
show();
})();
