// SPDX-License-Identifier: Apache-2.0
//
// servers.mjs - stand-ins for the servers that profiler/export sends to, built on decoders that are
// not ours (@connectrpc, @grpc, protobuf-es), which enforce what the real servers check.
//
//     node servers.mjs DIRECTORY SECONDS
//
// DIRECTORY gets "ports" (one "name port" a line) once all listen, "log" (a JSON line for each
// request that was looked at) and every accepted body as a file. It ends by itself after SECONDS.
// While DIRECTORY/fail-NAME exists, server NAME answers with the status that is written there
// (gRPC: the code's number); "hang" never answers, "slow" reads slowly, "reset" cuts the connection.
// A second word is the error's code; further lines are headers.
import * as crypto from "node:crypto";
import * as fs from "node:fs";
import * as http from "node:http";
import * as net from "node:net";
import * as path from "node:path";
import * as zlib from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import * as loader from "@grpc/proto-loader";
import { createFileRegistry, fromBinary, toBinary, create } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

const [dir, seconds] = process.argv.slice(2);
const here = path.dirname(new URL(import.meta.url).pathname);
const started = Date.now();
setTimeout(() => process.exit(0), Number(seconds) * 1000);

const registry = createFileRegistry(
	fromBinary(FileDescriptorSetSchema, fs.readFileSync(path.join(dir, "descriptors.bin"))));
const schema = (name) => registry.getMessage(name);

let count = 0;
function log(server, entry) {
	fs.appendFileSync(path.join(dir, "log"),
		JSON.stringify({ server, at: Date.now() - started, ...entry }) + "\n");
}
function keep(server, suffix, data) {
	const name = `${server}-${++count}${suffix}`;
	fs.writeFileSync(path.join(dir, name), data);
	return name;
}
function fault(server) {
	try {
		return fs.readFileSync(path.join(dir, `fail-${server}`), "utf8").trim();
	} catch {
		return "";
	}
}

// ---- The servers' rules.

class Refused extends Error {}
function must(ok, text) {
	if (!ok) throw new Refused(text);
}
const promName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const utf8 = new TextDecoder("utf-8", { fatal: true });

function checkLabels(labels, needed) {
	const seen = new Set();
	must(labels.length <= 30, `${labels.length} labels`);
	for (const { name, value } of labels) {
		must(promName.test(name), `bad label name ${name}`);
		must(name.length <= 1024 && Buffer.byteLength(value) <= 2048, `long label ${name}`);
		must(!seen.has(name), `duplicate label ${name}`);
		seen.add(name);
	}
	for (const name of needed) must(seen.has(name), `no label ${name}`);
	return Object.fromEntries(labels.map((l) => [l.name, l.value]));
}

// The intersection of Parca's and Pyroscope's checks.
function checkPprof(gz, { recent, name, samples = 16000, bytes = 4 << 20 }) {
	const raw = zlib.gunzipSync(gz);
	must(raw.length <= bytes, `profile of ${raw.length} bytes`);
	const p = fromBinary(schema("Profile"), raw);
	const strings = p.stringTable.map((s) => utf8.decode(s));
	const n = p.sampleType.length;
	const text = (i) => (must(i >= 0 && i < strings.length, "string index"), strings[Number(i)]);
	must(strings[0] === "", "string 0");
	must(n > 0, "no sample type");
	must(p.sample.length <= samples, `${p.sample.length} samples`);
	for (const t of [...p.sampleType, ...(p.periodType ? [p.periodType] : [])])
		must(promName.test(text(t.type)) && promName.test(text(t.unit)), "type is no identifier");
	for (const table of [p.mapping, p.function, p.location])
		table.forEach((e, i) => must(Number(e.id) === i + 1, "ids are not 1, 2, 3"));
	for (const l of p.location) {
		must(Number(l.mappingId) <= p.mapping.length, "mapping of a location");
		for (const line of l.line)
			must(line.functionId >= 1 && Number(line.functionId) <= p.function.length, "function");
	}
	const totals = p.sampleType.map(() => 0);
	for (const s of p.sample) {
		must(s.value.length === n, "values of a sample");
		s.value.forEach((v, i) => (totals[i] += Number(v)));
		must(s.label.length <= 100, "labels of a sample");
		for (const id of s.locationId)
			must(id >= 1 && Number(id) <= p.location.length, "location of a sample");
	}
	if (recent) {
		const age = Date.now() - Number(p.timeNanos / 1000000n);
		must(age > -600e3 && age < 3600e3, `profile is ${age} ms old`);
	}
	const types = p.sampleType.map((t) => `${text(t.type)}:${text(t.unit)}`);
	if (name === "off_cpu") must(types.includes("off_cpu:nanoseconds"), "not off-CPU time");
	return { types, totals, samples: p.sample.length, raw: raw.length };
}

