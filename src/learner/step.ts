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

/** Who is asked for the parts of a step. */
export interface StepOf {
  readonly model: tf.LayersModel | Model;
  // deno-lint-ignore no-explicit-any -- typed where the Learner is made
  readonly lossFunction: (predictions: any, labels: any) => tf.Tensor;
  readonly optimizer: tf.Optimizer;
  /** What the hooks may read and replace in the middle of the step. */
  readonly slots: BatchTensors;
  /** Runs a hook in the middle of the step. */
  hook(name: "afterPredict" | "afterLoss"): void;
}

/** Predictions, loss and gradients of a batch of training. */
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

/** Predictions and loss of a batch of validation or test. */
export function evaluate(step: StepOf): void {
  tf.tidy(() => {
    predictAndLose(step, false);
  });
}

/** Predictions of a batch, with no loss. */
export function predictOnly(step: StepOf): void {
  tf.tidy(() => {
    predict(step, false);
  });
}

/** Updates the weights; where a callback has left no gradients, nothing. */
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
 * The names of the weights that an optimizer has seen. Those of TensorFlow.js keep what they
 * remember by position: a weight that is frozen must leave a gap, and one that is thawed must come
 * last.
 */
const orders = new WeakMap<tf.Optimizer, Set<string>>();

/** Predictions, kept both before and after the hook: it may replace them, or throw. */
function predict(step: StepOf, training: boolean): void {
  const { slots } = step;
  slots.put("predictions", applyModel(step.model, slots.get("data"), { training }));
  slots.keep("predictions");
  step.hook("afterPredict");
  slots.keep("predictions");
}

/** Predictions and loss, kept likewise; then what regularizers add, as `model.fit` adds it. */
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

/** The weights to train, or a clear error. */
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
 * Frees what the engine keeps for a gradient that is not going to be computed, because something
 * threw in the middle: TensorFlow.js itself frees it only at the end of the backward pass.
 */
function disposeTape(): void {
  const { state } = tf.engine() as unknown as {
    state: { activeTape: { saved?: tf.Tensor[] }[] | null; gradientDepth: number };
  };
  if (state.gradientDepth > 0) return;
  for (const { saved } of state.activeTape ?? []) tf.dispose(saved ?? []);
  state.activeTape = null;
}
