import { assert, assertEquals, assertThrows } from "@std/assert";
import { CancelTrain, selectBackend, tf } from "../../mod.ts";
import { LiveFeed } from "../../live.ts";
import { HOOK_NAMES } from "../../chart.ts";
import type { LiveMessage, LivePoints, LiveState } from "../../src/live/messages.ts";
import { DownsampledSeries } from "../../src/live/downsampled_series.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";
import { recorder } from "../fixtures/recorded_hooks.ts";
import { type AnyLearner, tinyLearner } from "../fixtures/tiny_learner.ts";
import { until } from "../fixtures/within.ts";

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Joins a feed, and keeps all messages. */
function join(feed: LiveFeed) {
  const messages: LiveMessage[] = [];
  const seat = feed.join({ send: (text) => void messages.push(JSON.parse(text)) });
  const of = <Type extends LiveMessage["type"]>(type: Type) =>
    messages.filter((message): message is LiveMessage & { type: Type } => message.type === type);
  return { seat, messages, of, state: (): LiveState => of("state").at(-1)! };
}

Deno.test("DownsampledSeries stays bounded, evenly spaced, with the first point", () => {
  const series = new DownsampledSeries<number>(10);
  let made = 0;
  for (let index = 0; index < 1000; index++) series.add(() => (made++, index));
  assertEquals(series.total, 1000);
  assert(series.points.length > 4 && series.points.length <= 10);
  assertEquals(series.points, series.points.map((_, index) => index * series.stride));
  assert(made < 60, `${made} points were made, most of them not kept`);
});

Deno.test("DownsampledSeries returns new points, and says when to start again", () => {
  const series = new DownsampledSeries<number>(4);
  const cursor = { generation: -1, read: 0 };
  const all = () => true;
  series.add(() => 0);
  series.add(() => 1);
  assertEquals(series.since(cursor, all), { reset: true, points: [0, 1] });
  series.add(() => 2);
  series.add(() => 3);
  assertEquals(series.since(cursor, (point) => point !== 3), { reset: false, points: [2] });
  assertEquals(series.since(cursor, all), { reset: false, points: [3] });
  series.add(() => 4);
  assertEquals(series.since(cursor, all), { reset: true, points: [0, 2, 4] });
});

Deno.test("LiveFeed without a viewer keeps a bounded curve and computes nothing else", async () => {
  const feed = new LiveFeed({ samples: 8 });
  let reads = 0;
  const { dataSync } = tf.Tensor.prototype;
  const callbacks: number[] = [];
  const counting = {
    afterBatch: (learner: AnyLearner) => void callbacks.push(learner.callbacks.length),
  };
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 1000 },
    callbacks: [feed, counting],
  });
  await assertNoTensorsLeft(async () => {
    try {
      tf.Tensor.prototype.dataSync = function (this: tf.Tensor) {
        reads++;
        return dataSync.call(this);
      } as typeof dataSync;
      await learner.train();
    } finally {
      tf.Tensor.prototype.dataSync = dataSync;
    }
  });
  assert(reads > 8 && reads < 60, `the device was read ${reads} times in 1000 batches`);
  assertEquals(Math.max(...callbacks), 2, "the callbacks are not watched");
  const { of } = join(feed);
  const [batches] = of("points") as LivePoints[];
  assertEquals([batches.series, batches.total, batches.stride], ["batches", 1000, 128]);
  assertEquals(batches.points.map(({ step }) => step), [1, 129, 257, 385, 513, 641, 769, 897]);
  assert(batches.points.every(({ values }) => Number.isFinite(values.loss)));
});

Deno.test("LiveFeed measures the callbacks only while there is a viewer", async () => {
  const feed = new LiveFeed();
  let heard = 0;
  const slow = { name: "Slow", afterBatch: () => wait(2) };
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 200 },
    callbacks: [feed, slow],
  });
  const { promise: seen, resolve: see } = Promise.withResolvers<void>();
  learner.callbacks.push({
    async afterBatch() {
      // The run lasts until the work was seen.
      if (++heard === 200) await seen;
    },
  });
  const own = [...learner.callbacks];
  await assertNoTensorsLeft(async () => {
    const run = learner.train();
    await wait(20);
    assertEquals(learner.callbacks, own);
    const { seat, of } = join(feed);
    assertEquals(learner.callbacks.length, own.length + 1);
    assert(!/LiveFeed \(0\)/.test(learner.describe()), "the watcher has no hooks");
    await until(() => of("work").length >= 2);
    see();
    seat.leave();
    assertEquals(learner.callbacks, own);
    const { work, seconds } = of("work").at(-1)!;
    const time = work.find(({ owner, work }) => owner === "Slow" && work === "afterBatch")!;
    assert(time.calls > 0 && time.calls < heard && time.seconds > 0.0015 * time.calls);
    assert(time.seconds < seconds);
    assert(work.some(({ owner, work }) => owner === "Learner" && work === "compute"));
    await run;
  });
  assertEquals(heard, 200);
});

