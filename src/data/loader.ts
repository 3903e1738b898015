import type { BatchLike } from "./to_batch.ts";
import { type Shard, WHOLE } from "./shard.ts";

/** Where a pass over a loader starts. */
export interface IterateOptions {
  /** Which epoch's order to take, 0-based. */
  epoch?: number;
  /** How many batches to leave out at the start; with shards, those of all of them count. */
  skip?: number;
  /** Decides the order where the loader has no seed of its own. */
  seed?: number;
  /** Which part of the epoch to take. Default: the whole. */
  shard?: Shard;
}

/** An iterator, or an asynchronous one, or one that is asynchronous only where it has to be. */
export interface BatchSource<Batch> {
  /** The next batch. */
  next(): IteratorResult<Batch> | Promise<IteratorResult<Batch>>;
  /** Ends the pass early. */
  return?(): unknown;
}

/** A loader that can start anywhere without building the batches before. */
export interface SeekableLoader<Data, Labels, B = BatchLike<Data, Labels>> {
  /** The batches of an epoch. */
  iterate(options: IterateOptions): BatchSource<B>;
  /** The number of batches, where known. */
  readonly length?: number;
  /**
   * The number of batches in a part of an epoch, the same for all parts; then `iterate` obeys
   * `shard`. Default: whole batches are dealt out in turn.
   */
  shardLength?(shard: Shard): number;
}

/** A dataset of `tf.data`. */
export interface TensorFlowDataset {
  /** Starts a pass. */
  iterator(): Promise<{ next(): Promise<IteratorResult<unknown>> }>;
}

/**
 * Anything that yields batches: an array, a generator, an async generator, a function that makes
 * one, a `tf.data.Dataset` or a `DataLoader`.
 *
 * The Learner disposes each batch that is yielded; of the batches in an array it takes clones.
 */
// deno-lint-ignore no-explicit-any -- batches of tensors in any nesting
export type Loader<Data = any, Labels = any, B = BatchLike<Data, Labels>> =
  | Iterable<B>
  | AsyncIterable<B>
  | (() => Iterable<B> | AsyncIterable<B>)
  | SeekableLoader<Data, Labels, B>
  | TensorFlowDataset;

/** Whether a value can be read as a loader. */
export function isLoader(value: unknown): value is Loader {
  if (typeof value === "function") return true;
  if (typeof value !== "object" || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value || "iterate" in value ||
    typeof (value as { iterator?: unknown }).iterator === "function";
}

/** The number of batches in a loader, or in a part of it, where it is known. */
export function loaderLength(loader: unknown, shard = WHOLE): number | undefined {
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
