/**
 * The models that `deno task bench:models` trains, each a second time in `torch_models.py`. Names,
 * shapes and batch sizes are those of both files.
 *
 * @module
 */
import { binaryCrossEntropy, crossEntropy, meanSquaredError, tf } from "../../../mod.ts";
import {
  Attention,
  CrossAttention,
  Distance,
  GeluErf,
  GeluTanh,
  Positions,
  TiledDense,
} from "./layers.ts";

/** A model to measure. */
export interface ZooModel {
  /** Number of examples in a batch. */
  readonly batch: number;
  /** Makes the data of a batch. */
  data(batch: number): tf.Tensor | tf.Tensor[];
  /** Makes the labels of a batch. */
  labels(batch: number): tf.Tensor;
  /** Builds the model. */
  build(): tf.LayersModel;
  /** The loss. */
  // deno-lint-ignore no-explicit-any -- predictions of any kind
  loss(predictions: any, labels: any): tf.Tensor;
}

const L = tf.layers;
type Symbolic = tf.SymbolicTensor;

const integers = (shape: number[], below: number) =>
  tf.tidy(() => tf.randomUniform(shape, 0, below).floor().toInt());
const classes = (batch: number, count: number) =>
  tf.tensor1d(Array.from({ length: batch }, (_, index) => index % count), "int32");
const halves = (batch: number) =>
  tf.tensor2d(Array.from({ length: batch }, (_, index) => index % 2), [batch, 1]);

function sequential(layers: tf.layers.Layer[]): tf.LayersModel {
  return tf.sequential({ layers });
}

/** Applies layers one after another. */
function chain(input: Symbolic, ...layers: tf.layers.Layer[]): Symbolic {
  return layers.reduce((x, layer) => layer.apply(x) as Symbolic, input);
}

const normal = () => L.batchNormalization({ momentum: 0.9, epsilon: 1e-5 });
const layerNormal = () => L.layerNormalization({ epsilon: 1e-5 });
const add = (...parts: Symbolic[]) => L.add().apply(parts) as Symbolic;

function classifier(
  shape: number[],
  build: () => tf.LayersModel,
  batch = 64,
  count = 10,
): ZooModel {
  return {
    batch,
    data: (batch) => tf.randomNormal([batch, ...shape]),
    labels: (batch) => classes(batch, count),
    build,
    loss: crossEntropy,
  };
}

function mlp(): tf.LayersModel {
  return sequential([
    L.dense({ inputShape: [784], units: 256, activation: "relu" }),
    L.dense({ units: 128, activation: "relu" }),
    L.dense({ units: 10 }),
  ]);
}

function cnn(): tf.LayersModel {
  return sequential([
    L.conv2d({ inputShape: [28, 28, 1], filters: 32, kernelSize: 3, activation: "relu" }),
    L.maxPooling2d({ poolSize: 2 }),
    L.conv2d({ filters: 64, kernelSize: 3, activation: "relu" }),
    L.maxPooling2d({ poolSize: 2 }),
    L.flatten(),
    L.dense({ units: 128, activation: "relu" }),
    L.dense({ units: 10 }),
  ]);
}

/** Dense layers of 32, which measure how costs grow with their number. */
function deep(count: number): tf.LayersModel {
  return sequential([
    ...Array.from(
      { length: count },
      (_, index) =>
        L.dense({ units: 32, activation: "relu", inputShape: index === 0 ? [32] : undefined }),
    ),
    L.dense({ units: 10 }),
  ]);
}

function normalizedMlp(): tf.LayersModel {
  return sequential([
    ...[784, undefined, undefined].flatMap((inputs) => [
      L.dense({ units: 512, inputShape: inputs ? [inputs] : undefined }),
      normal(),
      L.reLU(),
      L.dropout({ rate: 0.2 }),
    ]),
    L.dense({ units: 10 }),
  ]);
}

/** Radford et al., 2019, in small: `[batch, 64]` characters to logits of the next ones. */
function gpt(
  gelu: () => tf.layers.Layer,
  project = (units: number): tf.layers.Layer => L.dense({ units }),
): tf.LayersModel {
  const positions = 64, width = 128, vocabulary = 96;
  const input = tf.input({ shape: [positions], dtype: "int32" });
  let x = chain(
    input,
    L.embedding({ inputDim: vocabulary, outputDim: width }),
    new Positions(positions, width),
  );
  for (let block = 0; block < 2; block++) {
    const attended = chain(
      x,
      layerNormal(),
      project(3 * width),
      new Attention(4, positions),
      project(width),
    );
    x = add(x, attended);
    x = add(x, chain(x, layerNormal(), project(4 * width), gelu(), project(width)));
  }
  return tf.model({ inputs: input, outputs: chain(x, layerNormal(), project(vocabulary)) });
}

