import type { tf } from "../deps/tfjs.ts";
import { type Model, variablesOf } from "./model.ts";

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
