import type { Dimension, ParameterValue } from "./dimension.ts";

/**
 * One of some values, each as likely as any other.
 *
 * @param values At least one, and none twice: numbers, strings, booleans or `null`.
 * @returns The dimension, for a space.
 * @throws {RangeError} If there are no values, or one is there twice.
 * @throws {TypeError} If a value is something that JSON does not keep.
 *
 * @example
 * ```ts
 * import { choice } from "@trainchart/trainchart/sweep";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(choice(["relu", "tanh"]).at(0.7), "tanh");
 * ```
 */
export function choice<const T extends ParameterValue>(values: readonly T[]): Dimension<T> {
  if (values.length === 0 || new Set(values).size < values.length) {
    throw new RangeError(
      `Cannot search with choice() as there must be values, none of them twice: current value is ` +
        JSON.stringify(values),
    );
  }
  for (const value of values) {
    if (value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value)) {
      continue;
    }
    throw new TypeError(
      "Cannot search with choice() as values must be finite numbers, strings, booleans or null: " +
        `current value is ${value}`,
    );
  }
  return {
    description: { kind: "choice", values },
    at: (place) => values[Math.floor(place * values.length)],
    placeOf: (value) => values.length === 1 ? 0.5 : values.indexOf(value) / (values.length - 1),
    grid: () => [...values],
  };
}
