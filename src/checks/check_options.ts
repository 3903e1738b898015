/**
 * Checks of options, and the parts of their messages: ranges, values, and the closest of known names.
 *
 * @module
 */

/**
 * An entry for each option: `"flag"` for one that is true or false. The compiler reports missing and
 * wrong entries.
 */
export type KnownOptions<Options> = {
  readonly [Name in keyof Required<Options>]: NonNullable<Options[Name]> extends boolean ? "flag"
    : boolean;
};

/**
 * Checks that options are an object, that each of them is known, because a misspelt option would be
 * ignored, and that flags are booleans, because `"no"` would count as true.
 *
 * @param action Completes "Cannot …".
 * @param options The options.
 * @param known An entry for each option.
 * @throws {TypeError} If `options` is not an object, an option is unknown, or a flag is no boolean.
 */
export function checkOptions<Options extends object>(
  action: string,
  options: Options,
  known: KnownOptions<Options>,
): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot ${action} as its options must be an object: current value is ${
        describeValue(options)
      }`,
    );
  }
  const names = Object.keys(known);
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) {
      if (known[name as keyof Options] !== "flag") continue;
      // Only flags are read: others may note that they are.
      const value: unknown = options[name as keyof Options];
      if (value === undefined || typeof value === "boolean") continue;
      throw new TypeError(
        `Cannot ${action} as ${name} must be a boolean: current value is ${describeValue(value)}`,
      );
    }
    throw new TypeError(
      `Cannot ${action} as each option must be one of ${names.join(", ")}: ` +
        `there is no "${name}", did you mean "${closest(name, names)}"?`,
    );
  }
}

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

/**
 * Describes a value for an error message. Texts are quoted, so that `"1"` differs from `1`. Functions,
 * tensors and objects are described by their kind, not by their content.
 */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return describeFunction(value);
  if (typeof value !== "object" || value === null) return String(value);
  // By the fields, as TensorFlow.js itself does: to import it would load it with the chart, too.
  if ("dataId" in value && "shape" in value) return `a tensor of shape [${value.shape}]`;
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  const { constructor } = value;
  if (typeof constructor === "function" && constructor !== Object) {
    return `an instance of ${constructor.name}`;
  }
  const keys = Object.keys(value).slice(0, 8).join(", ");
  return `an object with the keys ${keys || "(none)"}`;
}

/** Names a class or a function: often an instance or a result was meant. */
function describeFunction(value: { name: string }): string {
  const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "function";
  return `the ${kind} ${value.name || "without a name"}`;
}

/** The word that is spelt most like another one, the first of equals. */
export function closest(word: string, words: readonly string[]): string {
  return words.reduce(
    (best, other) => editDistance(word, other) < editDistance(word, best) ? other : best,
    words[0] ?? "",
  );
}

/**
 * Number of letters to insert, delete or change to turn one word into another.
 *
 * Wagner and Fischer, "The String-to-String Correction Problem", 1974,
 * https://doi.org/10.1145/321796.321811
 */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1] + Number(a[i - 1] !== b[j - 1]);
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, change);
    }
    row = next;
  }
  return row[b.length];
}

/**
 * Whether a value is a promise, or anything else that can be awaited.
 *
 * @param value Any value.
 * @returns Whether the value has a method `then`.
 */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === "function";
}
