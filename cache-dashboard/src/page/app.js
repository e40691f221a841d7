// The page: asks the server, and shows what it tells.

const $ = (id) => document.getElementById(id);
const at = base(location.pathname);
const history = emptyHistory();
let overview = null;
let settings = new Map();
/** The name of the shown cache: null is the default one, undefined none yet. */
let chosen;
let sorted = { column: "requests", descending: true };
let paused = false;
let toldAt = 0;

class Refused extends Error {}

async function ask(path, body) {
  const options = body === undefined
    ? { headers: { accept: "application/json" } }
    : { method: "POST", headers: { "content-type": "application/json", "x-larder-dashboard": "1" }, body: JSON.stringify(body) };
  const response = await fetch(at + "api/" + path, { cache: "no-store", credentials: "same-origin", redirect: "error", ...options });
  let told;
  try {
    told = await response.json();
  } catch {
    throw new Refused("the service answered with " + response.status + " and no JSON");
  }
  if (!response.ok) throw new Refused(told.error || "the service answered with " + response.status);
  return told;
}

// ---- The plots

const perSecond = (name) => (one) => rate(one[name], one.span_ms);
const specs = [
  { title: "Hit rate", top: 1, format: percent, series: [{ name: "hits", color: "blue", of: (one) => (one.requests > 0 ? one.hits / one.requests : null) }] },
  { title: "Reads per second, by what answered", stacked: true, format: number, series: [
    { name: "memory", color: "blue", of: perSecond("memory_hits") },
    { name: "remote", color: "aqua", of: perSecond("remote_hits") },
    { name: "old values", color: "yellow", of: perSecond("old_hits") },
    { name: "another load", color: "violet", of: perSecond("coalesced") },
    { name: "miss", color: "red", of: perSecond("misses") },
  ] },
  { title: "Load time", format: micros, series: [
    { name: "median", color: "blue", of: (one) => one.load_p50_us },
    { name: "p99", color: "violet", of: (one) => one.load_p99_us },
  ] },
  { title: "Loads per second", format: number, series: [
    { name: "loads", color: "blue", of: perSecond("loads") },
    { name: "failed", color: "red", of: perSecond("load_failures") },
  ] },
  { title: "Entries in memory", format: number, series: [{ name: "entries", color: "blue", of: (one) => one.entries }] },
  { title: "Trouble with the remote tier", format: number, remote: true, series: [
    { name: "failed operations per second", color: "red", of: perSecond("remote_errors") },
    { name: "pending evictions", color: "yellow", of: (one) => one.pending },
  ] },
];
const plots = specs.map((spec) => ({ spec, plot: makePlot(spec) }));
$("plots").append(...plots.map(({ plot }) => plot.element));

function window_(records) {
  const last = records.length > 0 ? records[records.length - 1].at_unix_ms : Date.now();
  const first = records.length > 0 ? records[0].at_unix_ms : last;
  return [Math.min(first, last - 60000), last];
}

// ---- The figures

function current() {
  return overview && overview.caches.find((cache) => cache.name === chosen);
}

function show() {
  if (!overview) return;
  if (!current()) chosen = overview.caches.length > 0 ? overview.caches[0].name : undefined;
  $("version").textContent = overview.version;
  $("summary").textContent = summary(overview.caches) + (overview.caches_in_all > overview.caches.length ? ` (of ${overview.caches_in_all})` : "");
  $("summary").className = "summary " + overview.caches.reduce((worst, { health: { status } }) =>
    (worst === "down" || status === "down" ? "down" : worst === "degraded" || status === "degraded" ? "degraded" : "up"), "up");
  $("changes").hidden = !overview.may_change;
  $("reader").hidden = overview.may_change;
  showCaches();
  const cache = current();
  document.title = cache ? cache.label.slice(0, 80) + " – larder" : "larder";
  if (!cache) return;
  const records = history.caches.get(cache.name) || [];
  const within = window_(records);
  $("span").textContent = "last " + span(within[1] - within[0]);
  showTiles(cache, records);
  for (const { spec, plot } of plots) {
    plot.element.hidden = Boolean(spec.remote) && !cache.health.remote;
    if (!plot.element.hidden) plot.update(records, within, history.interval);
  }
  showTiers(cache);
  showOutages(cache, records, within);
  showFunctions(cache);
  $("whole").textContent = `All entries of ${cache.label}, in every process: the namespace ${cache.namespace}.`;
}

