/**
 * The summary of a model: its layers, their parameters, memory and operations.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { formatBytes, formatCount, textTable } from "../text/text.ts";
import type { SlotOptimizer } from "../optimizers/slot_optimizer.ts";
import { type Model, trainableVariables, variablesOf } from "./model.ts";

/**
 * Summary of a layer; for a model without layers, of a weight.
 *
 * @category Models
 */
export interface LayerSummary {
  /** The name. */
  name: string;
  /** The class. */
  type: string;
  /** Shape of the output; `null` where a length is not fixed. */
  outputShape: (number | null)[];
  /** Number of parameters, trained or not. */
  parameters: number;
  /** Number of parameters that are trained now. */
  trainable: number;
  /** Additions and multiplications per example, going forward; `undefined` if not known. */
  operations: number | undefined;
}

/**
 * Summary of a model and its optimizer. As a string, it is a table.
 *
 * @category Models
 */
export interface ModelSummary {
  /** In the order of the model. */
  layers: LayerSummary[];
  /** Number of parameters, trained or not. */
  parameters: number;
  /** Number of parameters that are trained now. */
  trainable: number;
  /** Memory of all weights, in bytes. */
  weightBytes: number;
  /** Memory of the optimizer's slots after its first step, in bytes; `undefined` if not known. */
  optimizerBytes: number | undefined;
  /** Additions and multiplications per example, going forward, of the layers where it is known. */
  operations: number;
  /** The way in which steps are taken: compiled, or why not. */
  steps: string;
  /** The same as a table. */
  toString(): string;
}

/** Number of slots that TensorFlow.js's own optimizers keep for each trained parameter. */
const SLOTS: Record<string, number> = {
  SGD: 0,
  Momentum: 1,
  Adagrad: 1,
  Adadelta: 2,
  Adam: 2,
  Adamax: 2,
  RMSProp: 2,
};

/** Summarizes a model and its optimizer; `steps` says how its steps are taken. */
export function summarize(
  model: tf.LayersModel | Model,
  optimizer: tf.Optimizer,
  steps: string,
): ModelSummary {
  const layered = model instanceof tf.LayersModel;
  const layers = layered
    ? model.layers.map(layerSummary)
    : model.trainableVariables.map(variableSummary);
  // A layer may be in several places of a model.
  const weights = [...new Set(layered ? variablesOf(model) : model.trainableVariables)];
  const trained = [...new Set(trainableVariables(model))].filter(({ trainable }) => trainable);
  const slots = slotsOf(optimizer);
  const summary = {
    layers,
    parameters: sum(weights.map(({ size }) => size)),
    trainable: sum(trained.map(({ size }) => size)),
    weightBytes: sum(weights.map(bytesOf)),
    optimizerBytes: slots === undefined ? undefined : slots * sum(trained.map(bytesOf)),
    operations: sum(layers.map(({ operations }) => operations ?? 0)),
    steps,
  };
  return Object.defineProperty(summary, "toString", { value: () => tableOf(summary) });
}

function layerSummary(layer: tf.layers.Layer): LayerSummary {
  const [output] = [layer.getOutputAt(0)].flat();
  return {
    name: layer.name,
    type: layer.getClassName(),
    outputShape: output.shape,
    parameters: layer.countParams(),
    trainable: sum(
      layer.trainableWeights.map((weight) => weight.read() as tf.Variable)
        .map(({ trainable, size }) => trainable ? size : 0),
    ),
    operations: countOperations(layer),
  };
}

function variableSummary({ name, shape, size, trainable }: tf.Variable): LayerSummary {
  return {
    name,
    type: "Variable",
    outputShape: shape,
    parameters: size,
    trainable: trainable ? size : 0,
    operations: undefined,
  };
}

function slotsOf(optimizer: tf.Optimizer): number | undefined {
  // Not by instanceof: TensorFlow.js takes every optimizer for an instance of every class of them.
  const { slotCount, centered } = optimizer as Partial<SlotOptimizer> & { centered?: boolean };
  return slotCount ?? (centered ? SLOTS.RMSProp + 1 : SLOTS[optimizer.getClassName()]);
}

function bytesOf({ size, dtype }: tf.Tensor): number {
  return size * tf.util.bytesPerElement(dtype);
}

function tableOf(summary: Omit<ModelSummary, "toString">): string {
  const { layers, parameters, trainable, weightBytes, optimizerBytes, operations, steps } = summary;
  const count = (value: number | undefined) => value === undefined ? "-" : formatCount(value);
  const bytes = (size: number | undefined) => size === undefined ? "unknown" : formatBytes(size);
  const table = textTable([
    ["layer", "type", "output", "parameters", "trained", "operations"],
    ...layers.map((layer) => [
      layer.name,
      layer.type,
      `[${layer.outputShape.map((length) => length ?? "·").join(", ")}]`,
      count(layer.parameters),
      layer.trainable === layer.parameters ? "all" : count(layer.trainable),
      count(layer.operations),
    ]),
  ], 3);
  return [
    table,
    "",
    `parameters  ${count(parameters)}, of which ${count(trainable)} are trained`,
    `memory      weights ${bytes(weightBytes)}, optimizer ${bytes(optimizerBytes)}`,
    `operations  ${count(operations)} per example, going forward`,
    `steps       ${steps}`,
  ].join("\n");
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

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
