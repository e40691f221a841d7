// The functions of the page that know no document.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../../src/page/model.js", import.meta.url), "utf8");
const names = [...source.matchAll(/^function (\w+)/gm)].map(([, name]) => name);
const model = new Function(`"use strict"; ${source}; return { ${names.join(", ")} };`)();

const columns = ["at_unix_ms", "span_ms", "memory_hits", "remote_hits", "old_hits", "coalesced", "misses", "loads", "load_failures", "load_p99_us", "remote_errors", "evictions", "status"];
const row = (at, { hits = 0, misses = 0, p99 = null, status = 0 } = {}) => [at, 1000, hits, 0, 0, 0, misses, misses, 0, p99, 0, 0, status];
const told = (began, round, rows, name = null) => ({ began_unix_ms: began, interval_ms: 1000, round, columns, caches: [{ name, rows }] });

test("numbers are short", () => {
  for (const [value, text] of [[0, "0"], [7, "7"], [1.2345, "1.23"], [99.94, "99.9"], [1234, "1234"], [12345, "12.3 k"], [1234567, "1.23 M"], [NaN, "–"]]) assert.equal(model.number(value), text);
  for (const [value, text] of [[0, "0 B"], [1023, "1023 B"], [1024, "1 KiB"], [1 << 20, "1 MiB"], [NaN, "–"]]) assert.equal(model.bytes(value), text);
  for (const [value, text] of [[0, "0 %"], [1, "100 %"], [0.9999, "> 99.9 %"], [0.987, "98.7 %"], [NaN, "–"]]) assert.equal(model.percent(value), text);
  for (const [value, text] of [[0, "0 µs"], [999, "999 µs"], [1500, "1.5 ms"], [2.5e6, "2.5 s"]]) assert.equal(model.micros(value), text);
  for (const [value, text] of [[7, "7 ms"], [1500, "1.5 s"], [61000, "1 min 1 s"], [3600000, "1 h"], [90061000, "1 d 1 h"], [Infinity, "–"]]) assert.equal(model.span(value), text);
});

test("the base has one slash at its end", () => {
  for (const path of ["/admin/cache", "/admin/cache/", "/admin/cache//"]) assert.equal(model.base(path), "/admin/cache/");
  assert.equal(model.base("/"), "/");
});

test("a history grows, is bounded, and begins again after a restart", () => {
  const history = model.emptyHistory();
  assert.equal(model.addHistory(history, told(1, 2, [row(1000, { hits: 3, misses: 1 }), row(2000)])), true);
  assert.equal(model.addHistory(history, told(1, 3, [row(3000)])), true);
  const records = history.caches.get(null);
  assert.deepEqual(records.map((one) => one.at_unix_ms), [1000, 2000, 3000]);
  assert.deepEqual([records[0].hits, records[0].requests, history.round], [3, 4, 3]);
  model.addHistory(history, told(1, 4, Array.from({ length: 600 }, (_, at) => row(at))));
  assert.equal(history.caches.get(null).length, 450);
  assert.equal(model.addHistory(history, told(9, 1, [row(1)])), false, "another process: ask for all");
  assert.deepEqual([history.round, history.caches.size], [0, 0]);
  assert.equal(model.addHistory(history, told(9, 2, [row(1)], "__proto__")), true);
  assert.deepEqual([...history.caches.keys()], ["__proto__"]);
});

test("sums are of the last minute", () => {
  const history = model.emptyHistory();
  model.addHistory(history, told(1, 1, [row(1000, { hits: 100 }), row(61500, { hits: 3, misses: 1, p99: 70 }), row(62500, { hits: 4, p99: 20 })]));
  const sums = model.lately(history.caches.get(null), 60000);
  assert.deepEqual([sums.requests, sums.hits, sums.misses, sums.load_p99_us, sums.span_ms], [8, 7, 1, 70, 2000]);
  assert.equal(model.lately([], 60000).requests, 0);
  assert.ok(Number.isNaN(model.rate(7, 0)));
});

