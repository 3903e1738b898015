/**
 * Loaders, the forms of their batches, and the part of an epoch that a process reads from one.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import type { Batch } from "./dataset.ts";
import { describeValue } from "../checks/check_options.ts";
import { mapTensors, type Tensors, tensorsIn } from "../tensors/nested_tensors.ts";
import { cloneTensor } from "../tensors/tensor_memory.ts";

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

/**
 * A batch in any of the forms that a loader may yield. Weights of the examples, `[batch]`, are passed
 * on to the loss and the metrics.
 *
 * @category Data
 */
export type BatchLike<Data, Labels> =
  | readonly [data: Data, labels: Labels]
  | readonly [data: Data, labels: Labels, weights: Tensors]
  | { readonly data: Data; readonly labels: Labels; readonly weights?: Tensors }
  | { readonly x: Data; readonly y: Labels; readonly w?: Tensors }
  | { readonly xs: Data; readonly ys: Labels; readonly ws?: Tensors };

/**
 * A batch to predict: its labels are ignored, and may be missing. A tensor alone is data.
 *
 * @category Data
 */
export type Unlabelled<Data> =
  | tf.Tensor
  | readonly [data: Data, labels: unknown]
  | readonly [data: Data, labels: unknown, weights: unknown]
  | { readonly data: Data }
  | { readonly x: Data }
  | { readonly xs: Data };

/** A batch in the form that the Learner uses. */
export interface SizedBatch extends Batch<unknown, unknown> {
  /** Weights of the examples, if there are any. */
  readonly weights?: unknown;
  /** Number of examples. */
  readonly size: number;
}

/** Origin of a batch, for error messages. */
export interface BatchOrigin {
  /** Key of the loader in `dataloaders`. */
  loader: string;
  /** Index of the batch, 0-based. */
  index: number;
}

/** The names of data, labels and weights in the records that a loader may yield. */
const NAMES = [["data", "labels", "weights"], ["x", "y", "w"], ["xs", "ys", "ws"]] as const;

/**
 * Converts a batch as a loader yields it to the form that the Learner uses.
 *
 * @param value The batch.
 * @param origin Its origin, for errors.
 * @returns The same tensors.
 * @throws {TypeError} If the value is not a batch, or data and labels differ in length.
 * @throws {RangeError} If it has no examples, whose mean loss would be NaN.
 */
export function toBatch(value: unknown, origin: BatchOrigin): SizedBatch {
  const action = `Cannot use batch ${origin.index} of the ${origin.loader} loader`;
  const parts = split(value, origin);
  if (!parts) {
    throw new TypeError(
      `${action} as it must be ${origin.loader === "predict" ? "a tensor, " : ""}[data, labels], ` +
        "[data, labels, weights], { data, labels }, { x, y } or { xs, ys }: current value is " +
        describeValue(value),
    );
  }
  if (parts.some(holdsDisposed)) {
    throw new TypeError(
      `${action} as its tensors must be alive: one is disposed. The Learner disposes each batch ` +
        "after use, except batches in an array: yield new tensors or clones",
    );
  }
  const [data, labels, weights] = parts;
  const size = lengthOf(data);
  const labelled = lengthOf(labels);
  if (size === undefined) {
    throw new TypeError(
      `${action} as its data must be tensors whose first axis counts examples: ` +
        `current value is ${describeValue(data)}`,
    );
  }
  if (size === 0 && origin.loader !== "predict") {
    throw new RangeError(`${action} as it must have examples: its length is 0`);
  }
  if (labelled !== undefined && labelled !== size) {
    throw new TypeError(
      `${action} as data and labels must have the same length: ` +
        `current lengths are ${size} and ${labelled}`,
    );
  }
  const weighted = lengthOf(weights);
  if (weights !== undefined && weights !== null && weighted !== size) {
    throw new TypeError(
      `${action} as its weights must be tensors with one number for each of ${size} examples: ` +
        `current value is ${describeValue(weights)}`,
    );
  }
  return { data, labels, size, ...weighted !== undefined && { weights } };
}

/** Whether tensors that were disposed are in a part of a batch, which is a tensor most often. */
function holdsDisposed(part: unknown): boolean {
  if (part instanceof tf.Tensor) return part.isDisposed;
  return part !== undefined && tensorsIn(part).some(({ isDisposed }) => isDisposed);
}

/**
 * Clones the tensors of a batch, so that the clones can be disposed without the originals. Disposed
 * tensors stay as they are: {@linkcode toBatch} reports their origin.
 */
export function cloneBatch(value: unknown): unknown {
  return mapTensors(value, (tensor) => tensor.isDisposed ? tensor : cloneTensor(tensor));
}

function split(
  value: unknown,
  { loader }: BatchOrigin,
): [data: unknown, labels: unknown, weights?: unknown] | undefined {
  const unlabelled = loader === "predict";
  if (unlabelled && value instanceof tf.Tensor) return [value, undefined];
  if (typeof value !== "object" || value === null || value instanceof tf.Tensor) return;
  if (Array.isArray(value)) {
    return value.length === 2 || value.length === 3 ? [value[0], value[1], value[2]] : undefined;
  }
  const batch = value as Record<string, unknown>;
  for (const [data, labels, weights] of NAMES) {
    if (data in batch && (unlabelled || labels in batch)) {
      return [batch[data], batch[labels], batch[weights]];
    }
  }
}

/** Returns the length of the first axis of the first tensor. */
function lengthOf(nested: unknown): number | undefined {
  if (nested === undefined) return;
  if (nested instanceof tf.Tensor) return nested.shape[0];
  return tensorsIn(nested)[0]?.shape[0];
}
