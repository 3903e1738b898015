/**
 * The laws of every callback: one row of the table for each.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as callbacks from "../../callbacks.ts";
import * as live from "../../live.ts";
import {
  accuracy,
  Callback,
  type CallbackLike,
  CancelBatch,
  CancelEpoch,
  CancelTrain,
  Checkpoint,
  EarlyStopping,
  type Learner,
  LearningRateSchedule,
  Metrics,
  ProgressBar,
  Recorder,
  tf,
  type TrainResult,
} from "../../mod.ts";
import {
  ActivationStats,
  ConfusionMatrix,
  CsvLogger,
  CutMix,
  EpochLogger,
  Freeze,
  GradientAccumulation,
  GradientClip,
  GradientStats,
  GradualUnfreeze,
  JsonLinesLogger,
  LayerStats,
  type Leak,
  LeakGuard,
  LearningRateFinder,
  LimitBatches,
  MaxSteps,
  MaxTime,
  MixUp,
  type Notice,
  Notify,
  OverfitOneBatch,
  PassCallback,
  ReduceOnPlateau,
  SanityCheck,
  schedules,
  StopOnNaN,
  TensorBoard,
  Throughput,
  Timer,
  Trace,
  TransformBatch,
  WeightAverage,
} from "../../callbacks.ts";
import { f1 } from "../../metrics.ts";
import { LiveFeed, LivePage } from "../../live.ts";
import {
  numbersOf,
  type TinyLearner,
  tinyLearner,
  type TinyOptions,
} from "../fixtures/tiny_learner.ts";

interface Row<C extends CallbackLike = CallbackLike> {
  /** Makes a new callback; if it writes files, into the folder. */
  make(folder: string): C;
  /** The end of a run of 3 epochs of 4 batches. Default: it completes. */
  ends?: "completed" | "cancelled";
  /** Options beyond those of the tiny learner. */
  options?: () => TinyOptions;
  /** Whether it is there to read something of every batch, or of some. Default: no. */
  reads?: boolean;
  /** Whether it writes files. Default: no. */
  files?: boolean;
  /** Whether it listens at a port. Default: no. */
  serves?: boolean;
  /** Its view of the last run, without times: equal after equal runs. */
  shows?(callback: C, folder: string): unknown;
}

function row<C extends CallbackLike>(row: Row<C>): Row {
  return row as unknown as Row;
}

const classes = () => ({ kind: "classes" as const });

