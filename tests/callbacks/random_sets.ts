/**
 * Runs of random sets of callbacks, against laws that hold for all of them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  type CallbackLike,
  CancelBatch,
  CancelEpoch,
  CancelTrain,
  type RunCheckpoint,
  tf,
} from "../../mod.ts";
import {
  ActivationStats,
  CutMix,
  EarlyStopping,
  Freeze,
  GradientAccumulation,
  GradientClip,
  GradientStats,
  GradualUnfreeze,
  LearningRateFinder,
  LearningRateSchedule,
  LimitBatches,
  MaxSteps,
  MaxTime,
  Metrics,
  MixUp,
  OverfitOneBatch,
  Recorder,
  ReduceOnPlateau,
  SanityCheck,
  schedules,
  StopOnNaN,
  Timer,
  TransformBatch,
  WeightAverage,
} from "../../callbacks.ts";
import { keyedRandom } from "../../src/random/random_numbers.ts";
import { type AnyLearner, numbersOf, tinyLearner } from "../fixtures/tiny_learner.ts";

type Draw = <T>(choices: readonly T[]) => T;

/** Every callback that neither writes nor serves, with settings drawn at random. */
const TABLE: readonly ((draw: Draw) => CallbackLike)[] = [
  () => new ActivationStats({ every: 2 }),
  () => new CutMix(),
  (draw) =>
    new EarlyStopping({
      monitor: "train.loss",
      patience: draw([1, 2]),
      minDelta: draw([0, 9]),
      restoreBest: draw([false, true]),
    }),
  (draw) => new Freeze(/bias$/, draw([{}, { until: 1 }])),
  (draw) => new GradientAccumulation(draw([1, 2, 3])),
  (draw) => new GradientClip(draw([{ norm: 0.1 }, { value: 0.01 }])),
  () => new GradientStats({ every: 2 }),
  (draw) => new GradualUnfreeze({ groups: [/bias$/], every: draw([1, 2]) }),
  () => new LearningRateFinder({ steps: 10, from: 1e-5, to: 1e-3 }),
  (draw) =>
    new LearningRateSchedule(schedules.polynomial(0.1, 0.01), { by: draw(["batch", "epoch"]) }),
  (draw) => new LimitBatches({ train: draw([1, 2, 0.5]), validation: draw([1, 0.5]) }),
  (draw) => new MaxSteps(draw([1, 3, 5])),
  () => new MaxTime(1e6),
  () => new Metrics({ error: (predictions) => predictions.abs().mean() }),
  (draw) => new MixUp({ alpha: draw([0.4, 2]) }),
  (draw) => new OverfitOneBatch({ stepsPerEpoch: draw([1, 3]) }),
  () => new Recorder({ samples: 4 }),
  () => new ReduceOnPlateau({ monitor: "train.loss", patience: 1, minDelta: 9 }),
  () => new SanityCheck(),
  () => new StopOnNaN(),
  () => new Timer(),
  () => new TransformBatch(({ data }, random) => ({ data: tf.mul(data, 1 + random()) })),
  (draw) => new WeightAverage({ method: draw(["ema", "swa"]), startEpoch: draw([0, 1]) }),
];

const HOOKS = [
  ...["beforeTrain", "beforeEpoch", "beforeBatch", "afterPredict", "afterLoss", "afterBackward"],
  ...["beforeStep", "afterStep", "afterBatch", "afterEpoch", "beforeValidate"],
  ...["beforeValidationBatch", "afterValidationBatch", "afterValidate", "afterTrain"],
] as const;

/** Throws in one hook of one batch. */
function disturbance(draw: Draw): CallbackLike {
  const hook = draw(HOOKS);
  const Thrown = draw([CancelBatch, CancelEpoch, CancelTrain, Error]);
  const [epoch, batch] = [draw([0, 1]), draw([-1, 0, 1, 2])];
  return {
    name: `${Thrown.name} in ${hook} of epoch ${epoch}, batch ${batch}`,
    priority: draw([-150, 0, 250, 450]),
    [hook](learner: AnyLearner) {
      if (learner.epoch === epoch && learner.batchIndex === batch) throw new Thrown("a test");
    },
  };
}

/** The fields that a run must leave as they were. */
function settingsOf({ learner, model }: ReturnType<typeof tinyLearner>): unknown[] {
  const { learningRate, optimizer, dataloaders, limits, callbacks, batchesPerUpdate } = learner;
  return [
    ...[learningRate, optimizer, { ...dataloaders }, { ...limits }, [...callbacks]],
    batchesPerUpdate,
    model.trainableWeights.map(({ name }) => name),
    model.weights.map((weight) => (weight.read() as tf.Variable).trainable),
  ];
}

/** Makes the same set of callbacks, of the same sizes, any number of times. */
function planOf(seed: number) {
  const random = keyedRandom(seed);
  const draw: Draw = (choices) => choices[Math.floor(random() * choices.length)];
  const rows = Array.from({ length: draw([2, 3, 4]) }, () => draw(TABLE.map((_, index) => index)));
  const plan = {
    sizes: { train: draw([1, 2, 3, 5]), ...draw([{}, { validation: 2 }]), test: 1 },
    epochs: draw([1, 2, 3]),
    disturbed: draw([false, true]),
    cutAt: draw([0, 1, 2, 3, 4]),
  };
  const settings = Math.floor(random() * 2 ** 32);
  const callbacks = () => {
    const random = keyedRandom(settings);
    const draw: Draw = (choices) => choices[Math.floor(random() * choices.length)];
    const set = rows.map((row) => TABLE[row](draw));
    return plan.disturbed ? [...set, disturbance(draw)] : set;
  };
  return { ...plan, callbacks };
}

async function run(
  plan: ReturnType<typeof planOf>,
  { from, beside = [] }: { from?: RunCheckpoint; beside?: CallbackLike[] } = {},
) {
  const subject = tinyLearner({
    kind: "images",
    sizes: plan.sizes,
    callbacks: [...plan.callbacks(), ...beside],
  });
  try {
    const before = settingsOf(subject);
    const end = await subject.learner.train(from ? { from } : { epochs: plan.epochs }).then(
      ({ status, reason, metrics }) => ({ status, reason, metrics }),
      (error: Error) => ({ status: "failed", reason: error.message, metrics: {} }),
    );
    assertEquals(settingsOf(subject), before, "the settings of the Learner have changed");
    return { ...end, weights: numbersOf(subject.model) };
  } finally {
    subject.dispose();
  }
}

/** Runs the set of a seed; throws if a law does not hold. */
export async function runRandomSet(seed: number): Promise<void> {
  const plan = planOf(seed);
  const names = plan.callbacks().map(({ name, constructor }) => name ?? constructor?.name).join(
    ", ",
  );
  try {
    const tensors = tf.memory().numTensors;
    let from: RunCheckpoint | undefined;
    let batches = 0;
    const cut: CallbackLike = {
      name: "Cut",
      priority: 1e6,
      async afterBatch(learner) {
        if (batches++ !== plan.cutAt || learner.failures.length > 0) return;
        from = await learner.checkpoint().catch(() => undefined);
      },
    };
    const whole = await run(plan);
    assertEquals(tf.memory().numTensors, tensors, "tensors are left");
    assertEquals(await run(plan, { beside: [cut] }), whole, "a checkpoint changes the run");
    if (from) assertEquals(await run(plan, { from }), whole, "the resumed run is another");
    assertEquals(tf.memory().numTensors, tensors, "tensors are left");
  } catch (error) {
    throw new Error(`seed ${seed}: ${names}: ${(error as Error).message}`, { cause: error });
  }
}
