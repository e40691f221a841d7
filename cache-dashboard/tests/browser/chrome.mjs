// A headless Chromium over its debugging pipe: no package is needed.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export async function open(program) {
  const profile = mkdtempSync(join(tmpdir(), "larder-chrome-"));
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
    `--user-data-dir=${profile}`, "about:blank"];
  const process = spawn(program, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const [, , , input, output] = process.stdio;
  const waiting = new Map();
  const listeners = [];
  let last = 0;
  let rest = "";
  output.setEncoding("utf8");
  output.on("data", (text) => {
    const messages = (rest + text).split("\0");
    rest = messages.pop();
    for (const message of messages.map((text) => JSON.parse(text))) {
      if (message.id === undefined) listeners.forEach((listener) => listener(message));
      else {
        const { resolve, reject } = waiting.get(message.id);
        waiting.delete(message.id);
        if (message.error) reject(new Error(message.error.message));
        else resolve(message.result);
      }
    }
  });
  const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, { resolve, reject });
    input.write(JSON.stringify({ id: last, method, params, sessionId }) + "\0");
  });

  return {
    async page(url, { width = 1280, height = 900, dark = false, phone = false } = {}) {
      const { targetId } = await send("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
      const errors = [];
      listeners.push(({ sessionId: from, method, params }) => {
        if (from !== sessionId) return;
        if (method === "Runtime.exceptionThrown") errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
        if (method === "Log.entryAdded" && params.entry.level === "error") errors.push(params.entry.text);
        if (method === "Runtime.consoleAPICalled" && params.type === "error") errors.push(JSON.stringify(params.args));
      });
      const run = (method, params) => send(method, params, sessionId);
      await run("Page.enable");
      await run("Runtime.enable");
      await run("Log.enable");
      await run("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: phone ? 2 : 1, mobile: phone });
      await run("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }] });
      await run("Page.navigate", { url });
      const page = {
        errors,
        run,
        // The value of an expression in the page.
        async get(expression) {
          const told = await run("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
          if (told.exceptionDetails) throw new Error(told.exceptionDetails.exception?.description ?? told.exceptionDetails.text);
          return told.result.value;
        },
        async until(expression, what = expression) {
          for (let round = 0; round < 400; round += 1) {
            // While another page is loaded, there is nothing to ask.
            if (await page.get(`(() => { try { return Boolean(${expression}); } catch { return false; } })()`).catch(() => false)) return;
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
          throw new Error("after 20 seconds, this is not so: " + what);
        },
        // Clicks where a person would.
        async click(expression) {
          const [x, y] = await page.get(`(() => { const one = ${expression}; one.scrollIntoView({ block: "center" });
            const { left, top, width, height } = one.getBoundingClientRect(); return [left + width / 2, top + height / 2]; })()`);
          for (const type of ["mousePressed", "mouseReleased"]) await run("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
        },
        async type(expression, text) {
          await page.get(`(() => { const one = ${expression}; one.focus(); one.select(); })()`);
          if (text === "") await run("Input.dispatchKeyEvent", { type: "keyDown", key: "Delete", code: "Delete", windowsVirtualKeyCode: 46 });
          else await run("Input.insertText", { text });
        },
        async picture(file, { whole = true } = {}) {
          await page.get("scrollTo(0, 0)");
          const { data } = await run("Page.captureScreenshot", { format: "png", captureBeyondViewport: whole });
          writeFileSync(file, Buffer.from(data, "base64"));
        },
        close: () => send("Target.closeTarget", { targetId }),
      };
      return page;
    },
    async close() {
      const ended = new Promise((resolve) => process.on("exit", resolve));
      await send("Browser.close").catch(() => process.kill());
      await ended;
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
