import { randomBlock } from "./random_block.ts";

/**
 * Mixes a seed and keys into one number: a seed for generators without keys, such as those of
 * TensorFlow.js.
 *
 * It is independent of the draws of {@linkcode keyedRandom} for the same seed and keys.
 *
 * @param seed Any safe integer.
 * @param keys At most three integers in [0, 2^32 - 1), such as epoch and batch.
 * @returns An integer in [0, 2^32).
 * @throws {RangeError} If the seed is not a safe integer, or a key is out of range.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { mixKey } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const [epoch, batch] = [3, 141];
 * const noise = tf.randomNormal([2], 0, 1, "float32", mixKey(42, epoch, batch));
 * assertEquals(noise.shape, [2]);
 * noise.dispose();
 * ```
 *
 * @category Random numbers
 */
export function mixKey(seed: number, ...keys: number[]): number {
  const words = new Uint32Array(4);
  randomBlock(seed, keys)(0xffffffff, words);
  return words[0];
}
