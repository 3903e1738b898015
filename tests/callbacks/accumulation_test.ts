/**
 * Laws of accumulated gradients: whatever the batches, the update is that of one large batch.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  adam,
  type CallbackLike,
  CancelBatch,
  crossEntropy,
  type LearnerOptions,
  meanSquaredError,
  type RunCheckpoint,
  sgd,
  tf,
  weighLoss,
} from "../../mod.ts";
import {
  GradientAccumulation,
  LearningRateFinder,
  type LearningRatePoint,
  LearningRateSchedule,
  MaxSteps,
  schedules,
  WeightAverage,
} from "../../callbacks.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { type AnyLearner, tinyLearner, weight } from "../fixtures/tiny_learner.ts";

type Batches = [data: number[], labels: number[]][];

interface Trained {
  weights: number[];
  updates: number;
}

/** Trains `x * w` with one row of weights on batches of numbers. */
async function trained(
  batches: Batches,
  callbacks: CallbackLike[],
  { classes = 1, ...options }: Partial<LearnerOptions> & { classes?: number; epochs?: number } = {},
): Promise<Trained> {
  const { epochs = 1, ...parts } = options;
  const w = weight([Array.from({ length: classes }, (_, index) => (index + 1) / 10)]);
  const optimizer = parts.optimizer as tf.Optimizer | undefined ?? sgd(0.01);
  const { learner } = tinyLearner({
    model: { apply: (x: tf.Tensor) => tf.matMul(x, w), trainableVariables: [w] },
    dataloaders: {
      *train() {
        for (const [x, y] of batches) {
          const labels = classes > 1 ? tf.tensor1d(y, "int32") : tf.tensor2d(y, [y.length, 1]);
          yield [tf.tensor2d(x, [x.length, 1]), labels];
        }
      },
    },
    ...parts,
    optimizer,
    callbacks,
  });
  await learner.train({ epochs });
  const weights = [...w.dataSync()];
  tf.dispose(w);
  const updates = optimizer.iterations ?? 0;
  optimizer.dispose();
  return { weights, updates };
}

function assertSameTraining(actual: Trained, expected: Trained, message?: string): void {
  actual.weights.forEach((value, index) =>
    assertAlmostEquals(value, expected.weights[index], 1e-6, message)
  );
  assertEquals(actual.updates, expected.updates, message);
}

const joined = (batches: Batches): [number[], number[]] => [
  batches.flatMap(([x]) => x),
  batches.flatMap(([, y]) => y),
];

const LABELLED: Batches = [
  [[1, 2, 3, 4], [0, 0, 2, 0]],
  [[5, 6], [1, -1]],
  [[7, 8, 9], [-1, -1, -1]],
  [[-1, -2], [2, 1]],
];

const LOSSES: Record<string, LearnerOptions["lossFunction"]> = {
  "labels to ignore": crossEntropy,
  "labels to ignore, and class weights": (predictions, labels) =>
    crossEntropy(predictions, labels, { classWeights: [1, 5, 0.25] }),
  "class weights and one-hot labels": (predictions, labels) =>
    crossEntropy(predictions, tf.oneHot(labels as tf.Tensor1D, 3), { classWeights: [1, 5, 0.25] }),
  "a weight of one's own": (predictions, labels) =>
    tf.tidy(() => {
      const counted = labels.greaterEqual(0).toFloat();
      const loss = predictions.square().sum(1).mul(counted).sum().div(counted.sum());
      return weighLoss(
        loss,
        () => tf.tidy(() => labels.greaterEqual(0).toFloat().sum<tf.Scalar>()),
      );
    }),
};

for (const [name, lossFunction] of Object.entries(LOSSES)) {
  testTensors(`GradientAccumulation equals the large batch with ${name}`, async () => {
    for (const make of [() => sgd(0.05), () => adam(0.05)]) {
      const options = () => ({ classes: 3, lossFunction, optimizer: make(), epochs: 3 });
      const parts = await trained(LABELLED, [new GradientAccumulation(4)], options());
      assertSameTraining(parts, await trained([joined(LABELLED)], [], options()));
      const windows = [joined(LABELLED.slice(0, 2)), joined(LABELLED.slice(2))];
      const two = await trained(LABELLED, [new GradientAccumulation(2)], options());
      assertSameTraining(two, await trained(windows, [], options()));
    }
  });
}

