/// <reference lib="dom" />
import { assert, assertEquals } from "@std/assert";
import { LivePage } from "../../live.ts";
import { Learner, meanSquaredError, type RunEvent, selectBackend, sgd, tf } from "../../mod.ts";
import { complaintsOf, noBrowser as ignore, type Page, withBrowser } from "../deps/playwright.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";
import { within } from "../fixtures/within.ts";
import type { Order, Report } from "./watched_worker.ts";

const LIMIT = 20_000;
/** The first worker checks the types of all that it imports. */
const START_LIMIT = 120_000;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A run in a thread of its own. */
class WatchedRun {
  readonly reports: Report[] = [];
  readonly #worker = new Worker(new URL("watched_worker.ts", import.meta.url), { type: "module" });
  #onReport = () => {};

  constructor() {
    this.#worker.onmessage = ({ data }) => {
      this.reports.push(data);
      this.#onReport();
    };
  }

  order(order: Order): void {
    this.#worker.postMessage(order);
  }

  /** Waits for a report, and returns its index. */
  async #reported(name: string, isIt: (report: Report) => boolean, limit = LIMIT): Promise<number> {
    const waiting = async () => {
      for (;;) {
        const at = this.reports.findIndex(isIt);
        if (at >= 0) return at;
        await new Promise<void>((resolve) => this.#onReport = resolve);
      }
    };
    return await within(limit, `the report "${name}"`, waiting());
  }

  /** Waits for the next report of a type. */
  async next<Type extends Report["type"]>(
    type: Type,
    limit = LIMIT,
  ): Promise<Report & { type: Type }> {
    const at = await this.#reported(type, (report) => report.type === type, limit);
    return this.reports.splice(at, 1)[0] as Report & { type: Type };
  }

  /** Waits for a hook, and returns all hooks since the last call. */
  async hooks(last: string): Promise<string[]> {
    await this.#reported(last, (report) => report.type === "hook" && report.hook === last);
    const hooks = this.reports.flatMap((report) => report.type === "hook" ? [report.hook] : []);
    this.reports.splice(0);
    return hooks;
  }

  async end(): Promise<void> {
    this.order("end");
    await this.next("ended");
    this.#worker.terminate();
  }
}

/** Shows a run in a browser while the work is done. */
async function watched(
  work: (run: WatchedRun, open: () => Promise<Page>) => Promise<void>,
): Promise<void> {
  await withBrowser(async (browser) => {
    const run = new WatchedRun();
    const complaints: string[][] = [];
    try {
      const { url } = await run.next("open", START_LIMIT);
      await work(run, async () => {
        const page = await browser.newPage();
        page.setDefaultTimeout(LIMIT);
        complaints.push(complaintsOf(page));
        await page.goto(url);
        await page.waitForFunction(() => document.querySelector(".status")?.textContent !== "");
        return page;
      });
    } finally {
      await run.end();
    }
    assertEquals(complaints.flat(), []);
  });
}

const button = (event: RunEvent) => `button[data-event="${event}"]`;
const enabled = (page: Page) =>
  page.$$eval(".controls button:enabled", (buttons) => buttons.map(({ dataset }) => dataset.event));
const status = (page: Page, text: string) =>
  page.waitForFunction((text) => document.querySelector(".status")?.textContent === text, text);

/** The numbers and curves of a page. */
async function seenOf(page: Page): Promise<string[]> {
  await wait(500);
  const stats = await page.textContent('[data-stat="Batch"]');
  const note = await page.textContent(".loss .note");
  const curves = await page.$$eval(
    "canvas",
    (all) => all.map((canvas) => (canvas as HTMLCanvasElement).toDataURL()),
  );
  return [stats!, note!, ...curves];
}

Deno.test("the live page pauses a run within 300 ms, and steps by one batch", {
  ignore,
}, () =>
  watched(async (run, open) => {
    const page = await open();
    const delays: number[] = [];
    let batches = 0;
    for (let round = 0; round < 7; round++) {
      if (round > 0) await page.click(button("resume"));
      await status(page, "training");
      const clicked = await page.$eval(button("pause"), (element) => {
        (element as HTMLButtonElement).click();
        return performance.timeOrigin + performance.now();
      });
      const paused = await run.next("paused");
      await status(page, "paused");
      delays.push(paused.at - clicked);
      assertEquals(await enabled(page), paused.accepts, "exactly the accepted events are enabled");
      assert(paused.batches > batches);
      batches = paused.batches;
    }
    const median = delays.toSorted((a, b) => a - b)[3];
    assert(median < 300, `paused after ${delays.map(Math.round)} ms`);

    for (const act of [() => page.click(button("step")), () => page.keyboard.press("s")]) {
      await act();
      const paused = await run.next("paused");
      assertEquals(paused.batches, ++batches, "exactly one batch");
    }
    await page.waitForFunction(
      (batch) => document.querySelector('[data-stat="Batch"] b')?.textContent === batch,
      (batches + 1).toLocaleString("en-US"),
    );
    await page.keyboard.press("Space");
    await status(page, "training");
  }));

