import { assert, assertLess } from "@std/assert";
import { binaryCrossEntropy, crossEntropy, huber, meanSquaredError, tf } from "../../mod.ts";
import { relativeError, testOnBackends } from "../fixtures/on_backends.ts";

type Layer = tf.layers.Layer;
const L = tf.layers;

/** The layers of a critic, and the shape of one example. */
const layers: [name: string, shape: number[], create: () => Layer[]][] = [
  ...["elu", "relu", "relu6", "selu", "sigmoid", "softmax", "softplus", "softsign", "tanh"]
    .concat("swish", "mish", "gelu", "gelu_new", "hardSigmoid", "linear")
    .map((activation): [string, number[], () => Layer[]] => [
      `dense ${activation}`,
      [4],
      () => [L.dense({ units: 3, activation: activation as "elu" })],
    ]),
  ["leakyReLU", [4], () => [L.dense({ units: 3 }), L.leakyReLU()]],
  ["prelu", [4], () => [L.dense({ units: 3 }), L.prelu({ alphaInitializer: "ones" })]],
  ["thresholdedReLU", [4], () => [L.dense({ units: 3 }), L.thresholdedReLU({ theta: 0.1 })]],
  ["conv1d", [6, 2], () => [L.conv1d({ filters: 3, kernelSize: 3, activation: "tanh" })]],
  ["causal conv1d", [6, 2], () => [
    L.conv1d({ filters: 3, kernelSize: 2, dilationRate: 2, padding: "causal" as "same" }),
  ]],
  ["conv2d", [5, 4, 2], () => [L.conv2d({ filters: 3, kernelSize: 3, activation: "relu" })]],
  ["dilated conv2d", [6, 6, 2], () => [
    L.conv2d({ filters: 2, kernelSize: 2, dilationRate: 2, activation: "tanh" }),
  ]],
  ["strided conv2d", [6, 6, 2], () => [
    L.conv2d({ filters: 2, kernelSize: 3, strides: 2, padding: "same", activation: "elu" }),
  ]],
  ["conv2dTranspose", [3, 3, 2], () => [
    L.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2, activation: "tanh" }),
  ]],
  ["conv3d", [3, 3, 3, 2], () => [L.conv3d({ filters: 2, kernelSize: 2, activation: "tanh" })]],
  ["separableConv2d", [4, 4, 2], () => [
    L.separableConv2d({ filters: 2, kernelSize: 2, activation: "tanh" }),
  ]],
  ["depthwiseConv2d", [5, 5, 2], () => [
    L.depthwiseConv2d({ kernelSize: 2, dilationRate: 2, activation: "tanh" }),
  ]],
  ["averagePooling2d", [4, 4, 2], () => [
    L.conv2d({ filters: 2, kernelSize: 2, activation: "tanh" }),
    L.averagePooling2d({ poolSize: 2, padding: "same" }),
  ]],
  ["maxPooling2d", [5, 5, 2], () => [
    L.conv2d({ filters: 2, kernelSize: 2, activation: "tanh" }),
    L.maxPooling2d({ poolSize: 2 }),
  ]],
  ["globalAveragePooling2d", [4, 4, 2], () => [
    L.conv2d({ filters: 2, kernelSize: 2, activation: "tanh" }),
    L.globalAveragePooling2d({}),
  ]],
  ["globalMaxPooling1d", [6, 2], () => [
    L.conv1d({ filters: 3, kernelSize: 2, activation: "tanh" }),
    L.globalMaxPooling1d({}),
  ]],
  ["upSampling2d", [3, 3, 2], () => [
    L.conv2d({ filters: 2, kernelSize: 2, activation: "tanh" }),
    L.upSampling2d({ size: [2, 2], interpolation: "bilinear" }),
  ]],
  ["zeroPadding2d and cropping2D", [3, 3, 2], () => [
    L.zeroPadding2d({ padding: [1, 2] }),
    L.conv2d({ filters: 2, kernelSize: 2, activation: "tanh" }),
    L.cropping2D({ cropping: [[1, 0], [0, 1]] }),
  ]],
  ["batchNormalization", [4], () => [
    L.dense({ units: 3, activation: "tanh" }),
    L.batchNormalization(),
  ]],
  ["batchNormalization of images", [3, 3, 2], () => [
    L.conv2d({ filters: 2, kernelSize: 2, activation: "tanh" }),
    L.batchNormalization({ axis: 1 }),
  ]],
  ["layerNormalization", [4], () => [
    L.dense({ units: 3, activation: "tanh" }),
    L.layerNormalization(),
  ]],
  [
    "dropout",
    [4],
    () => [L.dense({ units: 5, activation: "tanh" }), L.dropout({ rate: 0.4, seed: 3 })],
  ],
  ["simpleRNN", [3, 2], () => [L.simpleRNN({ units: 3 })]],
  ["lstm", [3, 2], () => [L.lstm({ units: 3, recurrentActivation: "sigmoid" })]],
  ["gru", [3, 2], () => [L.gru({ units: 3, recurrentActivation: "sigmoid" })]],
  ["bidirectional", [3, 2], () => [
    L.bidirectional({ layer: L.lstm({ units: 2, recurrentActivation: "sigmoid" }) as never }),
  ]],
  ["timeDistributed", [3, 2], () => [
    L.timeDistributed({ layer: L.dense({ units: 2, activation: "tanh" }) }),
  ]],
];

