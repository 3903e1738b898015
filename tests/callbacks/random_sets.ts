/**
 * Runs of random sets of callbacks, against laws that hold for all of them.
 *
 * @module
 */
import { assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import {
  type CallbackLike,
  CancelBatch,
  CancelEpoch,
  CancelTrain,
  Checkpoint,
  ProgressBar,
  type RunCheckpoint,
  tf,
} from "../../mod.ts";
import {
  ActivationStats,
  CsvLogger,
  CutMix,
  EarlyStopping,
  Freeze,
  GradientAccumulation,
  GradientClip,
  GradientStats,
  GradualUnfreeze,
  JsonLinesLogger,
  LeakGuard,
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
  Throughput,
  Timer,
  Trace,
  TransformBatch,
  WeightAverage,
} from "../../callbacks.ts";
import { keyedRandom } from "../../src/random/random_numbers.ts";
import { type AnyLearner, numbersOf, tinyLearner } from "../fixtures/tiny_learner.ts";

type Draw = <T>(choices: readonly T[]) => T;

/** The leaks that a LeakGuard of the table found. */
const leaks: string[] = [];

/** Every callback that serves no page, with settings drawn at random; files go to the folder. */
export const CALLBACKS: readonly ((draw: Draw, folder: string) => CallbackLike)[] = [
  () => new ActivationStats({ every: 2 }),
  (draw, folder) =>
    new Checkpoint(folder, {
      every: { batches: draw([1, 3]) },
      last: 1,
      signals: false,
      warn: () => {},
    }),
  (_, folder) => new CsvLogger(`${folder}.csv`),
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
  (_, folder) => new JsonLinesLogger(`${folder}.jsonl`),
  () => new LeakGuard({ onLeak: ({ message }) => void leaks.push(message) }),
  () => new LearningRateFinder({ steps: 10, from: 1e-5, to: 1e-3 }),
  (draw) =>
    new LearningRateSchedule(schedules.polynomial(0.1, 0.01), { by: draw(["batch", "epoch"]) }),
  (draw) => new LimitBatches({ train: draw([1, 2, 0.5]), validation: draw([1, 0.5]) }),
  (draw) => new MaxSteps(draw([1, 3, 5])),
  () => new MaxTime(1e6),
  () => new Metrics({ error: (predictions) => predictions.abs().mean() }),
  (draw) => new MixUp({ alpha: draw([0.4, 2]) }),
  (draw) => new OverfitOneBatch({ stepsPerEpoch: draw([1, 3]) }),
  () => new ProgressBar({ write: () => {} }),
  () => new Recorder({ samples: 4 }),
  () => new ReduceOnPlateau({ monitor: "train.loss", patience: 1, minDelta: 9 }),
  () => new SanityCheck(),
  () => new StopOnNaN(),
  () => new Throughput({ operations: 1 }),
  () => new Timer(),
  () => new Trace({ capacity: 100 }),
  () => new TransformBatch(({ data }, random) => ({ data: tf.mul(data, 1 + random()) })),
  (draw) => new WeightAverage({ method: draw(["ema", "swa"]), startEpoch: draw([0, 1]) }),
];

/** Two or three callbacks of the table, the same for a seed. */
export function drawCallbacks(seed: number, folder: string): CallbackLike[] {
  const random = keyedRandom(seed);
  const draw: Draw = (choices) => choices[Math.floor(random() * choices.length)];
  return Array.from(
    { length: draw([2, 3]) },
    (_, index) => draw(CALLBACKS)(draw, `${folder}/${index}`),
  );
}

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

/** The layers of the model: dense ones, or with all that behaves otherwise in training. */
const MODELS = [
  () => [tf.layers.flatten({ inputShape: [4, 4, 1] }), tf.layers.dense({ units: 1 })],
  () => [
    tf.layers.flatten({ inputShape: [4, 4, 1] }),
    tf.layers.dense({ units: 3 }),
    tf.layers.batchNormalization(),
    tf.layers.dropout({ rate: 0.2 }),
    tf.layers.dense({ units: 1 }),
  ],
];

/** Makes the same set of callbacks, of the same sizes, any number of times. */
export function planOf(seed: number) {
  const random = keyedRandom(seed);
  const draw: Draw = (choices) => choices[Math.floor(random() * choices.length)];
  const rows = Array.from(
    { length: draw([2, 3, 4]) },
    () => draw(CALLBACKS.map((_, index) => index)),
  );
  const plan = {
    sizes: { train: draw([1, 2, 3, 5]), ...draw([{}, { validation: 2 }]), test: 1 },
    epochs: draw([1, 2, 3]),
    disturbed: draw([false, true]),
    cutAt: draw([0, 1, 2, 3, 4]),
    layers: draw(MODELS),
    validationBatches: draw([undefined, undefined, 1, 2]),
    compile: draw([undefined, true]),
  };
  const settings = Math.floor(random() * 2 ** 32);
  const callbacks = (folder: string) => {
    const random = keyedRandom(settings);
    const draw: Draw = (choices) => choices[Math.floor(random() * choices.length)];
    const set = rows.map((row, index) => CALLBACKS[row](draw, `${folder}/${index}`));
    return plan.disturbed ? [...set, disturbance(draw)] : set;
  };
  return { ...plan, callbacks };
}

type Plan = ReturnType<typeof planOf>;

/** Notes every batch whose end it sees. */
class Observer {
  readonly name = "Observer";
  readonly priority: number;
  readonly batches: string[] = [];
  /** The loss of each training batch of the last epoch. */
  losses: number[] = [];

  constructor(priority: number) {
    this.priority = priority;
  }

  afterBatch({ epoch, batchIndex, loss }: AnyLearner): void {
    this.batches.push(`${epoch}.${batchIndex}`);
    if (batchIndex === 0) this.losses = [];
    if (loss) this.losses.push(loss.dataSync()[0]);
  }

  afterValidationBatch({ epoch, batchIndex, trainedBatches }: AnyLearner): void {
    this.batches.push(`validation after ${trainedBatches} (${epoch}).${batchIndex}`);
  }

  afterTestBatch({ batchIndex }: AnyLearner): void {
    this.batches.push(`test.${batchIndex}`);
  }
}

/** The result of a run, and the weights it leaves. */
interface Outcome {
  status: string;
  reason?: string;
  metrics: Readonly<Record<string, number>>;
  weights: unknown;
  /** The batches that the first and the last callback of each hook saw. */
  seen: string[][];
}

async function run(
  plan: Plan,
  { compile, from, beside = [], observers = [new Observer(-1e6), new Observer(2e6)] }: {
    compile?: boolean;
    from?: RunCheckpoint;
    beside?: CallbackLike[];
    observers?: Observer[];
  } = {},
): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  const subject = tinyLearner({
    kind: "images",
    layers: plan.layers,
    sizes: plan.sizes,
    compile,
    callbacks: [...plan.callbacks(folder), ...observers, ...beside],
  });
  try {
    const before = settingsOf(subject);
    const { epochs, validationBatches } = plan;
    const end = await subject.learner.train(from ? { from } : { epochs, validationBatches }).then(
      ({ status, reason, metrics }) => ({ status, reason, metrics }),
      (error: Error) => ({
        status: "failed",
        reason: error.message.replaceAll(folder, ""),
        metrics: {} as Record<string, number>,
      }),
    );
    assertEquals(settingsOf(subject), before, "the settings of the Learner have changed");
    const seen = observers.map(({ batches }) => batches);
    const { losses } = observers[1];
    // EarlyStopping reports the epoch whose weights it restored.
    const isOfLastEpoch = !subject.learner.callbacks.some((one) => one instanceof EarlyStopping);
    if (end.status === "completed" && !plan.disturbed && !from && isOfLastEpoch) {
      const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
      const { "train.loss": measured } = end.metrics;
      assertAlmostEquals(measured, mean, 1e-5 * (1 + mean), "the mean of the losses is another");
    }
    return { ...end, weights: numbersOf(subject.model), seen };
  } finally {
    subject.dispose();
    await Deno.remove(folder, { recursive: true });
  }
}