/** Every callback, by its name and its variant; a new callback is a new row. */
const TABLE: Record<string, Row> = {
  // Seeing the run
  "LiveFeed": { make: () => new LiveFeed(), reads: true },
  "LivePage": {
    make: () => new LivePage({ onOpen: () => {} }),
    reads: true,
    serves: true,
  },

  // Schedules
  "LearningRateSchedule": { make: () => new LearningRateSchedule(schedules.oneCycle(0.1)) },
  "LearningRateSchedule by epoch": {
    make: () => new LearningRateSchedule(schedules.cosine(0.1), { by: "epoch" }),
  },
  "ReduceOnPlateau": {
    make: () => new ReduceOnPlateau({ patience: 1, factor: 0.5, minDelta: 0.1 }),
  },
  "LearningRateFinder": row({
    reads: true,
    make: () => new LearningRateFinder({ steps: 10, from: 1e-5, to: 1e-3 }),
    ends: "cancelled",
    shows: ({ curve }) => curve,
  }),
  "LearningRateFinder with an optimizer of TensorFlow.js": row({
    reads: true,
    make: () => new LearningRateFinder({ steps: 10 }),
    options: () => ({ optimizer: tf.train.sgd(0.1) }),
    ends: "cancelled",
    shows: ({ curve }) => curve,
  }),

  // Stopping and limits
  "EarlyStopping": row({
    make: () => new EarlyStopping({ patience: 1, minDelta: 100, restoreBest: true }),
    ends: "cancelled",
    shows: ({ best, bestEpoch }) => [best, bestEpoch],
  }),
  "StopOnNaN": { make: () => new StopOnNaN(), reads: true },
  "MaxTime": { make: () => new MaxTime(1e6) },
  "MaxTime that is up": {
    make: () => new MaxTime(7e-3, { now: ticks() }),
    ends: "cancelled",
  },
  "MaxSteps": row({
    make: () => new MaxSteps(6),
    ends: "cancelled",
    shows: ({ steps }) => steps,
  }),
  "LimitBatches": { make: () => new LimitBatches({ train: 0.75, validation: 1, test: 5 }) },
  "OverfitOneBatch": { make: () => new OverfitOneBatch({ stepsPerEpoch: 2 }) },
  "SanityCheck": { make: () => new SanityCheck() },

  // Gradients and weights
  "GradientClip": { make: () => new GradientClip({ value: 1, norm: 0.1 }) },
  "GradientAccumulation": { make: () => new GradientAccumulation(3) },
  "Freeze": { make: () => new Freeze(/bias$/, { until: 2 }) },
  "GradualUnfreeze": { make: () => new GradualUnfreeze({ groups: [/bias$/], every: 2 }) },
  "WeightAverage (EMA)": { make: () => new WeightAverage() },
  "WeightAverage (SWA)": {
    make: () => new WeightAverage({ method: "swa", startEpoch: 1 }),
    options: () => ({
      layers: () => [
        tf.layers.dense({ units: 2, inputShape: [1] }),
        tf.layers.batchNormalization(),
        tf.layers.dense({ units: 1 }),
      ],
    }),
  },

  // Data and labels
  "MixUp": { make: () => new MixUp() },
  "CutMix": { make: () => new CutMix(), options: () => ({ kind: "images" }) },
  "TransformBatch": {
    make: () =>
      new TransformBatch(({ data }) => ({ data: tf.add(data, tf.randomNormal(data.shape)) })),
  },

  // Seeing
  "Metrics": row({
    make: () => new Metrics({ accuracy, f1: f1() }),
    options: classes,
    shows: ({ metricNames }) => metricNames,
  }),
  "ConfusionMatrix": row({
    make: () => new ConfusionMatrix({ phases: ["train", "validation", "test"] }),
    options: classes,
    shows: ({ counts }) => counts,
  }),
  "Recorder": row({
    reads: true,
    make: () => new Recorder({ samples: 4 }),
    shows: ({ history }) => timeless(history),
  }),
  "CsvLogger": row({
    make: (folder) => new CsvLogger(`${folder}/log/run.csv`),
    files: true,
    shows: ({ path }) =>
      Deno.readTextFileSync(path).split("\n").map((line) => line.replace(/,[^,]*$/, "")),
  }),
  "JsonLinesLogger": row({
    make: (folder) => new JsonLinesLogger(`${folder}/run.jsonl`),
    files: true,
    shows: ({ path }) =>
      Deno.readTextFileSync(path).trim().split("\n").map((line) => timeless(JSON.parse(line))),
  }),
  "TensorBoard": row({
    make: (folder) => new TensorBoard(`${folder}/board`),
    files: true,
    // A run that was cut short has written less.
    shows: ({ folder }) =>
      Math.max(
        ...Array.from(Deno.readDirSync(folder), ({ name }) =>
          Deno.statSync(`${folder}/${name}`).size),
      ),
  }),
  "ActivationStats": row({
    reads: true,
    make: () => new ActivationStats({ every: 2 }),
    shows: ({ records }) => records.map((record) => ({ ...record, layer: "" })),
  }),
  "GradientStats": row({
    reads: true,
    make: () => new GradientStats({ every: 3, layers: /kernel/ }),
    shows: ({ records }) => records.map((record) => ({ ...record, layer: "" })),
  }),
  "Throughput": row({
    make: () => new Throughput({ tokens: ({ labels }) => labels.size }),
    shows: ({ epochs }) =>
      epochs.map(({ epoch, examples, seconds }) => [
        ...[epoch, Math.round(examples * seconds)],
      ]),
  }),
  "Timer": row({
    make: () => new Timer(),
    shows: ({ phases, work }) => [
      Object.entries(phases).map(([phase, { examples }]) => [phase, examples]),
      work.filter(({ owner }) => /Learner|Timer/.test(owner))
        .map(({ owner, work, calls }) => [owner, work, calls].join()).sort(),
    ],
  }),
  "Trace": row({
    make: () => new Trace({ capacity: 200 }),
    shows: ({ records }) =>
      records.filter(({ callback }) => !callback)
        .map(({ work, epoch, batch, state }) => [work, epoch, batch, state].join()),
  }),
  "LeakGuard": row({
    make: () => {
      const leaks: Leak[] = [];
      return Object.assign(new LeakGuard({ onLeak: (leak) => leaks.push(leak) }), { leaks });
    },
    shows: ({ leaks }) => leaks,
  }),
  "Notify": row({
    make: () => {
      const told: { last?: Notice } = {};
      return Object.assign(new Notify((notice) => void (told.last = notice)), { told });
    },
    shows: ({ told }) => timeless(told.last),
  }),
  "ProgressBar": row({
    make: () => {
      const texts: string[] = [];
      const write = (text: string) => void texts.push(text);
      return Object.assign(new ProgressBar({ live: false, write }), { texts });
    },
    shows: ({ texts }) => texts.slice(texts.findLastIndex((text) => text.startsWith("epoch"))),
  }),
  "Checkpoint": row({
    make: (folder) => new Checkpoint(`${folder}/run`, { last: 1, signals: false }),
    files: true,
    shows: ({ folder }) =>
      Array.from(Deno.readDirSync(folder), ({ name }) => name).sort().at(-1)!.slice(9),
  }),
};

