import * as field from "../../checks/fields.ts";
import { hostTensorOf } from "../../io/host_tensor.ts";
import type { AnyLearner } from "../../learner/callback.ts";
import { variablesOf } from "../../model/model.ts";

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
