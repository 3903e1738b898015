import { checkOptions } from "../checks/check_options.ts";
import { describeValue } from "../checks/describe_value.ts";
import { ArrayDataset } from "./array_dataset.ts";
import type { Batch, Dataset } from "./dataset.ts";
import { BatchIterator } from "./batch_iterator.ts";
import { keyedRandom } from "../random/keyed_random.ts";
import { permutation } from "../random/permutation.ts";
import { type Shard, WHOLE } from "./shard.ts";

/**
 * What to load, and how to cut it into batches.
 *
 * @template B The batches.
 * @template Example The examples, if `dataset` is an array.
 */
export interface DataLoaderOptions<B, Example> {
  /** Where the batches come from: a dataset, or an array of examples together with `collate`. */
  readonly dataset: Dataset<B> | readonly Example[];
  /** Makes a batch of examples, if `dataset` is an array. The batch belongs to whoever takes it. */
  readonly collate?: (examples: Example[]) => B | PromiseLike<B>;
  /** The number of examples in a batch, an integer >= 1. Default 32. */
  readonly batchSize?: number;
  /** Whether the examples come in another random order each epoch. Default `false`. */
  readonly shuffle?: boolean;
  /** Whether to leave out a last batch smaller than `batchSize`. Default `false`. */
  readonly dropLast?: boolean;
  /**
   * Decides the order of every epoch, together with the epoch's number: a safe integer. By default
   * a random one, drawn at construction.
   */
  readonly seed?: number;
  /**
   * How many batches may be under way or waiting while another one is computed with, an integer
   * >= 0. It helps an asynchronous dataset. Default 0: each batch is built when it is asked for.
   */
  readonly prefetch?: number;
  /** How long to wait for one batch before that is an error: ms, > 0. Default: for ever. */
  readonly timeout?: number;
}

const OPTIONS: Record<keyof DataLoaderOptions<unknown, unknown>, true> = {
  dataset: true,
  collate: true,
  batchSize: true,
  shuffle: true,
  dropLast: true,
  seed: true,
  prefetch: true,
  timeout: true,
};

/**
 * Cuts a dataset into batches, epoch by epoch.
 *
 * The order of an epoch depends only on (seed, epoch), so that an epoch can be repeated, or resumed
 * in its middle, with nothing saved. Nothing is read back from the device.
 *
 * {@linkcode DataLoader.iterate} gives one epoch; plain `for` and `for await` give the next one each
 * time, from epoch 0 on. Whoever takes a batch owns its tensors and disposes them.
 *
 * @template B The batches.
 * @template Example The examples, if `dataset` is an array.
 *
 * @example
 * ```ts
 * import { DataLoader, TensorDataset, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * using dataset = new TensorDataset({
 *   data: { values: Float32Array.of(1, 2, 3, 4, 5), shape: [5, 1] },
 *   labels: { values: Int32Array.of(0, 1, 0, 1, 0), shape: [5] },
 * });
 * const loader = new DataLoader({ dataset, batchSize: 2, shuffle: true, seed: 42 });
 * assertEquals(loader.length, 3);
 * let sum = 0;
 * for (const { data, labels } of loader) {
 *   for (const value of data.dataSync()) sum += value;
 *   tf.dispose([data, labels]);
 * }
 * assertEquals(sum, 15);
 * ```
 */
export class DataLoader<B = Batch, Example = unknown> {
  /** Where the batches come from. The loader does not dispose it. */
  readonly dataset: Dataset<B>;
  /** The number of examples in a batch; the last of an epoch may be smaller. */
  readonly batchSize: number;
  /** Whether the examples come in another random order each epoch. */
  readonly shuffle: boolean;
  /** Whether a last batch smaller than `batchSize` is left out. */
  readonly dropLast: boolean;
  /** How many batches are fetched ahead. */
  readonly prefetch: number;
  /** How long to wait for a batch, in ms; `undefined` waits for ever. */
  readonly timeout: number | undefined;
  readonly #drawnSeed = crypto.getRandomValues(new Uint32Array(1))[0];
  #seed: number | undefined;
  #epoch = 0;