function showCaches() {
  const focused = document.activeElement && document.activeElement.closest("#caches") ? document.activeElement.textContent : null;
  $("caches").hidden = overview.caches.length < 2;
  $("caches").replaceChildren(...overview.caches.map((cache) => {
    const button = el("button", { type: "button", "aria-pressed": String(cache.name === chosen), title: cache.label },
      el("i", { class: "dot " + cache.health.status }), el("span", {}, cache.label));
    button.addEventListener("click", () => {
      chosen = cache.name;
      $("entry").replaceChildren();
      $("keys").replaceChildren();
      show();
    });
    return button;
  }));
  if (focused !== null) [...$("caches").children].find((button) => button.textContent === focused)?.focus();
}

function showTiles(cache, records) {
  const minute = lately(records, 60000);
  const { stats } = cache;
  const tile = (label, value, hint) => el("div", { class: "tile" }, el("span", {}, label), el("strong", {}, value), el("small", {}, hint));
  $("tiles").replaceChildren(
    tile("Hit rate", percent(minute.requests > 0 ? minute.hits / minute.requests : NaN), percent(stats.requests > 0 ? stats.hit_rate : NaN) + " since the start"),
    tile("Reads", number(rate(minute.requests, minute.span_ms)) + " /s", number(stats.requests) + " since the start"),
    tile("Load time, p99", micros(minute.load_p99_us ?? NaN), micros(stats.load_time.p99_us ?? NaN) + " since the start"),
    tile("Failed loads", number(minute.load_failures), number(stats.load_failures) + " since the start"),
    tile("In memory", number(stats.entries), bytes(stats.bytes)),
    tile("In progress", number(stats.in_flight), "keys loaded or written"),
  );
}

function list(rows) {
  return el("dl", {}, ...rows.filter(([, text]) => text !== null && text !== undefined && text !== "")
    .flatMap(([label, text]) => [el("dt", {}, label), el("dd", {}, text)]));
}

function status(name) {
  return el("span", { class: "status" }, el("i", { class: "dot " + name }), name);
}

function showTiers(cache) {
  const { health, stats } = cache;
  const known = settings.get(cache.name) || {};
  const cards = [];
  const head = (title, state, since) => el("header", {}, el("h3", {}, title), status(state), el("small", {}, since ? "for " + span(since) : ""));
  if (health.closed || !health.enabled) {
    cards.push(el("div", { class: "card" }, head(cache.label, health.closed ? "closed" : "off", null),
      el("p", {}, health.closed ? "The cache was closed: every call loads." : "Caching is switched off: every call loads, and evictions are carried out.")));
  }
  if (health.memory) {
    const memory = known.memory;
    const capacity = memory && memory.capacity ? Object.entries(memory.capacity).map(([unit, most]) => (/bytes/i.test(unit) ? bytes(most) : number(most) + " entries")).join() : null;
    cards.push(el("div", { class: "card" }, head("Memory", health.memory.status, health.memory.for_ms), list([
      ["hit rate", percent(stats.memory.requests > 0 ? stats.memory.hit_rate : NaN)],
      ["entries", number(health.memory.entries)],
      ["size", bytes(health.memory.bytes)],
      ["bound", capacity],
      ["engine", memory && memory.eviction],
      ["removed for room", number(stats.evicted_capacity)],
      ["expired", number(stats.expired)],
      ["evicted", number(stats.evictions - stats.evicted_capacity - stats.expired)],
    ])));
  }
  if (health.remote) {
    const { remote } = health;
    const told = known.remote;
    const breaker = remote.breaker.replace("_", " ") + (remote.retry_in_ms === null ? "" : ", tries again in " + span(remote.retry_in_ms));
    cards.push(el("div", { class: "card" }, head("Remote: " + remote.backend, remote.status, remote.for_ms), list([
      ["hit rate", percent(stats.remote.requests > 0 ? stats.remote.hit_rate : NaN)],
      ["breaker", breaker],
      ["pending evictions", number(remote.pending_evictions)],
      ["failed operations", number(stats.remote_errors)],
      ["values", told && [told.codec, told.compression === "none" ? null : told.compression, told.encrypted ? "encrypted" : null].filter(Boolean).join(", ")],
      ["one load in the fleet", told && (told.leases ? "yes" : "no")],
      ["failovers", remote.servers.failovers > 0 ? number(remote.servers.failovers) : null],
      ["last error", remote.last_error && remote.last_error.message + ", " + span(remote.last_error.for_ms) + " ago"],
    ]), remote.servers.nodes.length === 0 ? null : el("ul", { class: "nodes" }, ...remote.servers.nodes.map((node) =>
      el("li", {}, el("i", { class: "dot " + (node.link === "up" ? "up" : node.link === "down" ? "down" : "degraded") }), node.address + " ",
        el("small", {}, [node.role, node.link, number(node.connections) + " connections", node.last_error].filter(Boolean).join(", ")))))));
    cards.push(el("div", { class: "card" }, head("Bus", remote.bus.linked ? "up" : "down", remote.bus.for_ms),
      el("p", {}, !remote.bus.supported ? "Only this process uses the store, so it needs no bus." : remote.bus.linked
        ? "Evictions by other processes arrive."
        : "Evictions by other processes do not arrive. Entries in memory are used only after the remote tier was asked.")));
  }
  $("tiers").replaceChildren(...cards);
}

