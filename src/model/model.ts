import { tf } from "../deps/tfjs.ts";

/** The least that a model must be: a function of its inputs, and the weights that are trained. */
export interface Model<Data = unknown, Predictions = unknown> {
  /**
   * Computes predictions, synchronously and out of TensorFlow.js operations.
   *
   * @param data of one batch; the first axis counts examples.
   * @param options `training` is `true` in training only: dropout and batch normalisation differ.
   */
  apply(data: Data, options: { training: boolean }): Predictions;
  /** The weights that the optimizer updates. */
  readonly trainableVariables: readonly tf.Variable[];
  /** All that belongs into a checkpoint. Default: `trainableVariables`. */
  readonly variables?: readonly tf.Variable[];
}

/** The weights of a model that are trained, at this moment: layers can be frozen at any time. */
export function trainableVariables(model: tf.LayersModel | Model): tf.Variable[] {
  return "trainableWeights" in model
    ? model.trainableWeights.map((weight) => weight.read() as tf.Variable)
    : [...model.trainableVariables];
}

/** All weights of a model, also those that are not trained, in their order. */
export function variablesOf(model: tf.LayersModel | Model): tf.Variable[] {
  return "trainableWeights" in model
    ? model.weights.map((weight) => weight.read() as tf.Variable)
    : [...model.variables ?? model.trainableVariables];
}

/** Whether the weights exist: a layer that is a model by itself makes them at first use. */
export function isBuilt(model: tf.LayersModel | Model): boolean {
  return !("trainableWeights" in model) || model.built ||
    model.weights.length > 0;
}

/** What the regularizers of a model's layers add to the loss, a scalar each. */
export function penaltiesOf(model: tf.LayersModel | Model): tf.Scalar[] {
  return "calculateLosses" in model ? model.calculateLosses() : [];
}

/** Takes weights back to where the constraints of their layers want them, after an update. */
export function constrain(model: tf.LayersModel | Model): void {
  if (!("trainableWeights" in model)) return;
  for (const weight of model.trainableWeights) {
    const variable = weight.read() as tf.Variable;
    if (!weight.constraint || !variable.trainable) continue;
    // It obeys its constraint whenever another tensor is written to it.
    tf.tidy(() => void weight.write(variable.clone()));
  }
}

/** Whether a value can be trained. */
export function isModel(value: unknown): value is Model {
  return typeof (value as Model | undefined)?.apply === "function" &&
    ("trainableWeights" in (value as object) || "trainableVariables" in (value as object));
}
