import type { tf } from "../deps/tfjs.ts";

/** The members of layers that are read, beyond their public type. */
interface AnyLayer extends tf.layers.Layer {
  readonly poolSize?: number | number[];
  readonly layers?: tf.layers.Layer[];
}

type Count = (layer: AnyLayer) => number;

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
  DepthwiseConv2D: (layer) => {
    const [height, width] = kernels(layer)[0];
    return 2 * height * width * outputSize(layer) + biases(layer);
  },
  SeparableConv2D: (layer) => {
    const [depthwise, pointwise] = kernels(layer);
    const positions = outputSize(layer) / pointwise.at(-1)!;
    return 2 * (size(depthwise) + size(pointwise)) * positions + biases(layer);
  },
  Conv2DTranspose: transposed,
  Conv3DTranspose: transposed,
  SimpleRNN: recurrent,
  GRU: recurrent,
  LSTM: recurrent,
  Bidirectional: recurrent,
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
  BatchNormalization: (layer) => 2 * outputSize(layer),
  LayerNormalization: (layer) => 7 * outputSize(layer),
  Activation: outputSize,
  ReLU: outputSize,
  LeakyReLU: outputSize,
  PReLU: outputSize,
  ELU: outputSize,
  ThresholdedReLU: outputSize,
  Softmax: (layer) => 3 * outputSize(layer),
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
  const { layers } = layer as AnyLayer;
  if (layers) return layers.reduce((total, inner) => total + (countOperations(inner) ?? NaN), 0);
  const name = layer.getClassName();
  const count = FREE.has(name) ? 0 : COUNTS[name]?.(layer);
  return Number.isFinite(count) ? count : undefined;
}

function products(layer: AnyLayer): number {
  const [kernel] = kernels(layer);
  return 2 * size(kernel) * outputSize(layer) / kernel.at(-1)! + biases(layer);
}

function transposed(layer: AnyLayer): number {
  const [kernel] = kernels(layer);
  return 2 * size(kernel) * inputSize(layer) / kernel.at(-1)! + biases(layer);
}

function recurrent(layer: AnyLayer): number {
  const steps = shapeOf(layer.getInputAt(0))[1] ?? NaN;
  return 2 * kernels(layer).reduce((total, kernel) => total + size(kernel), 0) * steps;
}

function pooled(layer: AnyLayer): number {
  return outputSize(layer) * size([layer.poolSize ?? NaN].flat());
}

function merged(layer: AnyLayer): number {
  return outputSize(layer) * ([layer.getInputAt(0)].flat().length - 1);
}

/** Shapes of the weights that are multiplied with: kernels, and no biases. */
function kernels(layer: AnyLayer): number[][] {
  return layer.weights.map(({ shape }) => shape as number[]).filter(({ length }) => length > 1);
}

function biases(layer: AnyLayer): number {
  return layer.weights.some(({ shape }) => shape.length === 1) ? outputSize(layer) : 0;
}

function inputSize(layer: AnyLayer): number {
  return size(shapeOf(layer.getInputAt(0)).slice(1));
}

function outputSize(layer: AnyLayer): number {
  return size(shapeOf(layer.getOutputAt(0)).slice(1));
}

function shapeOf(tensors: tf.SymbolicTensor | tf.SymbolicTensor[]): (number | null)[] {
  return [tensors].flat()[0].shape;
}

function size(shape: readonly (number | null)[]): number {
  return shape.reduce<number>((product, length) => product * (length ?? NaN), 1);
}
