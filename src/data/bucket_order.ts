import { permutation } from "../random/random_numbers.ts";

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
export function bucketOrder(
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