/** Cancels the batch in a hook if its data begin with -99. */
const cancelIn = (hook: string): CallbackLike => ({
  name: "Cancel",
  [hook]({ data }: AnyLearner) {
    if (data.dataSync()[0] === -99) throw new CancelBatch("a test");
  },
});
const one = (value: number): Batches[number] => [[value, value], [value, 1]];

for (const hook of ["beforeBatch", "afterPredict", "afterLoss", "afterBackward", "beforeStep"]) {
  for (
    const [name, order] of [["first", [-99, 1, 3, 4]], ["second", [1, -99, 3, 4]], ["third", [
      1,
      3,
      -99,
      4,
    ]]] as const
  ) {
    testTensors(
      `a ${name} batch that is cancelled in ${hook} does not enter the window`,
      async () => {
        const cancelled = await trained(
          order.map(one),
          [new GradientAccumulation(2), cancelIn(hook)],
        );
        const plain = await trained([1, 3, 4].map(one), [new GradientAccumulation(2)]);
        assertSameTraining(cancelled, plain);
      },
    );
  }
}

testTensors(
  "a batch that is cancelled after the update keeps the update, and ends the window",
  async () => {
    const cancelled = await trained([1, -99, 3, 4].map(one), [
      new GradientAccumulation(2),
      cancelIn("afterStep"),
    ]);
    const plain = await trained([1, -99, 3, 4].map(one), [new GradientAccumulation(2)]);
    assertSameTraining(cancelled, plain);
  },
);

for (const order of [[NaN, 1, 3, 4], [1, NaN, 3, 4], [1, 3, Infinity, 4], [1, 3, 4, NaN]]) {
  testTensors(`gradients that are not finite do not enter the window: ${order}`, async () => {
    const { weights } = await trained(order.map(one), [new GradientAccumulation(2)]);
    const good = order.map((value) => Number.isFinite(value) ? [one(value)] : []);
    const windows = [good.slice(0, 2).flat(), good.slice(2).flat()].map(joined);
    assertSameTraining({ weights, updates: 2 }, await trained(windows, []));
  });
}

testTensors("a window without a finite gradient changes nothing", async () => {
  const { weights } = await trained([NaN, NaN, 3, 4].map(one), [new GradientAccumulation(2)]);
  assertSameTraining({ weights, updates: 1 }, await trained([joined([3, 4].map(one))], []));
});

testTensors("two GradientAccumulation make windows of windows", async () => {
  const batches = [1, 2, 3, 4, 5, 6, 7].map(one);
  for (const sizes of [[2, 3], [3, 2]]) {
    const both = await trained(batches, sizes.map((size) => new GradientAccumulation(size)));
    assertSameTraining(both, await trained(batches, [new GradientAccumulation(6)]));
  }
});

testTensors(
  "schedules, MaxSteps and averages count the updates of accumulated gradients",
  async () => {
    for (const count of [8, 7, 6]) {
      const batches = Array.from({ length: count }, (_, index) => one(index / 4));
      const windows = Array.from(
        { length: Math.ceil(count / 3) },
        (_, index) => joined(batches.slice(3 * index, 3 * index + 3)),
      );
      const run = async (batches: Batches, accumulation: CallbackLike[]) => {
        const rates: number[] = [];
        const steps = new MaxSteps(5);
        const result = await trained(batches, [
          ...accumulation,
          new LearningRateSchedule(schedules.polynomial(0.1, 0), {
            batchesPerEpoch: batches.length,
          }),
          new WeightAverage({ decay: 0.5 }),
          steps,
          {
            priority: 900,
            afterStep: ({ gradients, learningRate }) =>
              void (Object.keys(gradients).length > 0 && rates.push(learningRate)),
          },
        ], { epochs: 2 });
        return { result, rates, steps: steps.steps };
      };
      const parts = await run(batches, [new GradientAccumulation(3)]);
      const large = await run(windows, []);
      assertEquals([parts.rates, parts.steps], [large.rates, large.steps], `${count} batches`);
      assertSameTraining(parts.result, large.result);
    }
  },
);

