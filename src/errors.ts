/**
 * The errors that a callback throws to cut a phase short.
 *
 * @module
 */

/**
 * The base class of {@linkcode CancelBatch}, {@linkcode CancelEpoch} and {@linkcode CancelTrain}.
 *
 * @category Cancels
 */
export abstract class Cancellation extends Error {
  /** The phase that is cut short. */
  abstract readonly cancels: "batch" | "epoch" | "train";
}

/**
 * Thrown by a callback to skip the rest of the batch: in training, validation and test.
 *
 * @example
 * ```ts
 * import { CancelBatch } from "@trainchart/trainchart";
 *
 * const skipEmpty = {
 *   beforeBatch({ data }: { data: { size: number } }) {
 *     if (data.size === 0) throw new CancelBatch("an empty batch");
 *   },
 * };
 * ```
 *
 * @category Cancels
 */
export class CancelBatch extends Cancellation {
  /** The name of the class. */
  override readonly name = "CancelBatch";
  /** The phase that is cut short. */
  readonly cancels = "batch";
}

/**
 * Thrown by a callback to skip the rest of the epoch, of the validation or of the test.
 *
 * @example
 * ```ts
 * import { type CallbackLike, CancelEpoch } from "@trainchart/trainchart";
 *
 * // Ends epochs after a minute, however long the loader is.
 * const shortEpochs: CallbackLike & { began: number } = {
 *   began: 0,
 *   beforeEpoch() {
 *     this.began = performance.now();
 *   },
 *   afterBatch() {
 *     if (performance.now() - this.began > 60_000) throw new CancelEpoch("a minute is over");
 *   },
 * };
 * ```
 *
 * @category Cancels
 */
export class CancelEpoch extends Cancellation {
  /** The name of the class. */
  override readonly name = "CancelEpoch";
  /** The phase that is cut short. */
  readonly cancels = "epoch";
}

/**
 * Thrown by a callback to end the training; its message becomes the reason in the result.
 *
 * @example
 * ```ts
 * import { CancelTrain, Learner, meanSquaredError, sgd, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(0.1),
 *   lossFunction: meanSquaredError,
 *   dataloaders: { train: [[tf.tensor2d([[0], [1]]), tf.tensor2d([[1], [3]])]] },
 *   callbacks: [{
 *     afterEpoch({ trainLoss }) {
 *       if (trainLoss < 0.1) throw new CancelTrain("good enough");
 *     },
 *   }],
 * });
 * const { status, reason } = await learner.train({ epochs: 1000 });
 * assertEquals([status, reason], ["cancelled", "good enough"]);
 * ```
 *
 * @category Cancels
 */
export class CancelTrain extends Cancellation {
  /** The name of the class. */
  override readonly name = "CancelTrain";
  /** The phase that is cut short. */
  readonly cancels = "train";
}
