/**
 * Weights that callbacks keep beside those of the model: an average, or the best so far.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { assignWeights, cloneWeights, type Model, variablesOf } from "../../model/model.ts";
import * as field from "../../checks/fields.ts";
import { hostTensorOf } from "../../io/host_tensor.ts";
import type { AnyLearner } from "../../learner/callback.ts";

type AnyModel = tf.LayersModel | Model;

/** The trained weights of each model that holds an average. */
const TRAINED = new WeakMap<AnyModel, tf.Tensor[]>();

/**
 * Puts other weights into a model. The trained weights are put aside, unless they are already; the
 * values stay the caller's.
 */
export function swapWeights(model: AnyModel, values: readonly tf.Tensor[]): void {
  if (!TRAINED.has(model)) TRAINED.set(model, cloneWeights(model));
  assignWeights(model, values);
}

/** Puts the trained weights back into a model, if they were put aside. */
export function putTrainedWeightsBack(model: AnyModel): void {
  const trained = TRAINED.get(model);
  if (trained) assignWeights(model, trained);
  forgetTrainedWeights(model);
}

/** Forgets the trained weights of a model, whose other weights stay. */
export function forgetTrainedWeights(model: AnyModel): void {
  tf.dispose(TRAINED.get(model) ?? []);
  TRAINED.delete(model);
}

/** The trained weights that were put aside; they stay here. */
export function trainedWeights(model: AnyModel): tf.Tensor[] | undefined {
  return TRAINED.get(model);
}

/** Puts trained weights aside that a checkpoint contains; they now belong here. */
export function restoreTrainedWeights(model: AnyModel, weights: tf.Tensor[]): void {
  forgetTrainedWeights(model);
  TRAINED.set(model, weights);
}

/** Accepts a tensor in a checkpoint that has the shape of the weight at a position of the model. */
export function weightAt({ model }: AnyLearner, position: number): field.FieldCheck {
  const shape = variablesOf(model)[position]?.shape;
  if (shape) return hostTensorOf(shape);
  return field.that("must be the position of a weight", () => false);
}

/** Accepts a list in a checkpoint of one tensor for each weight of the model. */
export function weightList(learner: AnyLearner): field.FieldCheck {
  return field.tuple(...variablesOf(learner.model).map((_, index) => weightAt(learner, index)));
}