const LEVELS = ["up", "degraded", "down"];

function showOutages(cache, records, within) {
  const strips = [strip("cache", segments(records, (one) => one.status, history.interval), within, LEVELS)];
  if (cache.health.remote) {
    strips.push(strip("remote", segments(records, (one) => one.remote, history.interval), within, LEVELS));
    strips.push(strip("breaker", segments(records, (one) => one.breaker, history.interval), within, ["closed", "half-open", "open"]));
    if (cache.health.remote.bus.supported) strips.push(strip("bus", segments(records, (one) => one.bus, history.interval), within, { true: "up", false: "down" }));
  }
  $("strips").replaceChildren(...strips);
  const rows = [...cache.outages].reverse().slice(0, 20).map((outage) => el("tr", {},
    el("td", {}, new Date(outage.since_unix_ms).toLocaleString([], { dateStyle: "short", timeStyle: "medium", hourCycle: "h23" })),
    el("td", {}, outage.part), el("td", {}, status(outage.worst)),
    el("td", {}, span(outage.for_ms) + (outage.is_over ? "" : " until now")),
    el("td", { class: "long" }, outage.reason || "")));
  $("outages").replaceChildren(rows.length === 0
    ? el("p", { class: "hint" }, cache.health.remote ? "No outage since the cache was built." : "A cache in memory has no outages.")
    : el("div", { class: "scrolls" }, el("table", {}, el("thead", {}, el("tr", {}, ...["began", "part", "at worst", "lasted", "reason"].map((name) => el("th", { scope: "col" }, name)))), el("tbody", {}, ...rows))));
}

const COLUMNS = [["function", "function"], ["requests", "reads"], ["hit_rate", "hit rate"], ["misses", "misses"], ["loads", "loads"],
  ["load_failures", "failed"], ["p50_us", "median load"], ["p99_us", "p99"]];

function showFunctions(cache) {
  const found = selected(cache.functions, $("filter").value, sorted.column, sorted.descending);
  const of = cache.functions_in_all;
  $("functions-count").textContent = found.length === of ? String(of) : found.length + " of " + of;
  const focused = document.activeElement?.dataset?.column;
  $("functions").tHead.rows[0].replaceChildren(...COLUMNS.map(([column, name]) => {
    const button = el("button", { type: "button", "data-column": column }, name);
    button.addEventListener("click", () => {
      sorted = { column, descending: sorted.column === column ? !sorted.descending : column !== "function" };
      showFunctions(current());
    });
    if (column === focused) queueMicrotask(() => button.focus());
    return el("th", { scope: "col", "aria-sort": sorted.column === column ? (sorted.descending ? "descending" : "ascending") : "none" }, button);
  }));
  const text = (value) => el("td", {}, value);
  $("functions").tBodies[0].replaceChildren(...found.map((one) => {
    const bar = svg("svg", { class: "gauge", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "none", width: 100, height: 6 }), svg("rect", { class: "part", width: 100 * one.hit_rate, height: 6 }));
    const model = one.model ? el("small", {}, one.model + (one.operation ? " · " + one.operation : "")) : null;
    const path = one.function.split("::");
    const name = path.pop();
    return el("tr", {}, el("th", { scope: "row", title: one.function }, el("span", { class: "path" }, path.length > 0 ? path.join("::") + "::" : ""), el("span", {}, name), model),
      text(number(one.requests)), el("td", {}, percent(one.requests > 0 ? one.hit_rate : NaN), bar), text(number(one.misses)), text(number(one.loads)),
      el("td", { class: one.load_failures > 0 ? "bad" : "" }, number(one.load_failures)),
      text(micros(one.load_time.p50_us ?? NaN)), text(micros(one.load_time.p99_us ?? NaN)));
  }));
  if (found.length === 0) {
    $("functions").tBodies[0].append(el("tr", {}, el("td", { colspan: COLUMNS.length, class: "hint" }, of === 0 ? "No function was called yet." : "No function has this in its name.")));
  }
}

