/**
 * A step of one's own: the stages of a step, and several objectives.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { trackWeights } from "../losses/loss_inputs.ts";
import {
  applyModel,
  constrain,
  type Model,
  trainableVariables,
  variablesOf,
} from "../model/model.ts";
import { isUnconstrained } from "../model/model_structure.ts";
import { applyGradients, applyMemory } from "../optimizers/optimizer_state.ts";
import { batchTensorsOf } from "./batch_tensors.ts";

/**
 * The stages of a step, as functions of the Learner. An option sets them, and a callback may change
 * them like every other field: a replaced stage does a part of the step in its own way, between the
 * same hooks.
 *
 * ```text
 * gradients( forward: predict ─ afterPredict ─ loss ─ afterLoss ) ─ afterBackward ─ beforeStep ─ update
 * ```
 *
 * @template L The Learner.
 *
 * @category Learner
 */
export interface Stages<L> {
  /** Returns the predictions for `learner.data`. */
  predict(learner: L, options: { training: boolean }): unknown;
  /** Returns the scalar loss of `learner.predictions` and `learner.labels`. */
  loss(learner: L): tf.Tensor;
  /**
   * Returns the gradient of the loss by the name of each trained weight.
   *
   * @param learner The Learner.
   * @param forward Predicts and computes the loss, with their hooks; to be called exactly once.
   */
  gradients(learner: L, forward: () => tf.Scalar): tf.NamedTensorMap;
  /** Updates the weights by `learner.gradients`. */
  update(learner: L): void;
}

/** The fields of a Learner that the default stages read. */
interface StageFields {
  readonly model: tf.LayersModel | Model;
  readonly data: unknown;
  readonly predictions: unknown;
  readonly labels: unknown;
  // deno-lint-ignore no-explicit-any -- typed where the Learner is made
  readonly lossFunction: (predictions: any, labels: any, options?: any) => tf.Tensor;
  readonly weights: unknown;
  readonly optimizer: tf.Optimizer;
  readonly gradients: tf.NamedTensorMap;
  readonly objectives: Readonly<Record<string, AnyObjective>>;
  readonly objective: string | undefined;
}

/** The stages of a Learner that is given none. */
export const DEFAULT_STAGES: Readonly<Stages<StageFields>> = {
  predict(learner, options) {
    const objective = currentObjective(learner);
    return objective?.predict
      ? objective.predict(learner, options)
      : applyModel(learner.model, learner.data, options);
  },

  loss(learner) {
    const { lossFunction, predictions, labels, weights } = learner;
    if (weights === undefined || currentObjective(learner)) {
      return lossFunction(predictions, labels);
    }
    const tracked = trackWeights(weights);
    const loss = lossFunction(predictions, labels, tracked.options);
    if (tracked.isRead()) return loss;
    throw new TypeError(
      "Cannot compute the loss as the loss function must take the weights of the examples: the " +
        "loader yields [data, labels, weights]. Write (predictions, labels, { weights } = {}) => …",
    );
  },

  gradients(learner, forward) {
    return tf.variableGrads(forward, variablesToTrain(learner)).grads;
  },

  update(learner) {
    const { optimizer } = learner;
    const { memory } = batchTensorsOf(learner).late("gradients") ?? {};
    if (!memory || !applyMemory(optimizer, memory)) applyGradients(optimizer, learner.gradients);
    const model = modelInTraining(learner);
    // The facts about the model of a step that was played back have just been found.
    if (model && !(memory && isUnconstrained(model))) constrain(model);
  },
};

/** The objective that is being trained or evaluated, if the Learner has several. */
export function currentObjective(
  { objective, objectives }: Pick<StageFields, "objective" | "objectives">,
): AnyObjective | undefined {
  return objective === undefined ? undefined : objectives[objective];
}

/** The model whose regularizers and constraints act now. */
export function modelInTraining(learner: StageFields): tf.LayersModel | Model | undefined {
  const objective = currentObjective(learner);
  return objective ? objectiveModel(objective) : learner.model;
}

/** The models whose layers may keep states in the current step. */
export function modelsInStep(learner: StageFields): unknown[] {
  const objective = currentObjective(learner);
  const own = objective && objectiveModel(objective);
  return own ? [learner.model, own] : [learner.model];
}

/**
 * The weights that are trained now.
 *
 * @throws {RangeError} If no weight is trained.
 */
export function variablesToTrain(
  learner: Pick<StageFields, "model" | "objective" | "objectives">,
): tf.Variable[] {
  const objective = currentObjective(learner);
  const variables = objective
    ? objectiveVariables(objective)
    : trainableVariables(learner.model).filter(({ trainable }) => trainable);
  if (variables.length > 0) return variables;
  throw new RangeError(
    `Cannot train as ${
      learner.objective === undefined ? "the model" : `objective ${learner.objective}`
    } must have a trainable weight: it has none (are all its layers frozen?)`,
  );
}

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
function objectiveVariables({ variables }: AnyObjective): tf.Variable[] {
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
