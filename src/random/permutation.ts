import { checkNumber } from "../checks/check_number.ts";

/**
 * Returns the integers 0 to `length - 1` in random order, every order equally likely.
 *
 * Fisher and Yates' shuffle, in the form of Durstenfeld: "Algorithm 235: Random permutation",
 * CACM 7 (1964), <https://doi.org/10.1145/364520.364540>.
 *
 * @param length Number of integers, in [0, 2^31).
 * @param random Draws uniformly from [0, 1), like {@linkcode keyedRandom}.
 * @returns `[length] int32`: each integer once.
 * @throws {RangeError} If `length` is not an integer in [0, 2^31).
 *
 * @example The order of an epoch depends only on seed and epoch
 * ```ts
 * import { keyedRandom, permutation } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const [seed, epoch] = [42, 7];
 * const order = permutation(5, keyedRandom(seed, epoch));
 * assertEquals(order, permutation(5, keyedRandom(seed, epoch)));
 * assertEquals(order.toSorted(), Int32Array.of(0, 1, 2, 3, 4));
 * ```
 *
 * @category Random numbers
 */
export function permutation(length: number, random: () => number): Int32Array {
  checkNumber("permute", "length", length, { integer: true, min: 0, below: 2 ** 31 });
  const order = new Int32Array(length);
  for (let last = 0; last < length; last++) {
    const other = Math.floor(random() * (last + 1));
    order[last] = order[other];
    order[other] = last;
  }
  return order;
}
