import { assertEquals, assertLess } from "@std/assert";
import { selectBackend, tf } from "../../mod.ts";

const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";

type Layer = tf.layers.Layer;

/** Each layer, and the shape of one example. */
const table: [name: string, shape: number[], create: () => Layer | Layer[]][] = [
  ["dense", [7], () => tf.layers.dense({ units: 5, activation: "relu" })],
  ["dense elu", [7], () => tf.layers.dense({ units: 5, activation: "elu" })],
  ["dense without bias", [7], () => tf.layers.dense({ units: 5, useBias: false })],
  ["dense of sequences", [3, 7], () => tf.layers.dense({ units: 5, activation: "tanh" })],
  ["dense softmax", [7], () => tf.layers.dense({ units: 5, activation: "softmax" })],
  ["conv1d", [9, 3], () => tf.layers.conv1d({ filters: 4, kernelSize: 3, activation: "relu" })],
  [
    "conv1d dilated and causal",
    [13, 3],
    () => [
      tf.layers.conv1d({ filters: 4, kernelSize: 3, activation: "relu6", dilationRate: 2 }),
      tf.layers.conv1d({ filters: 5, kernelSize: 3, padding: "causal" as "same" }),
    ],
  ],
  ["conv2d", [7, 6, 3], () => tf.layers.conv2d({ filters: 4, kernelSize: 3, activation: "relu" })],
  [
    "conv2d same stride 2",
    [7, 6, 3],
    () => tf.layers.conv2d({ filters: 5, kernelSize: 3, strides: 2, padding: "same" }),
  ],
  [
    "conv2d dilated",
    [9, 9, 2],
    () => tf.layers.conv2d({ filters: 3, kernelSize: 3, dilationRate: 2 }),
  ],
  [
    "conv2d channels first",
    [3, 7, 6],
    () => tf.layers.conv2d({ filters: 4, kernelSize: 3, dataFormat: "channelsFirst" }),
  ],
  [
    "conv2dTranspose",
    [4, 5, 3],
    () => tf.layers.conv2dTranspose({ filters: 4, kernelSize: 3, strides: 2, padding: "same" }),
  ],
  [
    "conv3d",
    [4, 5, 4, 2],
    () => tf.layers.conv3d({ filters: 3, kernelSize: 2, activation: "relu" }),
  ],
  [
    "conv3dTranspose",
    [2, 3, 3, 2],
    () => tf.layers.conv3dTranspose({ filters: 3, kernelSize: 2, strides: 2 }),
  ],
  [
    "separableConv2d",
    [6, 6, 3],
    () => tf.layers.separableConv2d({ filters: 4, kernelSize: 3, depthMultiplier: 2 }),
  ],
  [
    "depthwiseConv2d",
    [6, 6, 4],
    () => tf.layers.depthwiseConv2d({ kernelSize: 3, padding: "same", activation: "relu" }),
  ],
  ["convLstm2d", [3, 5, 5, 2], () => tf.layers.convLstm2d({ filters: 3, kernelSize: 3 })],
  ["embedding", [5], () => tf.layers.embedding({ inputDim: 9, outputDim: 4 })],
  ["batchNormalization", [7], () => tf.layers.batchNormalization()],
  ["batchNormalization of images", [4, 4, 3], () => tf.layers.batchNormalization()],
  ["layerNormalization", [4, 7], () => tf.layers.layerNormalization()],
  ["dropout", [7], () => tf.layers.dropout({ rate: 0.5, seed: 3 })],
  ["spatialDropout1d", [5, 3], () => tf.layers.spatialDropout1d({ rate: 0.5, seed: 3 })],
  ["simpleRNN", [4, 3], () => tf.layers.simpleRNN({ units: 5 })],
  ["lstm", [4, 3], () => tf.layers.lstm({ units: 5, returnSequences: true })],
  ["gru", [4, 3], () => tf.layers.gru({ units: 5, recurrentInitializer: "glorotNormal" })],
  [
    "bidirectional",
    [4, 3],
    () =>
      tf.layers.bidirectional({
        layer: tf.layers.lstm({ units: 3 }) as never,
        mergeMode: "concat",
      }),
  ],
  [
    "timeDistributed",
    [4, 3],
    () => tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 2 }) }),
  ],
  ["averagePooling1d", [8, 3], () => tf.layers.averagePooling1d({ poolSize: 2 })],
  ["maxPooling1d", [8, 3], () => tf.layers.maxPooling1d({ poolSize: 3, strides: 2 })],
  ["averagePooling2d", [6, 6, 3], () => tf.layers.averagePooling2d({ poolSize: 2 })],
  ["maxPooling2d", [6, 6, 3], () => tf.layers.maxPooling2d({ poolSize: 3, strides: 2 })],
  ["averagePooling3d", [4, 4, 4, 2], () => tf.layers.averagePooling3d({ poolSize: 2 })],
  ["maxPooling3d", [4, 4, 4, 2], () => tf.layers.maxPooling3d({ poolSize: 2 })],
  ["globalAveragePooling1d", [5, 3], () => tf.layers.globalAveragePooling1d({})],
  ["globalAveragePooling2d", [5, 4, 3], () => tf.layers.globalAveragePooling2d({})],
  ["globalMaxPooling1d", [5, 3], () => tf.layers.globalMaxPooling1d({})],
  ["globalMaxPooling2d", [5, 4, 3], () => tf.layers.globalMaxPooling2d({})],
  ["upSampling2d", [3, 4, 2], () => tf.layers.upSampling2d({ size: [2, 2] })],
  ["zeroPadding2d", [3, 4, 2], () => tf.layers.zeroPadding2d({ padding: [[1, 2], [0, 1]] })],
  ["cropping2D", [5, 6, 2], () => tf.layers.cropping2D({ cropping: [[1, 1], [2, 0]] })],
  ["permute", [3, 4], () => tf.layers.permute({ dims: [2, 1] })],
  ["repeatVector", [4], () => tf.layers.repeatVector({ n: 3 })],
  ["prelu", [5], () => tf.layers.prelu({ alphaInitializer: "ones" })],
  ["leakyReLU", [5], () => tf.layers.leakyReLU()],
  ["elu", [5], () => tf.layers.elu()],
  ["softmax", [5], () => tf.layers.softmax()],
];

