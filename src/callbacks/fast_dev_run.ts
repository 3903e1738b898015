import type { TrainResult } from "../learner/train_result.ts";
import type { AnyLearner } from "../learner/callback.ts";
import { snapshotLearner } from "./support/snapshot_learner.ts";

/** Options of {@linkcode fastDevRun}. */
export interface FastDevRunOptions {
  /** How many batches of each loader, an integer >= 1. Default: 3. */
  batches?: number;
}

/**
 * Runs a few batches of everything once, training, validation, test and callbacks, to find mistakes
 * in seconds rather than after the first epoch.
 *
 * Callbacks that write files or send something away (`writesFiles`) are left out. Weights,
 * optimizer, limits and callbacks are afterwards what they were.
 *
 * @param learner Whose parts are tried out.
 * @param options How much.
 * @returns What `train()` returned.
 * @throws {RangeError} If `batches` is not an integer >= 1.
 * @throws whatever goes wrong in the run.
 *
 * @example
 * ```ts
 * import { fastDevRun, Learner, sgd, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: Array(100).fill([tf.ones([1, 1]), tf.ones([1, 1])]) },
 * });
 * assertEquals((await fastDevRun(learner)).status, "completed");
 * assertEquals(learner.batchIndex, 2);
 * ```
 */
export async function fastDevRun(
  learner: AnyLearner,
  { batches = 3 }: FastDevRunOptions = {},
): Promise<TrainResult> {
  if (!Number.isInteger(batches) || batches < 1) {
    throw new RangeError(
      `Cannot do a fast run as batches must be an integer >= 1: current value is ${batches}`,
    );
  }
  const { callbacks, limits } = learner;
  const restore = snapshotLearner(learner);
  learner.callbacks = callbacks.filter(({ writesFiles }) => !writesFiles);
  learner.limits = { train: batches, validation: batches, test: batches };
  try {
    return await learner.train({ epochs: 1 });
  } finally {
    learner.callbacks = callbacks;
    learner.limits = limits;
    restore();
  }
}