function checkOtlp(m) {
	const d = m.dictionary;
	must(d, "no dictionary");
	const is0 = (table, m0) => must(table.length && Buffer.from(toBinary(m0, table[0])).every(
		(b, i, all) => b === 0 || m0.typeName === "otlp.Link"), `entry 0 of ${m0.typeName}`);
	is0(d.mappingTable, schema("otlp.Mapping"));
	is0(d.locationTable, schema("otlp.Location"));
	is0(d.functionTable, schema("otlp.Function"));
	is0(d.attributeTable, schema("otlp.KeyValueAndUnit"));
	is0(d.stackTable, schema("otlp.Stack"));
	must(d.linkTable[0].traceId.length === 16 && d.linkTable[0].spanId.length === 8, "link 0");
	must(d.stringTable[0] === "", "string 0");
	must(new Set(d.stringTable).size <= d.stringTable.length, "strings");
	const at = (table, i, what) => (must(i >= 0 && i < table.length, what), table[i]);
	for (const l of d.locationTable.slice(1)) {
		at(d.mappingTable, l.mappingIndex, "mapping");
		must(l.lines.length, "location without lines");
		for (const line of l.lines) must(at(d.functionTable, line.functionIndex, "function") &&
			line.functionIndex, "function 0");
	}
	for (const f of d.functionTable.slice(1)) must(at(d.stringTable, f.nameStrindex, "name"), "name");
	for (const f of d.mappingTable)
		for (const a of f.attributeIndices) at(d.attributeTable, a, "attribute");
	for (const s of d.stackTable)
		for (const i of s.locationIndices) must(at(d.locationTable, i, "location") && i, "location 0");
	for (const a of d.attributeTable.slice(1)) {
		must(at(d.stringTable, a.keyStrindex, "key"), "key");
		must(a.value && a.value.value.case, "value");
	}
	const out = [];
	for (const r of m.resourceProfiles) {
		const names = r.resource.attributes.map((a) => a.key);
		must(new Set(names).size === names.length, "duplicate resource attribute");
		must(names.includes("service.name"), "no service.name");
		for (const s of r.scopeProfiles)
			for (const p of s.profiles) {
				must(p.sampleType, "no sample_type");
				must(p.profileId.length === 16, "profile_id");
				const type = d.stringTable[p.sampleType.typeStrindex];
				const unit = d.stringTable[p.sampleType.unitStrindex];
				const period = p.periodType
					? `${d.stringTable[p.periodType.typeStrindex]}:${d.stringTable[p.periodType.unitStrindex]}`
					: "";
				let total = 0;
				for (const x of p.samples) {
					must(x.values.length === 1, "values");
					at(d.stackTable, x.stackIndex, "stack");
					const keys = x.attributeIndices.map((i) => at(d.attributeTable, i, "attribute").keyStrindex);
					must(new Set(keys).size === keys.length, "attribute twice");
					total += Number(x.values[0]);
				}
				// Pyroscope: only off_cpu has a name without a period.
				must(type === "off_cpu" || (period && p.period > 0n), "no period");
				out.push({ type: `${type}:${unit}`, period, every: Number(p.period), total,
					samples: p.samples.length, id: Buffer.from(p.profileId).toString("hex"),
					attributes: Object.fromEntries(r.resource.attributes.map((a) => [a.key, a.value.value.value])) });
			}
	}
	return out;
}

// ---- Plain HTTP servers.

// Answers by the fault in force; true if it did.
function misbehave(server, req, res) {
	const f = fault(server);
	if (!f) return false;
	log(server, { fault: f, url: req.url });
	if (f === "hang") return true;
	if (f === "reset") {
		req.socket.resetAndDestroy();
		return true;
	}
	if (f === "slow") return false;
	const [first, ...headers] = f.split("\n");
	const [status, code] = first.split(" ");
	res.writeHead(Number(status), Object.fromEntries(headers.map((h) => h.split(/: */, 2))));
	res.end(JSON.stringify({ code: code ?? "unavailable", message: "told to fail: " + req.headers.authorization }));
	return true;
}

function body(req, server) {
	return new Promise((done, failed) => {
		const parts = [];
		const slow = fault(server) === "slow";
		req.on("data", (d) => {
			parts.push(d);
			if (slow) {
				req.pause();
				setTimeout(() => req.resume(), 20);
			}
		});
		req.on("end", () => done(Buffer.concat(parts)));
		req.on("error", failed);
		req.on("aborted", () => failed(new Error("aborted")));
	});
}

