import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { join } from "node:path";
import {
  accuracy,
  type Batch,
  type CallbackLike,
  DataLoader,
  Metrics,
  Recorder,
  selectBackend,
  type StatefulMetric,
  tf,
} from "../../mod.ts";
import {
  ActivationStats,
  ConfusionMatrix,
  CsvLogger,
  JsonLinesLogger,
  type Leak,
  LeakGuard,
  MaxSteps,
  type Notice,
  Notify,
  Timer,
} from "../../callbacks.ts";
import { f1 } from "../../metrics.ts";
import { tensorStats } from "../../src/tensors/tensor_stats.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";

const { state } = await Deno.permissions.query({ name: "write" });
const networked = (await Deno.permissions.query({ name: "net" })).state === "granted";

/** Throws in the second batch of the first epoch. */
function throwing(error: Error): CallbackLike {
  return {
    name: "Thrower",
    beforeBatch({ epoch, batchIndex }) {
      if (epoch === 0 && batchIndex === 1) throw error;
    },
  };
}

/** Runs a test in a folder of its own. */
function testInFolder(name: string, test: (folder: string) => Promise<void>): void {
  Deno.test(name, { ignore: state !== "granted" }, async () => {
    await selectBackend({ prefer: "cpu", quiet: true });
    const folder = await Deno.makeTempDir();
    try {
      await test(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

testInFolder("CsvLogger adds a column for what is first measured later", async (folder) => {
  const path = join(folder, "run.csv");
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    callbacks: [new CsvLogger(path), {
      name: "Late",
      afterEpoch({ epoch, metrics }) {
        if (epoch === 1) metrics['train.odd, "quoted"'] = 0.5;
      },
    }],
  });
  await learner.train({ epochs: 3, validationEpochs: 3 });
  const [header, ...rows] = (await Deno.readTextFile(path)).trim().split("\n");
  assertEquals(
    header,
    'epoch,train.loss,learningRate,seconds,"train.odd, ""quoted""",validation.loss',
  );
  assertEquals(rows.map((row) => row.split(",").length), [6, 6, 6]);
  assertEquals(rows[0].endsWith(",,"), true);
  assertEquals(rows[1].split(",")[4], "0.5");
  dispose();
});

testInFolder("JsonLinesLogger tells what went wrong, and where", async (folder) => {
  const path = join(folder, "run.jsonl");
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    callbacks: [new JsonLinesLogger(path), throwing(new Error("elsewhere"))],
  });
  await assertRejects(() => learner.train());
  const lines = (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ event }) => event), ["train", "epoch", "end", "error"]);
  const { message, during, callback } = lines[3];
  assertEquals([message, during, callback], ["elsewhere", "beforeBatch", "Thrower"]);
  assertEquals(lines[2].status, "failed");
  assert(!Number.isNaN(Date.parse(lines[0].time)));
  dispose();
});

Deno.test("Metrics computes metrics with state over the whole pass", async () => {
  const matrix = new ConfusionMatrix({ phases: ["train"] });
  const metrics = new Metrics({ f1: f1({ average: "micro" }), accuracy });
  const { learner, dispose } = tinyLearner({ kind: "classes", callbacks: [metrics, matrix] });
  learner.dataloaders = { train: learner.dataloaders.train };
  const result = await learner.train({ epochs: 2 });
  const right = matrix.counts.reduce((sum, row, index) => sum + row[index], 0);
  assertEquals(result.metrics["train.f1"], right / 16);
  assertAlmostEquals(result.metrics["train.accuracy"], right / 16, 1e-6);
  const wrong = { reset() {}, update() {} } as unknown as StatefulMetric;
  assertThrows(() => new Metrics({ wrong }), TypeError, "reset, update and compute");
  dispose();
});

