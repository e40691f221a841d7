// What the page computes. These functions know no document, so that node tests them.

function number(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return trim(value / 1e9) + " G";
  if (size >= 1e6) return trim(value / 1e6) + " M";
  if (size >= 1e4) return trim(value / 1e3) + " k";
  return size >= 100 || Number.isInteger(value) ? String(Math.round(value)) : trim(value);
}

// Three digits.
function trim(value) {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

function bytes(value) {
  if (!Number.isFinite(value)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return trim(value) + " " + units[unit];
}

function percent(value) {
  if (!Number.isFinite(value)) return "–";
  const shown = value * 100;
  // "100 %" only if it is.
  if (shown > 99.9 && shown < 100) return "> 99.9 %";
  return trim(shown) + " %";
}

function micros(value) {
  if (!Number.isFinite(value)) return "–";
  if (value < 1e3) return trim(value) + " µs";
  if (value < 1e6) return trim(value / 1e3) + " ms";
  return trim(value / 1e6) + " s";
}

// A span in milliseconds, in its two largest units.
function span(ms) {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 1000) return Math.round(ms) + " ms";
  if (ms < 10000) return trim(ms / 1000) + " s";
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let rest = Math.round(ms / 1000);
  const parts = [];
  for (const [unit, seconds] of units) {
    const count = Math.floor(rest / seconds);
    if (count > 0) parts.push(count + " " + unit);
    else if (parts.length > 0) break;
    rest -= count * seconds;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

// Where the page is, with one slash at the end: it may have been opened with or without one.
function base(pathname) {
  return pathname.replace(/\/+$/, "") + "/";
}

// A history is `{ began, round, interval, caches: Map(name -> records) }`.
function emptyHistory() {
  return { began: 0, round: 0, interval: 2000, caches: new Map() };
}

const MOST_RECORDS = 450;

// Adds what the server has told. After a restart of the server, the old records do not belong to the new ones: returns false,
// and the caller asks for all.
function addHistory(history, told) {
  if (history.began !== told.began_unix_ms) {
    const began = history.began;
    Object.assign(history, emptyHistory(), { began: told.began_unix_ms, interval: told.interval_ms });
    if (began !== 0) return false;
  }
  const shown = new Set();
  for (const series of told.caches) {
    shown.add(series.name);
    const known = history.caches.get(series.name) || [];
    const rows = series.rows.map((row) => record(told.columns, row));
    history.caches.set(series.name, known.concat(rows).slice(-MOST_RECORDS));
  }
  for (const name of history.caches.keys()) if (!shown.has(name)) history.caches.delete(name);
  history.round = told.round;
  return true;
}

function record(columns, row) {
  const made = {};
  columns.forEach((column, at) => { made[column] = row[at]; });
  made.hits = made.memory_hits + made.remote_hits + made.old_hits + made.coalesced;
  made.requests = made.hits + made.misses;
  return made;
}

// The sums of the records of the last `ms`.
function lately(records, ms) {
  const last = records[records.length - 1];
  const sums = { span_ms: 0, requests: 0, hits: 0, misses: 0, loads: 0, load_failures: 0, remote_errors: 0, evictions: 0, load_p99_us: null };
  if (!last) return sums;
  for (const one of records) {
    if (one.at_unix_ms <= last.at_unix_ms - ms) continue;
    for (const name of Object.keys(sums)) if (name !== "load_p99_us") sums[name] += one[name];
    if (one.load_p99_us !== null) sums.load_p99_us = Math.max(sums.load_p99_us, one.load_p99_us);
  }
  return sums;
}

function rate(count, ms) {
  return ms > 0 ? (count * 1000) / ms : NaN;
}

// The upper end of an axis and its lines: 1, 2 or 5 times a power of ten between them.
function axis(most, lines = 4) {
  if (!(most > 0)) return { top: 1, ticks: [0, 1] };
  const raw = most / lines;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((times) => times * power).find((step) => step >= raw * 0.999999);
  const count = Math.ceil(most / step - 1e-9);
  return { top: step * count, ticks: Array.from({ length: count + 1 }, (_, at) => Number((at * step).toPrecision(12))) };
}

// The times of an axis: full minutes, or parts of them.
function moments(from, to, most = 6) {
  const steps = [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400].map((seconds) => seconds * 1000);
  const step = steps.find((step) => (to - from) / step <= most) || steps[steps.length - 1];
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return found;
}

// Consecutive records with one state, as `{ from, to, state }`. No record, no segment.
function segments(records, state, interval) {
  const found = [];
  for (const one of records) {
    const now = state(one);
    if (now === null || now === undefined) continue;
    const last = found[found.length - 1];
    const from = one.at_unix_ms - (one.span_ms > 0 && one.span_ms < interval * 3 ? one.span_ms : interval);
    if (last && last.state === now && from - last.to < interval) last.to = one.at_unix_ms;
    else found.push({ from: last ? Math.max(from, last.to) : from, to: one.at_unix_ms, state: now });
  }
  return found;
}

// Functions whose name contains the filter, sorted by a column; equal ones by name.
function selected(functions, filter, column, descending) {
  const wanted = filter.trim().toLowerCase();
  const value = (one) => (column in one ? one[column] : one.load_time[column]);
  const order = (one, other) => {
    const [a, b] = [value(one), value(other)];
    if (typeof a === "string") return a < b ? -1 : a > b ? 1 : 0;
    return (a === null ? -1 : a) - (b === null ? -1 : b);
  };
  const found = functions.filter((one) => one.function.toLowerCase().includes(wanted));
  return found.sort((one, other) => (descending ? -order(one, other) : order(one, other)) || (one.function < other.function ? -1 : 1));
}

const STATES = {
  fresh: "fresh",
  stale: "stale: served while a refresh runs",
  fallback: "kept for failed loads",
  unverified: "asks the remote tier before use",
  expired: "expired",
  evicted: "evicted",
  unreadable: "not readable",
};

// The rows of the table about an entry: `[label, memory, remote]`. A tier without the entry has none of the facts.
function facts(entry) {
  const tiers = [entry.memory, entry.remote];
  const rows = [];
  const add = (label, of) => {
    const texts = tiers.map((tier) => (tier ? of(tier) : null));
    if (texts.some((text) => text !== null && text !== undefined && text !== "")) {
      rows.push([label, ...texts.map((text) => text ?? "–")]);
    }
  };
  const left = (ms) => (ms === null ? "without limit" : ms === 0 ? "no longer" : span(ms));
  rows.push(["state", ...tiers.map((tier) => (tier ? STATES[tier.state] || tier.state : "absent"))]);
  add("age", (tier) => span(tier.age_ms));
  add("fresh for", (tier) => left(tier.fresh_for_ms));
  add("kept for", (tier) => left(tier.kept_for_ms));
  add("took to load", (tier) => (tier.load_time_ms > 0 ? span(tier.load_time_ms) : null));
  add("size", (tier) => bytes(tier.bytes));
  add("type", (tier) => tier.type_name);
  add("an error", (tier) => (tier.is_error ? "yes" : null));
  add("encoding", (tier) => tier.encoding && [tier.encoding.codec, tier.encoding.compression, tier.encoding.encrypted ? "encrypted" : null]
    .filter((part) => part && part !== "none").join(", "));
  add("schema", (tier) => tier.encoding && tier.encoding.schema);
  add("tags", (tier) => {
    const more = tier.tags_in_all - tier.tags.length;
    return tier.tags.join("\n") + (more > 0 ? "\nand " + more + " more" : "");
  });
  return rows;
}

// The parts of a key: `[label, text]`.
function partsOf(parts) {
  if (!parts) return [];
  const rows = [];
  const add = (label, text) => { if (text && text.length > 0) rows.push([label, Array.isArray(text) ? text.join(", ") : text]); };
  add(parts.tenants.length > 1 ? "tenants" : "tenant", parts.tenants);
  add("model", parts.model);
  add("operation", parts.operation);
  add("function", parts.function);
  add("types", parts.types);
  add("arguments", parts.params);
  add("version", parts.version);
  if (parts.is_cut) rows.push(["shortened", "its end is a hash"]);
  return rows;
}

// One sentence about all caches.
function summary(caches) {
  if (caches.length === 0) return "no cache is installed";
  const count = (status) => caches.filter((cache) => cache.health.status === status).length;
  const [down, degraded] = [count("down"), count("degraded")];
  const all = caches.length === 1 ? "1 cache" : caches.length + " caches";
  if (down + degraded === 0) return all + " up";
  return all + ": " + [[down, "down"], [degraded, "degraded"]].filter(([of]) => of > 0).map(([of, what]) => of + " " + what).join(", ");
}
