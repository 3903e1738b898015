import { philox } from "./philox.ts";

/** Stands in the counter for a key that was not given; so no key may have this value. */
const absent = 0xffffffff;

/**
 * The `block`-th four random words that belong to a seed and up to three keys.
 *
 * The seed is Philox's key, and the keys are words of its counter: streams with different seeds or
 * keys (or a different number of keys) never share a block.
 *
 * @param seed Any safe integer.
 * @param keys At most three integers in [0, 2^32 - 1).
 * @returns A function that writes block `block`, an integer in [0, 2^32), into `words`:
 *   `[4] uint32`.
 * @throws {RangeError} When the seed is not a safe integer, or a key is out of range.
 */
export function randomBlock(
  seed: number,
  keys: readonly number[],
): (block: number, words: Uint32Array) => void {
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(
      `Cannot draw random numbers as the seed must be a safe integer: current value is ${seed}`,
    );
  }
  if (keys.length > 3) {
    throw new RangeError(
      `Cannot draw random numbers as there must be at most 3 keys: current value is ${keys.length}`,
    );
  }
  for (const key of keys) {
    if (!Number.isInteger(key) || key < 0 || key >= absent) {
      throw new RangeError(
        `Cannot draw random numbers as a key must be an integer in [0, ${absent}): current value is ${key}`,
      );
    }
  }
  const keyLow = seed >>> 0;
  const keyHigh = Math.floor(seed / 0x100000000) >>> 0;
  const [first = absent, second = absent, third = absent] = keys;
  return function writeBlock(block, words) {
    words[0] = block;
    words[1] = first;
    words[2] = second;
    words[3] = third;
    philox(words, keyLow, keyHigh);
  };
}
