/**
 * Weights of examples, from the loader through loss, metrics, means and accumulation.
 *
 * @module
 */
import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import {
  accuracy,
  type AnyLearner,
  type CallbackLike,
  crossEntropy,
  Learner,
  type LearnerOptions,
  meanSquaredError,
  Metrics,
  type RunCheckpoint,
  sgd,
  type StatefulMetric,
  tf,
  withSeed,
} from "../../mod.ts";
import { f1, perplexity, precision, rocAuc, rSquared } from "../../metrics.ts";
import { GradientAccumulation } from "../../callbacks.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";

const X = [[0, 1], [1, 0], [1, 1], [2, 0], [0, 2], [1, 2]];
const Y = [0, 1, 2, 0, 1, 2];
const WEIGHTS = [2, 1, 0, 3, 1, 2];

/** Batches of examples, with weights or with as many copies. */
function batches(size: number, copies: boolean): () => Iterable<never> {
  const rows = X.flatMap((_, row) => copies ? Array<number>(WEIGHTS[row]).fill(row) : [row]);
  return function* () {
    for (let at = 0; at < rows.length; at += size) {
      const part = rows.slice(at, at + size);
      const batch = [
        tf.tensor2d(part.map((row) => X[row])),
        tf.tensor1d(part.map((row) => Y[row]), "int32"),
      ];
      const weights = () => tf.tensor1d(part.map((row) => WEIGHTS[row]));
      yield [...batch, ...copies ? [] : [weights()]] as never;
    }
  };
}

/** Trains a linear model; returns the result and the weights. */
async function train(
  train: () => Iterable<never>,
  callbacks: CallbackLike[] = [],
  options: Partial<LearnerOptions> = {},
  from?: RunCheckpoint,
) {
  const model = withSeed(
    1,
    () => tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [2] })] }),
  );
  const learner = new Learner({
    model,
    optimizer: sgd(0.5),
    lossFunction: crossEntropy,
    dataloaders: { train, validation: train },
    callbacks,
    seed: 1,
    ...options,
  });
  try {
    const { metrics } = await learner.train(from ? { from } : { epochs: 2 });
    return { metrics, weights: model.getWeights().flatMap((weight) => [...weight.dataSync()]) };
  } finally {
    model.dispose();
    learner.optimizer.dispose();
  }
}

function assertClose(
  actual: Awaited<ReturnType<typeof train>>,
  expected: Awaited<ReturnType<typeof train>>,
): void {
  actual.weights.forEach((weight, at) => assertAlmostEquals(weight, expected.weights[at], 1e-6));
  for (const [name, value] of Object.entries(expected.metrics)) {
    assertAlmostEquals(actual.metrics[name], value, 1e-5, name);
  }
}

const metrics = () =>
  new Metrics({
    accuracy,
    crossEntropy,
    ...{ f1: f1(), precision: precision({ average: "micro" }), perplexity: perplexity() },
    auc: rocAuc(),
  });

testOnBackends("weights of examples train and measure like copies of the examples", async () => {
  const whole = await train(batches(99, true), [metrics()]);
  assertClose(await train(batches(99, false), [metrics()]), whole);
});

testOnBackends("weighted means over several batches are those of all examples", async () => {
  const frozen = { optimizer: sgd(0) };
  const whole = await train(batches(99, true), [metrics()], frozen);
  for (const size of [1, 2, 4]) {
    assertClose(await train(batches(size, false), [metrics()], { optimizer: sgd(0) }), whole);
  }
});

testOnBackends("accumulated batches with weights are one large batch", async () => {
  const whole = await train(batches(99, true));
  for (const [size, window] of [[1, 6], [2, 3], [4, 2]]) {
    assertClose(
      await train(batches(size, false), [new GradientAccumulation(window)]),
      // The loss of the first epoch is that of the same weights.
      { ...whole, metrics: { "validation.loss": whole.metrics["validation.loss"] } },
    );
  }
});

testOnBackends("labels that are left out count in no mean", async () => {
  const loader = function* () {
    for (const labels of [[0, -1, -1], [1, 2, 0], [-1, -1, -1]]) {
      yield [tf.tensor2d(X.slice(0, 3)), tf.tensor1d(labels, "int32")] as never;
    }
  };
  const flat = function* () {
    const rows = [0, 0, 1, 2];
    yield [
      tf.tensor2d(rows.map((row) => X[row])),
      tf.tensor1d([0, 1, 2, 0], "int32"),
    ] as never;
  };
  const options = () => ({ optimizer: sgd(0) });
  const expected = await train(flat, [metrics()], options());
  assertClose(await train(loader, [metrics()], options()), expected);
});

testOnBackends("a checkpoint keeps the weights of the open batch and of the means", async () => {
  const loader = batches(2, false);
  const checkpoints: RunCheckpoint[] = [];
  const take = async (learner: AnyLearner) => void checkpoints.push(await learner.checkpoint());
  const cut: CallbackLike = { afterBatch: take, afterValidationBatch: take, afterEpoch: take };
  const whole = await train(loader, [cut, metrics()]);
  assertEquals(checkpoints.length, 2 * (3 + 3 + 1));
  for (const from of checkpoints) {
    assertEquals(await train(loader, [metrics()], {}, from), whole);
  }
});

testOnBackends("a loss or a metric that does not take weights is refused", async () => {
  const loader = batches(3, false);
  const lossFunction = (predictions: tf.Tensor) => predictions.square().mean();
  await assertRejects(
    () => train(loader, [], { lossFunction }),
    TypeError,
    "the loss function must take the weights of the examples",
  );
  const scalar = (predictions: tf.Tensor) => predictions.mean();
  await assertRejects(
    () => train(loader, [new Metrics({ scalar })]),
    TypeError,
    "Cannot measure scalar as a metric of a batch with weights must return a number for each",
  );
  const stateful: StatefulMetric = { reset() {}, update() {}, compute: () => 0 };
  await assertRejects(
    () => train(loader, [new Metrics({ stateful })]),
    TypeError,
    "Cannot measure stateful as a metric of a batch with weights must read them",
  );
});

testOnBackends("rSquared() and custom losses take weights", async () => {
  const [predictions, labels] = [tf.tensor1d([1, 2, 5]), tf.tensor1d([1, 3, 3])];
  const weighted = rSquared();
  weighted.update(predictions, labels, { size: 3, weights: tf.tensor1d([2, 1, 3]) });
  const copied = rSquared();
  const rows = tf.tensor1d([0, 0, 1, 2, 2, 2], "int32");
  copied.update(predictions.gather(rows), labels.gather(rows), { size: 6 });
  assertAlmostEquals(await weighted.compute(), await copied.compute(), 1e-6);
  weighted.reset();
  copied.reset();

  const loader = function* () {
    yield [tf.ones([2, 2]), tf.zeros([2, 3]), tf.tensor1d([1, 3])] as never;
  };
  const own = await train(loader, [], {
    lossFunction: (predictions, labels, { weights } = {}) =>
      weights ? meanSquaredError(predictions, labels, { weights }) : tf.scalar(0),
  });
  const theirs = await train(loader, [], { lossFunction: meanSquaredError });
  assertEquals(own, theirs);
});
