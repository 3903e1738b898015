import { describeValue } from "../checks/check_options.ts";
import type { Dimension, ParameterValue } from "./dimension.ts";

/**
 * One of several values, all equally likely.
 *
 * @param values Distinct numbers, strings, booleans or `null`, at least one.
 * @returns The dimension, for a space.
 * @throws {RangeError} If there are no values, or a value is given twice.
 * @throws {TypeError} If `values` is no array, or JSON does not keep one of the values.
 *
 * @example
 * ```ts
 * import { choice } from "@trainchart/trainchart/sweep";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(choice(["relu", "tanh"]).at(0.7), "tanh");
 * ```
 *
 * @category Sweeps
 */
export function choice<const T extends ParameterValue>(values: readonly T[]): Dimension<T> {
  if (!Array.isArray(values)) {
    throw new TypeError(
      `Cannot search with choice() as values must be an array: current value is ${
        describeValue(values)
      }`,
    );
  }
  if (values.length === 0 || new Set(values).size < values.length) {
    throw new RangeError(
      "Cannot search with choice() as values must be distinct, at least one: current value is " +
        JSON.stringify(values),
    );
  }
  for (const value of values) {
    if (value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value)) {
      continue;
    }
    throw new TypeError(
      "Cannot search with choice() as values must be finite numbers, strings, booleans or null: " +
        `current value is ${describeValue(value)}`,
    );
  }
  return {
    description: { kind: "choice", values },
    at: (place) => values[Math.floor(place * values.length)],
    placeOf: (value) => values.length === 1 ? 0.5 : values.indexOf(value) / (values.length - 1),
    grid: () => [...values],
  };
}