function language(build: () => tf.LayersModel): ZooModel {
  return {
    batch: 16,
    data: (batch) => integers([batch, 64], 96),
    labels: (batch) => integers([batch, 64], 96),
    build,
    loss: crossEntropy,
  };
}

function resnet(): tf.LayersModel {
  const convolve = (filters: number, strides: number, kernelSize = 3) =>
    L.conv2d({ filters, kernelSize, strides, padding: "same", useBias: false });
  const input = tf.input({ shape: [32, 32, 3] });
  let x = chain(input, convolve(16, 1), normal(), L.reLU());
  for (const [filters, strides] of [[16, 1], [32, 2], [64, 2]]) {
    const y = chain(
      x,
      ...[convolve(filters, strides), normal(), L.reLU()],
      ...[convolve(filters, 1), normal()],
    );
    x = chain(add(strides === 1 ? x : chain(x, convolve(filters, strides, 1)), y), L.reLU());
  }
  const outputs = chain(x, L.globalAveragePooling2d({}), L.dense({ units: 10 }));
  return tf.model({ inputs: input, outputs });
}

function mobilenet(): tf.LayersModel {
  const relu6 = () => L.reLU({ maxValue: 6 });
  const input = tf.input({ shape: [64, 64, 3] });
  const first = L.conv2d({
    filters: 16,
    kernelSize: 3,
    strides: 2,
    padding: "same",
    useBias: false,
  });
  let x = chain(input, first, normal(), relu6());
  for (const [filters, strides] of [[32, 1], [64, 2], [64, 1], [128, 2], [128, 1]]) {
    x = chain(
      x,
      L.depthwiseConv2d({ kernelSize: 3, strides, padding: "same", useBias: false }),
      ...[normal(), relu6()],
      L.conv2d({ filters, kernelSize: 1, useBias: false }),
      ...[normal(), relu6()],
    );
  }
  const outputs = chain(x, L.globalAveragePooling2d({}), L.dense({ units: 10 }));
  return tf.model({ inputs: input, outputs });
}

function recurrent(layer: () => tf.layers.Layer): ZooModel {
  return {
    batch: 32,
    data: (batch) => integers([batch, 80], 5000),
    labels: halves,
    build: () =>
      sequential([
        L.embedding({ inputDim: 5000, outputDim: 64, inputLength: 80 }),
        layer(),
        L.dense({ units: 1 }),
      ]),
    loss: binaryCrossEntropy,
  };
}

const lstm = () => L.lstm({ units: 128, recurrentActivation: "sigmoid" });

const CATEGORIES = [100, 50, 20, 10, 7, 5];

/** Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016. */
function wideAndDeep(): tf.LayersModel {
  const inputs = CATEGORIES.map(() => tf.input({ shape: [1], dtype: "int32" }));
  const numbers = tf.input({ shape: [8] });
  const embedded = (outputDim: number) =>
    CATEGORIES.map((inputDim, index) =>
      chain(inputs[index], L.embedding({ inputDim, outputDim }), L.flatten())
    );
  const deep = chain(
    L.concatenate().apply([...embedded(8), numbers]) as Symbolic,
    L.dense({ units: 64, activation: "relu" }),
    L.dense({ units: 32, activation: "relu" }),
    L.dense({ units: 1 }),
  );
  const wide = chain(numbers, L.dense({ units: 1 }));
  return tf.model({ inputs: [...inputs, numbers], outputs: add(...embedded(1), wide, deep) });
}

const same = { kernelSize: 3, padding: "same" } as const;
const sameRelu = { ...same, activation: "relu" } as const;

function autoencoder(layers: () => tf.layers.Layer[]): ZooModel {
  return {
    batch: 64,
    data: (batch) => tf.randomUniform([batch, 28, 28, 1]),
    labels: (batch) => tf.randomUniform([batch, 28, 28, 1]),
    build: () => sequential(layers()),
    loss: meanSquaredError,
  };
}

/** Ronneberger et al., "U-Net", 2015, in small. */
function unet(): tf.LayersModel {
  const twice = (x: Symbolic, filters: number) =>
    chain(x, L.conv2d({ ...sameRelu, filters }), L.conv2d({ ...sameRelu, filters }));
  const join = (...parts: Symbolic[]) => L.concatenate().apply(parts) as Symbolic;
  const down = () => L.maxPooling2d({ poolSize: 2 });
  const up = (filters: number) => L.conv2dTranspose({ filters, kernelSize: 2, strides: 2 });
  const input = tf.input({ shape: [64, 64, 3] });
  const first = twice(input, 16);
  const second = twice(chain(first, down()), 32);
  const bottom = twice(chain(second, down()), 64);
  const third = twice(join(second, chain(bottom, up(32))), 32);
  const fourth = twice(join(first, chain(third, up(16))), 16);
  return tf.model({
    inputs: input,
    outputs: chain(fourth, L.conv2d({ filters: 1, kernelSize: 1 })),
  });
}

/** Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, in small. */
function vit(): tf.LayersModel {
  const width = 96;
  const input = tf.input({ shape: [32, 32, 3] });
  let x = chain(
    input,
    L.conv2d({ filters: width, kernelSize: 4, strides: 4 }),
    L.reshape({ targetShape: [64, width] }),
    new Positions(64, width),
  );
  for (let block = 0; block < 2; block++) {
    const attended = [layerNormal(), L.dense({ units: 3 * width }), new Attention(4)];
    x = add(x, chain(x, ...attended, L.dense({ units: width })));
    const widened = [layerNormal(), L.dense({ units: 2 * width }), new GeluErf({})];
    x = add(x, chain(x, ...widened, L.dense({ units: width })));
  }
  const outputs = chain(x, layerNormal(), L.globalAveragePooling1d({}), L.dense({ units: 10 }));
  return tf.model({ inputs: input, outputs });
}

/** Bai et al., "An Empirical Evaluation of Generic Convolutional and Recurrent Networks", 2018. */
function tcn(): tf.LayersModel {
  const input = tf.input({ shape: [128, 16] });
  let x = chain(input, L.conv1d({ filters: 32, kernelSize: 1 }));
  for (const dilationRate of [1, 2, 4, 8]) {
    const y = chain(x, L.conv1d({ ...sameRelu, filters: 32, dilationRate }));
    x = add(x, chain(y, L.conv1d({ ...sameRelu, filters: 32, dilationRate })));
  }
  const outputs = chain(x, L.globalAveragePooling1d({}), L.dense({ units: 10 }));
  return tf.model({ inputs: input, outputs });
}

/** Luong et al., "Effective Approaches to Attention-based Neural Machine Translation", 2015. */
function seq2seq(): tf.LayersModel {
  const states = () => L.lstm({ units: 64, recurrentActivation: "sigmoid", returnSequences: true });
  const embed = () => L.embedding({ inputDim: 200, outputDim: 64 });
  const [source, target] = [20, 20].map((length) => tf.input({ shape: [length], dtype: "int32" }));
  const encoder = chain(source, embed(), states());
  const decoder = chain(target, embed(), states());
  const context = new CrossAttention({}).apply([decoder, encoder]) as Symbolic;
  const joint = L.concatenate().apply([decoder, context]) as Symbolic;
  return tf.model({ inputs: [source, target], outputs: chain(joint, L.dense({ units: 200 })) });
}

/** Shi et al., "Convolutional LSTM Network", 2015. */
function convLstm(): tf.LayersModel {
  return sequential([
    L.convLstm2d({
      inputShape: [8, 16, 16, 1],
      filters: 8,
      kernelSize: 3,
      padding: "same",
      recurrentActivation: "sigmoid",
    }),
    L.conv2d({ ...same, filters: 1 }),
  ]);
}

/** Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", 2015, in small. */
function video(): tf.LayersModel {
  const pool = (poolSize: [number, number, number]) => L.maxPooling3d({ poolSize });
  return sequential([
    L.conv3d({ ...sameRelu, inputShape: [8, 32, 32, 3], filters: 16 }),
    pool([1, 2, 2]),
    L.conv3d({ ...sameRelu, filters: 32 }),
    pool([2, 2, 2]),
    L.conv3d({ ...sameRelu, filters: 64 }),
    pool([2, 2, 2]),
    L.flatten(),
    L.dense({ units: 64, activation: "relu" }),
    L.dense({ units: 10 }),
  ]);
}

/** Two images through one network: the distance of their embeddings. */
function siamese(): tf.LayersModel {
  const encoder = sequential([
    L.conv2d({ ...sameRelu, inputShape: [28, 28, 1], filters: 16, strides: 2 }),
    L.conv2d({ ...sameRelu, filters: 32, strides: 2 }),
    L.flatten(),
    L.dense({ units: 32 }),
  ]);
  const inputs = [0, 1].map(() => tf.input({ shape: [28, 28, 1] }));
  const embedded = inputs.map((input) => encoder.apply(input) as Symbolic);
  return tf.model({ inputs, outputs: new Distance({}).apply(embedded) as Symbolic });
}

