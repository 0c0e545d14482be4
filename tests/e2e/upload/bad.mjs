// SPDX-License-Identifier: Apache-2.0
//
// bad.mjs - do the servers of servers.mjs refuse what the real ones would?
//
//     node bad.mjs DIRECTORY PPROF OTLP
//
// PPROF (gzipped) and OTLP are good ones. Each is sent once as it is, and must be accepted, and once
// with each rule broken, and must be refused for that reason. Prints what is not so.
import * as fs from "node:fs";
import * as path from "node:path";
import * as zlib from "node:zlib";
import { clone, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const [dir, pprofFile, otlpFile] = process.argv.slice(2);
const registry = createFileRegistry(
	fromBinary(FileDescriptorSetSchema, fs.readFileSync(path.join(dir, "descriptors.bin"))));
const ports = Object.fromEntries(fs.readFileSync(path.join(dir, "ports"), "utf8").trim().split("\n")
	.map((l) => l.split(" ")));
const Profile = registry.getMessage("Profile");
const Push = registry.getMessage("push.v1.PushRequest");
const Otlp = registry.getMessage("otlp.ExportProfilesServiceRequest");
const good = fromBinary(Profile, zlib.gunzipSync(fs.readFileSync(pprofFile)));
const goodOtlp = fromBinary(Otlp, fs.readFileSync(otlpFile));
const bytes = (s) => Buffer.from(s);
const ago = (s) => BigInt(Date.now() - s * 1000) * 1000000n;

async function post(server, url, type, body, headers = {}) {
	const r = await fetch(`http://127.0.0.1:${ports[server]}${url}`,
		{ method: "POST", headers: { "content-type": type, ...headers }, body });
	return r.ok ? "" : await r.text();
}
const usual = [["__name__", "process_cpu"], ["service_name", "bad"]].map(([name, value]) => ({ name, value }));
const send = {
	pyroscope: (p, labels = usual) => post("pyroscope", "/push.v1.PusherService/Push", "application/proto",
		toBinary(Push, { $typeName: "push.v1.PushRequest", series: [{ $typeName: "push.v1.RawProfileSeries",
			labels: labels.map((l) => ({ $typeName: "push.v1.LabelPair", ...l })),
			samples: [{ $typeName: "push.v1.RawSample", rawProfile: zlib.gzipSync(toBinary(Profile, p)),
				ID: "01234567-89ab-4cde-8f01-23456789abcd" }] }] }), { "connect-protocol-version": "1" }),
	parca_json: (p, labels = usual) => post("parca_json", "/api/profiles/writeraw", "application/json",
		JSON.stringify({ series: [{ labels: { labels }, samples: [{
			rawProfile: zlib.gzipSync(toBinary(Profile, p)).toString("base64") }] }], normalized: true })),
	otlp: (m) => post("otlp", "/v1development/profiles", "application/x-protobuf", toBinary(Otlp, m)),
};

async function expect(server, message, why, labels) {
	const said = await send[server](message, labels);
	if (why ? !said.includes(why) : said)
		console.log(`${server}: expected ${why ? `"${why}"` : "success"}, got "${said.slice(0, 200)}"`);
}
function broken(from, schema, change) {
	const m = clone(schema, from);
	change(m);
	return m;
}

const pprofRules = {
	"ids are not 1, 2, 3": [
		(p) => { for (const l of p.location) l.id += 1n; for (const s of p.sample) s.locationId = s.locationId.map((i) => i + 1n); },
		(p) => p.location.reverse(), (p) => p.function.reverse(), (p) => { p.function[0].id = 0n; }],
	"function": [(p) => { p.location[0].line[0].functionId = 9999n; }, (p) => { p.location[0].line[0].functionId = 0n; }],
	"mapping of a location": [(p) => { p.location[0].mappingId = 99n; }],
	"location of a sample": [(p) => { p.sample[0].locationId[0] = 0n; }, (p) => { p.sample[0].locationId[0] = 9999n; }],
	"values of a sample": [(p) => p.sample[0].value.push(1n), (p) => { p.sample[0].value = []; }],
	"no sample type": [(p) => { p.sampleType = []; }],
	"type is no identifier": [
		(p) => { p.sampleType[1].type = BigInt(p.stringTable.push(bytes("off-cpu")) - 1); },
		(p) => { p.sampleType[0].unit = BigInt(p.stringTable.push(bytes("1st")) - 1); },
		(p) => { p.periodType.type = BigInt(p.stringTable.push(bytes("a b")) - 1); }],
	"string 0": [(p) => { p.stringTable[0] = bytes("x"); }],
	"string index": [(p) => { p.sampleType[0].type = 9999n; }],
	"not valid for encoding": [(p) => p.stringTable.push(Buffer.from([0x61, 0xff, 0x62]))],
	"samples": [(p) => { while (p.sample.length <= 16000) p.sample.push(p.sample[0]); }],
	"profile of": [(p) => p.stringTable.push(Buffer.alloc((4 << 20) + 1, "x"))],
};
const timeRules = [(p) => { p.timeNanos = ago(7300); }, (p) => { p.timeNanos = ago(-1200); }, (p) => { p.timeNanos = 0n; }];
const labelRules = {
	"no label __name__": usual.slice(1),
	"duplicate label": [...usual, usual[1]],
	"bad label name": [...usual, { name: "a.b", value: "x" }],
	"long label": [...usual, { name: "a", value: "x".repeat(2049) }],
	"31 labels": [...usual, ...Array.from({ length: 29 }, (_, i) => ({ name: `l${i}`, value: "x" }))],
};
const first = (m) => m.resourceProfiles[0].scopeProfiles[0].profiles[0];
const otlpRules = {
	"no dictionary": (m) => { m.dictionary = undefined; },
	"string 0": (m) => { m.dictionary.stringTable[0] = "x"; },
	"link 0": (m) => { m.dictionary.linkTable[0].traceId = new Uint8Array(4); },
	"entry 0 of otlp.Function": (m) => m.dictionary.functionTable.shift(),
	"entry 0 of otlp.Stack": (m) => m.dictionary.stackTable.shift(),
	"location without lines": (m) => { m.dictionary.locationTable[1].lines = []; },
	"location 0": (m) => { m.dictionary.stackTable[1].locationIndices[0] = 0; },
	"location": (m) => { m.dictionary.stackTable[1].locationIndices[0] = 9999; },
	"stack": (m) => { first(m).samples[0].stackIndex = 9999; },
	"values": (m) => first(m).samples[0].values.push(1n),
	"no sample_type": (m) => { first(m).sampleType = undefined; },
	"no period": (m) => { first(m).period = 0n; },
	"profile_id": (m) => { first(m).profileId = new Uint8Array(3); },
	"no service.name": (m) => { m.resourceProfiles[0].resource.attributes = []; },
};

for (const server of ["pyroscope", "parca_json"]) {
	await expect(server, good, "");
	for (const [why, changes] of Object.entries(pprofRules))
		for (const change of changes) await expect(server, broken(good, Profile, change), why);
	for (const [why, labels] of Object.entries(labelRules)) await expect(server, good, why, labels);
}
for (const change of timeRules) await expect("pyroscope", broken(good, Profile, change), "ms old");
await expect("pyroscope", good, "no label service_name", usual.slice(0, 1));
await expect("otlp", goodOtlp, "");
for (const [why, change] of Object.entries(otlpRules)) await expect("otlp", broken(goodOtlp, Otlp, change), why);

// The layout before 1.10, where a sample's values were field 2 and its attributes field 3.
const old = broken(goodOtlp, Otlp, (m) => {
	for (const s of first(m).samples) [s.attributeIndices, s.values] = [s.values.map(Number), []];
});
await expect("otlp", old, "values");
