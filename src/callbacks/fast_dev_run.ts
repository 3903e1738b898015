import { checkNumber, checkOptions } from "../checks/check_options.ts";
import type { TrainResult } from "../learner/run_interface.ts";
import type { AnyLearner } from "../learner/callback.ts";
import { snapshotLearner } from "./support/snapshot_learner.ts";

/**
 * Options of {@linkcode fastDevRun}.
 *
 * @category Callbacks
 */
export interface FastDevRunOptions {
  /** Number of batches of each loader, an integer >= 1. Default: 3. */
  batches?: number;
}

/**
 * Runs a few batches of training, validation and test with all callbacks, to find mistakes in
 * seconds rather than after the first epoch.
 *
 * Callbacks that write files or send messages (`writesFiles`) are left out. Afterwards weights,
 * optimizer, limits and callbacks are what they were.
 *
 * @param learner The Learner to try out.
 * @param options How many batches to run.
 * @returns The result of `train()`.
 * @throws {RangeError} If `batches` is not an integer >= 1.
 * @throws {unknown} If the run fails: the error of the run.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { fastDevRun } from "@trainchart/trainchart/callbacks";
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
 *
 * @category Callbacks
 */
export async function fastDevRun(
  learner: AnyLearner,
  options: FastDevRunOptions = {},
): Promise<TrainResult> {
  const action = "do a fast run";
  checkOptions(action, options, { batches: true });
  const { batches = 3 } = options;
  checkNumber(action, "batches", batches, { integer: true, min: 1 });
  const { callbacks, limits } = learner;
  const snapshot = snapshotLearner(learner);
  learner.callbacks = callbacks.filter(({ writesFiles }) => !writesFiles);
  learner.limits = { train: batches, validation: batches, test: batches };
  try {
    return await learner.train({ epochs: 1 });
  } finally {
    learner.callbacks = callbacks;
    learner.limits = limits;
    snapshot.restore();
  }
}
