import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { Learner, meanSquaredError, sgd, tf, withSeed } from "../../mod.ts";
import { testTensors } from "../fixtures/assert_no_tensors_left.ts";
import { batches, loaders, tinyLearner, weight } from "../fixtures/tiny_learner.ts";

testTensors("Learner.train() trains a sequential model, which calls itself unbuilt", async () => {
  const model = withSeed(
    1,
    () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
  );
  assertEquals(model.built, false);
  const { learner } = tinyLearner({ model });
  const { trainLoss } = await learner.train({ epochs: 50 });
  assert(trainLoss < 0.05, `${trainLoss}`);
  model.dispose();
});

testTensors(
  "Learner.train() trains a layer that is its own model and has no weights yet",
  async () => {
    const layer = tf.layers.dense({ units: 1, kernelInitializer: "zeros" });
    const { learner } = tinyLearner({ model: layer as unknown as tf.LayersModel });
    const { trainLoss } = await learner.train({ epochs: 50 });
    assert(trainLoss < 0.05, `${trainLoss}`);
    layer.dispose();
  },
);

testTensors("Learner.train() trains a functional model of two inputs and two outputs", async () => {
  const inputs = [tf.input({ shape: [1] }), tf.input({ shape: [1] })];
  const outputs = withSeed(
    2,
    () => inputs.map((input) => tf.layers.dense({ units: 1 }).apply(input) as tf.SymbolicTensor),
  );
  const model = tf.model({ inputs, outputs });
  const learner = new Learner<tf.Tensor[], tf.Tensor[], tf.Tensor[]>({
    model,
    optimizer: sgd(0.1),
    lossFunction: ([p, q], [a, b]) => meanSquaredError(p, a).add(meanSquaredError(q, b)),
    dataloaders: {
      *train() {
        for (const [x, y] of batches(2, 1)) yield { data: [x, x.neg()], labels: [y, y.neg()] };
      },
    },
  });
  const { trainLoss } = await learner.train({ epochs: 60 });
  assert(trainLoss < 0.1, `${trainLoss}`);
  const x = tf.tensor2d([[1]]);
  const both = await learner.predict([{ data: [x, x] }]);
  assertEquals(both.map(({ shape }) => shape), [[1, 1], [1, 1]]);
  tf.dispose([x, ...both]);
  model.dispose();
});

testTensors("Learner gives a tf.LayersModel the inputs that it names, of a record", async () => {
  const [price, size] = ["price", "size"].map((name) => tf.input({ shape: [1], name }));
  const apart = tf.layers.concatenate().apply([size, price]) as tf.SymbolicTensor;
  const model = tf.model({ inputs: [size, price], outputs: apart });
  const learner = new Learner<Record<string, tf.Tensor>>({
    model,
    optimizer: sgd(),
    lossFunction: meanSquaredError,
  });
  const data = { price: tf.tensor2d([[1]]), other: tf.tensor2d([[9]]), size: tf.tensor2d([[2]]) };
  const predicted = await learner.predict([{ data }]);
  assertEquals([...predicted.dataSync()], [2, 1]);
  await assertRejects(
    () => learner.predict([{ data: { size: data.size } }]),
    TypeError,
    "data must have its inputs size, price: current value is an object with the keys size",
  );
  tf.dispose([predicted, data]);
  model.dispose();
});

testTensors("Learner.train() trains a model of records", async () => {
  const slope = weight(0);
  interface Data {
    left: tf.Tensor;
    right: tf.Tensor;
  }
  const learner = new Learner<Data, { sum: tf.Tensor }, { sum: tf.Tensor }>({
    model: {
      apply: ({ left, right }: Data) => ({ sum: left.add(right).mul(slope) }),
      trainableVariables: [slope],
    },
    optimizer: sgd(0.025),
    lossFunction: (predictions, labels) => meanSquaredError(predictions.sum, labels.sum),
    dataloaders: {
      *train() {
        const x = tf.tensor1d([1, 2]);
        yield { data: { left: x, right: x.clone() }, labels: { sum: x.mul(4) } };
      },
    },
  });
  await learner.train({ epochs: 20 });
  assert(Math.abs(slope.dataSync()[0] - 2) < 1e-4);
  slope.dispose();
});

testTensors("Learner.train() trains a model that returns its own loss", async () => {
  const slope = weight(3);
  const learner = new Learner<tf.Tensor, tf.Tensor, tf.Tensor>({
    model: {
      apply: (data: tf.Tensor) => data.mul(slope).square().mean(),
      trainableVariables: [slope],
    },
    optimizer: sgd(0),
    lossFunction: (predictions) => predictions,
    dataloaders: { train: loaders({ train: [1, 1, 1] }).train },
  });
  // x is 0, 1/4 and 1/2, so 3x squared is 0, 9/16 and 36/16.
  assertEquals((await learner.train()).trainLoss, 45 / 16 / 3);
  slope.dispose();
});