Deno.test("a watcher sees hooks and tasks begin and end, whatever they do", async () => {
  const seen: string[] = [];
  const watcher = (name: string): CallbackLike => ({
    name,
    watch(work, callback) {
      if (work !== "step" && callback?.name !== "Watched") return;
      seen.push(`${name} + ${work}`);
      return () => seen.push(`${name} - ${work}`);
    },
  });
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    callbacks: [watcher("a"), watcher("b"), {
      name: "Watched",
      async beforeStep() {
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push("waited");
      },
      afterStep() {
        throw new Error("thrown");
      },
    }],
  });
  await assertRejects(() => learner.train(), Error, "thrown");
  assertEquals(seen, [
    ...["a + beforeStep", "b + beforeStep", "waited", "b - beforeStep", "a - beforeStep"],
    ...["a + step", "b + step", "b - step", "a - step"],
    ...["a + afterStep", "b + afterStep", "b - afterStep", "a - afterStep"],
  ]);
  dispose();
});

Deno.test("Recorder records what Metrics measures, in whichever order they are added", async () => {
  const recorder = new Recorder();
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    callbacks: [recorder, new Metrics({ accuracy })],
  });
  await learner.train({ epochs: 1 });
  assertEquals(Object.keys(recorder.history.epochs[0].metrics).sort(), [
    ...["train.accuracy", "train.loss", "validation.accuracy", "validation.loss"],
  ]);
  assertEquals(Object.keys(recorder.history.test).sort(), ["test.accuracy", "test.loss"]);
  dispose();
});

Deno.test("Timer tells which callback costs what", async () => {
  const timer = new Timer();
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    callbacks: [timer, {
      name: "Slow",
      async afterBatch() {
        await new Promise((resolve) => setTimeout(resolve, 5));
      },
    }],
  });
  await learner.train();
  const slow = timer.work.find(({ owner }) => owner === "Slow")!;
  assertEquals([slow.work, slow.calls], ["afterBatch", 4]);
  assert(slow.seconds >= 0.018 && slow.seconds <= timer.phases.train!.seconds);
  assertEquals(timer.phases.train!.examples, 16);
  assertMatch(String(timer), /Slow\.afterBatch +4 /);
  assertMatch(String(timer), /Learner\.compute +4 /);
  dispose();
});

/** The same loader again and again in one pass. */
function longer(loader: unknown, times: number): () => Generator<Batch> {
  return function* () {
    for (let time = 0; time < times; time++) yield* (loader as () => Generator<Batch>)();
  };
}

for (const [hook, epochs] of [["afterBatch", 1], ["afterEpoch", 4], ["afterPredict", 4]] as const) {
  Deno.test(`LeakGuard names the callback that leaks in ${hook}`, async () => {
    const leaks: Leak[] = [];
    const kept: tf.Tensor[] = [];
    const { learner, dispose } = tinyLearner({
      kind: "classes",
      callbacks: [
        new Metrics({ accuracy, f1: f1() }),
        new Recorder(),
        new LeakGuard({ onLeak: (leak) => leaks.push(leak) }),
        { name: "Leaky", [hook]: () => void kept.push(tf.keep(tf.scalar(1))) },
      ],
    });
    if (epochs === 1) learner.dataloaders.train = longer(learner.dataloaders.train, 100);
    await learner.train({ epochs });
    assertEquals(leaks.map(({ owner, work }) => [owner, work]), [["Leaky", hook]]);
    assertMatch(leaks[0].message, new RegExp(`Leaky.${hook} leaks memory: it has left \\d+ ten`));
    assertEquals(Object.hasOwn(tf.engine(), "trackTensor"), false);
    tf.dispose(kept);
    dispose();
  });
}

testTensors("LeakGuard names the loader and the dataset that leak", async () => {
  const kept: tf.Tensor[] = [];
  class Leaky {
    readonly length = 4;
    batch() {
      kept.push(tf.scalar(1));
      return { data: tf.ones([2, 2]), labels: tf.zeros([2], "int32") };
    }
  }
  for (const name of ["train", "validation"]) {
    const owners: string[] = [];
    const { learner, dispose } = tinyLearner({
      kind: "classes",
      callbacks: [new LeakGuard({ onLeak: ({ owner, work }) => void owners.push(owner, work) })],
    });
    const loader = new DataLoader({ dataset: new Leaky(), batchSize: 2 });
    learner.dataloaders = { ...learner.dataloaders, [name]: loader };
    await learner.train({ epochs: 6 });
    assertEquals(owners, [`${name} loader (Leaky)`, "fetch"]);
    tf.dispose(kept);
    dispose();
  }
});

