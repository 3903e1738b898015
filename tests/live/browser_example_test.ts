/// <reference lib="dom" />
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { browserExample } from "../../examples/browser/serve.ts";
import {
  complaintsOf,
  noBrowser as ignore,
  type Page,
  SOFTWARE_GPU,
  withBrowser,
} from "../deps/playwright.ts";

const LIMIT = 120_000;

/** The tasks of a page that took more than 50 ms, which a browser counts as long. */
declare const longTasks: { began: number; ms: number }[];

function observe(): void {
  const tasks: typeof longTasks = [];
  Object.assign(globalThis, { longTasks: tasks });
  new PerformanceObserver((list) => {
    for (const { startTime: began, duration: ms } of list.getEntries()) tasks.push({ began, ms });
  }).observe({ type: "longtask" });
}

const status = (page: Page, text: string) =>
  page.waitForFunction((text) => document.querySelector(".status")?.textContent === text, text, {
    timeout: LIMIT,
  });

/** Whether Chromium has a WebGPU adapter that computes in software. */
const hasGpu = !ignore && await findGpu();

async function findGpu(): Promise<boolean> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(),
  );
  let found = false;
  await withBrowser(async (browser) => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.addr.port}/`);
    found = await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
  }, SOFTWARE_GPU);
  await server.shutdown();
  return found;
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

Deno.test("examples/browser trains in a tab, which stays responsive", {
  ignore: ignore || (await Deno.permissions.query({ name: "ffi" })).state === "denied",
}, async () => {
  const handler = await browserExample();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  try {
    await withBrowser(async (browser) => {
      const page = await browser.newPage();
      const complaints = complaintsOf(page);
      await page.addInitScript(observe);
      await page.goto(`http://127.0.0.1:${server.addr.port}/?epochs=5`);
      await status(page, "training");
      const began = await page.evaluate(() => performance.now());
      assert(/backend wasm: .*SIMD/.test(await page.textContent(".log") ?? ""), "our kernels");

      await page.keyboard.press("p");
      await status(page, "paused");
      const held = await page.textContent('[data-stat="Batch"]');
      const from = await page.evaluate(() => performance.now());
      await wait(500);
      assertEquals(await page.textContent('[data-stat="Batch"]'), held, "the run is paused");
      const [busy, waited] = await page.evaluate((from) => [
        longTasks.reduce((sum, { began, ms }) => began > from ? sum + ms : sum, 0),
        performance.now() - from,
      ], from);
      assert(busy < waited / 2, `long tasks take ${busy} of ${waited} ms in a pause`);
      await page.click('button[data-event="step"]');
      await page.waitForFunction(
        (held) => document.querySelector('[data-stat="Batch"]')?.textContent !== held,
        held,
      );
      await page.keyboard.press("r");

      await status(page, "completed");
      const tasks = await page.evaluate(() => longTasks);
      const times = tasks.filter((task) => task.began > began).map(({ ms }) => ms)
        .sort((a, b) => a - b);
      const [usual, longest] = [0.5, 0.95].map((part) =>
        times[Math.floor(part * times.length)] ?? 0
      );
      assert(usual < 100, `tasks of ${times} ms`);
      // On a busy machine, every task of the page takes long.
      const calm = Deno.loadavg()[0] < navigator.hardwareConcurrency;
      assert(longest < 100 || !calm, `tasks of ${times.slice(-10)} ms`);
      const work = await page.$$eval(
        ".work tbody tr",
        (rows) => rows.map((row) => row.firstElementChild!.textContent),
      );
      assert(work.includes("Metrics.afterBatch"), "callbacks keep their names");

      const log = await page.textContent(".log") ?? "";
      const [, accuracy] = /test: .*accuracy ([\d.]+)/.exec(log)!;
      assert(Number(accuracy) >= 0.95, `accuracy ${accuracy}`);
      assertEquals(complaints, []);
    });
  } finally {
    await server.shutdown();
  }
});

Deno.test("examples/browser computes the same on a software WebGPU adapter", {
  ignore: !hasGpu,
}, async () => {
  const handler = await browserExample();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  try {
    await withBrowser(async (browser) => {
      const losses: number[][] = [];
      for (const [backend, said] of [["webgpu", /swiftshader/], ["wasm", /SIMD/]] as const) {
        const page = await browser.newPage();
        const complaints = complaintsOf(page);
        const query = `?epochs=1&examples=40&backend=${backend}`;
        await page.goto(`http://127.0.0.1:${server.addr.port}/${query}`);
        await status(page, "completed");
        const log = await page.textContent(".log") ?? "";
        const [, name, reason] = /backend (\w+): (.*?)training/.exec(log)!;
        assertEquals(name, backend);
        assertMatch(reason, said);
        losses.push([...log.matchAll(/loss ([\d.]+)/g)].map(([, loss]) => Number(loss)));
        assertEquals(complaints, []);
        await page.close();
      }
      const [gpu, wasm] = losses;
      assertEquals(gpu.length, 3);
      for (const [i, loss] of gpu.entries()) assertAlmostEquals(loss, wasm[i], 2e-3);
    }, SOFTWARE_GPU);
  } finally {
    await server.shutdown();
  }
});
