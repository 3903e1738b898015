/** Returns the upper 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function highProduct(a: number, b: number): number {
  const aLow = a & 0xffff, aHigh = a >>> 16;
  const bLow = b & 0xffff, bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle % 0x10000);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/**
 * Computes Philox4x32-10: four random words from a counter and a key, without any state.
 *
 * Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
 * <https://doi.org/10.1145/2063384.2063405>.
 *
 * @param counter Four words of 32 bits: `[4] uint32`. Overwritten with the random words.
 * @param keyLow The lower word of the key.
 * @param keyHigh The upper word of the key.
 *
 * @example
 * ```ts
 * import { philox } from "./philox.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const words = new Uint32Array(4);
 * philox(words, 0, 0);
 * assertEquals([...words], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
 * ```
 */
export function philox(counter: Uint32Array, keyLow: number, keyHigh: number): void {
  let [a, b, c, d] = counter;
  for (let round = 0; round < 10; round++) {
    const high0 = highProduct(0xd2511f53, a), low0 = Math.imul(0xd2511f53, a);
    const high1 = highProduct(0xcd9e8d57, c), low1 = Math.imul(0xcd9e8d57, c);
    a = (high1 ^ b ^ keyLow) >>> 0;
    b = low1 >>> 0;
    c = (high0 ^ d ^ keyHigh) >>> 0;
    d = low0 >>> 0;
    keyLow = (keyLow + 0x9e3779b9) >>> 0;
    keyHigh = (keyHigh + 0xbb67ae85) >>> 0;
  }
  counter[0] = a;
  counter[1] = b;
  counter[2] = c;
  counter[3] = d;
}
