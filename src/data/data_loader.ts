import {
  checkNumber,
  checkOptions,
  describeValue,
  type KnownOptions,
} from "../checks/check_options.ts";
import { ArrayDataset, type Batch, type Dataset } from "./dataset.ts";
import { BatchIterator } from "./batch_iterator.ts";
import { EpochCut, epochOrder } from "./example_order.ts";
import { keyedRandom } from "../random/random_numbers.ts";
import { type IterateOptions, type Shard, WHOLE } from "./loader.ts";

/**
 * Options of {@linkcode DataLoader}.
 *
 * @template B Type of the batches.
 * @template Example Type of the examples, if `dataset` is an array.
 * @category Data
 */
export interface DataLoaderOptions<B, Example> {
  /** A dataset that builds the batches, or an array of examples, which needs `collate`. */
  readonly dataset: Dataset<B> | readonly Example[];
  /** Makes a batch of examples, if `dataset` is an array, as in {@linkcode ArrayDataset}. */
  readonly collate?: (examples: Example[]) => B | PromiseLike<B>;
  /** Number of examples in a batch, an integer >= 1. Default: 32. */
  readonly batchSize?: number;
  /** Whether each epoch has a random order of its own. Default: `false`. */
  readonly shuffle?: boolean;
  /** Whether to leave out a last batch smaller than `batchSize`. Default: `false`. */
  readonly dropLast?: boolean;
  /**
   * Seed of the order: a safe integer. An order depends on the seed and the epoch only. Default:
   * the seed of the Learner, else a random one, drawn at construction.
   */
  readonly seed?: number;
  /**
   * Length of each example, by index, such as its number of tokens: batches then have examples of
   * similar length, which need little padding. Default: lengths are ignored.
   */
  readonly lengths?: ArrayLike<number>;
  /**
   * Largest number of batches that are built ahead, an integer >= 0. It speeds up an asynchronous
   * dataset. Default: 0, each batch is built when it is asked for.
   */
  readonly prefetch?: number;
  /** Longest time to wait for a batch before it is an error, in ms, > 0. Default: for ever. */
  readonly timeout?: number;
}

const OPTIONS: KnownOptions<DataLoaderOptions<unknown, unknown>> = {
  dataset: true,
  collate: true,
  batchSize: true,
  shuffle: "flag",
  dropLast: "flag",
  seed: true,
  lengths: true,
  prefetch: true,
  timeout: true,
};

/**
 * Cuts a dataset into batches, epoch by epoch.
 *
 * The order of an epoch depends only on (seed, epoch), so that an epoch can be repeated, or resumed
 * in its middle, without saved state. No tensor is read back from the device.
 *
 * {@linkcode DataLoader.iterate} returns one epoch. Each plain `for` or `for await` runs through the
 * next epoch, starting with epoch 0. The consumer owns the tensors of each batch and disposes them.
 *
 * @template B Type of the batches.
 * @template Example Type of the examples, if `dataset` is an array.
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
 *
 * @category Data
 */
export class DataLoader<B = Batch, Example = unknown> {
  /** The dataset that builds the batches. The loader does not dispose it. */
  readonly dataset: Dataset<B>;
  /** Number of examples in a batch; the last batch of an epoch may be smaller. */
  readonly batchSize: number;
  /** Whether each epoch has a random order of its own. */
  readonly shuffle: boolean;
  /** Whether a last batch smaller than `batchSize` is left out. */
  readonly dropLast: boolean;
  /** Length of each example, if batches have examples of similar length. */
  readonly lengths: ArrayLike<number> | undefined;
  /** Largest number of batches that are built ahead. */
  readonly prefetch: number;
  /** Longest time to wait for a batch, in ms; `undefined` waits for ever. */
  readonly timeout: number | undefined;
  readonly #drawnSeed = crypto.getRandomValues(new Uint32Array(1))[0];
  #seed: number | undefined;
  #epoch = 0;

  /**
   * Checks the options; loads nothing.
   *
   * @param options The dataset, and how to cut it.
   * @throws {TypeError} If `dataset` is not a dataset, or does not fit `collate` or `lengths`, or an
   *   option is unknown.
   * @throws {RangeError} If `batchSize`, `prefetch`, `timeout` or `seed` is out of range.
   */
  constructor(options: DataLoaderOptions<B, Example>) {
    checkOptions("load data", options, OPTIONS);
    const { dataset, collate, batchSize = 32, shuffle = false, dropLast = false } = options;
    const { prefetch = 0, timeout, seed, lengths } = options;
    this.dataset = toDataset(dataset, collate);
    this.lengths = checkLengths(lengths, this.dataset.length);
    checkNumber("load data", "batchSize", batchSize, { integer: true, min: 1 });
    checkNumber("load data", "prefetch", prefetch, { integer: true, min: 0 });
    if (timeout !== undefined) {
      // A timer with a longer delay fires at once.
      checkNumber("load data", "timeout", timeout, { above: 0, below: 2 ** 31, unit: "ms" });
    }
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.prefetch = prefetch;
    this.timeout = timeout;
    this.seed = seed;
  }