/** The errors of a disturbance, and of callbacks that cannot be used together or on the data. */
const EXPECTED = /a test|^Cannot (train|cancel)\b/;

/** Asserts that every observer saw the same batches, each once, and those of a pass in order. */
function assertSeenOnce([first, ...others]: string[][]): void {
  for (const other of others) assertEquals(other, first, "observers saw other batches");
  assertEquals([...new Set(first)], first, "a batch was seen twice");
  const passes = Map.groupBy(first, (batch) => batch.slice(0, batch.lastIndexOf(".")));
  for (const [pass, batches] of passes) {
    assertEquals(batches, batches.map((_, index) => `${pass}.${index}`), "a batch was left out");
  }
}

/** Runs the set of a seed; throws if a law does not hold. */
export async function runRandomSet(seed: number): Promise<void> {
  const plan = planOf(seed);
  const names = plan.callbacks("").map(({ name, constructor }) => name ?? constructor?.name).join(
    ", ",
  );
  try {
    const tensors = tf.memory().numTensors;
    const observers = [new Observer(-1e6), new Observer(2e6)];
    let from: RunCheckpoint | undefined;
    let seen: string[][] = [];
    let batches = 0;
    const cut: CallbackLike = {
      name: "Cut",
      priority: 1e6,
      async afterBatch(learner) {
        if (batches++ !== plan.cutAt || learner.failures.length > 0) return;
        seen = observers.map(({ batches }) => [...batches]);
        from = await learner.checkpoint().catch(() => undefined);
      },
    };
    const whole = await run(plan, { compile: plan.compile });
    if (whole.status === "failed") {
      assertMatch(whole.reason!, EXPECTED, `the run failed: ${whole.reason}`);
    }
    assertSeenOnce(whole.seen);
    assertEquals(tf.memory().numTensors, tensors, "tensors are left");
    assertEquals(
      await run(plan, { compile: false, beside: [cut], observers }),
      whole,
      "a checkpoint, or steps that are not compiled, change the run",
    );
    if (from) {
      const rest = await run(plan, { compile: plan.compile, from });
      rest.seen = rest.seen.map((batches, index) => [...seen[index], ...batches]);
      assertEquals(rest, whole, "the resumed run is another");
    }
    assertEquals(tf.memory().numTensors, tensors, "tensors are left");
    assertEquals(leaks.splice(0), [], "LeakGuard found leaks");
  } catch (error) {
    throw new Error(`seed ${seed}: ${names}: ${(error as Error).message}`, { cause: error });
  }
}
