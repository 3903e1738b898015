import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  adam,
  Learner,
  type LearnerOptions,
  meanSquaredError,
  type RunCheckpoint,
  sgd,
  tf,
  withSeed,
} from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";

const X = [[0, 1], [1, 0], [1, 1], [0.5, -1]];

/** A small model, with the layers of a head for a loss. */
function modelOf(units: number, activation: "linear" | "sigmoid" | "softmax" = "linear") {
  return withSeed(3, () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 3, inputShape: [2], activation: "tanh" }),
        tf.layers.dense({ units, activation }),
      ],
    }));
}

const HEADS: Record<string, [number, "linear" | "sigmoid" | "softmax", () => tf.Tensor]> = {
  meanSquaredError: [2, "linear", () => tf.tensor2d([[1, 2], [0, 1], [2, 2], [1, 0]])],
  meanAbsoluteError: [2, "linear", () => tf.tensor2d([[1, 2], [0, 1], [2, 2], [1, 0]])],
  categoricalCrossentropy: [2, "softmax", () => tf.tensor2d([[1, 0], [0, 1], [1, 0], [0, 1]])],
  sparseCategoricalCrossentropy: [2, "softmax", () => tf.tensor1d([0, 1, 0, 1])],
  binaryCrossentropy: [1, "sigmoid", () => tf.tensor2d([[0], [1], [0], [1]])],
  hinge: [1, "linear", () => tf.tensor2d([[-1], [1], [-1], [1]])],
  logcosh: [1, "linear", () => tf.tensor2d([[-1], [1], [-1], [1]])],
};

for (const [loss, [units, activation, labels]] of Object.entries(HEADS)) {
  testTensors(`a model compiled with ${loss} trains as model.fit does`, async () => {
    const [theirs, ours] = [modelOf(units, activation), modelOf(units, activation)];
    for (const model of [theirs, ours]) {
      model.compile({ optimizer: tf.train.sgd(0.1), loss, metrics: ["accuracy"] });
    }
    const [x, y] = [tf.tensor2d(X), labels()];
    const history = await theirs.fit(x, y, { epochs: 3, batchSize: 4, shuffle: false, verbose: 0 });
    const learner = new Learner({ model: ours, dataloaders: { train: [[x, y]] } });
    const { trainLoss, metrics } = await learner.train({ epochs: 3 });
    assertAlmostEquals(trainLoss, history.history.loss[2] as number, 1e-6);
    assertAlmostEquals(metrics["train.acc"], history.history.acc[2] as number, 1e-6);
    for (const [index, weight] of theirs.getWeights().entries()) {
      const [a, b] = [weight, ours.getWeights()[index]].map((tensor) => tensor.dataSync());
      a.forEach((value, at) => assertAlmostEquals(b[at], value, 1e-6));
    }
    for (const model of [theirs, ours]) {
      model.optimizer.dispose();
      model.dispose();
    }
    tf.dispose([x, y]);
  });
}

testTensors("a compiled model of two outputs adds their losses", async () => {
  const build = () =>
    withSeed(5, () => {
      const input = tf.input({ shape: [2] });
      const outputs = [1, 2].map((units) => tf.layers.dense({ units }).apply(input));
      return tf.model({ inputs: input, outputs: outputs as tf.SymbolicTensor[] });
    });
  const [theirs, ours] = [build(), build()];
  for (const model of [theirs, ours]) {
    model.compile({
      optimizer: tf.train.sgd(0.1),
      loss: ["meanSquaredError", "meanAbsoluteError"],
    });
  }
  const x = tf.tensor2d(X), y = [tf.ones([4, 1]), tf.zeros([4, 2])];
  const [loss] = await theirs.trainOnBatch(x, y) as number[];
  const options = { model: ours, dataloaders: { train: [[x, y]] } };
  const learner = new Learner(options as never);
  const result = await learner.train();
  assertAlmostEquals(result.trainLoss, loss, 1e-6);
  const names = Object.keys(result.metrics).sort();
  assert(names.length === 3 && names.every((name) => name.endsWith("loss")), names.join());
  for (const model of [theirs, ours]) {
    model.optimizer.dispose();
    model.dispose();
  }
  tf.dispose([x, y]);
});

testTensors(
  "a compiled model trains the weights that were trainable when it was compiled",
  async () => {
    const model = modelOf(1);
    const [hidden] = model.layers;
    hidden.trainable = false;
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    hidden.trainable = true;
    const before = hidden.getWeights()[0].dataSync().slice();
    const [x, y] = [tf.tensor2d(X), tf.ones([4, 1])];
    await new Learner({ model, dataloaders: { train: [[x, y]] } }).train();
    assertEquals([...hidden.getWeights()[0].dataSync()], [...before]);
    model.optimizer.dispose();
    model.dispose();
    tf.dispose([x, y]);
  },
);

