import { describeValue } from "./describe_value.ts";

/** Range of the numbers that {@linkcode checkNumber} accepts. Default: all finite numbers. */
export interface NumberRange {
  /** Whether only integers that JavaScript represents exactly are accepted. Default: `false`. */
  readonly integer?: boolean;
  /** Smallest number that is accepted. Default: none. */
  readonly min?: number;
  /** Exclusive lower bound. Default: none. */
  readonly above?: number;
  /** Largest number that is accepted. Default: none. */
  readonly max?: number;
  /** Exclusive upper bound. Default: none. */
  readonly below?: number;
  /** Whether infinities within the bounds are accepted. Default: `false`. */
  readonly infinite?: boolean;
  /** Unit of the number, for the message: `"ms"`. Default: none. */
  readonly unit?: string;
}

/**
 * Checks that a value is a number in a range.
 *
 * @param action Completes "Cannot …".
 * @param name Name of the option, for the error.
 * @param value The value of the option.
 * @param range Range of the numbers that are accepted. Default: all finite numbers.
 * @returns The value.
 * @throws {RangeError} If the value is not a number, or outside the range.
 */
export function checkNumber(
  action: string,
  name: string,
  value: unknown,
  range: NumberRange = {},
): number {
  if (isInRange(value, range)) return value;
  throw new RangeError(
    `Cannot ${action} as ${name} must be ${describeRange(range)}: current value is ${
      describeValue(value)
    }`,
  );
}

/** Returns whether a value is a number in a range. */
export function isInRange(value: unknown, range: NumberRange): value is number {
  const { integer, min = -Infinity, above, max = Infinity, below, infinite } = range;
  if (typeof value !== "number" || !(value >= min && value <= max)) return false;
  if (above !== undefined && !(value > above)) return false;
  if (below !== undefined && !(value < below)) return false;
  return integer ? Number.isSafeInteger(value) : infinite || Number.isFinite(value);
}

/** Describes a range: `"an integer >= 1"`. */
export function describeRange(
  { integer, min, above, max, below, infinite, unit }: NumberRange,
): string {
  const lower = min ?? above, upper = max ?? below;
  const kind = integer ? "an integer" : infinite ? "a number" : "finite";
  const interval = lower !== undefined && upper !== undefined;
  const bounds = interval
    ? `in ${min === undefined ? "(" : "["}${lower}, ${upper}${max === undefined ? ")" : "]"}`
    : lower !== undefined
    ? `${min === undefined ? ">" : ">="} ${lower}`
    : upper !== undefined
    ? `${max === undefined ? "<" : "<="} ${upper}`
    : "";
  const words = integer && !bounds
    ? "a safe integer"
    : interval && !integer
    ? bounds
    : [kind, !integer && !infinite && bounds && "and", bounds].filter(Boolean).join(" ");
  return unit ? `${words} ${unit}` : words;
}