/** The layer between two dense layers, so that its input and its result have gradients. */
function build(name: string, shape: number[], create: () => Layer | Layer[]): tf.LayersModel {
  tf.util.assert(shape.every((n) => n > 0), () => name);
  const input = tf.input({ shape });
  const ids = name === "embedding";
  let at = input as tf.SymbolicTensor;
  if (!ids) at = tf.layers.dense({ units: shape.at(-1)! }).apply(at) as tf.SymbolicTensor;
  for (const layer of [create()].flat()) at = layer.apply(at) as tf.SymbolicTensor;
  if (at.shape.length > 2) at = tf.layers.flatten().apply(at) as tf.SymbolicTensor;
  return tf.model({
    inputs: input,
    outputs: tf.layers.dense({ units: 3 }).apply(at) as tf.SymbolicTensor,
  });
}

interface Outcome {
  loss: number;
  gradients: Float32Array[];
}

/** Sets fixed weights, and differentiates one loss by all of them. */
function differentiate(row: typeof table[number]): Outcome {
  const [name, shape] = row;
  const model = build(...row);
  const size = tf.util.sizeFromShape(shape);
  try {
    return tf.tidy(() => {
      model.setWeights(
        model.getWeights().map(({ shape, size }, i) =>
          tf.tensor(
            Array.from({ length: size }, (_, j) => Math.cos(i + j * 1.3) * 0.3 + 0.05),
            shape,
          )
        ),
      );
      const values = Array.from({ length: 4 * size }, (_, i) => Math.sin(i * i + 1));
      const x = name === "embedding"
        ? tf.tensor(values.map((value) => Math.floor((value + 1) * 4)), [4, ...shape])
        : tf.tensor(values, [4, ...shape]);
      const y = tf.tensor2d([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]);
      const weights = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
      const { value, grads } = tf.variableGrads(
        () =>
          tf.losses.softmaxCrossEntropy(y, model.apply(x, { training: true }) as tf.Tensor)
            .asScalar(),
        weights,
      );
      return {
        loss: value.dataSync()[0],
        gradients: weights.map(({ name }) => new Float32Array(grads[name].dataSync())),
      };
    });
  } finally {
    model.dispose();
  }
}

