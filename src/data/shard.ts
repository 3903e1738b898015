import type { tf } from "../deps/tfjs.ts";

/**
 * The part of each epoch that one of several processes trains on.
 *
 * @category Data
 */
export interface Shard {
  /** Index of the part, an integer in [0, count). */
  readonly index: number;
  /** Number of parts, an integer >= 1. */
  readonly count: number;
}

/** The only part of an epoch that is not divided. */
export const WHOLE: Shard = { index: 0, count: 1 };

/**
 * All processes that train one model together, seen from one of them.
 *
 * Every process calls the same method at the same point of the run.
 *
 * @category Data
 */
export interface Peers {
  /** The part of the examples that this process trains on. */
  readonly shard: Shard;
  /** Replaces each number by its sum over all processes, in place. */
  sum(values: Float64Array): void;
  /**
   * Averages gradients over all processes.
   *
   * @param gradients Mean gradients of this process, which the caller keeps.
   * @param examples Number of examples in that mean.
   * @returns The mean over the examples of all processes, bit for bit the same on each. The caller
   *   owns it.
   */
  average(gradients: tf.NamedTensorMap, examples: number): tf.NamedTensorMap;
  /** Called when a run begins, with a function that returns the state of this process only. */
  attach(own: () => unknown): void;
  /**
   * Gathers the states that `attach` gave access to, for a checkpoint. Only the process that saves
   * calls it.
   *
   * @returns One state per shard, in order; the caller owns their tensors. Empty before the first
   *   pass of a run and after its last.
   */
  collect(): unknown[];
}
