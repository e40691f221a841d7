// The page in a real browser, with hostile names. `scripts/dashboard.sh` runs it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { open } from "./chrome.mjs";

const { CHROMIUM, SERVER, PICTURES } = process.env;
const NAME = "</script><img src=x onerror=\"document.title='hacked'\">\"'`&\u202eκόσμε";
let browser;
let server;
let url;

// A server, and its address.
async function serve() {
  const server = spawn(SERVER, { stdio: ["pipe", "pipe", "inherit"] });
  const url = await new Promise((resolve, reject) => {
    server.stdout.once("data", (text) => resolve(String(text).trim()));
    server.once("exit", () => reject(new Error("the server has ended")));
  });
  return [server, url];
}

before(async () => {
  [server, url] = await serve();
  browser = await open(CHROMIUM);
});
after(async () => {
  await browser?.close();
  server?.stdin.end();
});

const cacheNamed = (name) => `[...document.querySelectorAll("#caches button")].find((one) => one.textContent === ${JSON.stringify(name)})`;
const button = (within, text) => `[...document.querySelectorAll("${within} button")].find((one) => one.textContent === ${JSON.stringify(text)})`;
const said = (text) => `document.querySelector("#toast").textContent.includes(${JSON.stringify(text)})`;

async function hostile(page) {
  await page.until(cacheNamed(NAME));
  await page.click(cacheNamed(NAME));
  await page.until(`${cacheNamed(NAME)}.getAttribute("aria-pressed") === "true"`);
}

async function lookUp(page, key, tenant = "") {
  await page.type("document.querySelector('#lookup [name=key]')", key);
  await page.type("document.querySelector('#lookup [name=tenant]')", tenant);
  await page.click("document.querySelector('#lookup button')");
}