/** The comparable part of a notice: everything but times. */
function timeless(told: unknown): unknown {
  return JSON.parse(JSON.stringify(told, (key, value) => /^(time|seconds)$/.test(key) ? 0 : value));
}

/** A clock that advances by 1 ms each time that it is read. */
function ticks(): () => number {
  let now = 0;
  return () => now++;
}

/** Counts how often a tensor is read off the device, until asked. */
function countReads(): () => number {
  const engine = tf.engine() as unknown as Record<"read" | "readSync", (id: object) => unknown>;
  const names = ["read", "readSync"] as const;
  const original = names.map((name) => engine[name]);
  let count = 0;
  names.forEach((name, index) => {
    engine[name] = (id) => (count++, original[index].call(engine, id));
  });
  return () => {
    for (const name of names) delete (engine as Partial<typeof engine>)[name];
    return count;
  };
}

/** Everything about a learner that a callback must leave as it was. */
function settings({ learner, model }: TinyLearner): unknown[] {
  return [
    learner.learningRate,
    learner.optimizer,
    learner.model,
    learner.lossFunction,
    { ...learner.dataloaders },
    { ...learner.limits },
    [...learner.callbacks],
    model.trainableWeights.map(({ name }) => name),
  ];
}

interface Scenario {
  /** Further callbacks. */
  beside?: CallbackLike;
  epochs?: number;
  /** Further work with the learner before it is trained. */
  before?: (learner: Learner) => Promise<unknown>;
}

/** A callback, and where its files are. */
interface Subject {
  callback: CallbackLike;
  folder: string;
}

/** Runs a callback in a new learner; nothing may be left but numbers. */
async function run(
  row: Row,
  { callback, folder }: Subject,
  { beside, epochs = 3, before }: Scenario = {},
) {
  const { numTensors } = tf.memory();
  const subject = tinyLearner({
    callbacks: [callback, ...beside ? [beside] : []],
    ...row.options?.(),
  });
  const was = settings(subject);
  const outcome: { result?: TrainResult; error?: unknown } = {};
  try {
    await before?.(subject.learner);
    outcome.result = await subject.learner.train({ epochs });
  } catch (error) {
    outcome.error = error;
  }
  assertEquals(settings(subject), was, "the learner's settings have changed");
  const weights = numbersOf(subject.model);
  subject.dispose();
  assertEquals(tf.memory().numTensors, numTensors, "tensors are left");
  return { ...outcome, weights, shown: row.shows?.(callback, folder) };
}

const permits = async (name: "write" | "net") =>
  (await Deno.permissions.query({ name })).state === "granted";

/** Whether files can be written, and ports opened, here. */
const [writable, connected] = await Promise.all([permits("write"), permits("net")]);

/** Registers a test of a row, which may make as many callbacks as it likes. */
function testRow(
  [name, row]: [string, Row],
  law: string,
  test: (row: Row, make: () => Subject) => Promise<void>,
): void {
  const ignore = (row.files && !writable) || (row.serves && !connected);
  Deno.test(`${name}: ${law}`, { ignore }, async () => {
    const folders: string[] = [];
    await using closed = new AsyncDisposableStack();
    const make = () => {
      const folder = row.files ? Deno.makeTempDirSync() : "";
      if (row.files) folders.push(folder);
      const callback = row.make(folder);
      if (Symbol.asyncDispose in callback) closed.use(callback as AsyncDisposable);
      return { callback, folder };
    };
    try {
      await test(row, make);
    } finally {
      for (const folder of folders) Deno.removeSync(folder, { recursive: true });
    }
  });
}

