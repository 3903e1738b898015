/**
 * Orders of examples: of an epoch, in strata, and of the parts into which a dataset is split.
 *
 * @module
 */
import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";
import { keyedRandom, permutation } from "../random/random_numbers.ts";
import type { Shard } from "./loader.ts";
import { checkIndices, type Dataset } from "./dataset.ts";

/**
 * Class of each example, by index: numbers or names.
 *
 * @category Data
 */
export type Classes = ArrayLike<number | string>;

/**
 * Groups examples by class.
 *
 * @param action Completes "Cannot …", for errors.
 * @param classes The class of each example.
 * @param length Number of examples.
 * @returns The indices of the examples of each class, classes in the order in which they first occur.
 * @throws {TypeError} If there is not one class for each example.
 */
export function strata(action: string, classes: Classes, length: number): number[][] {
  if (typeof classes !== "object" || classes === null || classes.length !== length) {
    throw new TypeError(
      `Cannot ${action} as stratify must have the class of each of ${length} examples: ` +
        `current value is ${describeValue(classes)}`,
    );
  }
  const groups = new Map<number | string, number[]>();
  for (let index = 0; index < length; index++) {
    const group = groups.get(classes[index]);
    if (group) group.push(index);
    else groups.set(classes[index], [index]);
  }
  return [...groups.values()];
}

/** Returns the indices of all examples: in an order that depends on a seed, or in their own. */
export function exampleOrder(length: number, seed: number | undefined): Int32Array {
  return seed === undefined
    ? Int32Array.from({ length }, (_, index) => index)
    : permutation(length, keyedRandom(seed));
}

/** Number of batches within which examples are sorted: more leave less padding, and less chance. */
const WINDOW = 64;

/**
 * Reorders examples so that each batch has examples of similar length.
 *
 * Within every 64 batches, examples are sorted by length; then whole batches are shuffled. The order
 * depends on nothing but the arguments. A last batch that is not full stays the last.
 *
 * Khomenko et al., "Accelerating recurrent neural network training using sequence bucketing and
 * multi-GPU data parallelization", 2016, https://arxiv.org/abs/1708.05604.
 *
 * @param order The examples, in any order.
 * @param lengths The length of each example, by index.
 * @param batchSize Number of examples in a batch, an integer >= 1.
 * @param random Draws the order of the batches. Default: they keep their order.
 * @returns The same examples in another order.
 */
function bucketOrder(
  order: Int32Array,
  lengths: ArrayLike<number>,
  batchSize: number,
  random?: () => number,
): Int32Array {
  const sorted = order.slice();
  for (let start = 0; start < order.length; start += WINDOW * batchSize) {
    sorted.subarray(start, start + WINDOW * batchSize).sort((a, b) => lengths[a] - lengths[b]);
  }
  const batches = Math.floor(order.length / batchSize);
  if (!random) return sorted;
  const shuffled = sorted.slice();
  permutation(batches, random).forEach((from, to) => {
    const batch = sorted.subarray(from * batchSize, (from + 1) * batchSize);
    shuffled.set(batch, to * batchSize);
  });
  return shuffled;
}

/**
 * Returns the order of the examples in an epoch.
 *
 * @param length Number of examples.
 * @param batchSize Number of examples in a batch, an integer >= 1.
 * @param lengths The length of each example: those of a batch are to be similar. Default: ignored.
 * @param random Draws the order. Default: the examples keep their own.
 * @returns The order; `undefined` for the examples' own.
 */
export function epochOrder(
  length: number,
  batchSize: number,
  lengths: ArrayLike<number> | undefined,
  random: (() => number) | undefined,
): Int32Array | undefined {
  const order = random && permutation(length, random);
  if (!lengths) return order;
  return bucketOrder(order ?? exampleOrder(length, undefined), lengths, batchSize, random);
}

/** The batches of an epoch, divided among shards; see `DataLoader.shardLength()`. */
export class EpochCut {
  /** Number of batches of each shard. */
  readonly length: number;
  readonly #examples: number;
  readonly #batchSize: number;
  readonly #shard: Shard;
  readonly #start: number;
  /** Index of the batch whose size may be odd. */
  readonly #last: number;