function plain(server, handle) {
	return http.createServer(async (req, res) => {
		if (misbehave(server, req, res)) return;
		try {
			let data = await body(req, server);
			if (req.headers["content-encoding"] === "gzip") data = zlib.gunzipSync(data);
			const answer = await handle(req, data);
			log(server, { ok: true, method: req.method, url: req.url, headers: req.headers, ...answer?.log });
			res.writeHead(answer?.status ?? 200, { "content-type": answer?.type ?? "application/json" });
			res.end(answer?.body ?? "{}");
		} catch (e) {
			log(server, { refused: e.message, url: req.url, headers: req.headers });
			res.writeHead(e instanceof Refused ? 400 : 500, { "content-type": "application/json" });
			res.end(JSON.stringify({ code: "invalid_argument", message: e.message }));
		}
	});
}

// /ingest: the name's syntax has no escapes, format=pprof is the bare body.
const ingest = plain("ingest", (req, data) => {
	const u = new URL(req.url, "http://x");
	must(req.method === "POST" && u.pathname === "/ingest", "not /ingest");
	must(u.searchParams.get("format") === "pprof", "format");
	must(/^\d+$/.test(u.searchParams.get("from")) && /^\d+$/.test(u.searchParams.get("until")), "times");
	const m = /^([^{},]+)(?:\{(.*)\})?$/.exec(u.searchParams.get("name"));
	must(m, "name");
	const labels = m[2] ? m[2].split(",").map((kv) => {
		const [name, value, more] = kv.split("=");
		must(name && value !== undefined && more === undefined, `label ${kv}`);
		return { name, value };
	}) : [];
	checkLabels(labels, []);
	const pprof = checkPprof(data, { recent: true });
	return { log: { app: m[1], labels: Object.fromEntries(labels.map((l) => [l.name, l.value])), pprof,
		file: keep("ingest", ".pb.gz", data) } };
});

const parcaJson = plain("parca_json", (req, data) => {
	must(req.url === "/api/profiles/writeraw" && req.method === "POST", "not writeraw");
	must(req.headers["content-type"] === "application/json", "content type");
	const m = JSON.parse(utf8.decode(data));
	must(m.normalized === true && m.series.length === 1, "message");
	const labels = checkLabels(m.series[0].labels.labels, ["__name__"]);
	const raw = Buffer.from(m.series[0].samples[0].rawProfile, "base64");
	return { log: { labels, pprof: checkPprof(raw, { name: labels.__name__ }),
		file: keep("parca_json", ".pb.gz", raw) } };
});

const otlp = plain("otlp", (req, data) => {
	must(req.url === "/v1development/profiles" && req.method === "POST", "not profiles");
	must(req.headers["content-type"] === "application/x-protobuf", "content type");
	must(data.length <= 4 << 20, `message of ${data.length} bytes`);
	const profiles = checkOtlp(fromBinary(schema("otlp.ExportProfilesServiceRequest"), data));
	const file = keep("otlp", ".bin", data);
	const type = schema("otlp.ExportProfilesServiceResponse");
	const part = fs.existsSync(path.join(dir, "otlp-partial"))
		? { partialSuccess: { rejectedProfiles: 1n, errorMessage: "one was too much" } } : {};
	return { log: { profiles, file }, type: "application/x-protobuf", body: toBinary(type, create(type, part)) };
});

// Plain files, and S3's signatures (AWS Signature Version 4, header form).
function hmac(key, text) {
	return crypto.createHmac("sha256", key).update(text).digest();
}
function checkSignature(req, data, secret) {
	const a = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(req.headers.authorization ?? "");
	must(a, `authorization: ${req.headers.authorization}`);
	const [, id, day, region, service, signed, signature] = a;
	const hash = crypto.createHash("sha256").update(data).digest("hex");
	const sent = req.headers["x-amz-content-sha256"];
	must(!sent || sent === hash || sent === "UNSIGNED-PAYLOAD", "x-amz-content-sha256");
	const headers = signed.split(";").map((h) => `${h}:${req.headers[h].trim()}\n`).join("");
	const canonical = [req.method, req.url, "", headers, signed, sent ?? hash].join("\n");
	const scope = `${day}/${region}/${service}/aws4_request`;
	const toSign = ["AWS4-HMAC-SHA256", req.headers["x-amz-date"], scope,
		crypto.createHash("sha256").update(canonical).digest("hex")].join("\n");
	let key = hmac("AWS4" + secret, day);
	for (const part of [region, service, "aws4_request"]) key = hmac(key, part);
	must(hmac(key, toSign).toString("hex") === signature, "signature does not match");
	return { id, region, service, sha256: !!sent };
}
const files = plain("http", (req, data) => ({
	log: { pprof: checkPprof(data, { samples: 1e9, bytes: 1e9 }), file: keep("http", ".pb.gz", data) } }));
const s3 = plain("s3", (req, data) => ({
	log: { signed: checkSignature(req, data, "c2VjcmV0LWtleQ"), pprof: checkPprof(data, { samples: 1e9, bytes: 1e9 }) } }));

// ---- Pyroscope: Connect's own server.

