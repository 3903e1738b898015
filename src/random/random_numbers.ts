/**
 * Random numbers that depend only on a seed and keys, without hidden state, also in place of
 * `Math.random()` and of the random seeds of TensorFlow.js.
 *
 * @module
 */
import { checkNumber } from "../checks/check_options.ts";

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
 * import { philox } from "./random_numbers.ts";
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
function randomBlock(
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

/** Parts of a run that draw random numbers independently of one another, and the key of each. */
const STREAMS = {
  idle: 0,
  train: 1,
  validate: 2,
  test: 3,
  predict: 4,
  mixUp: 16,
  cutMix: 17,
  transformBatch: 18,
} as const;

/** Larger than every key above. */
const KEYS_PER_RANK = 64;

/** Name of a part of a run that draws its own random numbers. */
export type Stream = keyof typeof STREAMS;

/**
 * Returns the key that keeps a part of a run, on one of several processes, apart from all others.
 *
 * @param stream The part of the run.
 * @param rank Index of the process, an integer >= 0. Default: 0.
 * @returns A key for {@linkcode keyedRandom}.
 */
export function streamKey(stream: Stream, rank: number = 0): number {
  return STREAMS[stream] + KEYS_PER_RANK * rank;
}

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

/**
 * Runs a synchronous function with another generator in the place of `Math.random`.
 *
 * TensorFlow.js seeds its random operations from `Math.random` unless they are given a seed, so this
 * controls dropout, noise and initializers, also in its own layers.
 *
 * @param random Draws uniformly from [0, 1).
 * @param work The function.
 * @returns The result of the function.
 */
export function withRandom<T>(random: () => number, work: () => T): T {
  const { random: original } = Math;
  Math.random = random;
  try {
    return work();
  } finally {
    Math.random = original;
  }
}

/**
 * Builds something random, such as a model with its initial weights, so that it comes out the same
 * every time.
 *
 * @param seed Any safe integer.
 * @param build Synchronous; all that it draws from `Math.random` or TensorFlow.js depends on `seed`.
 * @returns The result of `build`.
 * @throws {TypeError} If `build` is asynchronous: others would draw from the same numbers.
 *
 * @example
 * ```ts
 * import { tf, withSeed } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const draw = () => tf.tidy(() => tf.randomNormal([3]).arraySync());
 * assertEquals(withSeed(42, draw), withSeed(42, draw));
 * ```
 *
 * @category Random numbers
 */
export function withSeed<T>(seed: number, build: () => T): T {
  const built = withRandom(keyedRandom(seed), build);
  if (typeof (built as { then?: unknown } | undefined)?.then === "function") {
    throw new TypeError(
      "Cannot build with a seed as the function must be synchronous: it returned a promise",
    );
  }
  return built;
}
