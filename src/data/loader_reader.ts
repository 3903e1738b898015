import {
  type BatchSource,
  cloneBatch,
  isLoader,
  type IterateOptions,
  type Loader,
  type Shard,
  type SizedBatch,
  toBatch,
  WHOLE,
} from "./loader.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import { isThenable } from "../checks/check_options.ts";

/** One pass over a loader, batch by batch. */
export class LoaderReader {
  readonly #name: string;
  readonly #iterator: BatchSource<unknown>;
  readonly #owned: boolean;
  readonly #first: number;
  readonly #stride: number;
  /** Number of batches of its own shard that it has read. */
  #read = 0;
  #ended = false;
  #pending = false;
  /** The next batch, if it was fetched ahead. */
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
   * Starts a pass.
   *
   * @param name Key of the loader in `dataloaders`.
   * @param loader The loader.
   * @param options Where to start, and which part to read.
   * @throws {TypeError} If the loader is missing, or is not a loader.
   */
  static async open(
    name: string,
    loader: Loader | undefined,
    options: IterateOptions,
  ): Promise<LoaderReader> {
    if (loader === undefined || loader === null) {
      throw new TypeError(
        `Cannot read batches as dataloaders.${name} must be set: current value is ${loader}`,
      );
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
      if (done) {
        const read = skip - left;
        throw new RangeError(
          `Cannot resume as the ${name} loader must yield the ${skip} batches that were read before: ` +
            `it yielded ${read}`,
        );
      }
      if (owned) disposeTensors(value);
    }
    return new LoaderReader(name, part(all, owned), owned, options);
  }

  /** Key of the loader in `dataloaders`. */
  get name(): string {
    return this.#name;
  }

  /** Whether nothing more can be read: the loader has ended, or was closed. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Takes the next batch.
   *
   * @returns The batch, or `undefined` after the last; a promise only if the loader returned one.
   */
  next(): SizedBatch | undefined | Promise<SizedBatch | undefined> {
    const { batch } = this.#ahead ?? { batch: this.#fetch() };
    this.#ahead = undefined;
    return batch;
  }

  /**
   * Returns whether the batch taken last is the last of the pass. To know, it fetches the next one
   * and keeps it; an error of that fetch is thrown by the next call of `next()`.
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

  /** Ends the pass, without waiting for a loader that is stuck in the middle of a batch. */
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
  if (batch) disposeTensors([batch.data, batch.labels, batch.weights]);
}

function iteratorOf(source: Iterable<unknown> | AsyncIterable<unknown>): BatchSource<unknown> {
  return Symbol.iterator in source
    ? source[Symbol.iterator]()
    : (source as AsyncIterable<unknown>)[Symbol.asyncIterator]() as BatchSource<unknown>;
}

/**
 * Deals the batches of a source out to shards in turn, and yields those of one shard.
 *
 * An incomplete last turn is left out, so that all shards have the same number of batches.
 *
 * @param source All batches.
 * @param shard The shard whose batches are yielded.
 * @param drop Called with each batch of another shard, and with one that is left out.
 * @returns A source that is synchronous where `source` is.
 */
function shardBatches(
  source: BatchSource<unknown>,
  { index, count }: Shard,
  drop: (batch: unknown) => void,
): BatchSource<unknown> {
  type Result = IteratorResult<unknown>;
  const turn = (place: number, own?: unknown): Result | Promise<Result> => {
    while (place < count) {
      const result = source.next();
      if (isThenable(result)) {
        return Promise.resolve(result as Promise<Result>).then((result) =>
          taken(result, place, own)
        );
      }
      if ((result as Result).done) return taken(result as Result, place, own);
      if (place === index) own = (result as Result).value;
      else drop((result as Result).value);
      place++;
    }
    return { done: false, value: own };
  };
  const taken = (result: Result, place: number, own: unknown): Result | Promise<Result> => {
    if (result.done) {
      if (place > index) drop(own);
      return result;
    }
    if (place !== index) drop(result.value);
    return turn(place + 1, place === index ? result.value : own);
  };
  return { next: () => turn(0), return: () => source.return?.() };
}
