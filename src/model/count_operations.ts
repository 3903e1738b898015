import type { tf } from "../deps/tfjs.ts";

/** The members of layers that are read, beyond their public type. */
interface CountedLayer extends tf.layers.Layer {
  readonly poolSize?: number | number[];
  readonly layers?: tf.layers.Layer[];
  /** The layer that a wrapper applies. */
  readonly layer?: tf.layers.Layer;
}

type Shape = readonly (number | null)[];

/** The shapes that a layer takes and returns. */
interface Shapes {
  readonly inputs: readonly Shape[];
  readonly output: Shape;
}

type Count = (layer: CountedLayer, shapes: Shapes) => number;

/** Layers of `tf.layers` that compute nothing, but move, choose or remember. */
const FREE = new Set([
  "InputLayer",
  "Flatten",
  "Reshape",
  "Permute",
  "RepeatVector",
  "Dropout",
  "SpatialDropout1D",
  "GaussianNoise",
  "GaussianDropout",
  "AlphaDropout",
  "Embedding",
  "Concatenate",
  "ZeroPadding2D",
  "Cropping2D",
  "UpSampling2D",
  "Masking",
]);

const COUNTS: Record<string, Count> = {
  Dense: products,
  Conv1D: products,
  Conv2D: products,
  Conv3D: products,
  DepthwiseConv2D: (layer, shapes) => {
    const [height, width] = kernels(layer)[0];
    return 2 * height * width * outputSize(layer, shapes) + biases(layer, shapes);
  },
  SeparableConv2D: (layer, shapes) => {
    const [depthwise, pointwise] = kernels(layer);
    const positions = outputSize(layer, shapes) / pointwise.at(-1)!;
    return 2 * (size(depthwise) + size(pointwise)) * positions + biases(layer, shapes);
  },
  Conv2DTranspose: transposed,
  Conv3DTranspose: transposed,
  SimpleRNN: recurrent,
  GRU: recurrent,
  LSTM: recurrent,
  RNN: recurrent,
  ConvLSTM2D: (layer, shapes) => recurrent(layer, shapes) * size(shapes.output.slice(-3, -1)),
  Bidirectional: recurrent,
  TimeDistributed: distributed,
  MaxPooling1D: pooled,
  MaxPooling2D: pooled,
  MaxPooling3D: pooled,
  AveragePooling1D: pooled,
  AveragePooling2D: pooled,
  AveragePooling3D: pooled,
  GlobalAveragePooling1D: inputSize,
  GlobalAveragePooling2D: inputSize,
  GlobalMaxPooling1D: inputSize,
  GlobalMaxPooling2D: inputSize,
  BatchNormalization: (layer, shapes) => 2 * outputSize(layer, shapes),
  LayerNormalization: (layer, shapes) => 7 * outputSize(layer, shapes),
  Activation: outputSize,
  ReLU: outputSize,
  LeakyReLU: outputSize,
  PReLU: outputSize,
  ELU: outputSize,
  ThresholdedReLU: outputSize,
  Softmax: (layer, shapes) => 3 * outputSize(layer, shapes),
  Add: merged,
  Multiply: merged,
  Average: merged,
  Maximum: merged,
  Minimum: merged,
};

/**
 * Number of additions and multiplications of a layer for one example, going forward. Activation
 * functions inside other layers are left out. `undefined` where it is not known.
 */
export function countOperations(layer: tf.layers.Layer): number | undefined {
  const { layers } = layer as CountedLayer;
  if (layers) return layers.reduce((total, inner) => total + (countOperations(inner) ?? NaN), 0);
  return countOf(layer, {
    inputs: [layer.getInputAt(0)].flat().map(({ shape }) => shape),
    output: [layer.getOutputAt(0)].flat()[0].shape,
  });
}

function countOf(layer: tf.layers.Layer, shapes: Shapes): number | undefined {
  const name = layer.getClassName();
  const count = FREE.has(name) ? 0 : COUNTS[name]?.(layer, shapes);
  return Number.isFinite(count) ? count : undefined;
}

function products(layer: CountedLayer, shapes: Shapes): number {
  const [kernel] = kernels(layer);
  return 2 * size(kernel) * outputSize(layer, shapes) / kernel.at(-1)! + biases(layer, shapes);
}

function transposed(layer: CountedLayer, shapes: Shapes): number {
  const [kernel] = kernels(layer);
  return 2 * size(kernel) * inputSize(layer, shapes) / kernel.at(-1)! + biases(layer, shapes);
}

function recurrent(layer: CountedLayer, { inputs: [input] }: Shapes): number {
  const steps = input[1] ?? NaN;
  return 2 * kernels(layer).reduce((total, kernel) => total + size(kernel), 0) * steps;
}

/** A layer that is applied to each step in time by itself. */
function distributed({ layer }: CountedLayer, { inputs: [input] }: Shapes): number {
  const [batch, steps, ...others] = input;
  if ("layers" in layer!) return (countOperations(layer) ?? NaN) * (steps ?? NaN);
  const inputs = [[batch, ...others]];
  const output = layer!.computeOutputShape(inputs[0]) as Shape;
  return (countOf(layer!, { inputs, output }) ?? NaN) * (steps ?? NaN);
}

function pooled(layer: CountedLayer, shapes: Shapes): number {
  return outputSize(layer, shapes) * size([layer.poolSize ?? NaN].flat());
}

function merged(layer: CountedLayer, shapes: Shapes): number {
  return outputSize(layer, shapes) * (shapes.inputs.length - 1);
}

/** Shapes of the weights that are multiplied with: kernels, and no biases. */
function kernels(layer: CountedLayer): number[][] {
  return layer.weights.map(({ shape }) => shape as number[]).filter(({ length }) => length > 1);
}

function biases(layer: CountedLayer, shapes: Shapes): number {
  return layer.weights.some(({ shape }) => shape.length === 1) ? outputSize(layer, shapes) : 0;
}

function inputSize(_: CountedLayer, { inputs: [input] }: Shapes): number {
  return size(input.slice(1));
}

function outputSize(_: CountedLayer, { output }: Shapes): number {
  return size(output.slice(1));
}

function size(shape: readonly (number | null)[]): number {
  return shape.reduce<number>((product, length) => product * (length ?? NaN), 1);
}
