import { describeValue } from "./describe_value.ts";

/** Which numbers are accepted: all finite ones, unless a bound or `integer` says more. */
export interface NumberRange {
  /** Only integers that JavaScript represents exactly. Default: false. */
  readonly integer?: boolean;
  /** The smallest number that is accepted. Default: none. */
  readonly min?: number;
  /** The number must be larger than this. Default: none. */
  readonly above?: number;
  /** The largest number that is accepted. Default: none. */
  readonly max?: number;
  /** The number must be smaller than this. Default: none. */
  readonly below?: number;
  /** Whether infinities inside the bounds are accepted. Default: false. */
  readonly infinite?: boolean;
  /** The unit, for the message: `"ms"`. Default: none. */
  readonly unit?: string;
}

/**
 * Checks that a value is a number in a range.
 *
 * @param action Completes "Cannot …".
 * @param name The name of the option.
 * @param value The value that was given.
 * @param range Which numbers are accepted.
 * @returns The value.
 * @throws {RangeError} If the value is no number, or outside the range.
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

function isInRange(value: unknown, range: NumberRange): value is number {
  const { integer, min = -Infinity, above, max = Infinity, below, infinite } = range;
  if (typeof value !== "number" || !(value >= min && value <= max)) return false;
  if (above !== undefined && !(value > above)) return false;
  if (below !== undefined && !(value < below)) return false;
  return integer ? Number.isSafeInteger(value) : infinite || Number.isFinite(value);
}

function describeRange({ integer, min, above, max, below, infinite, unit }: NumberRange): string {
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