function build(shape: number[], create: () => Layer[]): tf.LayersModel {
  const input = tf.input({ shape });
  let at = input as tf.SymbolicTensor;
  for (const layer of create()) at = layer.apply(at) as tf.SymbolicTensor;
  if (at.shape.length > 2) at = L.flatten().apply(at) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: L.dense({ units: 2 }).apply(at) as tf.SymbolicTensor });
}

function wave(size: number, seed: number): number[] {
  return Array.from({ length: size }, (_, i) => Math.sin(i * i * 0.7 + i + seed) * 0.8);
}

/** The penalty of WGAN-GP: how far the critic's gradients are from length one. */
function penaltyOf(critic: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): tf.Scalar {
  const slopes = tf.grad(critic)(x);
  const length = slopes.reshape([x.shape[0], -1]).square().sum(1).add(1e-6).sqrt();
  return length.sub(1).square().mean();
}

/** Compares gradients by variables with central differences along a direction. */
function check(label: string, goal: () => tf.Scalar, variables: tf.Variable[]): void {
  const { grads } = tf.variableGrads(goal, variables);
  variables.forEach((variable, index) => {
    // An offset of the critic does not change its gradients: there is no connection.
    const slope = (grads[variable.name] ?? tf.zerosLike(variable)).dataSync();
    assert(slope.every(Number.isFinite), `${label}: gradient of ${variable.name} is ${slope}`);
    const direction = tf.tensor(wave(variable.size, index), variable.shape);
    const start = variable.clone();
    const at = (by: number) => {
      variable.assign(start.add(direction.mul(by)));
      const value = goal().dataSync()[0];
      variable.assign(start);
      return value;
    };
    let expected = 0, scale = 2e-2;
    direction.dataSync().forEach((d, i) => {
      expected += d * slope[i];
      scale += Math.abs(d * slope[i]);
    });
    const errors = [3e-3, 1e-2].map((step) =>
      Math.abs((at(step) - at(-step)) / (2 * step) - expected) / scale
    );
    assertLess(Math.min(...errors), 3e-2, `${label}: gradient of ${variable.name}`);
  });
}

