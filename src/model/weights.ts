import type { tf } from "../deps/tfjs.ts";
import type { AnyLearner } from "../learner/callback.ts";

/**
 * The variables of a model, statistics of batch normalisation included. Of a model that is not made
 * of layers, those that are trained.
 */
export function variablesOf(model: AnyLearner["model"]): tf.Variable[] {
  if (!("trainableWeights" in model)) return [...model.trainableVariables];
  return model.weights.map((weight) => weight.read() as tf.Variable);
}

/** The weights as they are now, in the order of the variables; whoever asks disposes them. */
export function cloneWeights(model: AnyLearner["model"]): tf.Tensor[] {
  return variablesOf(model).map((variable) => variable.clone());
}

/** Sets the weights, in the order of the variables; the values stay the caller's. */
export function assignWeights(model: AnyLearner["model"], values: readonly tf.Tensor[]): void {
  variablesOf(model).forEach((variable, index) => variable.assign(values[index]));
}