test("axes have round numbers and hold every value", () => {
  for (const most of [0.003, 0.7, 1, 3, 7, 12, 99, 100, 101, 12345, 9e9]) {
    const { top, ticks } = model.axis(most);
    assert.ok(top >= most && top < most * 2.1 && ticks.length <= 6 && ticks.at(-1) === Number(top.toPrecision(12)), `${most}: ${top} ${ticks}`);
  }
  for (const most of [0, -1, NaN]) assert.deepEqual(model.axis(most), { top: 1, ticks: [0, 1] });
  for (const length of [60e3, 15 * 60e3, 86400e3, 30 * 86400e3]) assert.ok(model.moments(0, length, 6).length <= 31);
  assert.deepEqual(model.moments(30e3, 130e3, 6), [30e3, 60e3, 90e3, 120e3]);
});

test("states of one kind are one segment, and gaps are none", () => {
  const records = [[1000, 0], [2000, 0], [3000, 2], [4000, 2], [9000, 0]].map(([at, status]) => ({ at_unix_ms: at, span_ms: 1000, status }));
  const found = model.segments(records, (one) => one.status, 1000);
  assert.deepEqual(found, [{ from: 0, to: 2000, state: 0 }, { from: 2000, to: 4000, state: 2 }, { from: 8000, to: 9000, state: 0 }]);
  assert.deepEqual(model.segments(records, () => null, 1000), []);
});

test("functions are filtered and sorted", () => {
  const functions = [["b::get", 2, 7], ["a::get", 2, null], ["a::list", 9, 3]].map(([name, requests, p50_us]) => ({ function: name, requests, load_time: { p50_us } }));
  const names = (...how) => model.selected(functions, ...how).map((one) => one.function);
  assert.deepEqual(names("", "requests", true), ["a::list", "a::get", "b::get"]);
  assert.deepEqual(names("GET", "function", false), ["a::get", "b::get"]);
  assert.deepEqual(names("", "p50_us", false), ["a::get", "a::list", "b::get"]);
  assert.deepEqual(names("(", "function", false), []);
});

test("facts name what each tier has", () => {
  const memory = { state: "fresh", age_ms: 1500, fresh_for_ms: 60000, kept_for_ms: null, load_time_ms: 0, bytes: 40, tags: ["a"], tags_in_all: 3, is_error: false, type_name: "u64", encoding: null };
  const remote = { ...memory, state: "evicted", fresh_for_ms: 0, tags: [], tags_in_all: 0, type_name: null, encoding: { codec: "json", compression: "none", encrypted: true, schema: "00ff" } };
  const rows = new Map(model.facts({ memory, remote }).map(([label, ...texts]) => [label, texts]));
  assert.deepEqual(rows.get("state"), ["fresh", "evicted"]);
  assert.deepEqual(rows.get("fresh for"), ["1 min", "no longer"]);
  assert.deepEqual(rows.get("kept for"), ["without limit", "without limit"]);
  assert.deepEqual(rows.get("tags"), ["a\nand 2 more", ""]);
  assert.deepEqual(rows.get("encoding"), ["–", "json, encrypted"]);
  assert.equal(rows.has("took to load"), false);
  assert.deepEqual(model.facts({ memory: null, remote: null }), [["state", "absent", "absent"]]);
  assert.deepEqual(model.partsOf(null), []);
  const parts = { tenants: ["acme"], model: "user", operation: "get", function: null, types: [], params: ["7", "x"], version: null, is_cut: false };
  assert.deepEqual(model.partsOf(parts), [["tenant", "acme"], ["model", "user"], ["operation", "get"], ["arguments", "7, x"]]);
});

test("one sentence sums up all caches", () => {
  const of = (...states) => model.summary(states.map((status) => ({ health: { status } })));
  assert.equal(of(), "no cache is installed");
  assert.equal(of("up"), "1 cache up");
  assert.equal(of("up", "degraded", "down"), "3 caches: 1 down, 1 degraded");
});
