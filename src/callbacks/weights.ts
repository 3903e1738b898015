import type { tf } from "../deps/tfjs.ts";
import type { AnyLearner } from "./callback.ts";

/**
 * The variables of a model, statistics of batch normalisation included. Of a model that is not made
 * of layers, those that are trained.
 */
export function variablesOf(model: AnyLearner["model"]): tf.Variable[] {
  if (!("trainableWeights" in model)) return [...model.trainableVariables];
  return model.weights.map((weight) => weight.read() as tf.Variable);
}

/** The weights as they are now, by name; whoever asks disposes them. */
export function cloneWeights(model: AnyLearner["model"]): tf.NamedTensorMap {
  return Object.fromEntries(
    variablesOf(model).map((variable) => [variable.name, variable.clone()]),
  );
}

/** Sets the weights that are named; the values stay the caller's. */
export function assignWeights(model: AnyLearner["model"], values: tf.NamedTensorMap): void {
  for (const variable of variablesOf(model)) {
    if (values[variable.name]) variable.assign(values[variable.name]);
  }
}

/** The same tensors once more; whoever asks disposes them. */
export function cloneAll(values: tf.NamedTensorMap): tf.NamedTensorMap {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.clone()]));
}
