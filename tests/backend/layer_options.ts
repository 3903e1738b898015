import { tf } from "../../mod.ts";

/** A layer of `tf.layers`, how it is made, and the values of its options. */
export interface LayerOptions {
  /** Name of the factory in `tf.layers`. */
  name: string;
  /** The shape of one example, for each input. */
  shapes: number[][];
  /** Options that the layer needs. */
  needed: Record<string, unknown>;
  /** Values of each option, tried one by one. */
  options: Record<string, unknown[]>;
  /** The inputs are numbers of categories, below 9. */
  takesCategories?: boolean;
  /** Results are drawn at random, so that no difference can be taken. */
  isRandom?: boolean;
}

const ACTIVATIONS = [
  ...["elu", "hardSigmoid", "linear", "relu", "relu6", "selu", "sigmoid", "softmax", "softplus"],
  ...["softsign", "tanh", "swish", "mish", "gelu", "gelu_new"],
];

const INITIALIZERS = [
  ...["zeros", "ones", "randomUniform", "randomNormal", "truncatedNormal", "glorotNormal"],
  ...["glorotUniform", "heNormal", "heUniform", "leCunNormal", "leCunUniform", "varianceScaling"],
];

const CONSTRAINTS = ["maxNorm", "minMaxNorm", "nonNeg", "unitNorm"];

/** The options of a weight. */
function weight(name: string): Record<string, unknown[]> {
  return {
    [`${name}Initializer`]: INITIALIZERS,
    [`${name}Regularizer`]: ["l1l2", tf.regularizers.l2({ l2: 0.1 })],
    [`${name}Constraint`]: CONSTRAINTS,
  };
}

function convolution(rank: number): Record<string, unknown[]> {
  return {
    kernelSize: [1, 3, Array(rank).fill(2)],
    strides: [2, Array(rank).fill(1)],
    padding: ["same", "valid"],
    dataFormat: ["channelsLast", "channelsFirst"],
    dilationRate: [2, Array(rank).fill(2)],
    activation: ACTIVATIONS,
    useBias: [false],
    ...weight("bias"),
  };
}

const RECURRENT = {
  activation: ACTIVATIONS,
  recurrentActivation: ACTIVATIONS,
  useBias: [false],
  ...weight("kernel"),
  ...weight("recurrent"),
  ...weight("bias"),
  returnSequences: [true],
  returnState: [true],
  goBackwards: [true],
  implementation: [1, 2],
};

function layer(
  name: string,
  shape: number[] | number[][],
  needed: Record<string, unknown> = {},
  options: Record<string, unknown[]> = {},
  more: Partial<LayerOptions> = {},
): LayerOptions {
  const shapes = (Array.isArray(shape[0]) ? shape : [shape]) as number[][];
  return { name, shapes, needed, options, ...more };
}

const NORMALIZED = { center: [false], scale: [false] };
const POOLED = { padding: ["same", "valid"], dataFormat: ["channelsLast", "channelsFirst"] };