  /**
   * Checks the options; loads nothing.
   *
   * @param options The dataset, and how to cut it.
   * @throws {TypeError} When the dataset is none, or does not fit with `collate`.
   * @throws {RangeError} When a size, `prefetch`, `timeout` or the seed is out of range.
   */
  constructor(options: DataLoaderOptions<B, Example>) {
    checkOptions("load data", options, OPTIONS);
    const { dataset, collate, batchSize = 32, shuffle = false, dropLast = false } = options;
    const { prefetch = 0, timeout, seed } = options;
    this.dataset = toDataset(dataset, collate);
    check(
      "batchSize must be an integer >= 1",
      batchSize,
      Number.isInteger(batchSize) && batchSize >= 1,
    );
    check(
      "prefetch must be an integer >= 0",
      prefetch,
      Number.isInteger(prefetch) && prefetch >= 0,
    );
    check(
      "timeout must be a number of ms > 0 and < 2^31",
      timeout,
      timeout === undefined || (timeout > 0 && timeout < 2 ** 31),
    );
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.prefetch = prefetch;
    this.timeout = timeout;
    this.seed = seed;
  }

  /**
   * Decides the order of every epoch, together with the epoch's number: a safe integer.
   *
   * `undefined` if none was given; then a random one, drawn at construction, is in use. May be set
   * at any time, and is obeyed from the next epoch on.
   *
   * @throws {RangeError} When set to what is neither a safe integer nor `undefined`.
   */
  get seed(): number | undefined {
    return this.#seed;
  }

  set seed(seed: number | undefined) {
    check("seed must be a safe integer", seed, seed === undefined || Number.isSafeInteger(seed));
    this.#seed = seed;
  }

  /** The number of batches in an epoch. */
  get length(): number {
    return this.shardLength(WHOLE);
  }

  /**
   * The number of batches in a part of an epoch, the same for all parts.
   *
   * Of every `count * batchSize` examples, each part has a batch of `batchSize`. Those that are left
   * at the end are shared evenly, with none repeated and, unless `dropLast` says so, none left out:
   * where there are fewer than parts, the last batches have one more.
   *
   * @param shard Which part.
   * @throws {RangeError} When there are fewer examples than parts.
   */
  shardLength(shard: Shard): number {
    return this.#cut(shard.count, 0).length;
  }

