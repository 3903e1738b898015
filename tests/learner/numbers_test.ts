import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import {
  adam,
  type Callback,
  CancelBatch,
  DataLoader,
  Learner,
  meanSquaredError,
  sgd,
  TensorDataset,
  tf,
  withSeed,
} from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { batches, Line, loaders, tinyLearner } from "../fixtures/tiny_learner.ts";

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

testTensors("Learner.train() follows gradient descent as computed by hand", async () => {
  using model = new Line();
  const rate = 0.15, sizes = [3, 4, 1], epochs = 8;
  const losses: number[] = [];
  const { learner } = tinyLearner({
    model,
    optimizer: tf.train.sgd(rate),
    dataloaders: { train: () => batches(...sizes), validation: () => batches(5, 2) },
    callbacks: [{
      afterEpoch: ({ trainLoss }) => void losses.push(trainLoss),
      afterValidate: ({ validationLoss }) => void losses.push(validationLoss),
    }],
  });
  await learner.train({ epochs });
  learner.optimizer.dispose();

  // The loss of a batch is the mean of e = (w x + b - y) squared; its gradient (2 e x, 2 e).
  let w = 0, b = 0;
  const expected: number[] = [];
  const pass = (sizes: number[], train: boolean) => {
    let index = 0, total = 0, count = 0;
    for (const size of sizes) {
      const xs = Array.from({ length: size }, () => index++ / 4);
      const errors = xs.map((x) => w * x + b - (2 * x + 1));
      total += size * mean(errors.map((error) => error * error));
      count += size;
      if (!train) continue;
      w -= rate * mean(errors.map((error, at) => 2 * error * xs[at]));
      b -= rate * mean(errors.map((error) => 2 * error));
    }
    expected.push(total / count);
  };
  for (let epoch = 0; epoch < epochs; epoch++) {
    pass(sizes, true);
    pass([5, 2], false);
  }
  assertEquals(losses.length, expected.length);
  losses.forEach((loss, index) => assertAlmostEquals(loss, expected[index], 1e-5));
  assertAlmostEquals(model.weights[0], w, 1e-5);
  assertAlmostEquals(model.weights[1], b, 1e-5);
});

testTensors("Learner.train() weighs the loss of each batch by its size", async () => {
  using model = new Line();
  const { learner } = tinyLearner({
    model,
    optimizer: sgd(0),
    lossFunction: (predictions, labels) => predictions.mul(0).add(labels).mean(),
    dataloaders: {
      ...loaders({ train: [3, 1], validation: [1, 4], test: [2, 2, 1] }),
    },
  });
  const { trainLoss, validationLoss, testLoss } = await learner.train();
  // Labels are 1, 1.5, 2, 2.5, 3: their mean over examples, not over batches.
  assertAlmostEquals(trainLoss, mean([1, 1.5, 2, 2.5]), 1e-6);
  assertAlmostEquals(validationLoss, mean([1, 1.5, 2, 2.5, 3]), 1e-6);
  assertAlmostEquals(testLoss, 2, 1e-6);
});

testTensors("Learner.train() leaves a cancelled batch out of the mean loss", async () => {
  for (const hook of ["beforeBatch", "afterBackward", "afterStep"] as const) {
    using model = new Line();
    const { learner } = tinyLearner({
      model,
      optimizer: sgd(0),
      lossFunction: (predictions, labels) => predictions.mul(0).add(labels).mean(),
      dataloaders: loaders({ train: [1, 1, 1] }),
      callbacks: [{
        [hook]({ batchIndex }: Learner) {
          if (batchIndex === 0) throw new CancelBatch();
        },
      }],
    });
    assertAlmostEquals((await learner.train()).trainLoss, mean([1.5, 2]), 1e-6, hook);
  }
});

testTensors("Learner.lossSoFar() is the mean loss of the current pass", async () => {
  using model = new Line();
  const means: number[] = [];
  const { learner } = tinyLearner({
    model,
    optimizer: sgd(0),
    lossFunction: (predictions, labels) => predictions.mul(0).add(labels).mean(),
    dataloaders: { train: () => batches(1, 2) },
    callbacks: [{
      async beforeBatch(learner) {
        means.push(await learner.lossSoFar());
      },
    }],
  });
  assertEquals(await learner.lossSoFar(), NaN);
  await learner.train();
  assertEquals(means, [NaN, 1]);
});