/** Every layer of `tf.layers` with every option; wrappers and cells have rows of their own. */
export const LAYER_OPTIONS: LayerOptions[] = [
  layer("elu", [5], {}, { alpha: [1] }),
  layer("reLU", [5], {}, { maxValue: [0.3] }),
  layer("leakyReLU", [5], {}, { alpha: [0.1] }),
  layer("prelu", [4, 5], {}, { sharedAxes: [1, [1], [1, 2]], ...weight("alpha") }),
  layer("softmax", [5], {}, { axis: [-1, 1] }),
  layer("softmax", [4, 5], {}, { axis: [-1, 1, 2, [1, 2]] }),
  layer("thresholdedReLU", [5], {}, { theta: [0.1] }),
  layer("conv1d", [8, 4], { filters: 4, kernelSize: 2 }, {
    ...convolution(1),
    ...weight("kernel"),
    padding: ["same", "valid", "causal"],
  }),
  layer("conv2d", [6, 6, 4], { filters: 4, kernelSize: 2 }, {
    ...convolution(2),
    ...weight("kernel"),
  }),
  layer("conv2dTranspose", [4, 4, 4], { filters: 4, kernelSize: 2 }, {
    ...convolution(2),
    ...weight("kernel"),
    dilationRate: [],
  }),
  layer("conv3d", [4, 4, 4, 4], { filters: 4, kernelSize: 2 }, {
    ...convolution(3),
    ...weight("kernel"),
  }),
  layer("conv3dTranspose", [3, 3, 3, 3], { filters: 3, kernelSize: 2 }, {
    ...convolution(3),
    ...weight("kernel"),
    dilationRate: [],
  }),
  layer("separableConv2d", [6, 6, 6], { filters: 4, kernelSize: 2 }, {
    ...convolution(2),
    ...weight("depthwise"),
    ...weight("pointwise"),
    depthMultiplier: [2],
  }),
  layer("depthwiseConv2d", [6, 6, 6], { kernelSize: 2 }, {
    ...convolution(2),
    ...weight("depthwise"),
    depthMultiplier: [2],
  }),
  layer("cropping2D", [6, 6, 2], { cropping: 1 }, {
    cropping: [[1, 2], [[1, 0], [2, 1]]],
    dataFormat: ["channelsLast"],
  }),
  layer("upSampling2d", [3, 4, 2], {}, {
    size: [[2, 3], 2],
    dataFormat: ["channelsLast", "channelsFirst"],
    interpolation: ["nearest", "bilinear"],
  }),
  layer("activation", [5], { activation: "relu" }, { activation: ACTIVATIONS }),
  layer("dense", [5], { units: 4 }, {
    activation: ACTIVATIONS,
    useBias: [false],
    ...weight("kernel"),
    ...weight("bias"),
  }),
  layer("dense", [3, 5], { units: 4 }, { activation: ACTIVATIONS }),
  layer("dropout", [4, 5], { rate: 0.5, seed: 3 }, { noiseShape: [[null, 1, 5]], rate: [0, 1] }),
  layer("spatialDropout1d", [4, 5], { rate: 0.5, seed: 3 }),
  layer("flatten", [4, 5], {}, { dataFormat: ["channelsLast", "channelsFirst"] }),
  layer("repeatVector", [5], { n: 3 }),
  layer("reshape", [6], { targetShape: [2, 3] }, { targetShape: [[3, -1], [-1, 2]] }),
  layer("permute", [3, 4, 2], { dims: [2, 1, 3] }, { dims: [[3, 1, 2]] }),
  layer("embedding", [5], { inputDim: 9, outputDim: 4 }, {
    inputLength: [5],
    maskZero: [true],
    ...weight("embeddings"),
  }, { takesCategories: true }),
  ...["add", "average", "multiply", "maximum", "minimum"].map((name) =>
    layer(name, [[3, 4], [3, 4]])
  ),
  layer("concatenate", [[3, 4], [3, 4]], {}, { axis: [1, 2, -1] }),
  layer("dot", [[3, 4], [3, 4]], { axes: 1 }, {
    axes: [2, -1, [1, 1], [2, 2]],
    normalize: [true],
  }),
  layer("dot", [[4], [4]], { axes: 1 }, { axes: [-1], normalize: [true] }),
  layer("batchNormalization", [5], {}, {
    ...NORMALIZED,
    axis: [1, -1],
    momentum: [0.5],
    epsilon: [0.1],
    ...weight("beta"),
    ...weight("gamma"),
    movingMeanInitializer: INITIALIZERS,
    movingVarianceInitializer: ["ones"],
    trainable: [false],
  }),
  layer("batchNormalization", [4, 5], {}, { ...NORMALIZED, axis: [1, 2, -1] }),
  layer("batchNormalization", [3, 4, 5], {}, { ...NORMALIZED, axis: [1, 2, 3, -1] }),
  layer("batchNormalization", [2, 3, 4, 5], {}, { ...NORMALIZED, axis: [1, 4, -1] }),
  layer("layerNormalization", [5], {}, {
    ...NORMALIZED,
    epsilon: [0.1],
    betaInitializer: INITIALIZERS,
    gammaInitializer: INITIALIZERS,
    betaRegularizer: ["l1l2"],
    gammaRegularizer: ["l1l2"],
  }),
  layer("layerNormalization", [4, 5], {}, { ...NORMALIZED, axis: [1, -1, [1, 2]] }),
  layer("layerNormalization", [3, 4, 5], {}, { ...NORMALIZED, axis: [1, 2, [2, 3], [1, 2, 3]] }),
  layer("zeroPadding2d", [3, 4, 2], {}, {
    padding: [2, [1, 2], [[1, 2], [0, 1]]],
    dataFormat: ["channelsLast", "channelsFirst"],
  }),
  ...["averagePooling1d", "maxPooling1d"].map((name) =>
    layer(name, [8, 3], {}, {
      poolSize: [3, [2]],
      strides: [1, [2]],
      padding: ["same", "valid"],
    })
  ),
  ...["averagePooling2d", "maxPooling2d"].map((name) =>
    layer(name, [6, 6, 3], {}, { poolSize: [3, [2, 3]], strides: [1, [2, 1]], ...POOLED })
  ),
  ...["averagePooling3d", "maxPooling3d"].map((name) =>
    layer(name, [4, 4, 4, 2], {}, { poolSize: [3, [2, 1, 2]], strides: [1, [2, 1, 2]], ...POOLED })
  ),
  ...["globalAveragePooling1d", "globalMaxPooling1d"].map((name) => layer(name, [5, 3])),
  ...["globalAveragePooling2d", "globalMaxPooling2d"].map((name) =>
    layer(name, [5, 4, 3], {}, { dataFormat: ["channelsLast", "channelsFirst"] })
  ),
  layer("simpleRNN", [4, 3], { units: 3 }, { ...RECURRENT, recurrentActivation: [] }),
  layer("gru", [4, 3], { units: 3 }, RECURRENT),
  layer("lstm", [4, 3], { units: 3 }, { ...RECURRENT, unitForgetBias: [true, false] }),
  ...["simpleRNN", "gru", "lstm"].map((name) =>
    layer(name, [4, 3], { units: 3 }, { dropout: [0.3], recurrentDropout: [0.3] }, {
      isRandom: true,
    })
  ),
  layer("convLstm2d", [3, 6, 6, 3], { filters: 3, kernelSize: 3 }, {
    activation: ACTIVATIONS,
    recurrentActivation: ACTIVATIONS,
    strides: [2],
    padding: ["same"],
    dataFormat: ["channelsLast", "channelsFirst"],
    dilationRate: [2],
    returnSequences: [true],
    goBackwards: [true],
    useBias: [false],
    unitForgetBias: [false],
    kernelRegularizer: ["l1l2"],
    recurrentRegularizer: ["l1l2"],
    biasRegularizer: ["l1l2"],
  }),
  layer("gaussianNoise", [5], { stddev: 0.1 }, {}, { isRandom: true }),
  layer("gaussianDropout", [5], { rate: 0.3 }, {}, { isRandom: true }),
  layer("alphaDropout", [4, 5], { rate: 0.3 }, { noiseShape: [[2, 1, 5]] }, { isRandom: true }),
  layer("masking", [4, 3], {}, { maskValue: [0, 1] }),
  layer("rescaling", [4], { scale: 2 }, { offset: [1] }),
  layer("centerCrop", [6, 6, 2], { height: 4, width: 4 }, { height: [3, 5, 6, 8], width: [5, 8] }),
  layer("resizing", [6, 6, 2], { height: 4, width: 5 }, {
    interpolation: ["nearest", "bilinear"],
    cropToAspectRatio: [true, false],
    height: [9],
  }),
  layer("categoryEncoding", [5], { numTokens: 9 }, { outputMode: ["multiHot", "count"] }, {
    takesCategories: true,
  }),
  layer("randomWidth", [6, 6, 2], { factor: 0.3, seed: 3 }, {
    interpolation: ["nearest", "bilinear"],
    factor: [[0.1, 0.2]],
  }, { isRandom: true }),
];

/** Factories of `tf.layers` that are no layers of one kind of input. */
export const NOT_SWEPT: Record<string, string> = {
  inputLayer: "it computes nothing",
  input: "it makes a symbolic tensor",
  Layer: "it is the base class",
  RNN: "it is the base class",
  RNNCell: "it is the base class",
  gruCell: "a cell is a part of a layer",
  lstmCell: "a cell is a part of a layer",
  simpleRNNCell: "a cell is a part of a layer",
  convLstm2dCell: "a cell is a part of a layer",
  rnn: "see the tests of wrappers",
  stackedRNNCells: "see the tests of wrappers",
  bidirectional: "see the tests of wrappers",
  timeDistributed: "see the tests of wrappers",
  ...Object.fromEntries(
    ["1d", "2d", "3d"].flatMap((rank) => [
      [`avgPool${rank}`, "another name of averagePooling"],
      [`avgPooling${rank}`, "another name of averagePooling"],
    ]),
  ),
  globalMaxPool1d: "another name of globalMaxPooling1d",
  globalMaxPool2d: "another name of globalMaxPooling2d",
  maxPool1d: "another name of maxPooling1d",
  maxPool2d: "another name of maxPooling2d",
};