  /**
   * Cuts the examples.
   *
   * @param examples Number of examples in the epoch.
   * @param sizes Number of examples in a batch, and whether an incomplete one is left out.
   * @param shard The shard.
   * @param skip Number of batches, of all shards together, to leave out at the start. Default: 0.
   * @throws {RangeError} If there are fewer examples than shards.
   */
  constructor(
    examples: number,
    { batchSize, dropLast }: { readonly batchSize: number; readonly dropLast: boolean },
    shard: Shard,
    skip: number = 0,
  ) {
    this.#examples = examples;
    this.#batchSize = batchSize;
    this.#shard = shard;
    this.#start = skip * batchSize;
    const { count } = shard;
    const left = examples - this.#start;
    const full = Math.floor(left / (batchSize * count));
    const partial = !dropLast && left - full * batchSize * count >= count;
    if (!dropLast && full === 0 && !partial && skip === 0 && left > 0) {
      throw new RangeError(
        `Cannot load data as there must be an example for each of ${count} shards: ` +
          `current value is ${left}`,
      );
    }
    this.length = Math.max(partial ? full + 1 : full, 0);
    this.#last = dropLast ? Infinity : this.length - 1;
  }

  /**
   * Returns the places of the examples of a batch of the shard in the order of the epoch.
   *
   * @param batch Index of the batch, counted from the first that is not skipped.
   */
  range(batch: number): [first: number, end: number] {
    const { index, count } = this.#shard;
    const from = this.#start + batch * this.#batchSize * count;
    const size = batch === this.#last ? this.#examples - from : this.#batchSize * count;
    return [
      from + Math.floor(size * index / count),
      from + Math.floor(size * (index + 1) / count),
    ];
  }
}

/**
 * Options of {@linkcode split}.
 *
 * @category Data
 */
export interface SplitOptions {
  /**
   * Whether examples are drawn at random. Without it, parts are consecutive ranges, which suits only
   * data in random order. Default: `true`.
   */
  readonly shuffle?: boolean;
  /** Seed that alone decides which part an example goes to: a safe integer. Default: 0. */
  readonly seed?: number;
  /**
   * Class of each example: each part then has the same share of every class, as far as numbers
   * allow. Default: classes are ignored.
   */
  readonly stratify?: Classes;
}

/**
 * Divides a dataset at random into parts that share no example.
 *
 * The parts are views, see {@linkcode subset}. Fractions are rounded down; the examples left over
 * go to the first parts, one each. As `train_test_split` of scikit-learn, `random_split` of PyTorch
 * and `RandomSplitter` of fast.ai.
 *
 * @param dataset The whole dataset.
 * @param sizes Size of each part: counts that add up to the length of the dataset, or fractions
 *   that add up to 1.
 * @param options How to choose examples.
 * @returns The parts, in the order of `sizes`.
 * @throws {RangeError} If sizes are negative or do not add up.
 * @throws {TypeError} If an option is unknown, or `stratify` does not fit the dataset.
 *
 * @example
 * ```ts
 * import { ArrayDataset, split } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const dataset = new ArrayDataset([...Array(11).keys()], { collate: (examples) => examples });
 * const [train, validation] = split(dataset, [0.8, 0.2], { seed: 42 });
 * assertEquals([train.length, validation.length], [9, 2]);
 * ```
 *
 * @example The same share of each class in each part
 * ```ts
 * import { ArrayDataset, split } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const mail = [..."hhhhhhhhss"]; // eight honest mails, and two of spam
 * const dataset = new ArrayDataset(mail, { collate: (examples) => examples.toSorted().join("") });
 * const [, test] = split(dataset, [0.5, 0.5], { stratify: mail });
 * assertEquals(await test.batch(Int32Array.of(0, 1, 2, 3, 4)), "hhhhs");
 * ```
 *
 * @category Data
 */