/** Trains with shuffling, dropout and noise; gives all losses and weights. */
async function seeded(seed: number, wait = false): Promise<number[]> {
  const model = withSeed(seed, () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 6, inputShape: [1], activation: "tanh" }),
        tf.layers.gaussianNoise({ stddev: 0.1 }),
        tf.layers.dropout({ rate: 0.5 }),
        tf.layers.dense({ units: 1 }),
      ],
    }));
  using dataset = new TensorDataset({
    data: { values: Float32Array.from({ length: 10 }, (_, index) => index / 10), shape: [10, 1] },
    labels: { values: Float32Array.from({ length: 10 }, (_, index) => index), shape: [10, 1] },
  });
  const losses: number[] = [];
  const learner = new Learner({
    model,
    optimizer: adam(0.01),
    lossFunction: meanSquaredError,
    dataloaders: {
      train: new DataLoader({ dataset, batchSize: 4, shuffle: true }),
      validation: new DataLoader({ dataset, batchSize: 4 }),
    },
    seed,
    callbacks: [{
      async afterBatch({ loss }: Learner) {
        losses.push(loss.dataSync()[0]);
        Math.random();
        if (wait) await new Promise((resolve) => setTimeout(resolve, 0));
      },
    } as Partial<Callback>],
  });
  const { validationLoss } = await learner.train({ epochs: 3 });
  const weights = model.getWeights().flatMap((weight) => [...weight.dataSync()]);
  learner.optimizer.dispose();
  model.dispose();
  return [...losses, validationLoss, ...weights];
}

testTensors("Learner repeats losses and weights to the bit with the same seed", async () => {
  const once = await seeded(7);
  assertEquals(await seeded(7), once);
  assertEquals(await seeded(7, true), once, "whatever others draw and wait for meanwhile");
  assertNotEquals(await seeded(8), once);
});

testTensors(
  "Learner draws other numbers in each batch, epoch and phase of a seeded run",
  async () => {
    using model = new Line();
    const drawn: number[] = [];
    const train = () =>
      tinyLearner({
        model,
        seed: 1,
        dataloaders: loaders({ train: [1, 1], validation: [1, 1] }),
        callbacks: [{ afterPredict: () => void drawn.push(Math.random()) }],
      }).learner.train({ epochs: 2 });
    await train();
    assertEquals(drawn.length, 9);
    assertEquals(new Set(drawn).size, 9);
    const first = drawn.splice(0);
    await train();
    assertEquals(drawn, first);
  },
);

testTensors("Learner gives Math.random back after every step, also after a throw", async () => {
  using model = new Line();
  const { random } = Math;
  let inside = 0;
  const { learner } = tinyLearner({
    model,
    seed: 1,
    callbacks: [{
      afterLoss({ phase }) {
        if (Math.random !== random) inside++;
        if (phase === "test") throw new Error("in the middle");
      },
      afterBackward: () => assert(Math.random === random),
      afterValidationBatch: () => assert(Math.random === random),
      afterTestBatch: () => assert(Math.random === random),
    }],
  });
  await learner.train().catch(({ message }) => assertEquals(message, "in the middle"));
  assertEquals(inside, 4);
  assert(Math.random === random);
});

testTensors(
  "withSeed() repeats what it builds and gives Math.random back, also after a throw",
  () => {
    const { random } = Math;
    const draw = () => [Math.random(), tf.tidy(() => tf.randomNormal([1]).dataSync()[0])];
    assertEquals(withSeed(1, draw), withSeed(1, draw));
    assertNotEquals(withSeed(1, draw), withSeed(2, draw));
    assert(Math.random === random);
    const messages: string[] = [];
    for (
      const build of [
        () => {
          throw new Error("while building");
        },
        () => Promise.resolve(1),
      ]
    ) {
      try {
        withSeed(1, build);
      } catch (error) {
        messages.push((error as Error).message);
      }
      assert(Math.random === random);
    }
    assertEquals(messages, [
      "while building",
      "Cannot build with a seed as the function must be synchronous: it returned a promise",
    ]);
  },
);