Deno.test("ConfusionMatrix names what is confused most", async () => {
  const matrix = new ConfusionMatrix({ classes: ["ant", "bee", "cat"] });
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    callbacks: [matrix, {
      name: "Always ant",
      afterPredict(learner) {
        learner.predictions = tf.tidy(() => learner.predictions.mul(0).add(tf.tensor1d([1, 0, 0])));
      },
    }],
  });
  await learner.validate();
  assertEquals(matrix.counts, [[3, 0, 0], [3, 0, 0], [2, 0, 0]]);
  assertEquals(matrix.mostConfused(1), [{ actual: "bee", predicted: "ant", count: 3 }]);
  assertMatch(String(matrix), /actual \\ predicted +ant +bee +cat/);
  dispose();
});

Deno.test("Notify posts JSON to a webhook", { ignore: !networked }, async () => {
  const received: Record<string, unknown>[] = [];
  const server = Deno.serve({ port: 0, onListen() {} }, async (request) => {
    received.push(await request.json());
    return new Response("thanks");
  });
  const notify = new Notify(`http://localhost:${server.addr.port}/`, { extra: { name: "first" } });
  const { learner, dispose } = tinyLearner({ kind: "classes", callbacks: [notify] });
  await learner.train();
  await server.shutdown();
  assertEquals(received.length, 1);
  assertEquals([received[0].status, received[0].name], ["completed", "first"]);
  assertEquals(Object.keys(received[0].metrics as object).includes("test.loss"), true);
  dispose();
});

Deno.test("Notify never fails a run", { ignore: !networked }, async () => {
  const before = tf.memory().numTensors;
  const failures: string[] = [];
  const onFailure = (error: unknown) => failures.push(String(error));
  const released = Promise.withResolvers<Response>();
  const server = Deno.serve(
    { port: 0, onListen() {} },
    ({ url }) => url.endsWith("/stuck") ? released.promise : new Response("no", { status: 500 }),
  );
  const dead = Deno.serve({ port: 0, onListen() {} }, () => new Response());
  await dead.shutdown();
  const webhook = `http://localhost:${server.addr.port}`;
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    callbacks: [
      new Notify(`http://localhost:${dead.addr.port}`, { onFailure }),
      new Notify(`${webhook}/broken`, { onFailure }),
      new Notify(`${webhook}/stuck`, { onFailure, timeout: 50 }),
      new Notify(() => Promise.reject(new Error("own")), { onFailure }),
    ],
  });
  assertEquals((await learner.train()).status, "completed");
  released.resolve(new Response("late"));
  await server.shutdown();
  assertEquals(failures.length, 4);
  assertMatch(failures[0], /^TypeError: .*fetch failed/i);
  assertEquals(failures[1], "Error: the webhook answered 500");
  assertMatch(failures[2], /TimeoutError/);
  assertEquals(failures[3], "Error: own");
  dispose();
  assertEquals(tf.memory().numTensors, before, "tensors are left");
});

Deno.test("Notify waits as long as it is told, and says where a webhook has moved", {
  ignore: !networked,
}, async () => {
  const received: string[] = [];
  const failures: string[] = [];
  const onFailure = (error: unknown) => failures.push(String(error));
  const server = Deno.serve({ port: 0, onListen() {} }, async (request) => {
    received.push(`${request.method} ${(await request.text()).length > 2}`);
    return new URL(request.url).pathname === "/moved"
      ? new Response(null, { status: 302, headers: { location: "/new" } })
      : new Response("ok");
  });
  const webhook = `http://localhost:${server.addr.port}`;
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    callbacks: [
      new Notify(webhook, { onFailure, timeout: Infinity }),
      new Notify(webhook, { onFailure, timeout: 30 * 24 * 3600 * 1000 }),
      new Notify(`${webhook}/moved`, { onFailure }),
    ],
  });
  await learner.train();
  await server.shutdown();
  assertEquals(received, ["POST true", "POST true", "POST true"]);
  assertEquals(failures, ["Error: the webhook answered 302: it is now at /new"]);
  assertThrows(() => new Notify(webhook, { timeout: 0 }), RangeError, "timeout must be a number");
  assertThrows(() => new Notify(webhook, { time: 1 } as object), TypeError, '"timeout"');
  dispose();
});