for (const entry of Object.entries(TABLE)) {
  testRow(entry, "a normal run ends as it should", async (row, make) => {
    const { callback, folder } = make();
    const { result, error, weights } = await run(row, { callback, folder });
    const { ends = "completed", files = false } = row;
    assertEquals(error, undefined);
    assertEquals(result!.status, ends);
    assertEquals(ends === "cancelled", result!.reason !== undefined, "who stops a run says why");
    assert(weights.every(Number.isFinite));
    if (files) assertEquals(callback.writesFiles, true, "trial runs must leave it out");
  });

  for (const Cancel of [CancelBatch, CancelEpoch, CancelTrain]) {
    for (const hook of ["beforeBatch", "afterBackward", "beforeValidationBatch"] as const) {
      testRow(entry, `${Cancel.name} in ${hook} leaves nothing behind`, async (row, make) => {
        const used = make();
        const { error } = await run(row, used, {
          beside: {
            [hook]({ epoch, batchIndex }: { epoch: number; batchIndex: number }) {
              if (epoch === 1 && batchIndex === 1) throw new Cancel("a test");
            },
          },
        });
        assertEquals(error, undefined);
        assertEquals(await run(row, used), await run(row, make()), "the next run is another");
      });
    }
  }

  for (const hook of ["afterLoss", "beforeStep", "afterValidate"] as const) {
    testRow(entry, `an error in ${hook} of another leaves nothing behind`, async (row, make) => {
      const failure = new Error("of another");
      const used = make();
      let thrown = false;
      const { error } = await run(row, used, {
        beside: {
          [hook]({ epoch, batchIndex }: { epoch: number; batchIndex: number }) {
            if (epoch < 1 && batchIndex < 1 && hook !== "afterValidate") return;
            thrown = true;
            throw failure;
          },
        },
      });
      assertEquals(error, thrown ? failure : undefined);
      assertEquals(await run(row, used), await run(row, make()), "the next run is another");
    });
  }

  testRow(entry, "a second run starts over", async (row, make) => {
    const used = make();
    await run(row, used, { epochs: 2 });
    assertEquals(await run(row, used), await run(row, make()));
  });

  testRow(entry, "the same learner can train twice", async (row, make) => {
    const before = tf.memory().numTensors;
    const subject = tinyLearner({ callbacks: [make().callback], ...row.options?.() });
    const first = await subject.learner.train({ epochs: 3 });
    const second = await subject.learner.train({ epochs: 3 });
    assertEquals(second.status, first.status);
    subject.dispose();
    assertEquals(tf.memory().numTensors, before, "tensors are left");
  });

  testRow(entry, "a validation and a test alone change nothing", async (row, make) => {
    const passes = async (learner: Learner) => {
      await learner.validate();
      await learner.test();
    };
    assertEquals(await run(row, make(), { before: passes }), await run(row, make()));
  });

  if (!entry[1].reads) {
    testRow(entry, "no batch is read off the device", async (row, make) => {
      const reads: number[] = [];
      for (const limit of [2, 4]) {
        const { learner, dispose } = tinyLearner({
          callbacks: [make().callback],
          ...row.options?.(),
        });
        learner.limits = { train: limit };
        const count = countReads();
        try {
          await learner.train({ epochs: 1 });
        } finally {
          dispose();
          reads.push(count());
        }
      }
      assertEquals(reads[1], reads[0], "more batches, more reads");
    });
  }

  testRow(entry, "a pause changes nothing", async (row, make) => {
    let paused = 0;
    const interrupted = await run(row, make(), {
      beside: {
        priority: -1000,
        beforeBatch(learner) {
          if (learner.batchIndex !== 1) return;
          learner.pause();
          setTimeout(() => learner.resume(), 1);
          paused++;
        },
      },
    });
    assert(paused > 0);
    assertEquals(interrupted, await run(row, make()));
  });
}

/** The names of all callbacks that can be made. */
function callbackNames(): string[] {
  const { FileLogger, MixExamples } = callbacks;
  const bases: unknown[] = [EpochLogger, FileLogger, LayerStats, MixExamples, PassCallback];
  const exported = Object.entries<unknown>({ ...callbacks, ...live }).filter(([, value]) =>
    typeof value === "function" && value.prototype instanceof Callback && !bases.includes(value)
  );
  assert(exported.length > 25);
  return exported.map(([name]) => name);
}

Deno.test("every callback has a row", () => {
  const rows = Object.keys(TABLE).map((name) => name.split(" ")[0]);
  assertEquals(callbackNames().filter((name) => !rows.includes(name)), []);
});

Deno.test("every callback has a row in docs/callbacks.md", {
  ignore: (await Deno.permissions.query({ name: "read" })).state !== "granted",
}, async () => {
  const page = await Deno.readTextFile(new URL("../../docs/callbacks.md", import.meta.url));
  const rows = page.split("\n").map((line) => /^\| `(\w+)/.exec(line)?.[1]);
  assertEquals(callbackNames().filter((name) => !rows.includes(name)), []);
});
