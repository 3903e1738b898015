/**
 * Runs functions with another generator in the place of `Math.random`.
 *
 * @module
 */
import { keyedRandom } from "./random_numbers.ts";

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
