/**
 * Text: times, sizes, counts, metrics and tables for people, escapes for HTML, bytes as digits, and JSON
 * of unknown origin.
 *
 * @module
 */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A duration in seconds: `4:05`, `1:02:03`. */
export function formatClock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** A size in bytes: `900 B`, `1.4 MiB`. */
export function formatBytes(bytes: number): string {
  let power = 0;
  // 1,023.96 KiB would be rounded to 1,024.0 KiB.
  while (power < UNITS.length - 1 && bytes / 1024 ** power >= (power ? 1023.95 : 1024)) power++;
  return `${(bytes / 1024 ** power).toFixed(power > 0 ? 1 : 0)} ${UNITS[power]}`;
}

/** An integer: `12,345`. By hand, as making an `Intl.NumberFormat` takes 9 ms of every start. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A number of any size in four significant digits: `0.08731`, `1.2e-5`, `NaN`. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (Number.isFinite(value) && size !== 0 && (size < 1e-3 || size >= 1e6)) {
    return value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
  }
  return String(Number(value.toPrecision(4)));
}

/** A metric or a loss, in columns: four decimals where they say something, else four digits. */
export function formatMetric(value: number): string {
  const size = Math.abs(value);
  return size === 0 || (size >= 1e-3 && size < 1000) ? value.toFixed(4) : formatNumber(value);
}

/**
 * Formats rows of cells as a table of text.
 *
 * @param rows Rows of cells; the first row is the head.
 * @param left Number of columns, from the first, that are aligned left; the others are aligned right.
 *   Default: 1.
 */
export function textTable(rows: readonly (readonly string[])[], left: number = 1): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row.map((cell, column) =>
      column < left ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
    ).join("  ").trimEnd()
  );
  const rule = widths.map((width) => "─".repeat(width)).join("──");
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

/** Escapes a text for HTML and SVG, also for use between double quotes. */
export function escapeMarkup(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

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

/** Bytes as hexadecimal digits. Node 24 has no `Uint8Array.prototype.toHex()`. */
export function encodeHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes of hexadecimal digits. Node 24 has no `Uint8Array.fromHex()`. */
export function decodeHex(text: string): Uint8Array<ArrayBuffer> {
  if (typeof Uint8Array.fromHex === "function") return Uint8Array.fromHex(text);
  return Uint8Array.from(
    { length: text.length / 2 },
    (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
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
