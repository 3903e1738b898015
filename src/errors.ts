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
 * @category Cancels
 */
export class CancelTrain extends Cancellation {
  /** The name of the class. */
  override readonly name = "CancelTrain";
  /** The phase that is cut short. */
  readonly cancels = "train";
}