testTensors("new Learner() takes names, and labels [batch] for an output [batch, 1]", async () => {
  const losses: number[] = [];
  for (const optimizer of ["adam", "Adam", adam(1e-3)]) {
    const model = modelOf(1, "sigmoid");
    const lossFunction = "binaryCrossentropy";
    const [x, y] = [tf.tensor2d(X), tf.tensor1d([0, 1, 0, 1])];
    const learner = new Learner({
      model,
      optimizer,
      lossFunction,
      dataloaders: { train: [[x, y]] },
    });
    losses.push((await learner.train({ epochs: 2 })).trainLoss);
    learner.optimizer.dispose();
    model.dispose();
    tf.dispose([x, y]);
  }
  assertEquals(new Set(losses).size, 1);
});

testTensors("a loss of TensorFlow.js takes class numbers of every dtype", async () => {
  const losses: number[] = [];
  for (const dtype of ["int32", "float32"] as const) {
    const model = modelOf(2, "softmax");
    const [x, y] = [tf.tensor2d(X), tf.tensor1d([0, 1, 0, 1], dtype)];
    const learner = new Learner({
      model,
      optimizer: "sgd",
      lossFunction: "sparseCategoricalCrossentropy",
      dataloaders: { train: [[x, y]] },
    });
    losses.push((await learner.train()).trainLoss);
    learner.optimizer.dispose();
    model.dispose();
    tf.dispose([x, y]);
  }
  assertEquals(losses[0], losses[1]);
});

Deno.test("new Learner() refuses names that do not exist, with the closest", () => {
  const model = modelOf(1);
  const refused = (options: Partial<LearnerOptions>, message: string) =>
    assertThrows(
      () => new Learner({ model, optimizer: sgd(), lossFunction: meanSquaredError, ...options }),
      TypeError,
      message,
    );
  refused({ optimizer: "adma" }, 'there is no "adma", did you mean "adam"?');
  refused({ lossFunction: "meanSquareError" }, 'did you mean "meanSquaredError"?');
  refused({ optimizer: { encoder: "adam" } }, "optimizer must be a tf.Optimizer");
  assertThrows(() => new Learner({ model }), TypeError, "optimizer must be a tf.Optimizer");
  model.dispose();
});

/** A model of two parts, each with its own optimizer. */
function partedOf(optimizer: LearnerOptions["optimizer"], callbacks: object[] = []) {
  const [encoder, decoder] = [modelOf(2), modelOf(1)];
  const learner = new Learner({
    model: {
      encoder,
      decoder,
      apply: (x: tf.Tensor) => decoder.apply(encoder.apply(x)) as tf.Tensor,
      get trainableVariables() {
        return [encoder, decoder].flatMap((model) =>
          model.trainableWeights.map((weight) => weight.read() as tf.Variable)
        );
      },
    } as never,
    optimizer,
    lossFunction: meanSquaredError,
    dataloaders: {
      *train() {
        for (let batch = 0; batch < 3; batch++) {
          yield [tf.tensor2d(X), tf.tensor2d([[1], [2], [3], [batch]])] as const;
        }
      },
    },
    callbacks: callbacks as never,
  });
  return {
    learner,
    weights: () =>
      [encoder, decoder].map((model) => model.getWeights().map((w) => [...w.dataSync()])),
    dispose: () => [encoder, decoder, learner.optimizer].forEach((part) => part.dispose()),
  };
}

testTensors("an optimizer for each part of a model updates that part alone", async () => {
  const still = partedOf({ encoder: sgd(0), decoder: sgd(0.1) });
  const before = still.weights();
  await still.learner.train();
  const after = still.weights();
  assertEquals(after[0], before[0]);
  assert(JSON.stringify(after[1]) !== JSON.stringify(before[1]));
  still.dispose();
  const parted = partedOf({ encoder: sgd(0.1), decoder: "sgd" });
  parted.learner.learningRate = 0.1;
  const whole = partedOf(sgd(0.1));
  await parted.learner.train();
  await whole.learner.train();
  assertEquals(parted.weights(), whole.weights());
  parted.dispose();
  whole.dispose();
});

testTensors("optimizers of parts resume bit for bit", async () => {
  let from: RunCheckpoint | undefined;
  const optimizers = () => ({ encoder: adam(0.1), decoder: tf.train.adagrad(0.1) });
  const whole = partedOf(optimizers(), [{
    async afterBatch(learner: Learner) {
      if (learner.batchIndex === 1) from = await learner.checkpoint();
    },
  }]);
  await whole.learner.train();
  const resumed = partedOf(optimizers());
  await resumed.learner.train({ from });
  assertEquals(resumed.weights(), whole.weights());
  whole.dispose();
  resumed.dispose();
});
