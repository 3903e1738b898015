import { randomBlock } from "./random_block.ts";

/**
 * Returns a generator of random numbers that depends only on a seed and keys.
 *
 * With `keyedRandom(seed, epoch, batch)` the draws of a step are the same in a resumed run: there is
 * no state to save. Streams of different seeds, of different keys, and of different numbers of keys
 * are independent.
 *
 * @param seed Any safe integer.
 * @param keys At most three integers in [0, 2^32 - 1), such as epoch and batch.
 * @returns A function that draws the next number, uniform in [0, 1) with 53 bits. Its period is 2^33
 *   draws.
 * @throws {RangeError} If the seed is not a safe integer, or a key is out of range.
 *
 * @example
 * ```ts
 * import { keyedRandom } from "@trainchart/trainchart/data";
 * import { assertEquals, assertNotEquals } from "@std/assert";
 *
 * const random = keyedRandom(42, 0);
 * assertEquals(random(), keyedRandom(42, 0)());
 * assertNotEquals(keyedRandom(42, 0)(), keyedRandom(42, 1)());
 * ```
 *
 * @category Random numbers
 */
export function keyedRandom(seed: number, ...keys: number[]): () => number {
  const writeBlock = randomBlock(seed, keys);
  const words = new Uint32Array(4);
  let block = 0;
  let used = 4;
  return function random() {
    if (used === 4) {
      writeBlock(block++, words);
      used = 0;
    }
    const high = words[used++] >>> 5, low = words[used++] >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  };
}
