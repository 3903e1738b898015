/**
 * What every callback must do, whatever it is for: one row of the table for each.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  type CallbackLike,
  CancelBatch,
  CancelEpoch,
  CancelTrain,
  CutMix,
  EarlyStopping,
  Freeze,
  GradientAccumulation,
  GradientClip,
  LearningRateFinder,
  LearningRateSchedule,
  LimitBatches,
  LiveFeed,
  MaxSteps,
  MaxTime,
  MixUp,
  OverfitOneBatch,
  ReduceOnPlateau,
  SanityCheck,
  schedules,
  StopOnNaN,
  tf,
  type TrainResult,
  TransformBatch,
  WeightAverage,
} from "../mod.ts";
import { numbersOf, type Tiny, tiny, type TinyOptions } from "./callbacks/tiny.ts";

interface Row {
  name: string;
  make: () => CallbackLike;
  /** How a run of 3 epochs of 4 batches ends. Default: it completes. */
  ends?: "completed" | "cancelled";
  /** What the run needs that the tiny learner has not. */
  options?: () => TinyOptions;
}

const TABLE: Row[] = [
  { name: "LiveFeed", make: () => new LiveFeed() },
  {
    name: "LearningRateSchedule",
    make: () => new LearningRateSchedule(schedules.oneCycle(0.1)),
  },
  {
    name: "LearningRateSchedule by epoch",
    make: () => new LearningRateSchedule(schedules.cosine(0.1), { by: "epoch" }),
  },
  {
    name: "ReduceOnPlateau",
    make: () => new ReduceOnPlateau({ patience: 1, factor: 0.5, minDelta: 0.1 }),
  },
  {
    name: "EarlyStopping",
    make: () => new EarlyStopping({ patience: 1, minDelta: 100, restoreBest: true }),
    ends: "cancelled",
  },
  { name: "StopOnNaN", make: () => new StopOnNaN() },
  { name: "MaxTime", make: () => new MaxTime(1e6) },
  {
    name: "MaxTime that is up",
    make: () => new MaxTime(7e-3, { now: ticks() }),
    ends: "cancelled",
  },
  { name: "MaxSteps", make: () => new MaxSteps(6), ends: "cancelled" },
  {
    name: "LimitBatches",
    make: () => new LimitBatches({ train: 0.75, validation: 1, test: 5 }),
  },
  { name: "OverfitOneBatch", make: () => new OverfitOneBatch({ stepsPerEpoch: 2 }) },
  { name: "SanityCheck", make: () => new SanityCheck() },
  { name: "GradientClip", make: () => new GradientClip({ value: 1, norm: 0.1 }) },
  { name: "GradientAccumulation", make: () => new GradientAccumulation(3) },
  { name: "Freeze", make: () => new Freeze(/bias$/, { until: 2 }) },
  { name: "WeightAverage (EMA)", make: () => new WeightAverage() },
  {
    name: "WeightAverage (SWA)",
    make: () => new WeightAverage({ method: "swa", startEpoch: 1 }),
    options: () => ({
      layers: () => [
        tf.layers.dense({ units: 2, inputShape: [1] }),
        tf.layers.batchNormalization(),
        tf.layers.dense({ units: 1 }),
      ],
    }),
  },
  { name: "MixUp", make: () => new MixUp() },
  {
    name: "CutMix",
    make: () => new CutMix(),
    options: () => ({ images: true }),
  },
  {
    name: "TransformBatch",
    make: () =>
      new TransformBatch(({ data }) => ({ data: tf.add(data, tf.randomNormal(data.shape)) })),
  },
  {
    name: "LearningRateFinder",
    make: () => new LearningRateFinder({ steps: 10, from: 1e-5, to: 1e-3 }),
    ends: "cancelled",
  },
  {
    name: "LearningRateFinder with an optimizer of TensorFlow.js",
    make: () => new LearningRateFinder({ steps: 10 }),
    options: () => ({ optimizer: tf.train.sgd(0.1) }),
    ends: "cancelled",
  },
];

/** A clock that goes on by 1 ms each time that somebody looks. */
function ticks(): () => number {
  let now = 0;
  return () => now++;
}

/** Everything about a learner that a callback must leave as it was. */
function settings({ learner, model }: Tiny): unknown[] {
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
  /** What else hangs on the hooks. */
  beside?: CallbackLike;
  epochs?: number;
}

/** Runs a callback in a new learner; nothing may be left but numbers. */
async function run(row: Row, callback: CallbackLike, { beside, epochs = 3 }: Scenario = {}) {
  const before = tf.memory().numTensors;
  const subject = tiny([callback, ...beside ? [beside] : []], row.options?.());
  const was = settings(subject);
  const outcome: { result?: TrainResult; error?: unknown } = {};
  try {
    outcome.result = await subject.learner.train({ epochs });
  } catch (error) {
    outcome.error = error;
  }
  assertEquals(settings(subject), was, "the learner's settings have changed");
  const weights = numbersOf(subject.model);
  subject.dispose();
  assertEquals(tf.memory().numTensors, before, "tensors are left");
  return { ...outcome, weights };
}

for (const row of TABLE) {
  const { name, make, ends = "completed" } = row;

  Deno.test(`${name}: a normal run ends as it should`, async () => {
    const { result, error, weights } = await run(row, make());
    assertEquals(error, undefined);
    assertEquals(result!.status, ends);
    assertEquals(ends === "cancelled", result!.reason !== undefined, "who stops a run says why");
    assert(weights.every(Number.isFinite));
  });

  for (const Cancel of [CancelBatch, CancelEpoch, CancelTrain]) {
    for (const hook of ["beforeBatch", "afterBackward", "beforeValidationBatch"] as const) {
      Deno.test(`${name}: ${Cancel.name} in ${hook} leaves nothing behind`, async () => {
        const { error } = await run(row, make(), {
          beside: {
            [hook]({ epoch, batchIndex }: { epoch: number; batchIndex: number }) {
              if (epoch === 1 && batchIndex === 1) throw new Cancel("a test");
            },
          },
        });
        assertEquals(error, undefined);
      });
    }
  }

  for (const hook of ["afterLoss", "beforeStep", "afterValidate"] as const) {
    Deno.test(`${name}: an error in ${hook} of another leaves nothing behind`, async () => {
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

  Deno.test(`${name}: a second run begins anew`, async () => {
    const used = make();
    await run(row, used, { epochs: 2 });
    assertEquals(await run(row, used), await run(row, make()));
  });

  Deno.test(`${name}: the same learner can train twice`, async () => {
    const before = tf.memory().numTensors;
    const subject = tiny([make()], row.options?.());
    const first = await subject.learner.train({ epochs: 3 });
    const second = await subject.learner.train({ epochs: 3 });
    assertEquals(second.status, first.status);
    subject.dispose();
    assertEquals(tf.memory().numTensors, before, "tensors are left");
  });

  Deno.test(`${name}: a pause changes nothing`, async () => {
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
