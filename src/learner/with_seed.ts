import { keyedRandom } from "../random/keyed_random.ts";
import { withRandom } from "../random/with_random.ts";

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
