import type { Dimension } from "./dimension.ts";
import { checkBounds, range } from "./range.ts";

/**
 * Any number between two bounds, each order of magnitude as likely as any other: learning rates,
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
 */
export function logUniform(low: number, high: number): Dimension<number> {
  checkBounds("logUniform", low, high, 0);
  return range({ kind: "logUniform", low, high, into: Math.log, back: Math.exp });
}
