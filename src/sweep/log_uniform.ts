import { checkBounds, type Dimension, numberDimension } from "./dimension.ts";

/**
 * A number between two bounds, with all orders of magnitude equally likely: for learning rates and
 * weight decay.
 *
 * @param low The lower bound, > 0.
 * @param high The upper bound.
 * @returns The dimension, for a space.
 * @throws {RangeError} If the bounds are not finite, not > 0, or not in order.
 *
 * @example
 * ```ts
 * import { logUniform } from "@trainchart/trainchart/sweep";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(logUniform(1e-4, 1e-2).at(0.5), 1e-3);
 * ```
 *
 * @category Sweeps
 */
export function logUniform(low: number, high: number): Dimension<number> {
  checkBounds("logUniform", low, high, 0);
  return numberDimension({ kind: "logUniform", low, high, into: Math.log, back: Math.exp });
}
