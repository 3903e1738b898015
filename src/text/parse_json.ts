/** Limits of {@linkcode parseJson}. */
export interface JsonLimits {
  /** Largest number of arrays and objects within one another, an integer >= 1. */
  readonly depth: number;
  /** Largest number of values, an integer >= 1. */
  readonly values: number;
}

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c;
const OPENING = new Set([0x5b, 0x7b]), CLOSING = new Set([0x5d, 0x7d]);

/**
 * Parses JSON of unknown origin. Nesting and number of values are counted before anything is built,
 * because a few megabytes of brackets take gigabytes once they are objects.
 *
 * @param text The JSON.
 * @param limits The limits.
 * @returns The value.
 * @throws {RangeError} If a limit is exceeded.
 * @throws {SyntaxError} If the text is not JSON.
 */
export function parseJson(text: string, { depth, values }: JsonLimits): unknown {
  let open = 0, count = 1, quoted = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (quoted) {
      if (code === BACKSLASH) index++;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) quoted = true;
    else if (code === COMMA) count++;
    else if (OPENING.has(code)) {
      count++;
      if (++open > depth) {
        throw new RangeError(
          `Cannot parse JSON as it must be nested at most ${depth} deep: it is nested deeper`,
        );
      }
    } else if (CLOSING.has(code)) open--;
    if (count > values) {
      throw new RangeError(
        `Cannot parse JSON as it must have at most ${values} values: it has more`,
      );
    }
  }
  return JSON.parse(text);
}
