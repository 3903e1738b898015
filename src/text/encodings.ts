/**
 * Bytes as text, where the runtime cannot do it itself, and JSON of unknown origin.
 *
 * @module
 */

/** Number of bytes that are converted at once: arguments of a function are limited. */
const CHUNK = 8192;

/** Encodes bytes as base64. Node 24 has no `Uint8Array.prototype.toBase64()`. */
export function encodeBase64(bytes: Uint8Array): string {
  const text: string[] = [];
  for (let begin = 0; begin < bytes.length; begin += CHUNK) {
    text.push(String.fromCharCode(...bytes.subarray(begin, begin + CHUNK)));
  }
  return btoa(text.join(""));
}

/** Decodes base64. Node 24 has no `Uint8Array.fromBase64()`. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  if (typeof Uint8Array.fromBase64 === "function") return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Bytes as hexadecimal digits. Node 24 has no `Uint8Array.prototype.toHex()`. */
export function encodeHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

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