testTensors("LearningRateFinder counts updates, with the mean loss of their batches", async () => {
  const batches = Array.from({ length: 7 }, (_, index) => one(index / 4));
  const windows = [joined(batches.slice(0, 3)), joined(batches.slice(3, 6)), batches[6]];
  const curves: LearningRatePoint[][] = [];
  for (
    const [data, accumulation] of [[batches, [new GradientAccumulation(3)]], [windows, []]] as const
  ) {
    const finder = new LearningRateFinder({ from: 1e-5, to: 1e-2, steps: 20 });
    await trained(data as Batches, [...accumulation, finder]);
    curves.push(finder.curve);
  }
  assertEquals(curves[0].length, 20);
  curves[0].forEach(({ learningRate, smoothed }, index) => {
    assertEquals(learningRate, curves[1][index].learningRate);
    assertAlmostEquals(smoothed, curves[1][index].smoothed, 1e-5);
  });
});

testTensors("GradientAccumulation accumulates for each objective by itself", async () => {
  const run = async (accumulate: boolean) => {
    const [a, b] = [weight([[0.5]]), weight([[0.25]])];
    const optimizers = [sgd(0.01), adam(0.01)];
    const all = [1, 2, 3, 4].map(one);
    const batches = accumulate ? all : [joined(all.slice(0, 2)), joined(all.slice(2))];
    const objective = (variable: tf.Variable, optimizer: tf.Optimizer) => ({
      variables: [variable],
      optimizer,
      predict: ({ data }: AnyLearner) => tf.matMul(data, variable),
      loss: (predictions: tf.Tensor, labels: tf.Tensor) => meanSquaredError(predictions, labels),
    });
    const { learner } = tinyLearner({
      model: { apply: (x: tf.Tensor) => tf.matMul(x, a), trainableVariables: [a, b] },
      optimizer: undefined,
      lossFunction: undefined,
      objectives: { first: objective(a, optimizers[0]), second: objective(b, optimizers[1]) },
      dataloaders: {
        *train() {
          for (const [x, y] of batches) {
            yield [tf.tensor2d(x, [x.length, 1]), tf.tensor2d(y, [y.length, 1])];
          }
        },
      },
      callbacks: accumulate ? [new GradientAccumulation(2)] : [],
    });
    await learner.train({ epochs: 2 });
    const weights = [a.dataSync()[0], b.dataSync()[0]];
    const updates = optimizers.map(({ iterations }) => iterations);
    tf.dispose([a, b]);
    optimizers.forEach((optimizer) => optimizer.dispose());
    return { weights, updates };
  };
  const [parts, large] = [await run(true), await run(false)];
  assertEquals(parts.updates, [4, 4]);
  assertEquals(parts.updates, large.updates);
  parts.weights.forEach((value, index) => assertAlmostEquals(value, large.weights[index], 1e-6));
});

testTensors(
  "GradientAccumulation resumes from the middle of a window with ignored labels",
  async () => {
    const checkpoints: RunCheckpoint[] = [];
    const cut: CallbackLike = {
      name: "Cut",
      priority: 1e6,
      async afterBatch(learner) {
        checkpoints.push(await learner.checkpoint());
      },
    };
    const run = async (callbacks: CallbackLike[], from?: RunCheckpoint) => {
      const { learner, dispose } = tinyLearner({
        kind: "classes",
        lossFunction: (predictions, labels) =>
          crossEntropy(predictions, tf.tidy(() => labels.sub(labels.equal(2).toInt().mul(3)))),
        callbacks: [new GradientAccumulation(3), ...callbacks],
      });
      await learner.train(from ? { from } : { epochs: 2 });
      const weights = (learner.model as tf.LayersModel).getWeights().map((w) => [...w.dataSync()]);
      dispose();
      return weights;
    };
    const whole = await run([cut]);
    assert(checkpoints.length === 8);
    for (const from of checkpoints) assertEquals(await run([], from), whole);
  },
);
