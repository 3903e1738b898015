/**
 * A model, its weights, and its application to data.
 *
 * @module
 */
import { describeValue } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { markOutput, type OutputMark, tensorsIn } from "../tensors/nested_tensors.ts";
import { compiledVariables } from "./compile_settings.ts";

/**
 * The least that a model has: a function of its inputs, and the weights to train.
 *
 * @category Models
 */
export interface Model<Data = unknown, Predictions = unknown> {
  /**
   * Computes predictions, synchronously and out of TensorFlow.js operations.
   *
   * @param data The data of one batch; the first axis counts examples.
   * @param options `training` is `true` in training only: then dropout acts, and batch
   *   normalisation uses the batch.
   */
  apply(data: Data, options: { training: boolean }): Predictions;
  /** The weights that the optimizer updates. */
  readonly trainableVariables: readonly tf.Variable[];
  /** All variables that are saved and restored. Default: `trainableVariables`. */
  readonly variables?: readonly tf.Variable[];
}

/**
 * The weights of a model that are trained now: layers can be frozen at any time. Those of a compiled
 * model are the ones that were trainable when it was compiled, as in `model.fit`.
 */
export function trainableVariables(model: tf.LayersModel | Model): tf.Variable[] {
  if (!("trainableWeights" in model)) return [...model.trainableVariables];
  return [
    ...compiledVariables(model) ??
      model.trainableWeights.map((weight) => weight.read() as tf.Variable),
  ];
}

/**
 * All variables of a model in their order, also those that are not trained: everything that saves,
 * restores, averages or broadcasts a model uses these.
 */
export function variablesOf(model: tf.LayersModel | Model): tf.Variable[] {
  return "trainableWeights" in model
    ? model.weights.map((weight) => weight.read() as tf.Variable)
    : [...model.variables ?? model.trainableVariables];
}

/** Whether the weights exist: a model without an input shape creates them at its first use. */
export function isBuilt(model: tf.LayersModel | Model): boolean {
  return !("trainableWeights" in model) || model.built ||
    model.weights.length > 0;
}

/** The penalties that the regularizers of layers add to the loss, a scalar each. */
export function penaltiesOf(model: tf.LayersModel | Model): tf.Scalar[] {
  return "calculateLosses" in model ? model.calculateLosses() : [];
}

/** Projects weights onto the constraints of their layers, after an update. */
export function constrain(model: tf.LayersModel | Model): void {
  if (!("trainableWeights" in model)) return;
  for (const weight of model.trainableWeights) {
    const variable = weight.read() as tf.Variable;
    if (!weight.constraint || !variable.trainable) continue;
    // The constraint acts whenever a tensor is written to the weight.
    tf.tidy(() => void weight.write(variable.clone()));
  }
}

/** Whether a value is a model. */
export function isModel(value: unknown): value is Model {
  return typeof (value as Model | undefined)?.apply === "function" &&
    ("trainableWeights" in (value as object) || "trainableVariables" in (value as object));
}

/** Copies of the current weights, in the order of the variables; the caller disposes them. */
export function cloneWeights(model: tf.LayersModel | Model): tf.Tensor[] {
  return variablesOf(model).map((variable) => variable.clone());
}

/** Sets the weights, in the order of the variables; the values stay the caller's. */
export function assignWeights(
  model: tf.LayersModel | Model,
  values: readonly tf.Tensor[],
): void {
  variablesOf(model).forEach((variable, index) => variable.assign(values[index]));
}

/**
 * Applies a model to data. A `tf.LayersModel` takes its inputs in order only: it is given the
 * entries of a record that are named like its inputs.
 *
 * @throws {TypeError} If the record lacks an input, or the model returns no tensors.
 */
export function applyModel(
  model: tf.LayersModel | Model,
  data: unknown,
  options: { training: boolean },
): unknown {
  const outputs = (model as Model).apply(isRecord(data) ? inOrder(model, data) : data, options);
  if (!(outputs instanceof tf.Tensor)) checkOutputs(outputs);
  markOutputs(model, outputs);
  return outputs;
}

function checkOutputs(outputs: unknown): void {
  if (tensorsIn(outputs).length > 0) return;
  throw new TypeError(
    "Cannot apply the model as apply() must return tensors, and no promise: current value is " +
      describeValue(outputs),
  );
}

function isRecord(data: unknown): data is Record<string, unknown> {
  return typeof data === "object" && data !== null && !Array.isArray(data) &&
    !(data instanceof tf.Tensor);
}

function inOrder(model: tf.LayersModel | Model, data: Record<string, unknown>): unknown {
  if (!(model instanceof tf.LayersModel) || !model.inputNames) return data;
  return model.inputNames.map((name) => {
    if (Object.hasOwn(data, name)) return data[name];
    throw new TypeError(
      `Cannot apply the model as data must have its inputs ${model.inputNames.join(", ")}: ` +
        `current value is ${describeValue(data)}`,
    );
  });
}

/** Layers that change the shape of their input, and no value. */
const SHAPING = new Set(["Flatten", "Permute", "RepeatVector", "Reshape"]);

const KNOWN: ReadonlySet<string> = new Set(["softmax", "sigmoid", "linear"]);

const MARKS = new WeakMap<tf.LayersModel, readonly OutputMark[]>();

/** Marks the outputs of a model that is made of layers; those of any other are left alone. */
function markOutputs(model: unknown, outputs: unknown): void {
  if (!(model instanceof tf.LayersModel)) return;
  const own = marksOf(model);
  [outputs].flat().forEach((output, index) => {
    if (output instanceof tf.Tensor && own[index]) markOutput(output, own[index]);
  });
}

function marksOf(model: tf.LayersModel): readonly OutputMark[] {
  let own = MARKS.get(model);
  if (!own && model.outputs) {
    own = model.outputs.map((output, index) => ({
      name: model.outputNames[index],
      activation: activationOf(output),
    }));
    MARKS.set(model, own);
  }
  return own ?? [];
}

/** The activation that a symbolic tensor went through last. */
function activationOf(output: tf.SymbolicTensor): OutputMark["activation"] {
  const { sourceLayer: layer, nodeIndex, tensorIndex } = output;
  if (layer instanceof tf.LayersModel) return activationOf(layer.outputs[tensorIndex ?? 0]);
  if (layer.getClassName() === "Softmax") return "softmax";
  if (SHAPING.has(layer.getClassName())) {
    const [input] = [layer.getInputAt(nodeIndex)].flat();
    return activationOf(input);
  }
  const { activation } = layer as { activation?: { getClassName?(): string } };
  const name = activation?.getClassName?.();
  return name !== undefined && KNOWN.has(name) ? name as OutputMark["activation"] : undefined;
}
