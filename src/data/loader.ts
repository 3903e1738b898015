/**
 * Loaders, and the part of an epoch that a process reads from one.
 *
 * @module
 */
import type { tf } from "../deps/tfjs.ts";
import type { BatchLike } from "./to_batch.ts";

/**
 * Options of a pass over a loader.
 *
 * @category Data
 */
export interface IterateOptions {
  /** Index of the epoch whose order is used, 0-based. */
  epoch?: number;
  /** Number of batches to skip at the start, counted over all shards. */
  skip?: number;
  /** Seed of the order, for a loader without a seed. */
  seed?: number;
  /**
   * Index of the training that reads, 0-based: each `train()` of a Learner has orders of its own, also
   * from a loader with a seed. Default: 0.
   */
  training?: number;
  /** The part of the epoch to read. Default: all of it. */
  shard?: Shard;
}

/**
 * An iterator that may be synchronous, asynchronous, or return a promise only when it must.
 *
 * @category Data
 */
export interface BatchSource<Batch> {
  /** Returns the next batch. */
  next(): IteratorResult<Batch> | Promise<IteratorResult<Batch>>;
  /** Ends the pass early. */
  return?(): unknown;
}

/**
 * A loader that can start anywhere in an epoch without building the batches before.
 *
 * @category Data
 */
export interface SeekableLoader<Data, Labels, B = BatchLike<Data, Labels>> {
  /** Returns the batches of an epoch. */
  iterate(options: IterateOptions): BatchSource<B>;
  /** Number of batches, if known. */
  readonly length?: number;
  /**
   * Returns the number of batches in a part of an epoch, the same for all parts. A loader with
   * this method cuts shards itself: `iterate` obeys `shard`. Default: whole batches are dealt out
   * to the shards in turn.
   */
  shardLength?(shard: Shard): number;
}

/**
 * A `tf.data.Dataset`.
 *
 * @category Data
 */
export interface TensorFlowDataset {
  /** Starts a pass. */
  iterator(): Promise<{ next(): Promise<IteratorResult<unknown>> }>;
}

/**
 * Anything that yields batches: an array, a generator, an async generator, a function that returns
 * one of them, a `tf.data.Dataset` or a `DataLoader`.
 *
 * The Learner disposes each batch that it takes; from an array it takes clones.
 *
 * @category Data
 */
// deno-lint-ignore no-explicit-any -- batches of tensors in any nesting
export type Loader<Data = any, Labels = any, B = BatchLike<Data, Labels>> =
  | Iterable<B>
  | AsyncIterable<B>
  | (() => Iterable<B> | AsyncIterable<B>)
  | SeekableLoader<Data, Labels, B>
  | TensorFlowDataset;

/** Returns whether a value can be read as a loader. */
export function isLoader(value: unknown): value is Loader {
  if (typeof value === "function") return true;
  if (typeof value !== "object" || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value || "iterate" in value ||
    typeof (value as { iterator?: unknown }).iterator === "function";
}

/** Returns the number of batches in a loader, or in one part of it, if it is known. */
export function loaderLength(loader: unknown, shard: Shard = WHOLE): number | undefined {
  if (typeof loader !== "object" || loader === null) return;
  const { length, size, shardLength } = loader as {
    length?: unknown;
    size?: unknown;
    shardLength?: (shard: Shard) => number;
  };
  if (shardLength) return shardLength.call(loader, shard);
  for (const known of [length, size]) {
    if (typeof known === "number" && Number.isFinite(known)) return Math.floor(known / shard.count);
  }
}

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