testTensors("Learner adds what regularizers of layers say to every loss", async () => {
  const model = tf.sequential({
    layers: [tf.layers.dense({
      units: 1,
      inputShape: [1],
      useBias: false,
      kernelInitializer: "ones",
      kernelRegularizer: tf.regularizers.l2({ l2: 0.5 }),
    })],
  });
  const learner = new Learner({
    model,
    optimizer: sgd(0.25),
    lossFunction: (predictions) => predictions.mean(),
    dataloaders: loaders({ train: [1], validation: [1] }),
    callbacks: [{ afterLoss: (learner) => void (learner.loss = learner.loss.mul(0)) }],
  });
  const { trainLoss, validationLoss } = await learner.train();
  // The weight, 1, goes down by 0.25 * 2 * 0.5.
  assertEquals([trainLoss, validationLoss], [0.5, 0.5 * 0.75 ** 2]);
  assertEquals([...model.getWeights()[0].dataSync()], [0.75]);
  model.dispose();
});

testTensors("Learner keeps the constraints of layers after every step", async () => {
  for (const optimizer of [sgd(1), tf.train.sgd(1)]) {
    const kernel = { kernelInitializer: "ones", kernelConstraint: "nonNeg" } as const;
    const model = tf.sequential({
      layers: [tf.layers.dense({ units: 1, inputShape: [1], useBias: false, ...kernel })],
    });
    const weights: number[] = [];
    const learner = new Learner({
      model,
      optimizer,
      lossFunction: (predictions) => predictions.sum().mul(0.75),
      dataloaders: {
        *train() {
          yield [tf.ones([1, 1]), tf.ones([1, 1])];
        },
      },
      callbacks: [{ afterStep: () => void weights.push(model.getWeights()[0].dataSync()[0]) }],
    });
    await learner.train({ epochs: 3 });
    assertEquals(weights, [0.25, 0, 0]);
    model.dispose();
    optimizer.dispose();
  }
});

testTensors("Learner calls dropout in training mode only while it trains", async () => {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 8, inputShape: [1], kernelInitializer: "ones" }),
      tf.layers.dropout({ rate: 0.5 }),
    ],
  });
  const zeros: Record<string, boolean> = {};
  const learner = new Learner({
    model,
    optimizer: sgd(0),
    lossFunction: (predictions) => predictions.mean(),
    dataloaders: loaders({ train: [8], validation: [8], test: [8] }),
    seed: 1,
    callbacks: [{
      afterPredict({ phase, predictions }: Learner) {
        zeros[phase] = [...predictions.dataSync()].slice(8).includes(0);
      },
    }],
  });
  await learner.train();
  const x = tf.ones([8, 1]);
  (await learner.predict(x)).dispose();
  assertEquals(zeros, { train: true, validate: false, test: false, predict: false });
  x.dispose();
  model.dispose();
});

testTensors(
  "Learner moves the averages of a batch normalisation only while it trains",
  async () => {
    const model = tf.sequential({ layers: [tf.layers.batchNormalization({ inputShape: [1] })] });
    const averages = () => {
      const [, , mean, variance] = model.weights.map((weight) => weight.read().dataSync()[0]);
      return [mean, variance];
    };
    const { learner } = tinyLearner({
      model,
      optimizer: sgd(0),
      dataloaders: loaders({ train: [4] }),
    });
    const before = averages();
    await learner.validate();
    await learner.test();
    assertEquals(averages(), before);
    const { trainLoss, validationLoss } = await learner.train();
    assertNotEquals(averages(), before);
    assert(Number.isFinite(trainLoss) && Number.isFinite(validationLoss));
    model.dispose();
  },
);

testTensors(
  "Learner.train() leaves a frozen layer as it is, from the moment it is frozen",
  async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones", name: "first" }),
        tf.layers.dense({ units: 1, kernelInitializer: "ones" }),
      ],
    });
    const values = (layer: number) => [...model.layers[layer].getWeights()[0].dataSync()];
    const frozen: number[][] = [];
    const { learner } = tinyLearner({
      model,
      callbacks: [{
        beforeEpoch({ epoch }) {
          if (epoch !== 1) return;
          model.layers[0].trainable = false;
          frozen.push(values(0), values(1));
        },
      }],
    });
    await learner.train({ epochs: 2 });
    assertNotEquals(frozen[0], [1]);
    assertEquals(values(0), frozen[0]);
    assertNotEquals(values(1), frozen[1]);
    model.dispose();
  },
);

testTensors("Learner never disposes a weight, even one that a model returns", async () => {
  const prototype = weight([0]);
  const { learner } = tinyLearner({
    model: { apply: () => prototype, trainableVariables: [prototype] },
    lossFunction: (predictions, labels) => predictions.sub(labels).square().mean(),
  });
  await learner.train({ epochs: 2 });
  const predicted = await learner.predict(() => batches(1));
  predicted.dispose();
  assert(!prototype.isDisposed && prototype.dataSync()[0] > 0);
  prototype.dispose();
});