test("figures and plots move, and the outage is shown", async () => {
  const page = await browser.page(url + "/admin/cache");
  await page.until("document.querySelectorAll('#plots svg path.line.blue').length > 0 && document.querySelector('#plots path.line.blue').getAttribute('d').length > 40");
  const line = await page.get("document.querySelector('#plots path.line.blue').getAttribute('d')");
  await page.until(`document.querySelector('#plots path.line.blue').getAttribute('d') !== ${JSON.stringify(line)}`, "the plot moves");
  assert.match(await page.get("document.querySelector('#tiles').textContent"), /Hit rate[0-9.> ]+ %/);
  assert.match(await page.get("document.querySelector('#functions').textContent"), /user/);
  await page.until("document.querySelector('#outages td .dot.down') || document.querySelector('#strips rect.down')", "the outage");
  await page.until("/remote/.test(document.querySelector('#outages').textContent)", "the outage is in the list");
  // The figures under the pointer.
  await page.get("document.querySelector('#plots svg').scrollIntoView({ block: 'center' })");
  const [x, y] = await page.get("(() => { const { right, top } = document.querySelector('#plots svg').getBoundingClientRect(); return [right - 40, top + 60]; })()");
  await page.run("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
  await page.until("!document.querySelector('#plots .tip').hidden && document.querySelector('#plots .tip').textContent.includes('hits')");
  // Sorting and filtering.
  await page.click("document.querySelector('#functions [data-column=function]')");
  assert.equal(await page.get("document.querySelector('#functions th').getAttribute('aria-sort')"), "ascending");
  await page.type("document.querySelector('#filter')", "no such function");
  await page.until("document.querySelector('#functions').textContent.includes('No function has this')");
  await page.click("document.querySelector('#pause')");
  await page.until("document.querySelector('#live').textContent === 'paused'");
  assert.deepEqual(page.errors, []);
  await page.close();
});

test("hostile names are texts", async () => {
  const page = await browser.page(url + "/admin/cache/");
  await hostile(page);
  await page.click("document.querySelector('#search button')");
  await page.until("document.querySelectorAll('#keys li').length === 25");
  await page.click(button("#keys", "More"));
  await page.until("document.querySelectorAll('#keys li').length === 50");
  await page.click(button("#keys", "More"));
  await page.until("document.querySelectorAll('#keys li').length === 65");
  assert.equal(await page.get(`Boolean(${button("#keys", NAME)}) && Boolean(${button("#keys", "<b>bold</b>")})`), true);
  await page.click(button("#keys", NAME));
  await page.until(`document.querySelector('#entry h3')?.textContent === ${JSON.stringify(NAME)}`);
  assert.equal(await page.get(`document.querySelector('#entry').textContent.includes(${JSON.stringify(NAME)})`), true);
  assert.equal(await page.get("document.querySelectorAll('img, #entry b, #keys b').length"), 0);
  assert.equal(await page.get("document.body.textContent.includes('the secret value')"), false);
  assert.notEqual(await page.get("document.title"), "hacked");
  // Wide names do not make the page wide.
  assert.equal(await page.get("document.documentElement.scrollWidth <= innerWidth"), true);
  assert.deepEqual(page.errors, []);
  await page.close();
});

test("entries are evicted and marked, and clearing needs the typed name", async () => {
  const page = await browser.page(url + "/admin/cache");
  await hostile(page);
  const state = "document.querySelector('#entry tbody tr').textContent";
  await lookUp(page, "plain");
  await page.until(`${state}.startsWith("statefresh")`);
  await page.click(button("#entry", "Mark stale"));
  await page.until(said("marked stale"));
  await lookUp(page, "page:01");
  await page.until("document.querySelector('#entry h3').textContent === 'page:01'");
  await page.click(button("#entry", "Evict"));
  await page.until(said("evicted"));
  await page.until(`${state} === "stateabsentabsent"`);
  await lookUp(page, "plain", "acme");
  await page.until("document.querySelector('#entry h3').textContent === '@acme/plain'");

  // Clearing: not without the name, not after Escape.
  await page.type("document.querySelector('#lookup [name=tenant]')", "");
  await page.click("document.querySelector('#clear')");
  await page.until("document.querySelector('#confirm').open");
  assert.equal(await page.get("document.querySelector('#confirm-yes').disabled"), true);
  await page.type("document.querySelector('#confirm-name')", "default");
  assert.equal(await page.get("document.querySelector('#confirm-yes').disabled"), true);
  await page.click("document.querySelector('#confirm-no')");
  await page.until("!document.querySelector('#confirm').open");
  await lookUp(page, "page:02");
  await page.until(`document.querySelector('#entry h3').textContent === 'page:02' && ${state}.startsWith("statefresh")`);
  await page.click("document.querySelector('#clear')");
  await page.type("document.querySelector('#confirm-name')", NAME);
  await page.until("!document.querySelector('#confirm-yes').disabled");
  await page.click("document.querySelector('#confirm-yes')");
  await page.until(said("done: Clear"));
  await lookUp(page, "page:02");
  await page.until(`document.querySelector('#entry h3')?.textContent === 'page:02' && ${state} === "stateabsentabsent"`);
  assert.deepEqual(page.errors, []);
  await page.close();
});

test("readers see no controls, and a closed dashboard says why", async () => {
  const reader = await browser.page(url + "/reader/");
  await reader.until("document.querySelector('#tiles strong')");
  assert.equal(await reader.get("document.querySelector('#changes').hidden && !document.querySelector('#reader').hidden"), true);
  await hostile(reader);
  await lookUp(reader, "plain");
  await reader.until("document.querySelector('#entry table')");
  assert.equal(await reader.get("document.querySelectorAll('#entry button').length"), 0);
  // A script that tries nevertheless.
  const told = await reader.get(`fetch("/reader/api/evict", { method: "POST", headers: { "content-type": "application/json", "x-larder-dashboard": "1" },
    body: JSON.stringify({ key: "plain" }) }).then((response) => response.status)`);
  assert.equal(told, 403);
  await reader.close();
  const closed = await browser.page(url + "/closed");
  await closed.until("document.body.textContent.includes('Dashboard::new().authorize(')");
  await closed.close();
});

test("pages of other sites change nothing, and cannot frame the page", async () => {
  // Another port is another origin.
  const { createServer } = await import("node:http");
  const evil = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<iframe src="${url}/admin/cache"></iframe>`);
  });
  await new Promise((resolve) => evil.listen(0, "127.0.0.1", resolve));
  const page = await browser.page(`http://127.0.0.1:${evil.address().port}/`);
  await page.until("document.readyState === 'complete' && document.querySelector('iframe')");
  const attempts = [
    `{ method: "POST", mode: "no-cors", credentials: "include", body: '{"key":"k"}' }`,
    `{ method: "POST", credentials: "include", headers: { "content-type": "application/json", "x-larder-dashboard": "1" }, body: '{"key":"k"}' }`,
    `{ credentials: "include" }`,
  ];
  for (const attempt of attempts) {
    const told = await page.get(`fetch("${url}/admin/cache/api/evict", ${attempt}).then((response) => response.type, () => "refused")`);
    assert.ok(["opaque", "refused"].includes(told), told);
  }
  assert.equal(await page.get(`fetch("${url}/admin/cache/api/caches").then(() => "read", () => "refused")`), "refused");
  await page.until("true");
  assert.ok(page.errors.some((text) => /frame|CORS|blocked/i.test(text)), page.errors.join());
  await page.close();
  evil.close();
});

test("a service that is away is told, and the figures stay", async () => {
  const [other, address] = await serve();
  const page = await browser.page(address + "/admin/cache");
  await page.until("document.querySelector('#tiles strong')");
  other.stdin.end();
  await page.until("!document.querySelector('#banner').hidden && /does not answer; these figures are from/.test(document.querySelector('#banner').textContent)");
  assert.equal(await page.get("document.querySelectorAll('#tiles strong').length"), 6);
  await lookUp(page, "user:3");
  await page.until(said("does not answer"));
  await page.close();
});

test("the page fits a phone, and has two themes", async () => {
  if (PICTURES) mkdirSync(PICTURES, { recursive: true });
  const colors = new Set();
  for (const [name, options] of [["light", {}], ["dark", { dark: true }], ["phone", { width: 390, height: 844, phone: true }], ["phone-dark", { width: 390, height: 844, phone: true, dark: true }], ["narrow", { width: 320, height: 600, phone: true }]]) {
    const page = await browser.page(url + "/admin/cache", options);
    await page.until("document.querySelectorAll('#plots svg path').length > 4");
    await lookUp(page, "user:3");
    await page.until("document.querySelector('#entry table')");
    assert.equal(await page.get("document.documentElement.scrollWidth <= innerWidth"), true, name);
    colors.add(await page.get("getComputedStyle(document.body).backgroundColor"));
    if (PICTURES) await page.picture(`${PICTURES}/${name}.png`);
    assert.deepEqual(page.errors, [], name);
    await page.close();
  }
  assert.equal(colors.size, 2);
  const page = await browser.page(url + "/admin/cache");
  await page.until("document.querySelector('#theme')");
  await page.get("(() => { const theme = document.querySelector('#theme'); theme.value = 'dark'; theme.dispatchEvent(new Event('change')); })()");
  assert.equal(await page.get("getComputedStyle(document.body).backgroundColor"), "rgb(16, 16, 17)");
  await page.run("Page.reload");
  await page.until("document.documentElement.dataset.theme === 'dark'");
  await page.get("localStorage.clear()");
  await page.close();
});
