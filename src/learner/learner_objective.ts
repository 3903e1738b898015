import type { tf } from "../deps/tfjs.ts";
import { type Model, trainableVariables, variablesOf } from "../model/model.ts";

/**
 * One of several losses that a Learner minimises, each over variables and with an optimizer of its
 * own: the discriminator and the generator of a GAN.
 *
 * @template L The Learner.
 *
 * @category Learner
 */
export interface LearnerObjective<L> {
  /** The weights to train: a model, or variables. Frozen weights are left out. */
  readonly variables: tf.LayersModel | Model | readonly tf.Variable[];
  /** The optimizer that updates them. */
  optimizer: tf.Optimizer;
  /**
   * Returns the scalar to minimise, computed by TensorFlow.js operations.
   *
   * @param predictions The result of `predict`.
   * @param labels The labels of the batch.
   */
  // deno-lint-ignore no-explicit-any -- batches of any kind
  loss: (predictions: any, labels: any) => tf.Tensor;
  /** Returns predictions for the loss. Default: `learner.model` applied to `learner.data`. */
  predict?: (learner: L, options: { training: boolean }) => unknown;
  /** Train it in every this many training batches, an integer >= 1. Default: 1. */
  readonly every?: number;
}

/**
 * An objective of any Learner.
 *
 * @category Learner
 */
// deno-lint-ignore no-explicit-any -- the Learner is known only where one is made
export type AnyObjective = LearnerObjective<any>;

/** The variables that an objective trains now: weights can be frozen at any time. */
export function objectiveVariables({ variables }: AnyObjective): tf.Variable[] {
  const all = isList(variables) ? [...variables] : trainableVariables(variables);
  return all.filter(({ trainable }) => trainable);
}

/** The model of an objective, if it has one. */
export function objectiveModel({ variables }: AnyObjective): tf.LayersModel | Model | undefined {
  return isList(variables) ? undefined : variables;
}

/** The model of a Learner that has objectives and no model: it is made of all their variables. */
export function jointModel(objectives: Readonly<Record<string, AnyObjective>>): Model {
  const union = (of: (objective: AnyObjective) => readonly tf.Variable[]) => [
    ...new Set(Object.values(objectives).flatMap(of)),
  ];
  return {
    apply() {
      throw new TypeError(
        "Cannot predict as a Learner with objectives must have a model, or each objective a " +
          "function predict(): current value is undefined",
      );
    },
    get trainableVariables() {
      return union(objectiveVariables);
    },
    get variables() {
      return union(({ variables }) => isList(variables) ? variables : variablesOf(variables));
    },
  };
}

function isList(variables: AnyObjective["variables"]): variables is readonly tf.Variable[] {
  return Array.isArray(variables);
}