Deno.test("the live page keeps its curves when reloaded, and two pages agree", {
  ignore,
}, () =>
  watched(async (run, open) => {
    const page = await open();
    await wait(1000);
    await page.keyboard.press("p");
    await status(page, "paused");
    const seen = await seenOf(page);
    assert(seen.length >= 4 && /each of [\d,]+ batches|one in/.test(seen[1]), seen[1]);
    await page.reload();
    await status(page, "paused");
    assertEquals(await seenOf(page), seen);
    const other = await open();
    await status(other, "paused");
    assertEquals(await seenOf(other), seen);
    await other.click(button("resume"));
    await status(page, "training");
    await other.close();

    run.order("close");
    await page.waitForSelector(".link.lost");
    assertEquals(await enabled(page), [], "a lost page enables nothing");
    run.order("open");
    await page.click(".top button");
    await page.waitForSelector(".link:not(.lost)");
    await status(page, "training");
    await page.fill(".rate input", "0.25");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() =>
      document.querySelector('[data-stat="Learning rate"] b')?.textContent === "0.25"
    );
    run.order("rate");
    assertEquals((await run.next("rate")).rate, 0.25);
  }));

Deno.test(
  "the live page cancels an epoch and a training",
  { ignore },
  () =>
    watched(async (run, open) => {
      const page = await open();
      await status(page, "training");
      assertEquals(await run.hooks("beforeEpoch"), ["beforeTrain", "beforeEpoch"]);
      await page.click(button("cancel.epoch"));
      await page.waitForFunction(() =>
        document.querySelector('[data-stat="Epoch"] b')?.textContent === "2"
      );
      assertEquals(await run.hooks("beforeEpoch"), [
        "onCancelEpoch",
        "afterEpoch",
        "beforeValidate",
        "afterValidate",
        "beforeEpoch",
      ]);
      await page.keyboard.press("Shift+T");
      await status(page, "cancelled");
      assertEquals(await run.hooks("afterTest"), [
        "afterEpoch",
        "beforeValidate",
        "afterValidate",
        "onCancelTrain",
        "afterTrain",
        "beforeTest",
        "afterTest",
      ]);
      assertEquals(await page.textContent(".reason"), "asked by a viewer");
      assertEquals(await enabled(page), []);
      assertEquals(
        await page.$$eval(
          ".chart .active",
          (all) => all.map((state) => (state as HTMLElement).dataset.state),
        ),
        ["learner.cancelled"],
      );
    }),
);

Deno.test(
  "the live page fits screens from 380 to 1600 px, light and dark",
  { ignore },
  () =>
    watched(async (_, open) => {
      const page = await open();
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        for (const width of [380, 900, 1600]) {
          await page.setViewportSize({ width, height: 900 });
          await wait(200);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth);
          assert(wide <= width, `${wide} px on a screen of ${width}`);
        }
        const ground = await page.$eval("body", (body) => getComputedStyle(body).backgroundColor);
        const [red] = /\d+/.exec(ground)!;
        assertEquals(Number(red) > 128, colorScheme === "light", ground);
      }
    }),
);

Deno.test("the live page lights states by their share of time, and cuts none at its sides", {
  ignore,
}, () =>
  watched(async (_, open) => {
    const page = await open();
    for (const width of [1280, 380]) {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForFunction(() =>
        document.querySelector(".chart .path")?.textContent === "learner › train › epoch"
      );
      await wait(1000);
      const states = await page.$$eval(".drawing [data-state]", (all) => {
        const { left, right, top } = document.querySelector(".drawing")!.getBoundingClientRect();
        return all.map((state) => {
          const box = state.querySelector("rect")!.getBoundingClientRect();
          return {
            path: (state as SVGElement).dataset.state!,
            share: (Number((state as SVGElement).style.getPropertyValue("--light")) / 0.65) ** 2,
            hidden: getComputedStyle(state).opacity === "0",
            inside: box.left >= left && box.right <= right && box.top >= top,
          };
        });
      });
      const shown = states.filter(({ hidden }) => !hidden).map(({ path }) => path);
      assert(shown.length > 5 && shown.every((path) => path.startsWith("learner.train.epoch")));
      assertEquals(states.filter(({ hidden, inside }) => !hidden && !inside), []);
      const share = (path: string) =>
        states.find((state) => state.path === `learner.train.epoch${path}`)!.share;
      // Nearly all of a batch is spent before its step.
      assert(share("") > 0.9 && share(".batch.update") > 0.5, JSON.stringify(states));
      assert(share(".batch.compute") < share(".batch.update"));
      assert(share(".batch.compute") + share(".batch.update") + share(".next") < 1.05);
    }
  }));

