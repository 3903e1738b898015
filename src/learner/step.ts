/**
 * One batch, numerically: predict -> loss -> gradients -> update.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { applyModel, isBuilt, penaltiesOf } from "../model/model.ts";
import type { BatchTensors } from "./batch_tensors.ts";
import type { AnyFields } from "./learner_fields.ts";
import { modelInTraining } from "./own_steps.ts";

/** The parts of a step. */
export interface StepOf {
  /** The Learner, whose stages do the work. */
  readonly learner: AnyFields;
  /** The tensors of the batch, which hooks may read and replace in the middle of the step. */
  readonly tensors: BatchTensors;
  /** Runs a hook in the middle of the step. */
  hook(name: "afterPredict" | "afterLoss"): void;
}

/** Computes predictions, loss and gradients of a training batch. */
export function compute(step: StepOf): void {
  const { learner, tensors } = step;
  const { model, stages } = learner;
  try {
    if (!isBuilt(model)) {
      tf.tidy(() => void applyModel(model, learner.data, { training: false }));
    }
    const forward = () => predictAndLose(step, true) as tf.Scalar;
    tf.tidy(() => {
      tensors.put("gradients", checkGradients(stages.gradients(learner, forward)));
      tensors.keep("gradients");
    });
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
export function update({ learner, tensors }: StepOf): void {
  const isAny = tensors.late("gradients") || Object.keys(learner.gradients).length > 0;
  if (isAny) learner.stages.update(learner);
}

/** Predicts. The predictions are kept before and after the hook, which may replace them or throw. */
function predict(step: StepOf, training: boolean): void {
  const { learner, tensors } = step;
  tensors.put("predictions", learner.stages.predict(learner, { training }));
  tensors.keep("predictions");
  try {
    step.hook("afterPredict");
  } finally {
    tensors.keep("predictions"); // after hooks see them also where the hook throws
  }
}

/** Computes predictions and loss, kept likewise; then adds regularizers, as `model.fit` does. */
function predictAndLose(step: StepOf, training: boolean): tf.Tensor {
  const { learner, tensors } = step;
  predict(step, training);
  tensors.put("loss", learner.stages.loss(learner));
  tensors.keep("loss");
  try {
    step.hook("afterLoss");
  } finally {
    tensors.keep("loss");
  }
  const loss = checkLoss(learner.loss);
  const model = modelInTraining(learner);
  const penalties = model ? penaltiesOf(model) : [];
  if (penalties.length === 0) return loss;
  tensors.put("loss", tf.addN([loss, ...penalties]));
  tensors.keep("loss");
  return learner.loss;
}

function checkLoss(loss: unknown): tf.Tensor {
  if (loss instanceof tf.Tensor && loss.rank === 0) {
    if (loss.dtype === "float32") return loss;
    throw new TypeError(
      "Cannot train as the loss function must return a float32 scalar, whose gradient is not " +
        `rounded: current value is ${loss.dtype}`,
    );
  }
  const actual = loss instanceof tf.Tensor ? `a tensor of shape [${loss.shape}]` : String(loss);
  throw new TypeError(
    `Cannot train as the loss function must return a scalar: current value is ${actual}`,
  );
}

function checkGradients(gradients: tf.NamedTensorMap): tf.NamedTensorMap {
  if (typeof gradients === "object" && gradients !== null) return gradients;
  throw new TypeError(
    "Cannot train as stages.gradients must return tensors by the names of weights: " +
      `current value is ${String(gradients)}`,
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
