import type { tf } from "../deps/tfjs.ts";

/** Which part of every epoch's one order a process takes, of several that train one model. */
export interface Shard {
  /** Which of the parts, an integer in [0, count). */
  readonly index: number;
  /** How many parts there are, an integer >= 1. */
  readonly count: number;
}

/** The whole. */
export const WHOLE: Shard = { index: 0, count: 1 };

/**
 * The processes that train one model together, as one of them sees them.
 *
 * Each calls the same method at the same point of the run.
 */
export interface Peers {
  /** Which part of the examples is this process's. */
  readonly shard: Shard;
  /** Adds up numbers over all processes, in place. */
  sum(values: Float64Array): void;
  /**
   * Averages gradients over all processes.
   *
   * @param gradients Of this process; they stay the caller's.
   * @param examples How many they are the mean of.
   * @returns The mean over all examples, the same bits everywhere; it is the caller's.
   */
  average(gradients: tf.NamedTensorMap, examples: number): tf.NamedTensorMap;
  /** Hears, when a run begins, how to get what is this process's own of its state. */
  attach(own: () => unknown): void;
  /**
   * Gathers that of all processes, for a checkpoint; the others need not ask for it.
   *
   * @returns In the order of their shards; its tensors are the caller's. Nothing where a run has
   *   nothing of its own: before its first pass and after its last.
   */
  collect(): unknown[];
}