for (const hook of HOOK_NAMES.filter((name) => !name.startsWith("on"))) {
  Deno.test(`LiveFeed may be added in ${hook}`, async () => {
    const feed = new LiveFeed();
    const add = (learner: AnyLearner) => {
      if (!learner.callbacks.includes(feed)) learner.callbacks.push(feed);
    };
    const { learner } = tinyLearner({
      kind: "scalar",
      sizes: { train: 2, validation: 2, test: 2 },
      callbacks: [{ [hook]: add }],
    });
    await assertNoTensorsLeft(async () => {
      assertEquals((await learner.train({ epochs: 2 })).status, "completed");
    });
  });
}

Deno.test("LiveFeed sends the end and its reason", async () => {
  const boom = { afterBatch: () => Promise.reject(new Error("boom")) };
  const enough = {
    afterEpoch() {
      throw new CancelTrain("good enough");
    },
  };
  for (
    const [callback, status, reason] of [
      [{}, "completed", undefined],
      [enough, "cancelled", "good enough"],
      [boom, "failed", "boom"],
    ] as const
  ) {
    const feed = new LiveFeed();
    const { state, of } = join(feed);
    assertEquals(state().status, "waiting");
    assertEquals(state().step, null);
    await assertNoTensorsLeft(() =>
      tinyLearner({
        kind: "scalar",
        sizes: { train: 2, test: 1 },
        callbacks: [feed, callback as object],
      }).learner.train().catch(() => {})
    );
    assertEquals([state().status, state().reason], [status, reason]);
    assertEquals(state().step?.way, "eager");
    assert(state().step?.reason?.includes('the backend "cpu"'), state().step?.reason);
    assertEquals(state().accepts, []);
    assertEquals(state().active, [`learner.${status}`]);
    assertEquals(state(), join(feed).state(), "late joiners see the same end");
    const lines = of("log").flatMap(({ lines }) => lines.map(({ text }) => text));
    assertEquals(lines[0], "training: 1 epoch");
    assert(lines.at(-1)!.startsWith(status));
  }
});

Deno.test("LiveFeed runs one batch per step, and cancels an epoch and the training", async () => {
  const feed = new LiveFeed();
  const heard: Parameters<typeof recorder>[0] = [];
  const { learner } = tinyLearner({
    kind: "scalar",
    sizes: { train: 4 },
    callbacks: [recorder(heard), feed],
  });
  const { seat, state } = join(feed);
  await assertNoTensorsLeft(async () => {
    const run = learner.train({ epochs: 3 });
    learner.pause();
    await until(() => state().status === "paused");
    assertEquals(state().accepts, ["resume", "step", "cancel.epoch", "cancel.train"]);
    assertThrows(() => seat.ask('{"type":"restore"}'), TypeError);
    seat.ask('{"type":"step"}');
    await until(() => state().batch === 2 && state().status === "paused");
    assertEquals(heard.filter(({ hook }) => hook === "beforeBatch").length, 1);
    seat.ask('{"type":"cancel.epoch"}');
    await until(() => state().epoch === 1 && state().status === "paused");
    const ends = heard.filter(({ hook }) => /Epoch/.test(hook)).map(({ hook }) => hook);
    assertEquals(ends, ["beforeEpoch", "onCancelEpoch", "afterEpoch", "beforeEpoch"]);
    seat.ask('{"type":"cancel.train"}');
    assertEquals((await run).status, "cancelled");
  });
});

Deno.test("LiveFeed cancels the next batch when asked between two batches", async () => {
  const feed = new LiveFeed();
  const cancelled: number[] = [];
  const { seat } = join(feed);
  const loader = async function* () {
    for (let index = 0; index < 4; index++) {
      if (index === 2) seat.ask('{"type":"cancel.batch"}');
      yield await Promise.resolve([tf.tensor1d([1]), tf.tensor1d([2])] as const);
    }
  };
  await assertNoTensorsLeft(() =>
    tinyLearner({
      kind: "scalar",
      callbacks: [feed, { onCancelBatch: ({ batchIndex }) => void cancelled.push(batchIndex) }],
      dataloaders: { train: loader },
    }).learner.train()
  );
  assertEquals(cancelled, [2]);
});

const adapter = await (navigator as { gpu?: GPU }).gpu?.requestAdapter();

Deno.test("LiveFeed waits for losses on a device only at the end of an epoch", {
  ignore: !adapter,
  // The device lives as long as the backend.
  sanitizeResources: false,
  sanitizeOps: false,
}, async () => {
  await selectBackend({ prefer: "webgpu", quiet: true });
  const feed = new LiveFeed();
  const { of } = join(feed);
  await assertNoTensorsLeft(() =>
    tinyLearner({ kind: "scalar", sizes: { train: 20 }, callbacks: [feed] }).learner.train()
  );
  assertEquals(tf.getBackend(), "webgpu");
  const points = of("points").filter(({ series }) => series === "batches")
    .flatMap(({ points }) => points);
  assertEquals(points.map(({ step }) => step), Array.from({ length: 20 }, (_, index) => index + 1));
  assert(points.every(({ values }) => Number.isFinite(values.loss)));
  await tf.setBackend("cpu");
});