export function split<B>(
  dataset: Dataset<B>,
  sizes: readonly number[],
  options: SplitOptions = {},
): Dataset<B>[] {
  checkOptions("split", options, { shuffle: "flag", seed: true, stratify: true });
  const { shuffle = true, seed = 0, stratify } = options;
  const { length } = dataset;
  const counts = partCounts(length, sizes);
  const drawn = exampleOrder(length, shuffle ? seed : undefined);
  const order = stratify ? spreadClasses(drawn, strata("split", stratify, length)) : drawn;
  let start = 0;
  return counts.map((count) => subset(dataset, order.subarray(start, start += count)));
}

/**
 * Reorders examples so that every consecutive stretch has about the same share of each class: the
 * i-th of n examples of a class is put at (i + 1/2) / n of the way.
 */
function spreadClasses(order: Int32Array, classes: readonly number[][]): Int32Array {
  const rank = new Int32Array(order.length);
  order.forEach((example, place) => rank[example] = place);
  const placed = classes.flatMap((examples) =>
    examples.toSorted((a, b) => rank[a] - rank[b])
      .map((example, index) => ({ example, place: (index + 0.5) / examples.length }))
  );
  placed.sort((a, b) => a.place - b.place || rank[a.example] - rank[b.example]);
  return Int32Array.from(placed, ({ example }) => example);
}

function partCounts(length: number, sizes: readonly number[]): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const valid = sizes.every((size) => size >= 0);
  if (valid && total === length && sizes.every(Number.isInteger)) return [...sizes];
  if (!valid || !(Math.abs(total - 1) < 1e-6)) {
    throw new RangeError(
      `Cannot split as sizes must be counts that add up to ${length}, or fractions that add up ` +
        `to 1: current value is [${sizes.join(", ")}]`,
    );
  }
  // 0.29 of 100 is 28.999…: rounding may not cost it an example.
  const counts = sizes.map((size) => Math.floor(size * length + 1e-6));
  let left = length - counts.reduce((sum, count) => sum + count, 0);
  for (let part = 0; left > 0; part = (part + 1) % counts.length) {
    if (sizes[part] === 0) continue;
    counts[part]++;
    left--;
  }
  return counts;
}

/**
 * Returns a part of a dataset, as a dataset.
 *
 * The part is a view: it copies no example, owns no tensor, and can be used as long as the whole
 * dataset can.
 *
 * @param dataset The whole dataset.
 * @param part Indices of examples, in any order, also repeated; or a range from `start` (default: 0)
 *   to before `end` (default: the length of the dataset).
 * @returns A dataset whose example `i` is example `part[i]`, or `start + i`, of the whole.
 * @throws {RangeError} If an index is not an integer in [0, length), or the range is not within the
 *   dataset.
 * @throws {TypeError} If the range has an unknown option.
 *
 * @example
 * ```ts
 * import { ArrayDataset, subset } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const letters = new ArrayDataset([..."abcdef"], { collate: (examples) => examples.join("") });
 * assertEquals(await subset(letters, [5, 0]).batch(Int32Array.of(0, 1)), "fa");
 * assertEquals(subset(letters, { start: 2 }).length, 4);
 * ```
 *
 * @category Data
 */
export function subset<B>(
  dataset: Dataset<B>,
  part: ArrayLike<number> | { readonly start?: number; readonly end?: number },
): Dataset<B> {
  const { length } = dataset;
  let indices: Int32Array;
  if ("length" in part) {
    for (let place = 0; place < part.length; place++) {
      checkNumber("take a subset", "an index", part[place], {
        integer: true,
        min: 0,
        below: length,
      });
    }
    indices = Int32Array.from(part);
  } else {
    checkOptions("take a subset", part, { start: true, end: true });
    const { start = 0, end = length } = part;
    checkNumber("take a subset", "end", end, { integer: true, min: 0, max: length });
    checkNumber("take a subset", "start", start, { integer: true, min: 0, max: end });
    indices = Int32Array.from({ length: end - start }, (_, index) => start + index);
  }
  return {
    length: indices.length,
    batch(places, signal) {
      checkIndices(places, indices.length);
      return dataset.batch(places.map((place) => indices[place]), signal);
    },
  };
}
