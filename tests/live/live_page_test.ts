import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LivePage, type LivePageOptions } from "../../live.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";
import { within } from "../fixtures/within.ts";
import { RawClient, UPGRADE } from "./raw_client.ts";
import { offline as ignore, slowly, Viewer } from "./viewer.ts";

const EPOCHS = { epochs: 1000 };

/** Opens a page, and closes it after the work. */
async function withPage(
  options: LivePageOptions,
  work: (page: LivePage, url: string) => Promise<void>,
): Promise<void> {
  await using page = new LivePage({ onOpen: () => {}, ...options });
  await work(page, page.open());
}

/** The HTTP status of a request with exactly the given headers. */
async function statusOf(url: string, lines: string[], path = "/live"): Promise<number | undefined> {
  using client = await RawClient.connect(url);
  await client.request(path, [...lines, "Connection: close"]);
  return await client.status();
}

Deno.test("LivePage checks its options", () => {
  for (const port of [-1, 65536, 1.5]) {
    assertThrows(() => new LivePage({ port }), RangeError, "port");
  }
  assertThrows(() => new LivePage({ stay: -1 }), RangeError, "stay");
  assertThrows(() => new LivePage({ stay: NaN }), RangeError, "stay");
  assertThrows(() => new LivePage({ samples: 1 }), RangeError, "samples");
});