const connect = connectNodeAdapter({
	routes(router) {
		router.service(registry.getService("push.v1.PusherService"), {
			push(m, context) {
				try {
					must(context.requestMethod === "POST", "method");
					must(m.series.length === 1 && m.series[0].samples.length === 1, "series");
					const labels = checkLabels(m.series[0].labels, ["__name__", "service_name"]);
					const s = m.series[0].samples[0];
					must(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(s.ID), "ID");
					const pprof = checkPprof(s.rawProfile, { recent: true, name: labels.__name__ });
					log("pyroscope", { ok: true, labels, id: s.ID, pprof,
						hash: crypto.createHash("sha256").update(s.rawProfile).digest("hex"),
						headers: Object.fromEntries(context.requestHeader.entries()),
						file: keep("pyroscope", ".pb.gz", s.rawProfile) });
					return {};
				} catch (e) {
					log("pyroscope", { refused: e.message });
					throw new ConnectError(e.message, Code.InvalidArgument);
				}
			},
		});
	},
});
const pyroscope = http.createServer((req, res) => {
	if (!misbehave("pyroscope", req, res)) connect(req, res);
});

// ---- Parca: gRPC's own server.

const parcaProto = grpc.loadPackageDefinition(
	loader.loadSync(path.join(here, "profilestore.proto"), { longs: Number }));
function grpcServer() {
	const server = new grpc.Server();
	server.addService(parcaProto.parca.profilestore.v1alpha1.ProfileStoreService.service, {
		WriteRaw(call, done) {
			const f = fault("parca");
			if (f) {
				log("parca", { fault: f });
				if (f !== "hang") done({ code: Number(f), details: "told to fail: é%" });
				return;
			}
			try {
				const m = call.request;
				must(m.normalized && m.series.length === 1, "message");
				const labels = checkLabels(m.series[0].labels.labels, ["__name__"]);
				const raw = m.series[0].samples[0].rawProfile;
				log("parca", { ok: true, labels, metadata: call.metadata.getMap(),
					pprof: checkPprof(raw, { name: labels.__name__ }), file: keep("parca", ".pb.gz", raw) });
				done(null, {});
			} catch (e) {
				log("parca", { refused: e.message });
				done({ code: grpc.status.INVALID_ARGUMENT, details: e.message });
			}
		},
	});
	return server;
}

// ---- A forward proxy that wants to know who asks: "me:pr0xy-s3cr3t".

function mayPass(req) {
	const sent = req.headers["proxy-authorization"] ?? "";
	const ok = sent === "Basic " + Buffer.from("me:pr0xy-s3cr3t").toString("base64");
	log("proxy", { ok, method: req.method, url: req.url, headers: req.headers });
	return ok;
}
const proxy = http.createServer((req, res) => {
	if (!mayPass(req)) {
		res.writeHead(407);
		res.end("who are you, " + req.headers["proxy-authorization"]);
		return;
	}
	const { "proxy-authorization": secret, ...headers } = req.headers;
	const onward = http.request(req.url, { method: req.method, headers }, (answer) => {
		res.writeHead(answer.statusCode, answer.headers);
		answer.pipe(res);
	});
	req.pipe(onward);
});
proxy.on("connect", (req, socket, head) => {
	if (!mayPass(req)) {
		socket.end("HTTP/1.1 407 Who are you\r\n\r\n");
		return;
	}
	const [host, port] = req.url.split(":");
	const onward = net.connect(Number(port), host, () => {
		socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
		onward.write(head);
		onward.pipe(socket);
		socket.pipe(onward);
	});
	onward.on("error", () => socket.destroy());
	socket.on("error", () => onward.destroy());
});

// ---- All on loopback, on free ports.

const ports = [];
function listen(name, server) {
	return new Promise((done) => server.listen(0, "127.0.0.1", () => {
		ports.push(`${name} ${server.address().port}`);
		done();
	}));
}
function bind(name, credentials) {
	return new Promise((done, failed) => grpcServer().bindAsync("127.0.0.1:0", credentials, (e, port) => {
		ports.push(`${name} ${port}`);
		e ? failed(e) : done();
	}));
}
await Promise.all([
	listen("pyroscope", pyroscope), listen("ingest", ingest), listen("parca_json", parcaJson),
	listen("otlp", otlp), listen("http", files), listen("s3", s3), listen("proxy", proxy),
	bind("parca", grpc.ServerCredentials.createInsecure()),
	bind("parca_tls", grpc.ServerCredentials.createSsl(null, [{
		private_key: fs.readFileSync(path.join(dir, "key.pem")),
		cert_chain: fs.readFileSync(path.join(dir, "cert.pem")) }])),
]);
fs.writeFileSync(path.join(dir, "ports.new"), ports.join("\n") + "\n");
fs.renameSync(path.join(dir, "ports.new"), path.join(dir, "ports"));