  /** How the examples from `start` on are cut: into how many batches, and where the last begins. */
  #cut(count: number, start: number): { length: number; last: number } {
    const examples = this.dataset.length - start;
    const joint = this.batchSize * count;
    const full = Math.floor(examples / joint);
    if (this.dropLast) return { length: Math.max(full, 0), last: Infinity };
    const partial = examples - full * joint >= count;
    check(
      `the examples must be at least as many as the ${count} shards`,
      this.dataset.length,
      full > 0 || partial || start > 0 || examples === 0,
    );
    const length = Math.max(partial ? full + 1 : full, 0);
    return { length, last: length - 1 };
  }

  /**
   * Iterates over one epoch, starting anywhere in it.
   *
   * It is pure: the same epoch is the same again, and plain iteration is not affected. Batches that
   * are skipped are not built.
   *
   * @param options Where to start.
   * @param options.epoch Which epoch, an integer in [0, 2^32 - 1). Default 0.
   * @param options.skip How many batches to leave out at its start, an integer >= 0. Default 0.
   *   With a shard, those of all shards count: what is left is cut anew.
   * @param options.shard Which part of it to take, see {@linkcode DataLoader.shardLength}. Default:
   *   the whole.
   * @param options.seed Decides the order if the loader has no seed of its own: a safe integer.
   * @returns The batches; whoever does not take all of them calls its `return()`.
   * @throws {RangeError} When `epoch` or `skip` is out of range.
   *
   * @example
   * ```ts
   * import { DataLoader } from "@trainchart/trainchart";
   * import { assertEquals } from "@std/assert";
   *
   * const loader = new DataLoader({
   *   dataset: [..."abcdefg"],
   *   collate: (examples) => examples.join(""),
   *   batchSize: 2,
   *   shuffle: true,
   * });
   * assertEquals([...loader.iterate({ epoch: 7, skip: 2 })], [...loader.iterate({ epoch: 7 })].slice(2));
   * ```
   */
  iterate(
    { epoch = 0, skip = 0, seed, shard = WHOLE }: {
      epoch?: number;
      skip?: number;
      seed?: number;
      shard?: Shard;
    } = {},
  ): BatchIterator<B> {
    check(
      "epoch must be an integer in [0, 2^32 - 1)",
      epoch,
      Number.isInteger(epoch) && epoch >= 0 && epoch < 2 ** 32 - 1,
    );
    check("skip must be an integer >= 0", skip, Number.isInteger(skip) && skip >= 0);
    const { dataset, batchSize, prefetch, timeout } = this;
    const { index, count } = shard;
    const examples = dataset.length;
    const start = skip * batchSize;
    const { length, last } = this.#cut(count, start);
    const skipped = Math.floor(skip / count);
    const order = this.shuffle && length > 0
      ? permutation(examples, keyedRandom(this.seed ?? seed ?? this.#drawnSeed, epoch))
      : undefined;
    const indices = (batch: number) => {
      const turn = batch - skipped;
      const from = start + turn * batchSize * count;
      const size = turn === last ? examples - from : batchSize * count;
      const first = from + Math.floor(size * index / count);
      const end = from + Math.floor(size * (index + 1) / count);
      return order?.slice(first, end) ??
        Int32Array.from({ length: end - first }, (_, place) => first + place);
    };
    return new BatchIterator(dataset, {
      indices,
      batches: skipped + length,
      skip: skipped,
      prefetch,
      timeout,
      name: `epoch ${epoch}`,
    });
  }

  /** Iterates over the next epoch with `for`; the dataset must be synchronous. */
  [Symbol.iterator](): Iterator<B, undefined> {
    return this.iterate({ epoch: this.#epoch++ })[Symbol.iterator]();
  }

  /** Iterates over the next epoch with `for await`. */
  [Symbol.asyncIterator](): AsyncIterator<B, undefined> {
    return this.iterate({ epoch: this.#epoch++ })[Symbol.asyncIterator]();
  }
}

function check(requirement: string, value: unknown, fulfilled: boolean): void {
  if (!fulfilled) {
    throw new RangeError(
      `Cannot load data as ${requirement}: current value is ${describeValue(value)}`,
    );
  }
}

function toDataset<B, Example>(
  dataset: DataLoaderOptions<B, Example>["dataset"],
  collate: DataLoaderOptions<B, Example>["collate"],
): Dataset<B> {
  if (Array.isArray(dataset)) {
    if (collate) return new ArrayDataset<Example, B>(dataset, { collate });
    throw new TypeError(
      "Cannot load data as an array of examples must come with a function `collate`: " +
        "current value is undefined",
    );
  }
  const { length, batch } = (dataset ?? {}) as Partial<Dataset<B>>;
  if (!Number.isInteger(length) || length! < 0 || typeof batch !== "function") {
    throw new TypeError(
      "Cannot load data as dataset must be an array or have a length >= 0 and a method batch(): " +
        `current value is of type ${dataset === null ? "null" : typeof dataset}, with length ` +
        `${length} and batch of type ${typeof batch}`,
    );
  }
  if (collate) {
    throw new TypeError(
      "Cannot load data as `collate` must come with an array of examples: " +
        "current value is a dataset, which makes batches by itself",
    );
  }
  return dataset as Dataset<B>;
}