// ---- Entries

let toasting;
function toast(text, bad) {
  $("toast").textContent = text;
  $("toast").className = "toast shown" + (bad ? " bad" : "");
  clearTimeout(toasting);
  toasting = setTimeout(() => { $("toast").className = "toast"; }, 6000);
}

// Runs something for the user, and tells the error.
async function attempt(button, run) {
  if (button) button.disabled = true;
  try {
    await run();
  } catch (error) {
    toast(error instanceof Refused ? error.message : "the service does not answer", true);
  } finally {
    if (button) button.disabled = false;
  }
}

function about(form) {
  const request = { cache: chosen ?? null };
  const tenant = $("lookup").elements.tenant.value;
  if (tenant !== "" && form !== "tags") request.tenant = tenant;
  return request;
}

async function lookUp(request) {
  const told = await ask("inspect", request);
  const { entry, parts } = told;
  const rows = facts(entry).map(([label, here, there]) => el("tr", {}, el("th", { scope: "row" }, label), el("td", {}, here), el("td", {}, there)));
  const change = async (path, said, button) => attempt(button, async () => {
    const done = await ask(path, request);
    toast(said + (done.existed === false ? ": there was no value" : ""));
    await lookUp(request);
    refresh();
  });
  const buttons = [];
  if (overview.may_change) {
    const stale = el("button", { type: "button", class: "quiet" }, "Mark stale");
    stale.addEventListener("click", () => change("mark-stale", "marked stale", stale));
    const evict = el("button", { type: "button", class: "danger" }, "Evict");
    evict.addEventListener("click", () => change("evict", "evicted", evict));
    buttons.push(stale, evict);
  }
  $("entry").replaceChildren(el("h3", { class: "keyname" }, entry.key), list(partsOf(parts)),
    el("table", { class: "facts" }, el("thead", {}, el("tr", {}, el("td"), el("th", { scope: "col" }, "memory"), el("th", { scope: "col" }, "remote"))), el("tbody", {}, ...rows)),
    entry.error ? el("p", { class: "bad" }, "The remote tier could not be asked: " + entry.error) : null ?? "",
    el("p", { class: "buttons" }, ...buttons));
}

$("lookup").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(event.submitter, () => lookUp({ ...about(), key: $("lookup").elements.key.value }));
});

async function listKeys(request, into) {
  const told = await ask("keys", request);
  const items = told.keys.map((key) => {
    const button = el("button", { type: "button", class: "link" }, key);
    button.addEventListener("click", () => attempt(button, async () => {
      $("lookup").elements.key.value = key;
      await lookUp({ ...request, pattern: undefined, after: undefined, limit: undefined, key });
      if (matchMedia("(max-width: 50rem)").matches) $("entry").scrollIntoView({ block: "nearest" });
    }));
    return el("li", {}, button);
  });
  into.append(...items);
  const rest = [el("p", { class: "hint" }, told.complete
    ? into.children.length === 0 ? "No key matches." : number(told.visited) + " keys match in all."
    : "The search was stopped after 10 seconds: keys are missing here.")];
  if (told.next !== null) {
    const more = el("button", { type: "button", class: "quiet" }, "More");
    more.addEventListener("click", () => attempt(more, () => listKeys({ ...request, after: told.next }, into)));
    rest.push(more);
  }
  $("keys").replaceChildren(into, ...rest);
}

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const request = { ...about(), pattern: $("search").elements.pattern.value, limit: 25 };
  attempt(event.submitter, () => listKeys(request, el("ul", { class: "keylist" })));
});

