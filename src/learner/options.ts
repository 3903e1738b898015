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