/** Why cpu is wrong. */
const cpuFails: Record<string, string> = {
  "upSampling2d": "its gradient reaches neighbours that were not taken",
  "conv2d dilated": "it refuses the gradient of a dilated convolution",
};

for (const row of table) {
  Deno.test(`wasm trains ${row[0]} as cpu does`, { ignore }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    const before = tf.memory().numTensors;
    const actual = differentiate(row);
    assertEquals(tf.memory().numTensors, before, "tensors are left");
    actual.gradients.forEach((gradient) => assertEquals(gradient.every(Number.isFinite), true));
    if (row[0] in cpuFails) return;
    await selectBackend({ prefer: "cpu", quiet: true });
    const expected = differentiate(row);
    assertLess(Math.abs(actual.loss - expected.loss), 1e-5 * Math.max(expected.loss, 1));
    actual.gradients.forEach((gradient, i) => {
      const scale = Math.max(...expected.gradients[i].map(Math.abs), 1e-2);
      const errors = gradient.map((slope, j) => Math.abs(slope - expected.gradients[i][j]) / scale);
      assertLess(
        Math.max(...errors),
        3e-5,
        `gradient ${i}: ${gradient} not ${expected.gradients[i]}`,
      );
    });
  });
}

const optimizers: Record<string, () => tf.Optimizer> = {
  sgd: () => tf.train.sgd(0.1),
  momentum: () => tf.train.momentum(0.1, 0.5),
  adam: () => tf.train.adam(0.1),
  adamax: () => tf.train.adamax(0.1),
  adagrad: () => tf.train.adagrad(0.5),
  adadelta: () => tf.train.adadelta(0.05),
  rmsprop: () => tf.train.rmsprop(0.05),
};

for (const [name, create] of Object.entries(optimizers)) {
  Deno.test(`wasm trains with tf.train.${name}`, { ignore }, async () => {
    await selectBackend({ prefer: "wasm", quiet: true });
    const w = tf.tidy(() => tf.variable(tf.zeros([5, 1])));
    const optimizer = create();
    const [first, last] = tf.tidy(() => {
      const x = tf.randomNormal([32, 5], 0, 1, "float32", 1);
      const y = x.matMul(tf.tensor2d([1, -2, 3, 0, 1], [5, 1]));
      const loss = () => x.matMul(w).sub(y).square().mean().asScalar();
      return [0, 60].map((steps) => {
        for (let i = 0; i < steps; i++) optimizer.minimize(loss);
        return loss().dataSync()[0];
      });
    });
    assertLess(last, first * 0.8);
    optimizer.dispose();
    w.dispose();
  });
}

Deno.test("a conv1d layer in training is one convolution with bias and activation, and two back", {
  ignore,
}, async () => {
  await selectBackend({ prefer: "wasm", quiet: true });
  const layer = tf.layers.conv1d({
    ...{ inputShape: [9, 3], filters: 4, kernelSize: 3, activation: "relu" },
  });
  const model = tf.sequential({ layers: [layer] });
  const x = tf.ones([2, 9, 3]);
  const before = tf.memory().numTensors;
  const { kernels } = await tf.profile(() => {
    const loss = (x: tf.Tensor) => (model.apply(x, { training: true }) as tf.Tensor).sum();
    return tf.tidy(() => void tf.valueAndGrad(loss)(x));
  });
  const names = kernels.map(({ name }) => name);
  assertEquals(names.filter((name) => /Conv|Bias|Relu|Add/.test(name)), [
    "TrainchartConv2D",
    "TrainchartActivationAndBiasGradient",
    "Conv2DBackpropInput",
  ]);
  assertEquals(tf.memory().numTensors, before, "tensors are left");
  x.dispose();
  model.dispose();
});
