/**
 * The order of the examples of a dataset, at random, by class or by length, and its cut into batches.
 *
 * @module
 */
import { describeValue } from "../checks/check_options.ts";
import { keyedRandom, permutation } from "../random/random_numbers.ts";
import type { Shard } from "./loader.ts";

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