Deno.test(
  "the live page shows by a sign and in words how steps are taken",
  { ignore },
  () =>
    withBrowser(async (browser) => {
      await selectBackend({ prefer: "wasm", quiet: true });
      const { numTensors } = tf.memory();
      const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
      const [data, labels] = [tf.ones([1, 1]), tf.ones([1, 1])];
      await using live = new LivePage({ stay: Infinity, onOpen: () => {} });
      const page = await browser.newPage();
      page.setDefaultTimeout(LIMIT);
      await page.goto(live.open());
      await status(page, "waiting");
      const seen = () =>
        page.waitForFunction(() => {
          const sign = document.querySelector(".active[data-state$='.batch.compute'] .sign");
          const { hidden, textContent } = document.querySelector<HTMLElement>(".note.step")!;
          const { way } = (sign as SVGElement | null)?.dataset ?? {};
          return !hidden && way && way !== "recorded" && `${way}: ${textContent}`;
        }).then((handle) => handle.jsonValue());
      assertEquals(await page.isVisible(".note.step"), false);
      const optimizer = sgd(0.01);
      for (
        const [compile, expected] of [
          [false, "eager: Steps are taken operation by operation, as compile is false"],
          [undefined, "played: Steps are played back from a recording"],
        ] as const
      ) {
        const learner = new Learner({
          model,
          optimizer,
          lossFunction: meanSquaredError,
          dataloaders: { train: Array(100).fill([data, labels]) },
          callbacks: [{ afterBatch: () => wait(10) }, live],
          compile,
        });
        const run = learner.train({ epochs: 1000 });
        await wait(300); // the page has the states of this run
        assertEquals(await seen(), expected);
        learner.cancel("train");
        await run;
      }
      tf.dispose([data, labels]);
      model.dispose();
      optimizer.dispose();
      assertEquals(tf.memory().numTensors, numTensors);
      await tf.setBackend("cpu");
    }),
);

Deno.test("the live page writes no error on the console, also after it has closed", {
  ignore,
}, () =>
  withBrowser(async (browser) => {
    await using live = new LivePage({ onOpen: () => {} });
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("console", (message) => {
      if (message.type() !== "log") errors.push(message.text());
    });
    page.on("pageerror", ({ message }) => errors.push(message));
    await page.goto(live.open());
    await status(page, "waiting");
    const { learner, dispose } = tinyLearner({ sizes: { train: 30, test: 1 }, callbacks: [live] });
    await learner.train({ epochs: 2 });
    dispose();
    await status(page, "completed");
    await page.waitForFunction(() => document.querySelector(".link")?.textContent === "closed");
    await wait(1500);
    assertEquals(errors, []);
    const shown = await page.$$eval(
      ".chart .active",
      (all) => all.map((state) => (state as SVGElement).dataset.state),
    );
    assertEquals(shown, ["learner.completed"]);
  }));

Deno.test("the live page connects again by itself when its connection is lost", {
  ignore,
}, () =>
  withBrowser(async (browser) => {
    await using live = new LivePage({ hostname: "0.0.0.0", onOpen: () => {} });
    const { port, search } = new URL(live.open());
    const tunnel = openTunnel(Number(port));
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${tunnel.port}/${search}`);
    await page.waitForSelector(".link:not(.lost)");
    await tunnel.close();
    await page.waitForSelector(".link.lost");
    assertEquals(await page.textContent(".link"), "not connected");
    const again = openTunnel(Number(port), tunnel.port);
    await page.waitForSelector(".link:not(.lost)");
    await page.close();
    await again.close();
  }));

/** Passes connections of one port on to another, until all are cut. */
function openTunnel(target: number, port = 0): { port: number; close(): Promise<void> } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const ends: Deno.Conn[] = [];
  const work: Promise<unknown>[] = [];
  const accepting = (async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: target });
      ends.push(client, server);
      work.push(
        client.readable.pipeTo(server.writable).catch(() => {}),
        server.readable.pipeTo(client.writable).catch(() => {}),
      );
    }
  })();
  return {
    port: listener.addr.port,
    async close() {
      listener.close();
      await accepting;
      for (const end of ends) {
        try {
          end.close();
        } catch {
          // It is closed already.
        }
      }
      await Promise.all(work);
    },
  };
}