  /**
   * Seed of the order: a safe integer, or `undefined`, where the seed of the Learner or a random one
   * is used. May be set at any time; it takes effect from the next epoch on.
   *
   * @throws {RangeError} If it is set to anything but a safe integer or `undefined`.
   */
  get seed(): number | undefined {
    return this.#seed;
  }

  set seed(seed: number | undefined) {
    if (seed !== undefined) checkNumber("load data", "seed", seed, { integer: true });
    this.#seed = seed;
  }

  /** Number of batches in an epoch. */
  get length(): number {
    return this.shardLength(WHOLE);
  }

  /**
   * Returns the number of batches in a part of an epoch, the same for all parts.
   *
   * Each part gets `batchSize` of every `count * batchSize` examples. The examples left at the end
   * are shared evenly, without repeating any and, unless `dropLast` is set, without leaving any out:
   * if there are fewer examples left than parts, some of the last batches have one more.
   *
   * @param shard The part.
   * @throws {RangeError} If there are fewer examples than parts.
   */
  shardLength(shard: Shard): number {
    return new EpochCut(this.dataset.length, this, shard).length;
  }

  /** The order of the examples in an epoch; `undefined` for their own order. */
  #order(seed: number | undefined, epoch: number, training: number): Int32Array | undefined {
    const random = this.shuffle ? this.#random(seed, epoch, training) : undefined;
    return epochOrder(this.dataset.length, this.batchSize, this.lengths, random);
  }

  /** Random numbers for an order. A seed that is passed belongs to one training already. */
  #random(seed: number | undefined, epoch: number, training: number): () => number {
    if (this.seed === undefined) return keyedRandom(seed ?? this.#drawnSeed, epoch);
    return keyedRandom(this.seed, ...training > 0 ? [epoch, training] : [epoch]);
  }

  /**
   * Iterates over one epoch, starting anywhere in it.
   *
   * The result depends only on the options, and plain iteration is not affected. Batches that are
   * skipped are not built.
   *
   * @param options Where to start.
   * @param options.epoch Index of the epoch, an integer in [0, 2^32 - 1). Default: 0.
   * @param options.skip Number of batches to skip at the start, an integer >= 0. With a shard it
   *   counts the batches of all shards; the remaining examples are divided again. Default: 0.
   * @param options.shard The part to take, see {@linkcode DataLoader.shardLength}. Default: the whole
   *   epoch.
   * @param options.seed Seed of the order if the loader has none: a safe integer.
   * @param options.training Index of the training that reads, an integer in [0, 2^32 - 1).
   *   Default: 0.
   * @returns The batches. A caller that does not take all of them calls `return()`.
   * @throws {RangeError} If `epoch`, `training` or `skip` is out of range.
   * @throws {TypeError} If an option is unknown.
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
  iterate(options: IterateOptions = {}): BatchIterator<B> {
    checkOptions("load data", options, {
      epoch: true,
      skip: true,
      seed: true,
      training: true,
      shard: true,
    });
    const { epoch = 0, skip = 0, training = 0, shard = WHOLE } = options;
    for (const [name, value] of Object.entries({ epoch, training })) {
      checkNumber("load data", name, value, { integer: true, min: 0, below: 2 ** 32 - 1 });
    }
    checkNumber("load data", "skip", skip, { integer: true, min: 0 });
    const { dataset, prefetch, timeout } = this;
    const cut = new EpochCut(dataset.length, this, shard, skip);
    const skipped = Math.floor(skip / shard.count);
    const order = cut.length > 0 ? this.#order(options.seed, epoch, training) : undefined;
    const indices = (batch: number) => {
      const [first, end] = cut.range(batch - skipped);
      return order?.slice(first, end) ??
        Int32Array.from({ length: end - first }, (_, place) => first + place);
    };
    return new BatchIterator(dataset, {
      indices,
      batches: skipped + cut.length,
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

function checkLengths(
  lengths: ArrayLike<number> | undefined,
  examples: number,
): ArrayLike<number> | undefined {
  if (lengths === undefined) return;
  if (lengths?.length !== examples || Array.from(lengths).some((length) => !(length >= 0))) {
    throw new TypeError(
      `Cannot load data as lengths must have a number >= 0 for each of ${examples} examples: ` +
        `current value is ${describeValue(lengths)}`,
    );
  }
  return lengths;
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
        `current value is ${describeValue(dataset)}, with length ${describeValue(length)} and ` +
        `batch ${describeValue(batch)}`,
    );
  }
  if (collate) {
    throw new TypeError(
      "Cannot load data as `collate` must come with an array of examples: current value is a " +
        "dataset, which makes batches itself",
    );
  }
  return dataset as Dataset<B>;
}
