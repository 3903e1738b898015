import { assert, assertEquals, assertMatch } from "@std/assert";
import { adam, Learner, meanSquaredError, type Model, sgd, tf } from "../../mod.ts";

const { layers } = tf;

function summaryOf(
  model: tf.LayersModel | Model<tf.Tensor, tf.Tensor>,
  optimizer: tf.Optimizer = adam(),
) {
  return new Learner({ model, optimizer, lossFunction: meanSquaredError }).summary();
}

Deno.test("Learner.summary() counts parameters, memory and operations", () => {
  const model = tf.sequential({
    layers: [
      layers.conv2d({ filters: 8, kernelSize: 3, inputShape: [28, 28, 1], name: "conv" }),
      layers.batchNormalization({ name: "norm" }),
      layers.maxPooling2d({ poolSize: 2, name: "pool" }),
      layers.depthwiseConv2d({ kernelSize: 3, useBias: false, name: "depth" }),
      layers.flatten({ name: "flat" }),
      layers.dense({ units: 10, name: "dense" }),
    ],
  });
  const { layers: rows, ...total } = summaryOf(model);
  assertEquals(
    rows.map(({ name, parameters, trainable, operations }) => [
      name,
      parameters,
      trainable,
      operations,
    ]),
    [
      ["conv", 80, 80, 26 * 26 * 8 * (2 * 9 + 1)],
      ["norm", 32, 16, 26 * 26 * 8 * 2],
      ["pool", 0, 0, 13 * 13 * 8 * 4],
      ["depth", 72, 72, 11 * 11 * 8 * 9 * 2],
      ["flat", 0, 0, 0],
      ["dense", 9690, 9690, 968 * 10 * 2 + 10],
    ],
  );
  assertEquals(rows[0].outputShape, [null, 26, 26, 8]);
  assertEquals([total.parameters, total.trainable], [9874, 9858]);
  assertEquals([total.weightBytes, total.optimizerBytes], [9874 * 4, 9858 * 8]);
  assertEquals(total.operations, rows.reduce((sum, { operations }) => sum + operations!, 0));
  model.dispose();
});

Deno.test("Learner.summary() counts layers that read sequences, and nested models", () => {
  const inner = tf.sequential({ layers: [layers.dense({ units: 2, inputShape: [5] })] });
  const model = tf.sequential({
    layers: [
      layers.embedding({ inputDim: 100, outputDim: 4, inputLength: 7 }),
      layers.gru({ units: 3, returnSequences: true }),
      layers.bidirectional({ layer: layers.lstm({ units: 3 }) as never, mergeMode: "concat" }),
      layers.dense({ units: 5 }),
      inner,
    ],
  });
  assertEquals(summaryOf(model).layers.map(({ operations }) => operations), [
    0,
    2 * 7 * (4 * 9 + 3 * 9),
    2 * 7 * 2 * (3 * 12 + 3 * 12),
    2 * 6 * 5 + 5,
    2 * 5 * 2 + 2,
  ]);
  model.dispose();
});

Deno.test("Learner.summary() is a readable table that tells what is frozen", () => {
  const model = tf.sequential({
    layers: [
      layers.dense({ units: 512, inputShape: [784], trainable: false, name: "frozen" }),
      layers.dense({ units: 10, name: "logits" }),
    ],
  });
  const summary = summaryOf(model, sgd(0.1, { momentum: 0.9 }));
  const text = String(summary);
  assertMatch(text, /^layer +type +output +parameters +trained +operations\n─+\n/);
  assertMatch(text, /frozen +Dense +\[·, 512\] +401,920 +0 +803,328/);
  assertMatch(text, /logits +Dense +\[·, 10\] +5,130 +all +10,250/);
  assertMatch(text, /memory +weights 1\.6 MiB, optimizer 20\.0 KiB/);
  assertEquals(JSON.parse(JSON.stringify(summary)).parameters, 407050);
  model.dispose();
});

Deno.test("Learner.summary() tells what it can of a model without layers", () => {
  const weight = tf.variable(tf.zeros([3, 2]), true, "weight");
  const model: Model<tf.Tensor, tf.Tensor> = {
    apply: (data) => tf.matMul(data, weight),
    trainableVariables: [weight],
  };
  const { layers: [row], parameters, operations } = summaryOf(model);
  assertEquals([row.name, row.type, row.operations], ["weight", "Variable", undefined]);
  assertEquals([parameters, operations], [6, 0]);
  weight.dispose();
});

Deno.test("Learner.summary() foretells the memory of every optimizer", () => {
  const optimizers: Record<string, tf.Optimizer> = {
    sgd: tf.train.sgd(0.1),
    momentum: tf.train.momentum(0.1, 0.9),
    adagrad: tf.train.adagrad(0.1),
    adadelta: tf.train.adadelta(),
    adam: tf.train.adam(),
    adamax: tf.train.adamax(),
    rmsprop: tf.train.rmsprop(0.1),
    centered: tf.train.rmsprop(0.1, 0.9, 0, 1e-7, true),
    ours: adam(),
  };
  for (const [name, optimizer] of Object.entries(optimizers)) {
    const model = tf.sequential({ layers: [layers.dense({ units: 100, inputShape: [100] })] });
    const { optimizerBytes } = summaryOf(model, optimizer);
    const before = tf.memory().numBytes;
    tf.tidy(() => {
      const { grads } = tf.variableGrads(() => {
        const output = model.apply(tf.ones([1, 100]), { training: true }) as tf.Tensor;
        return output.sum<tf.Scalar>();
      });
      optimizer.applyGradients(grads as never);
    });
    const measured = tf.memory().numBytes - before;
    assert(Math.abs(measured - optimizerBytes!) < 500, `${name}: ${measured}, ${optimizerBytes}`);
    optimizer.dispose();
    model.dispose();
  }
});
