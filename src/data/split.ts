import { checkOptions } from "../checks/check_options.ts";
import type { Dataset } from "./dataset.ts";
import { keyedRandom } from "../random/keyed_random.ts";
import { permutation } from "../random/permutation.ts";
import { subset } from "./subset.ts";

/**
 * Divides a dataset at random into parts that share no example.
 *
 * The parts are views, see {@linkcode subset}. Fractions are rounded down; the examples left over
 * go to the first parts, one each.
 *
 * @param dataset The whole dataset.
 * @param sizes Size of each part: counts that add up to the length of the dataset, or fractions
 *   that add up to 1.
 * @param options How to choose examples.
 * @param options.shuffle Whether examples are drawn at random. Without it, parts are consecutive
 *   ranges, which suits only data in random order. Default: `true`.
 * @param options.seed Seed that alone decides which part an example goes to. Default: 0.
 * @returns The parts, in the order of `sizes`.
 * @throws {RangeError} If sizes are negative or do not add up.
 * @throws {TypeError} If an option is unknown.
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
 * @category Data
 */
export function split<B>(
  dataset: Dataset<B>,
  sizes: readonly number[],
  options: { shuffle?: boolean; seed?: number } = {},
): Dataset<B>[] {
  checkOptions("split", options, { shuffle: true, seed: true });
  const { shuffle = true, seed = 0 } = options;
  const { length } = dataset;
  const counts = partCounts(length, sizes);
  const order = shuffle
    ? permutation(length, keyedRandom(seed))
    : Int32Array.from({ length }, (_, index) => index);
  let start = 0;
  return counts.map((count) => subset(dataset, order.subarray(start, start += count)));
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
