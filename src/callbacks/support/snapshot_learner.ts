import { tf } from "../../deps/tfjs.ts";
import type { AnyLearner } from "../../learner/callback.ts";
import { optimizersOf } from "../../learner/learner_optimizers.ts";
import { modelsOf } from "../../learner/run.ts";
import { putStatesAside } from "../../model/layers.ts";
import { assignWeights, cloneWeights } from "../../model/model.ts";
import { SlotOptimizer } from "../../optimizers/slot_optimizer.ts";

/** The weights, the optimizers and the states of recurrent layers of a Learner at one moment. */
export interface LearnerSnapshot {
  /** Puts them back; to be called once. */
  restore(): void;
}

/**
 * Copies weights, optimizers and states of recurrent layers, for trial runs.
 *
 * An optimizer of TensorFlow.js cannot be reset to an earlier state: until `restore()`, a new one
 * with the same settings takes its place.
 *
 * @throws {TypeError} If the parts of a model have optimizers of TensorFlow.js.
 */
export function snapshotLearner(learner: AnyLearner): LearnerSnapshot {
  const { model, trainings } = learner;
  const restores = optimizersOf(learner).map(({ objective, optimizer }) =>
    optimizer instanceof SlotOptimizer
      ? snapshotOptimizer(optimizer)
      : replaceOptimizer(learner, objective, optimizer)
  );
  const weights = cloneWeights(model);
  const states = putStatesAside(modelsOf(learner), { copy: true });
  return {
    restore() {
      assignWeights(model, weights);
      tf.dispose(weights);
      states.putBack();
      for (const restore of restores) restore();
      learner.trainings = trainings;
    },
  };
}

function snapshotOptimizer(optimizer: SlotOptimizer): () => void {
  const { learningRate } = optimizer;
  const state = optimizer.state();
  return () => {
    optimizer.restore(state);
    optimizer.learningRate = learningRate;
    tf.dispose(state);
  };
}

function replaceOptimizer(
  learner: AnyLearner,
  objective: string | undefined,
  optimizer: tf.Optimizer,
): () => void {
  const owner = objective === undefined ? learner : learner.objectives[objective];
  if (!owner) {
    throw new TypeError(
      `Cannot make a trial run as the optimizer of ${objective} must be one of Trainchart: ` +
        `current value is ${optimizer.getClassName()}`,
    );
  }
  const substitute = copyOf(optimizer);
  owner.optimizer = substitute;
  return () => {
    owner.optimizer = optimizer;
    disposeOptimizer(substitute);
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
