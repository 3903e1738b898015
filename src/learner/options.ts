/**
 * Options and results of runs.
 *
 * @module
 */
import type { tf } from "../deps/tfjs.ts";
import type { Loader } from "../data/loader.ts";

/**
 * The loaders of a Learner; any may be missing.
 *
 * @category Learner
 */
export interface Dataloaders<Data = tf.Tensor, Labels = tf.Tensor> {
  /** Training batches. */
  train?: Loader<Data, Labels>;
  /** Batches that are evaluated after an epoch. */
  validation?: Loader<Data, Labels>;
  /** Batches that are evaluated at the end. */
  test?: Loader<Data, Labels>;
}

/**
 * Options of every run.
 *
 * @category Learner
 */
export interface RunOptions {
  /** Cancels the run on abort. */
  signal?: AbortSignal;
  /** Observes the actor: an XState inspection observer, or a function of inspection events. */
  // deno-lint-ignore no-explicit-any -- XState's types stay out of our signatures
  inspect?: ((event: any) => void) | { next?: (event: any) => void };
}

/**
 * The end of a run. A run that failed has no result: its promise rejects with the error.
 *
 * @category Learner
 */
export interface TrainResult {
  /** Whether the run went to its end. */
  readonly status: "completed" | "cancelled";
  /** Why the run was cancelled, if a reason was given. */
  readonly reason?: string;
  /** Number of epochs that went to their end. */
  readonly epochs: number;
  /** Mean loss of the last epoch; NaN if there was none. */
  readonly trainLoss: number;
  /** Mean loss of the last validation; NaN if there was none. */
  readonly validationLoss: number;
  /** Mean loss of the test; NaN if there was none. */
  readonly testLoss: number;
  /** The newest value of each metric, by name: `"test.accuracy"`. */
  readonly metrics: Readonly<Record<string, number>>;
}
