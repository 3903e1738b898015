import { describeValue } from "../checks/check_options.ts";

/**
 * A value of a parameter: JSON keeps it as it is.
 *
 * @category Sweeps
 */
export type ParameterValue = number | string | boolean | null;

/**
 * One axis of the space of a sweep: the values of a parameter, and their distribution.
 *
 * @category Sweeps
 */
export interface Dimension<T extends ParameterValue = ParameterValue> {
  /** The kind of the dimension, with its bounds or values, as plain data. */
  readonly description: Readonly<Record<string, unknown>>;
  /** The value at a place on the axis, in [0, 1): uniform places give the distribution. */
  at(place: number): T;
  /** The place of a value on the axis, in [0, 1]. */
  placeOf(value: T): number;
  /** The values for a grid: all of them, or `points` values spread evenly, ends included. */
  grid(points: number): T[];
}

/**
 * The space of a sweep: a dimension for each parameter, by name.
 *
 * @category Sweeps
 */
// deno-lint-ignore no-explicit-any -- a dimension takes and gives values of its own kind
export type Space = Readonly<Record<string, Dimension<any>>>;

/**
 * The parameters that are drawn from a space.
 *
 * @category Sweeps
 */
export type ParametersOf<S extends Space> = {
  readonly [name in keyof S]: S[name] extends Dimension<infer T> ? T : never;
};

/**
 * The parameters of any space.
 *
 * @category Sweeps
 */
export type AnyParameters = Readonly<Record<string, ParameterValue>>;

/** The scale of an axis of numbers, on which places are spread evenly. */
interface Scale {
  kind: string;
  low: number;
  high: number;
  /** Converts a number to the scale on which draws are uniform. */
  into(value: number): number;
  /** The inverse of `into`. */
  back(value: number): number;
}

/** An axis of numbers between two bounds. */
export function numberDimension({ kind, low, high, into, back }: Scale): Dimension<number> {
  const [from, to] = [into(low), into(high)];
  const at = (place: number) => Math.min(high, Math.max(low, back(from + place * (to - from))));
  return {
    description: { kind, low, high },
    at,
    placeOf: (value) => (into(value) - from) / (to - from),
    grid: (points) =>
      Array.from({ length: points }, (_, index) => at(points === 1 ? 0.5 : index / (points - 1))),
  };
}

/**
 * Checks the bounds of an axis of numbers.
 *
 * @throws {RangeError} If the bounds are not finite, not in order, or not above `above`.
 */
export function checkBounds(
  kind: string,
  low: number,
  high: number,
  above: number = -Infinity,
): void {
  if (Number.isFinite(low) && Number.isFinite(high) && low < high && low > above) return;
  const least = above === -Infinity ? "" : ` and > ${above}`;
  throw new RangeError(
    `Cannot search with ${kind}() as its bounds must be finite${least}, the lower one first: ` +
      `current value is [${describeValue(low)}, ${describeValue(high)}]`,
  );
}
