import { tf } from "../../deps/tfjs.ts";
import { SlotOptimizer } from "../../optimizers/slot_optimizer.ts";
import type { AnyLearner } from "../../learner/callback.ts";
import { assignWeights, cloneWeights } from "../../model/weights.ts";

/**
 * Remembers weights and optimizer, for trial runs.
 *
 * An optimizer of TensorFlow.js cannot be brought back to an earlier state: a new one with the same
 * settings takes its place until then.
 *
 * @returns Puts everything back; to be called once.
 */
export function snapshotLearner(learner: AnyLearner): () => void {
  const { model, optimizer, learningRate } = learner;
  const weights = cloneWeights(model);
  const state = optimizer instanceof SlotOptimizer ? optimizer.state() : undefined;
  const substitute = state ? undefined : copyOf(optimizer);
  learner.optimizer = substitute ?? optimizer;
  return () => {
    assignWeights(model, weights);
    if (state) (optimizer as SlotOptimizer).restore(state);
    if (substitute) disposeOptimizer(substitute);
    tf.dispose([weights, state ?? {}]);
    learner.optimizer = optimizer;
    if (state) learner.learningRate = learningRate;
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