Deno.test(
  "LivePage serves one page, which may run only its own script",
  { ignore },
  async () => {
    await withPage({}, async (_, url) => {
      const response = await fetch(url);
      assertEquals(response.status, 200);
      const policy = response.headers.get("content-security-policy")!;
      assert(policy.includes("default-src 'none'") && policy.includes("frame-ancestors 'none'"));
      const page = await response.text();
      assert(page.length < 300_000, `${page.length} bytes`);
      assertEquals(/(src|href)="(?!data:)/.exec(page), null, "the page loads nothing else");
      for (const [path, status] of [["favicon.ico", 404], ["live", 403], ["../etc/passwd", 404]]) {
        const other = await fetch(new URL(String(path), url));
        await other.body?.cancel();
        assertEquals(other.status, status);
      }
      const posted = await fetch(url, { method: "POST", body: "{}" });
      await posted.body?.cancel();
      assertEquals(posted.status, 405);
    });
  },
);

Deno.test(
  "LivePage refuses foreign Hosts and foreign Origins",
  { ignore },
  async () => {
    await withPage({}, async (_, url) => {
      const { host, origin, port } = new URL(url);
      const ask = (hostHeader: string, from?: string) =>
        statusOf(url, [`Host: ${hostHeader}`, ...UPGRADE, ...from ? [`Origin: ${from}`] : []]);
      assertEquals(await ask(host, origin), 101);
      assertEquals(await ask(`localhost:${port}`, `http://localhost:${port}`), 101);
      assertEquals(await ask(host, "https://example.org"), 403, "a foreign page");
      assertEquals(await ask(host, "null"), 403, "a page in a sandbox");
      assertEquals(await ask(host, "http://127.0.0.1:1"), 403, "another server of this machine");
      assertEquals(await ask(host, `http://127.0.0.1:${port}.example.org`), 403);
      assertEquals(await ask(host), 403, "no Origin");
      for (const rebound of [`example.org:${port}`, "127.0.0.1", `127.0.0.1.example.org:${port}`]) {
        assertEquals(await ask(rebound, `http://${rebound}`), 421, `DNS rebinding: ${rebound}`);
        assertEquals(await statusOf(url, [`Host: ${rebound}`], "/"), 421);
      }
    });
  },
);

Deno.test("LivePage requires a token on any address but loopback", { ignore }, async () => {
  await withPage({ hostname: "0.0.0.0" }, async (_, url) => {
    const { port, search } = new URL(url);
    assertEquals(search.length, "?token=".length + 32);
    const ask = (path: string, lines: string[]) =>
      statusOf(url, [`Host: box.example:${port}`, ...lines], path);
    const socket = [...UPGRADE, `Origin: http://box.example:${port}`];
    assertEquals(await ask(`/${search}`, []), 200);
    assertEquals(await ask("/", []), 403);
    assertEquals(await ask(`/${search.slice(0, -1)}`, []), 403);
    assertEquals(await ask(`/live${search}`, socket), 101);
    assertEquals(await ask("/live", socket), 403);
    assertEquals(await ask(`/live${search}`, [...UPGRADE, "Origin: http://evil.example"]), 403);
  });
});

Deno.test("LivePage refuses invalid commands, and the run continues", { ignore }, async () => {
  const slow = slowly(1);
  await assertNoTensorsLeft(() =>
    withPage({}, async (page, url) => {
      const { learner } = tinyLearner({
        kind: "scalar",
        sizes: { train: 500 },
        callbacks: [slow, page],
      });
      const run = learner.train(EPOCHS);
      const bad = [
        "",
        "null",
        "{",
        "[]",
        '"pause"',
        "x".repeat(1_000_000),
        { type: "fail", message: "boo" },
        { type: "next" },
        { type: "cancel.train", reason: "x" },
        { type: "constructor" },
        { type: "learningRate", value: "1" },
      ];
      for (const command of bad) {
        const viewer = new Viewer(url);
        await viewer.until("the state", () => viewer.state?.status === "running");
        viewer.ask(command);
        const { code } = await within(5000, String(command), viewer.closed);
        assertEquals(code, String(command).length > 1024 ? 1009 : 1008, "too big, or not valid");
      }
      const viewer = new Viewer(url);
      await viewer.until("the state", () => viewer.state);
      for (const value of [-1, 1e999]) {
        viewer.ask(`{"type":"learningRate","value":${value === -1 ? -1 : "1e999"}}`);
      }
      const refusals = () => viewer.messages.filter(({ type }) => type === "refused").length;
      await viewer.until("two refusals", () => refusals() === 2);
      viewer.ask({ type: "learningRate", value: 0.125 });
      await viewer.until("the new rate", () => viewer.state!.learningRate === 0.125);
      assertEquals(learner.learningRate, 0.125);
      learner.learningRate = 0.01;
      assertEquals(learner.failures, []);
      viewer.ask({ type: "cancel.train" });
      assertEquals((await run).reason, "asked by a viewer");
      await viewer.closed;
      assertEquals(viewer.state!.status, "cancelled");
      assertEquals(viewer.state!.reason, "asked by a viewer");
    })
  );
});

Deno.test(
  "LivePage disconnects a viewer that floods it, and serves the others",
  { ignore },
  async () => {
    const slow = slowly(1);
    await withPage({}, async (page, url) => {
      const { learner } = tinyLearner({
        kind: "scalar",
        sizes: { train: 500 },
        callbacks: [slow, page],
      });
      const run = learner.train(EPOCHS);
      const [flood, quiet] = [new Viewer(url), new Viewer(url)];
      await flood.until("the state", () => flood.state);
      await quiet.until("the state", () => quiet.state);
      for (let index = 0; index < 10_000; index++) flood.ask({ type: "resume" });
      await within(5000, "the flood", flood.closed);
      assert(flood.messages.filter(({ type }) => type === "refused").length <= 40);
      const before = slow.batches;
      quiet.ask({ type: "pause" });
      await quiet.until("the pause", () => quiet.state?.status === "paused");
      assert(slow.batches > before - 1);

      const crowd = Array.from({ length: 40 }, () => new Viewer(url));
      const inside = await Promise.all(
        crowd.map((viewer) => viewer.until("a state", () => viewer.state).then(() => 1, () => 0)),
      );
      assertEquals(inside.filter(Boolean).length, 15, "at most 16 viewers");
      learner.cancel("train");
      await run;
      await within(
        5000,
        "the end",
        Promise.all([quiet.closed, ...crowd.map(({ closed }) => closed)]),
      );
    });
  },
);

Deno.test(
  "LivePage sends late viewers everything, and two viewers the same",
  { ignore },
  async () => {
    const slow = slowly(1);
    await withPage({}, async (page, url) => {
      const { learner } = tinyLearner({
        kind: "scalar",
        sizes: { train: 30, validation: 2 },
        callbacks: [slow, page],
      });
      const run = learner.train({ epochs: 1000 });
      const first = new Viewer(url);
      await first.until("the second epoch", () => first.state?.epoch === 1);
      first.ask({ type: "pause" });
      await first.until("the pause", () => first.state?.status === "paused");
      assertEquals(first.state!.accepts, ["resume", "step", "cancel.epoch", "cancel.train"]);
      const late = new Viewer(url);
      await late.until("all curves", () => late.steps.length === first.steps.length);
      assertEquals(late.steps, first.steps);
      assertEquals(late.steps, Array.from({ length: slow.batches }, (_, index) => index + 1));
      await first.until("two viewers", () => first.state!.viewers === 2);
      assertEquals({ ...late.state, memory: 0 }, { ...first.state, memory: 0 });
      late.ask({ type: "resume" });
      await first.until("that it continues", () => first.state?.status === "running");
      await late.close();
      learner.cancel("train");
      await run;
      await first.closed;
    });
  },
);

Deno.test(
  "LivePage closes with the run, also with a viewer that does not answer",
  { ignore },
  async () => {
    const page = new LivePage({ onOpen: () => {} });
    const url = page.open();
    const { host, origin, port } = new URL(url);
    const deaf = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    const lines = ["GET /live HTTP/1.1", `Host: ${host}`, `Origin: ${origin}`, ...UPGRADE, "", ""];
    await deaf.write(new TextEncoder().encode(lines.join("\r\n")));
    const viewer = new Viewer(url);
    await viewer.until("two viewers", () => page.viewers === 2);
    await tinyLearner({ kind: "scalar", sizes: { train: 3, test: 1 }, callbacks: [page] }).learner
      .train();
    await within(5000, "closing", page.close());
    await within(5000, "the viewer", viewer.closed);
    assertEquals(viewer.state!.status, "completed", "the end was sent before closing");
    deaf.close();
    await assertRejects(() => fetch(url));
  },
);

Deno.test(
  "LivePage stays open as long as asked, and serves the next run",
  { ignore },
  async () => {
    await withPage({ stay: 60 }, async (page) => {
      const { learner } = tinyLearner({ kind: "scalar", sizes: { train: 5 }, callbacks: [page] });
      await learner.train();
      const url = page.url!;
      const viewer = new Viewer(url);
      await viewer.until("the end", () => viewer.state?.status === "completed");
      assertEquals(viewer.steps, [1, 2, 3, 4, 5]);
      await learner.train({ epochs: 2 });
      assertEquals(page.url, url);
      await viewer.until(
        "another run",
        () => viewer.state!.run === 2 && viewer.steps.length === 10,
      );
      const begun = viewer.messages.filter((message) =>
        message.type === "points" && message.series === "batches" && message.reset
      );
      assertEquals(begun.length, 2, "each run has its own curves");
      await page.close();
      assertEquals(page.url, undefined);
      await learner.train();
      assertEquals(page.url, url, "the page has the same address again");
    });
  },
);

Deno.test("a process with a LivePage ends with its run", {
  ignore: ignore || (await Deno.permissions.query({ name: "run" })).state !== "granted",
}, async () => {
  const script = `
    import { Learner, sgd, tf } from ${JSON.stringify(import.meta.resolve("../../mod.ts"))};
    import { LivePage } from ${JSON.stringify(import.meta.resolve("../../live.ts"))};
    const x = tf.tensor2d([[1]]);
    const learner = new Learner({
      model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
      optimizer: sgd(0.1),
      lossFunction: tf.losses.meanSquaredError,
      dataloaders: { train: [[x, x]] },
      callbacks: [new LivePage()],
    });
    console.log((await learner.train()).status);`;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", script],
    env: { NO_COLOR: "1" },
  }).output();
  const { code, stdout, stderr } = await within(60_000, "the process", process);
  const printed = new TextDecoder().decode(stdout);
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  assert(/live page: http:\/\/127\.0\.0\.1:\d+\/\ncompleted/.test(printed), printed);
});

Deno.test(
  "examples/watch_a_run.ts separates two spirals, and is watched",
  { ignore },
  async () => {
    const { watchARun } = await import("../../examples/watch_a_run.ts");
    let viewer: Viewer | undefined;
    await using page = new LivePage({ onOpen: (url) => viewer = new Viewer(url) });
    const accuracy = await watchARun(6, page);
    assert(accuracy > 0.95, `accuracy ${accuracy}`);
    await within(5000, "the end", viewer!.closed);
    const { status, metrics, epochs } = viewer!.state!;
    assertEquals([status, epochs, metrics["test.accuracy"]], ["completed", 6, accuracy]);
  },
);
