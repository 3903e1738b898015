/**
 * The summary of a model: its layers, their parameters, memory and operations.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { formatBytes, formatCount, textTable } from "../text/text.ts";
import type { SlotOptimizer } from "../optimizers/slot_optimizer.ts";
import { countOperations } from "./count_operations.ts";
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
