import { checkBounds, type Dimension, numberDimension } from "./dimension.ts";

/**
 * A number between two bounds, all equally likely.
 *
 * @param low The lower bound.
 * @param high The upper bound.
 * @returns The dimension, for a space.
 * @throws {RangeError} If the bounds are not finite, or not in order.
 *
 * @example
 * ```ts
 * import { uniform } from "@trainchart/trainchart/sweep";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(uniform(0, 0.5).grid(3), [0, 0.25, 0.5]);
 * ```
 *
 * @category Sweeps
 */
export function uniform(low: number, high: number): Dimension<number> {
  checkBounds("uniform", low, high);
  return numberDimension({
    kind: "uniform",
    low,
    high,
    into: (value) => value,
    back: (value) => value,
  });
}
