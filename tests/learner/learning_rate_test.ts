import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { adam, adamW, type Learner, rmsprop, sgd, tf } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { batches, Line, tinyLearner } from "../fixtures/tiny_learner.ts";

/** Each optimizer, with all that would make an update depend on the weights turned off. */
const optimizers: Record<string, (rate: number) => tf.Optimizer> = {
  "tf.train.sgd": (rate) => tf.train.sgd(rate),
  "tf.train.momentum": (rate) => tf.train.momentum(rate, 0.9),
  "tf.train.adagrad": (rate) => tf.train.adagrad(rate),
  "tf.train.adadelta": (rate) => tf.train.adadelta(rate),
  "tf.train.adam": (rate) => tf.train.adam(rate),
  "tf.train.adamax": (rate) => tf.train.adamax(rate),
  "tf.train.rmsprop": (rate) => tf.train.rmsprop(rate),
  "adam": (rate) => adam(rate),
  "adamW": (rate) => adamW(rate, { weightDecay: 0 }),
  "sgd": (rate) => sgd(rate, { momentum: 0.9 }),
  "rmsprop": (rate) => rmsprop(rate),
};

/** The weights after each batch, under a loss whose gradient is always the same. */
async function course(
  optimizer: tf.Optimizer,
  before: (learner: Learner) => void,
): Promise<number[]> {
  using model = new Line();
  const weights: number[] = [];
  const { learner } = tinyLearner({
    model,
    optimizer,
    lossFunction: (predictions) => predictions.mean(),
    dataloaders: { train: () => batches(3, 3) },
    callbacks: [{ beforeStep: before, afterStep: () => void weights.push(...model.weights) }],
  });
  // Both batches are alike: the gradient of the coefficient is 1 in each.
  learner.callbacks.push({
    beforeBatch: (learner: Learner) => void (learner.data = tf.ones([3, 1])),
  });
  await learner.train();
  optimizer.dispose();
  // TensorFlow.js forgets this one in the dispose() of its momentum.
  (optimizer as { c?: tf.Tensor }).c?.dispose();
  return weights;
}

for (const [name, make] of Object.entries(optimizers)) {
  testTensors(`Learner.learningRate changes the next update of ${name}`, async () => {
    const constant = await course(make(0.125), (learner) => {
      assertAlmostEquals(learner.learningRate, 0.125, 1e-9);
    });
    const fresh = await course(make(0.5), () => {});
    const set = await course(make(0.125), (learner) => {
      learner.learningRate = 0.5;
      assertEquals(learner.learningRate, 0.5);
    });
    assertEquals(set, fresh, "set before the first update: as if made with it");
    const changed = await course(make(0.125), (learner) => {
      if (learner.batchIndex === 1) learner.learningRate = 0.5;
    });
    assertEquals(changed.slice(0, 2), constant.slice(0, 2));
    for (const index of [0, 1]) {
      const step = (weights: number[]) => weights[2 + index] - weights[index];
      assert(step(constant) !== 0);
      assertAlmostEquals(step(changed) / step(constant), 4, 1e-3);
    }
  });
}

testTensors(
  "Learner.train() sets the learning rate that it is given, for this and later runs",
  async () => {
    using model = new Line();
    const rates: number[] = [];
    const { learner } = tinyLearner({
      model,
      optimizer: sgd(0.5),
      callbacks: [{ beforeTrain: ({ learningRate }) => void rates.push(learningRate) }],
    });
    await learner.train();
    await learner.train({ learningRate: 0.25 });
    await learner.train();
    await learner.train({ learningRate: 0 });
    assertEquals(rates, [0.5, 0.25, 0.25, 0]);
  },
);

testTensors("Learner.learningRate and train() refuse an optimizer that has none", async () => {
  using model = new Line();
  class Without extends tf.Optimizer {
    static readonly className = "Without";
    applyGradients() {}
    getConfig() {
      return {};
    }
  }
  const { learner } = tinyLearner({ model, optimizer: new Without() as tf.Optimizer });
  assertThrows(() => learner.learningRate, TypeError, "Without has no learningRate");
  assertThrows(() => learner.learningRate = 1, TypeError, "Without has no learningRate");
  let message = "";
  await learner.train({ epochs: 3, learningRate: 1 }).catch((error) => message = error.message);
  assertEquals(
    message,
    "Cannot read the learning rate: Without has no learningRate",
  );
  assertEquals(learner.epochs, 0);
  assertEquals((await learner.train()).status, "completed");
});