/** All models by name. */
export const ZOO: Readonly<Record<string, ZooModel>> = {
  mlp: classifier([784], mlp),
  cnn: classifier([28, 28, 1], cnn),
  gpt: language(() => gpt(() => new GeluErf({}))),
  gpt_tanh: language(() => gpt(() => new GeluTanh({}))),
  gpt_tiled: language(() => gpt(() => new GeluTanh({}), (units) => new TiledDense(units))),
  mobilenet: classifier([64, 64, 3], mobilenet, 16),
  resnet: classifier([32, 32, 3], resnet, 32),
  lstm: recurrent(lstm),
  lstm_hard_sigmoid: recurrent(() => L.lstm({ units: 128 })),
  gru: recurrent(() => L.gru({ units: 128, recurrentActivation: "sigmoid" })),
  bidirectional_lstm: recurrent(() =>
    L.bidirectional({ layer: lstm() as InstanceType<typeof tf.RNN>, mergeMode: "concat" })
  ),
  mlp_batch_norm: classifier([784], normalizedMlp, 256),
  wide_and_deep: {
    batch: 32,
    data: (batch) => [
      ...CATEGORIES.map((count) => integers([batch, 1], count)),
      tf.randomNormal([batch, 8]),
    ],
    labels: halves,
    build: wideAndDeep,
    loss: binaryCrossEntropy,
  },
  autoencoder_transposed: autoencoder(() => [
    L.conv2d({ ...sameRelu, inputShape: [28, 28, 1], filters: 32, strides: 2 }),
    L.conv2d({ ...sameRelu, filters: 64, strides: 2 }),
    L.conv2dTranspose({ ...sameRelu, filters: 32, strides: 2 }),
    L.conv2dTranspose({ ...same, filters: 1, strides: 2 }),
  ]),
  autoencoder_upsampling: autoencoder(() => [
    L.conv2d({ ...sameRelu, inputShape: [28, 28, 1], filters: 16 }),
    L.maxPooling2d({ poolSize: 2 }),
    L.conv2d({ ...sameRelu, filters: 8 }),
    L.maxPooling2d({ poolSize: 2 }),
    L.conv2d({ ...sameRelu, filters: 8 }),
    L.upSampling2d({ size: [2, 2] }),
    L.conv2d({ ...sameRelu, filters: 16 }),
    L.upSampling2d({ size: [2, 2] }),
    L.conv2d({ ...same, filters: 1 }),
  ]),
  conv1d: classifier(
    [128, 9],
    () =>
      sequential([
        L.conv1d({ inputShape: [128, 9], filters: 64, kernelSize: 3, activation: "relu" }),
        L.conv1d({ filters: 64, kernelSize: 3, activation: "relu" }),
        L.dropout({ rate: 0.5 }),
        L.maxPooling1d({ poolSize: 2 }),
        L.flatten(),
        L.dense({ units: 100, activation: "relu" }),
        L.dense({ units: 6 }),
      ]),
    64,
    6,
  ),
  big_mlp: classifier([1024], () =>
    sequential([
      L.dense({ inputShape: [1024], units: 4096, activation: "relu" }),
      L.dense({ units: 4096, activation: "relu" }),
      L.dense({ units: 10 }),
    ]), 128),
  unet: {
    batch: 8,
    data: (batch) => tf.randomNormal([batch, 64, 64, 3]),
    labels: (batch) => tf.tidy(() => tf.randomUniform([batch, 64, 64, 1]).round()),
    build: unet,
    loss: binaryCrossEntropy,
  },
  vit: classifier([32, 32, 3], vit, 16),
  tcn: classifier([128, 16], tcn, 32),
  seq2seq: {
    batch: 32,
    data: (batch) => [integers([batch, 20], 200), integers([batch, 20], 200)],
    labels: (batch) => integers([batch, 20], 200),
    build: seq2seq,
    loss: crossEntropy,
  },
  conv_lstm: {
    batch: 8,
    data: (batch) => tf.randomUniform([batch, 8, 16, 16, 1]),
    labels: (batch) => tf.randomUniform([batch, 16, 16, 1]),
    build: convLstm,
    loss: meanSquaredError,
  },
  video: classifier([8, 32, 32, 3], video, 8),
  siamese: {
    batch: 32,
    data: (batch) => [0, 1].map(() => tf.randomUniform([batch, 28, 28, 1])),
    labels: halves,
    build: siamese,
    loss: meanSquaredError,
  },
  ...Object.fromEntries(
    [1, 2, 4, 8, 16, 32, 64, 128].map((
      layers,
    ) => [`deep_${layers}`, classifier([32], () => deep(layers), 16)]),
  ),
};

/** The models of the table: those that measure growth are asked for by name. */
export const TABLE: readonly string[] = Object.keys(ZOO).filter((name) => !/^deep_/.test(name));
