import { tf } from "../../deps/tfjs.ts";
import { SlotOptimizer } from "../../optimizers/slot_optimizer.ts";
import type { AnyLearner } from "../../learner/callback.ts";
import { assignWeights, cloneWeights } from "../../model/weights.ts";

/** The weights and the optimizer of a Learner at one moment. */
export interface LearnerSnapshot {
  /** Puts weights and optimizer back; to be called once. */
  restore(): void;
}

/**
 * Copies weights and optimizer, for trial runs.
 *
 * An optimizer of TensorFlow.js cannot be reset to an earlier state: until `restore()`, a new one
 * with the same settings takes its place.
 */
export function snapshotLearner(learner: AnyLearner): LearnerSnapshot {
  const { model, optimizer, learningRate, trainings } = learner;
  const weights = cloneWeights(model);
  const state = optimizer instanceof SlotOptimizer ? optimizer.state() : undefined;
  const substitute = state ? undefined : copyOf(optimizer);
  learner.optimizer = substitute ?? optimizer;
  return {
    restore() {
      assignWeights(model, weights);
      if (state) (optimizer as SlotOptimizer).restore(state);
      if (substitute) disposeOptimizer(substitute);
      tf.dispose([weights, state ?? {}]);
      learner.optimizer = optimizer;
      learner.trainings = trainings;
      if (state) learner.learningRate = learningRate;
    },
  };
}

function copyOf(optimizer: tf.Optimizer): tf.Optimizer {
  const { fromConfig } = optimizer.constructor as unknown as {
    fromConfig: (cls: unknown, config: unknown) => tf.Optimizer;
  };
  return fromConfig(optimizer.constructor, optimizer.getConfig());
}

/** TensorFlow.js's own `dispose()` forgets some of its scalars. */
function disposeOptimizer(optimizer: tf.Optimizer): void {
  optimizer.dispose();
  for (const value of Object.values(optimizer)) {
    if (value instanceof tf.Tensor && !value.isDisposed) value.dispose();
  }
}
