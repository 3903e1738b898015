import { checkNumber } from "../checks/check_number.ts";
import { philox } from "./philox.ts";

/** Takes the place of a missing key in the counter, so no key may have this value. */
const ABSENT = 0xffffffff;

/**
 * Returns a function that computes blocks of four random words for a seed and up to three keys.
 *
 * The seed is the key of Philox, and the keys are words of its counter: streams with different seeds,
 * different keys or a different number of keys never share a block.
 *
 * @param seed Any safe integer.
 * @param keys At most three integers in [0, 2^32 - 1).
 * @returns A function that writes block `block`, an integer in [0, 2^32), into `words`:
 *   `[4] uint32`.
 * @throws {RangeError} If the seed is not a safe integer, or a key is out of range.
 */
export function randomBlock(
  seed: number,
  keys: readonly number[],
): (block: number, words: Uint32Array) => void {
  const action = "draw random numbers";
  checkNumber(action, "the seed", seed, { integer: true });
  checkNumber(action, "the number of keys", keys.length, { integer: true, max: 3 });
  for (const key of keys) {
    checkNumber(action, "a key", key, { integer: true, min: 0, below: ABSENT });
  }
  const keyLow = seed >>> 0;
  const keyHigh = Math.floor(seed / 0x100000000) >>> 0;
  const [first = ABSENT, second = ABSENT, third = ABSENT] = keys;
  return function writeBlock(block, words) {
    words[0] = block;
    words[1] = first;
    words[2] = second;
    words[3] = third;
    philox(words, keyLow, keyHigh);
  };
}
