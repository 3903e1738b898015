import { checkOptions } from "../checks/check_options.ts";
import { checkBounds, type Dimension, numberDimension } from "./dimension.ts";

/**
 * Options of {@linkcode integer}.
 *
 * @category Sweeps
 */
export interface IntegerOptions {
  /** Whether all orders of magnitude are equally likely, as for sizes. Default: `false`. */
  log?: boolean;
}

/**
 * An integer between two bounds, both included.
 *
 * @param low The lower bound, with `log` >= 1.
 * @param high The upper bound.
 * @param options The distribution.
 * @returns The dimension, for a space.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If the bounds are not integers, not in order, or not > 0 with `log`.
 *
 * @example
 * ```ts
 * import { integer } from "@trainchart/trainchart/sweep";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(integer(1, 3).grid(9), [1, 2, 3]);
 * assertEquals(integer(16, 256, { log: true }).grid(5), [16, 32, 64, 128, 256]);
 * ```
 *
 * @category Sweeps
 */
export function integer(
  low: number,
  high: number,
  options: IntegerOptions = {},
): Dimension<number> {
  checkOptions("search with integer()", options, { log: "flag" });
  const { log = false } = options;
  checkBounds("integer", low, high, log ? 0 : -Infinity);
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high)) {
    throw new RangeError(
      "Cannot search with integer() as its bounds must be integers: current value is " +
        `[${low}, ${high}]`,
    );
  }
  const [into, back] = log ? [Math.log, Math.exp] : [Number, Number];
  // Half a step beyond each bound, so that the outermost integers are as likely as the others.
  const draws = numberDimension({ kind: "", low: low - 0.5, high: high + 0.5, into, back });
  const marks = numberDimension({ kind: log ? "logInteger" : "integer", low, high, into, back });
  return {
    description: marks.description,
    at: (place) => Math.min(high, Math.max(low, Math.round(draws.at(place)))),
    placeOf: marks.placeOf,
    grid: (points) => [
      ...new Set(marks.grid(Math.min(points, high - low + 1)).map((value) => Math.round(value))),
    ],
  };
}