for (const [name, shape, create] of layers) {
  testOnBackends(`a gradient penalty trains through ${name}`, () => {
    const model = build(shape, create);
    model.setWeights(
      model.getWeights().map(({ shape, size }, i) =>
        tf.tensor(wave(size, i).map((x) => name.includes("Norm") ? Math.abs(x) + 0.3 : x), shape)
      ),
    );
    const x = tf.tensor(wave(2 * tf.util.sizeFromShape(shape), 9), [2, ...shape]);
    const training = name === "dropout" || name.includes("Normalization");
    const statistics = model.getWeights().length;
    const critic = (x: tf.Tensor) =>
      (model.apply(x, { training }) as tf.Tensor).mul(tf.tensor2d([[1, -0.7], [0.4, 1.2]])).sum();
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    check(name, () => penaltyOf(critic, x), variables);
    tf.util.assert(statistics > 0, () => "weights are kept");
    model.dispose();
  });
}

const classes = () => tf.tensor1d([0, 2], "int32");
const targets = () => tf.tensor2d([[1, 0, 0], [0.2, 0.1, 0.7]]);

const losses: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  crossEntropy: (x) => crossEntropy(x, classes()),
  "crossEntropy, smoothed and weighted": (x) =>
    crossEntropy(x, classes(), { labelSmoothing: 0.1, classWeights: [1, 2, 0.5] }),
  "crossEntropy of probabilities": (x) => crossEntropy(x, targets()),
  binaryCrossEntropy: (x) => binaryCrossEntropy(x, targets(), { positiveWeight: 2 }),
  meanSquaredError: (x) => meanSquaredError(x, targets()),
  huber: (x) => huber(x, targets(), { delta: 0.3 }),
  "tf.losses.softmaxCrossEntropy": (x) => tf.losses.softmaxCrossEntropy(targets(), x),
  "tf.losses.sigmoidCrossEntropy": (x) => tf.losses.sigmoidCrossEntropy(targets(), x),
  "tf.losses.huberLoss": (x) => tf.losses.huberLoss(targets(), x),
  "tf.losses.cosineDistance": (x) => tf.losses.cosineDistance(targets(), x, 1),
  "tf.losses.logLoss": (x) => tf.losses.logLoss(targets(), x.sigmoid()),
};

for (const [name, loss] of Object.entries(losses)) {
  testOnBackends(`a gradient penalty trains through ${name}`, () => {
    const weight = tf.variable(tf.tensor2d(wave(12, 2), [4, 3]));
    const x = tf.tensor2d(wave(8, 5), [2, 4]);
    const critic = (x: tf.Tensor) => loss(x.matMul(weight as tf.Tensor2D).tanh()).sum();
    check(name, () => penaltyOf(critic, x), [weight]);
    weight.dispose();
  });
}

testOnBackends("a gradient of gradients of softmaxCrossEntropy does not need its call", () => {
  const x = tf.tensor2d([[0.3, -0.2]]), labels = tf.tensor2d([[1, 0]]);
  const slopes = tf.grad((x: tf.Tensor) => {
    const loss = tf.losses.softmaxCrossEntropy(labels, x);
    return tf.grads(() => loss)([x])[0].square().sum();
  })(x);
  // Of 2 (1 - p) ** 2, where p is the share of the first class.
  assert(relativeError(slopes, [-0.35489383, 0.35489383]) < 1e-5);
});

testOnBackends("a gradient of gradients that tfjs cannot follow is an error, not a number", () => {
  const x = tf.tensor2d([[0.3, -0.2]]);
  const cubes = tf.customGrad((x, save) => {
    const square = (x as tf.Tensor).square();
    (save as (tensors: tf.Tensor[]) => void)([square]);
    return {
      value: square.mul(x as tf.Tensor),
      gradFunc: (dy: tf.Tensor, [square]: tf.Tensor[]) => dy.mul(square.mul(3)),
    };
  });
  let message = "none";
  try {
    tf.grad((x: tf.Tensor) => {
      // Called outside of the inner gradient, which follows it nevertheless.
      const loss = cubes(x);
      return tf.grads(() => loss)([x])[0].square().sum();
    })(x);
  } catch (error) {
    message = (error as Error).message;
  }
  assert(message.includes("outside of the inner gradient"), message);
});
