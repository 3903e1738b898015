import { type BatchLike, cloneBatch, type SizedBatch, toBatch } from "./to_batch.ts";
import { type Shard, WHOLE } from "./shard.ts";
import { shardBatches } from "./shard_batches.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import { isThenable } from "../chart/is_thenable.ts";

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

/** One pass over a loader, batch by batch. */
export class LoaderReader {
  readonly #name: string;
  readonly #iterator: BatchSource<unknown>;
  readonly #owned: boolean;
  readonly #first: number;
  readonly #stride: number;
  /** How many batches of its own it has read. */
  #read = 0;
  #ended = false;
  #pending = false;
  /** What was fetched before it was asked for. */
  #ahead: { batch: SizedBatch | undefined | Promise<SizedBatch | undefined> } | undefined;

  private constructor(
    name: string,
    iterator: BatchSource<unknown>,
    owned: boolean,
    { skip = 0, shard = WHOLE }: IterateOptions,
  ) {
    this.#name = name;
    this.#iterator = iterator;
    this.#owned = owned;
    this.#first = skip;
    this.#stride = shard.count;
  }

  /**
   * Starts a pass; `name` is the loader's key in `dataloaders`.
   *
   * @throws {TypeError} If it is missing, or no loader.
   */
  static async open(
    name: string,
    loader: Loader | undefined,
    options: IterateOptions,
  ): Promise<LoaderReader> {
    if (loader === undefined || loader === null) {
      throw new TypeError(`Cannot read batches as dataloaders.${name} must be set: it is missing`);
    }
    const { skip = 0, shard = WHOLE } = options;
    const part = (source: BatchSource<unknown>, owned: boolean) =>
      shard.count === 1 ? source : shardBatches(source, shard, owned ? disposeTensors : () => {});
    if (typeof loader === "object" && "iterate" in loader) {
      const whole = loader.iterate(options);
      return new LoaderReader(name, loader.shardLength ? whole : part(whole, true), true, options);
    }
    const source = typeof loader === "function" ? loader() : loader;
    if (!isLoader(source) || typeof source === "function") {
      throw new TypeError(
        `Cannot read the ${name} loader as it must be, or its function must return, an iterable ` +
          `of batches: current value is ${source}`,
      );
    }
    const owned = !Array.isArray(source);
    const all: BatchSource<unknown> = "iterator" in source && typeof source.iterator === "function"
      ? await source.iterator()
      : iteratorOf(source as Iterable<unknown>);
    for (let left = skip; left > 0; left--) {
      const { done, value } = await all.next();
      if (done) break;
      if (owned) disposeTensors(value);
    }
    return new LoaderReader(name, part(all, owned), owned, options);
  }

  /** The loader's key in `dataloaders`. */
  get name(): string {
    return this.#name;
  }

  /** The next batch, or `undefined` after the last: at once where the loader is synchronous. */
  next(): SizedBatch | undefined | Promise<SizedBatch | undefined> {
    const { batch } = this.#ahead ?? { batch: this.#fetch() };
    this.#ahead = undefined;
    return batch;
  }

  /**
   * Whether nothing comes after the batch that was taken last: the next one is fetched for the
   * answer, and waits to be taken. What goes wrong is thrown when it is taken.
   */
  async ends(): Promise<boolean> {
    try {
      this.#ahead ??= { batch: this.#fetch() };
      const { batch } = this.#ahead;
      return (isThenable(batch) ? await batch : batch) === undefined;
    } catch (error) {
      const batch = Promise.reject(error);
      batch.catch(() => {});
      this.#ahead ??= { batch };
      return false;
    }
  }

  #fetch(): SizedBatch | undefined | Promise<SizedBatch | undefined> {
    const result = this.#iterator.next();
    if (!("then" in result)) return this.#take(result);
    this.#pending = true;
    return result.then((result) => {
      this.#pending = false;
      return this.#take(result);
    }, (error) => {
      this.#pending = false;
      this.#ended = true;
      throw error;
    });
  }

  /** Ends the pass. A loader that is stuck in the middle of a batch is not waited for. */
  async close(): Promise<void> {
    const { batch } = this.#ahead ?? {};
    this.#ahead = undefined;
    if (isThenable(batch)) batch.then(disposeBatch, () => {});
    else disposeBatch(batch);
    if (this.#ended) return;
    this.#ended = true;
    const returned = this.#return();
    if (this.#pending) returned.catch(() => {});
    else await returned;
  }

  async #return(): Promise<void> {
    await this.#iterator.return?.();
  }

  #take(result: IteratorResult<unknown>): SizedBatch | undefined {
    if (this.#ended) {
      if (!result.done && this.#owned) disposeTensors(result.value);
      return;
    }
    if (result.done) {
      this.#ended = true;
      return;
    }
    const value = this.#owned ? result.value : cloneBatch(result.value);
    try {
      const index = Math.floor(this.#first / this.#stride) + this.#read++;
      return toBatch(value, { loader: this.#name, index });
    } catch (error) {
      disposeTensors(value);
      throw error;
    }
  }
}

function disposeBatch(batch: SizedBatch | undefined): void {
  if (batch) disposeTensors([batch.data, batch.labels]);
}

function iteratorOf(source: Iterable<unknown> | AsyncIterable<unknown>): BatchSource<unknown> {
  return Symbol.iterator in source
    ? source[Symbol.iterator]()
    : (source as AsyncIterable<unknown>)[Symbol.asyncIterator]() as BatchSource<unknown>;
}
