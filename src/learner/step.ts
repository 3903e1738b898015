/**
 * One batch, numerically: predict -> loss -> gradients -> update.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { applyModel } from "../model/apply_model.ts";
import type { Model } from "../model/model.ts";
import { constrain, isBuilt, penaltiesOf, trainableVariables } from "../model/model.ts";
import { SlotOptimizer } from "../optimizers/slot_optimizer.ts";
import type { BatchTensors } from "./batch_tensors.ts";

/** The parts of a step. */
export interface StepOf {
  readonly model: tf.LayersModel | Model;
  // deno-lint-ignore no-explicit-any -- typed where the Learner is made
  readonly lossFunction: (predictions: any, labels: any) => tf.Tensor;
  readonly optimizer: tf.Optimizer;
  /** The tensors of the batch, which hooks may read and replace in the middle of the step. */
  readonly slots: BatchTensors;
  /** Runs a hook in the middle of the step. */
  hook(name: "afterPredict" | "afterLoss"): void;
}

/** Computes predictions, loss and gradients of a training batch. */
export function compute(step: StepOf): void {
  const { slots, model } = step;
  try {
    if (!isBuilt(model)) {
      tf.tidy(() => void applyModel(model, slots.get("data"), { training: false }));
    }
    const forward = () => predictAndLose(step, true) as tf.Scalar;
    slots.put("gradients", tf.variableGrads(forward, checkedVariables(model)).grads);
  } catch (error) {
    disposeTape();
    if (!(error instanceof Error) || !error.message.startsWith("Cannot find a connection")) {
      throw error;
    }
    throw new TypeError(
      "Cannot train as the loss must depend on the model's trainable weights: " +
        "current loss has no gradient for any of them",
      { cause: error },
    );
  }
}

/** Computes predictions and loss of a validation or test batch. */
export function evaluate(step: StepOf): void {
  tf.tidy(() => {
    predictAndLose(step, false);
  });
}

/** Computes predictions of a batch, without a loss. */
export function predictOnly(step: StepOf): void {
  tf.tidy(() => {
    predict(step, false);
  });
}

/** Updates the weights; does nothing if a callback has left no gradients. */
export function update({ model, optimizer, slots }: StepOf): void {
  const gradients = slots.get("gradients") as tf.NamedTensorMap;
  if (Object.keys(gradients).length === 0) return;
  apply(optimizer, gradients);
  constrain(model);
}

function apply(optimizer: tf.Optimizer, gradients: tf.NamedTensorMap): void {
  if (optimizer instanceof SlotOptimizer) return optimizer.applyGradients(gradients);
  let order = orders.get(optimizer);
  if (!order) orders.set(optimizer, order = new Set());
  for (const name of Object.keys(gradients)) order.add(name);
  optimizer.applyGradients(
    [...order].map((name) => ({ name, tensor: gradients[name] ?? null })),
  );
}

/**
 * The names of the weights that each optimizer has seen. The optimizers of TensorFlow.js keep their
 * slots by position: a frozen weight has to leave a gap, and a thawed one has to come last.
 */
const orders = new WeakMap<tf.Optimizer, Set<string>>();

/** Predicts. The predictions are kept before and after the hook, which may replace them or throw. */
function predict(step: StepOf, training: boolean): void {
  const { slots } = step;
  slots.put("predictions", applyModel(step.model, slots.get("data"), { training }));
  slots.keep("predictions");
  step.hook("afterPredict");
  slots.keep("predictions");
}

/** Computes predictions and loss, kept likewise; then adds regularizers, as `model.fit` does. */
function predictAndLose(step: StepOf, training: boolean): tf.Tensor {
  const { slots } = step;
  predict(step, training);
  slots.put("loss", step.lossFunction(slots.get("predictions"), slots.get("labels")));
  slots.keep("loss");
  step.hook("afterLoss");
  slots.keep("loss");
  const loss = checkedLoss(slots.get("loss"));
  const penalties = penaltiesOf(step.model);
  if (penalties.length === 0) return loss;
  slots.put("loss", tf.addN([loss, ...penalties]));
  slots.keep("loss");
  return slots.get("loss") as tf.Tensor;
}

/**
 * The weights to train.
 *
 * @throws {RangeError} If there are none.
 */
export function checkedVariables(model: tf.LayersModel | Model): tf.Variable[] {
  const variables = trainableVariables(model).filter(({ trainable }) => trainable);
  if (variables.length > 0) return variables;
  throw new RangeError(
    "Cannot train as the model must have a trainable weight: it has none " +
      "(are all its layers frozen?)",
  );
}

function checkedLoss(loss: unknown): tf.Tensor {
  if (loss instanceof tf.Tensor && loss.rank === 0) return loss;
  const actual = loss instanceof tf.Tensor ? `a tensor of shape [${loss.shape}]` : String(loss);
  throw new TypeError(
    `Cannot train as the loss function must return a scalar: current value is ${actual}`,
  );
}

/**
 * Frees the tape of a gradient that will not be computed after an error: TensorFlow.js itself frees
 * it only at the end of the backward pass.
 */
function disposeTape(): void {
  const { state } = tf.engine() as unknown as {
    state: { activeTape: { saved?: tf.Tensor[] }[] | null; gradientDepth: number };
  };
  if (state.gradientDepth > 0) return;
  for (const { saved } of state.activeTape ?? []) tf.dispose(saved ?? []);
  state.activeTape = null;
}