// ---- Changes of many entries

function confirmed(title, text, name) {
  const dialog = $("confirm");
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-ask").textContent = `Type “${name}” to confirm`;
  const [typed, yes] = [$("confirm-name"), $("confirm-yes")];
  typed.value = "";
  yes.disabled = true;
  return new Promise((resolve) => {
    const check = () => { yes.disabled = typed.value !== name; };
    const end = () => {
      typed.removeEventListener("input", check);
      resolve(dialog.returnValue === "yes" ? typed.value : null);
    };
    typed.addEventListener("input", check);
    dialog.returnValue = "";
    dialog.addEventListener("close", end, { once: true });
    dialog.showModal();
  });
}
$("confirm-yes").value = "yes";
$("confirm-no").addEventListener("click", () => $("confirm").close());

async function changeAll(button, path, title, text, more) {
  const cache = current();
  const request = about();
  const name = request.tenant ?? cache.label;
  const where = request.tenant === undefined ? cache.label : `the tenant ${request.tenant} of ${cache.label}`;
  const confirm = await confirmed(title(where), text, name);
  if (confirm === null) return;
  await attempt(button, async () => {
    await ask(path, { ...request, ...more, confirm });
    toast("done: " + title(where));
    $("entry").replaceChildren();
    refresh();
  });
}

$("clear").addEventListener("click", () => changeAll($("clear"), "clear", (where) => "Clear " + where,
  "All entries are evicted in every process. Each value is loaded again when it is needed, so the load on your database rises.", {}));
$("stale-all").addEventListener("click", () => changeAll($("stale-all"), "mark-stale", (where) => "Mark all of " + where + " stale",
  "All values are loaded again when they are needed. Old values remain for loads that fail.", { all: true }));
$("tags").addEventListener("submit", async (event) => {
  event.preventDefault();
  const evict = event.submitter?.name === "evict";
  const tag = $("tags").elements.tag.value;
  const confirm = await confirmed((evict ? "Evict the tag " : "Mark the tag stale: ") + tag, "This concerns all entries with the tag, in every process.", tag);
  if (confirm === null) return;
  attempt(event.submitter, async () => {
    await ask(evict ? "evict" : "mark-stale", { ...about("tags"), tag });
    toast(evict ? "evicted the tag" : "marked the tag stale");
    refresh();
  });
});
$("filter").addEventListener("input", () => { if (current()) showFunctions(current()); });

// ---- Time

async function refresh() {
  try {
    let told;
    [overview, told] = await Promise.all([ask("caches"), ask("history?after=" + history.round)]);
    if (!addHistory(history, told)) addHistory(history, await ask("history"));
    toldAt = Date.now();
    $("banner").hidden = true;
    show();
  } catch (error) {
    const reason = error instanceof Refused ? error.message : "the service does not answer";
    $("banner").textContent = toldAt === 0 ? reason : `${reason}; these figures are from ${clock(toldAt, true)}`;
    $("banner").hidden = false;
    if (!(error instanceof Refused || error instanceof TypeError)) throw error;
  }
}

async function learnSettings() {
  try {
    settings = new Map((await ask("settings")).map((one) => [one.name, one]));
    show();
  } catch {
    // The next round tries again; `refresh` tells that the service is away.
  }
}

async function run() {
  for (let round = 0; ; round += 1) {
    if (!paused && !document.hidden) {
      if (round % 30 === 0) learnSettings();
      await refresh();
    }
    $("live").textContent = paused ? "paused" : toldAt === 0 ? "" : "as of " + clock(toldAt, true);
    await new Promise((resolve) => setTimeout(resolve, Math.max(500, Math.min(history.interval, 10000))));
  }
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Resume" : "Pause";
});

// Some browsers forbid storage; the theme is then not remembered.
function remembered(theme) {
  try {
    if (theme === undefined) return localStorage.getItem("larder-theme") || "auto";
    localStorage.setItem("larder-theme", theme);
  } catch {
    // See above.
  }
  return theme ?? "auto";
}

function useTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  $("theme").value = theme;
}
$("theme").addEventListener("change", () => {
  remembered($("theme").value);
  useTheme($("theme").value);
});
useTheme(["light", "dark"].includes(remembered()) ? remembered() : "auto");
run();