Deno.test("Recorder leaves its record alone in a later validate() and test()", async () => {
  for (const epochs of [2, 3]) {
    const recorder = new Recorder();
    const callbacks = [recorder, new MaxSteps(4 + 2)];
    const { learner, dispose } = tinyLearner({ kind: "classes", callbacks });
    await learner.train({ epochs });
    const before = structuredClone(recorder.history);
    assertEquals(before.epochs.map(({ metrics }) => Object.keys(metrics).length), [2, 2]);
    assert(before.test["test.loss"] > 0);
    learner.lossFunction = () => tf.scalar(99);
    await learner.validate();
    await learner.test();
    assertEquals(recorder.history, before);
    dispose();
  }
});

Deno.test("ActivationStats sees the layers of a model in the model", async () => {
  const inner = tf.sequential({
    name: "backbone",
    layers: [
      tf.layers.dense({ units: 3, inputShape: [2], activation: "relu", name: "first" }),
      tf.layers.dropout({ rate: 0.5, name: "dropout" }),
    ],
  });
  const input = tf.input({ shape: [2] });
  const shared = tf.layers.dense({ units: 3, name: "shared" });
  const hidden = shared.apply(shared.apply(inner.apply(input))) as tf.SymbolicTensor;
  const output = tf.layers.dense({ units: 3, name: "logits" }).apply(hidden) as tf.SymbolicTensor;
  const model = tf.model({ inputs: input, outputs: output });
  const innerWeights = inner.weights.map((weight) => weight.read());
  const stats = new ActivationStats({ every: 2 });
  const { learner, dispose } = tinyLearner({ kind: "classes", callbacks: [stats], model });
  await learner.train();
  assertEquals(stats.layers, ["backbone/first", "backbone/dropout", "shared", "logits"]);
  assertEquals(stats.records.map(({ size }) => size), Array(8).fill(12));
  assertEquals(Object.hasOwn(shared, "call"), false, "the layers are not as they were");
  dispose();
  tf.dispose(innerWeights); // tfjs leaves those of a model that is a layer
});

Deno.test("Notify tells once, and what went wrong", async () => {
  const notices: Notice[] = [];
  const notify = new Notify((notice) => void notices.push(notice));
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    callbacks: [notify, throwing(new Error("elsewhere"))],
  });
  await assertRejects(() => learner.train());
  assertEquals(notices.map(({ status, error }) => [status, error]), [
    ["failed", "Error: elsewhere"],
  ]);
  dispose();
});

Deno.test("ActivationStats sees what the layers put out, and changes nothing", async () => {
  const losses: number[] = [];
  for (const watching of [false, true]) {
    const activations = new ActivationStats({ every: 1, layers: /logits/ });
    const { learner, dispose } = tinyLearner({
      kind: "classes",
      callbacks: watching ? [activations] : [],
    });
    losses.push((await learner.train({ epochs: 2 })).trainLoss);
    if (watching) {
      assertEquals(activations.layers, ["logits"]);
      assertEquals(activations.records.length, 8);
      const [{ size, histogram, deviation, nonFinite }] = activations.records;
      assertEquals([size, nonFinite, histogram.counts.reduce((a, b) => a + b)], [12, 0, 12]);
      assert(deviation > 0);
    }
    dispose();
  }
  assertEquals(losses[0], losses[1]);
});

Deno.test("tensorStats() agrees with the definitions, whatever the values", () => {
  const { mean, deviation, nearZero, histogram, nonFinite } = tensorStats(
    [0, 1, 2, 3, 4, NaN, Infinity],
    { bins: 2, threshold: 0.5 },
  );
  assertEquals([mean, deviation, nonFinite], [2, Math.sqrt(2), 2]);
  assertEquals([nearZero, histogram], [1 / 7, { min: 0, max: 4, counts: [2, 3] }]);
  assertEquals(tensorStats([5, 5], { bins: 2 }).histogram, { min: 5, max: 5, counts: [2, 0] });
  assertEquals(tensorStats([NaN]).histogram.min, NaN);
});
