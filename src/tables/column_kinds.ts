/**
 * Kinds of columns beside numbers: categories, and dates.
 *
 * @module
 */
import * as field from "../checks/fields.ts";
import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";
import { type Cell, type ColumnKind, type TableColumn, wrongCell } from "./columns.ts";

/**
 * Options of {@linkcode oneHot}.
 *
 * @category Tables
 */
export interface OneHotOptions {
  /**
   * Fewest rows of the training part in which a category occurs; rarer ones count as "other". An
   * integer >= 1. Default: 1.
   */
  readonly minCount?: number;
  /** Largest number of categories; the rarest count as "other". Default: no limit. */
  readonly maxCategories?: number;
  /**
   * Encoding of rare and unseen categories: a number of their own, all zeros, or an error.
   * Default: `"other"`.
   */
  readonly unknown?: "other" | "zeros" | "refuse";
}

/** The name of missing values among the categories, where the training part has some. */
const MISSING = "(missing)";

/**
 * A column of categories: one number for each, 1 for the category of the cell and 0 for all others.
 *
 * A missing value is a category if the training part has one. As `OneHotEncoder` of scikit-learn,
 * `StringLookup` and `CategoryEncoding` of Keras, and `Categorify` of fast.ai.
 *
 * @param options Rare and unseen categories.
 * @throws {RangeError} If a number is out of range.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { oneHot, parseCsv, TableEncoder } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const train = parseCsv("town\nRome\nRome\nOslo\n");
 * const encoder = TableEncoder.fit(train, { town: oneHot({ minCount: 2 }) });
 * assertEquals(encoder.features, ["town = Rome", "town = (other)"]);
 * assertEquals([...encoder.encode([{ town: "Lima" }]).values], [0, 1]);
 * ```
 *
 * @category Tables
 */
export function oneHot(options: OneHotOptions = {}): TableColumn {
  const action = "encode a column of categories";
  checkOptions(action, options, { minCount: true, maxCategories: true, unknown: true });
  const { minCount = 1, maxCategories, unknown = "other" } = options;
  checkNumber(action, "minCount", minCount, { integer: true, min: 1 });
  if (maxCategories !== undefined) {
    checkNumber(action, "maxCategories", maxCategories, { integer: true, min: 1 });
  }
  if (!["other", "zeros", "refuse"].includes(unknown)) {
    throw new TypeError(
      `Cannot ${action} as unknown must be "other", "zeros" or "refuse": current value is ${unknown}`,
    );
  }
  const limit = maxCategories === undefined ? {} : { maxCategories };
  return { kind: "oneHot", options: { minCount, unknown, ...limit } };
}

/** Fits and encodes columns of categories: the categories, in alphabetical order. */
export function oneHotKind(
  { minCount = 1, maxCategories, unknown }: OneHotOptions,
): ColumnKind<string[]> {
  return {
    fit(cells) {
      const counts = new Map<string, number>();
      for (const { text } of cells) counts.set(text, (counts.get(text) ?? 0) + 1);
      return [...counts].filter(([, count]) => count >= minCount)
        .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
        .slice(0, maxCategories)
        .map(([category]) => category).sort();
    },
    names: (column, categories) => [
      ...categories.map((category) => `${column} = ${category || MISSING}`),
      ...unknown === "other" ? [`${column} = (other)`] : [],
    ],
    encode(cell, categories) {
      const place = categories.indexOf(cell.text);
      if (place < 0 && unknown === "refuse") {
        throw wrongCell(cell, `one of ${categories.map((name) => name || MISSING).join(", ")}`);
      }
      const numbers = categories.map((_, index) => Number(index === place));
      return unknown === "other" ? [...numbers, Number(place < 0)] : numbers;
    },
    check: field.list(field.text),
  };
}

/**
 * Options of {@linkcode ordinal}.
 *
 * @category Tables
 */
export interface OrdinalOptions {
  /**
   * Encoding of missing values and of unseen categories: a number, or `"refuse"`, which makes them an
   * error. Default: -1.
   */
  readonly unknown?: number | "refuse";
}

/**
 * A column of categories that have an order: the place of the category in it, from 0 on.
 *
 * As `OrdinalEncoder` of scikit-learn.
 *
 * @param order All categories, the lowest first. Default: those of the training part, alphabetically.
 * @param options Unseen categories.
 * @throws {TypeError} If the order is not a list of different texts, or an option is unknown.
 *
 * @example
 * ```ts
 * import { ordinal, parseCsv, TableEncoder } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const train = parseCsv("size\nS\nL\nM\n");
 * const encoder = TableEncoder.fit(train, { size: ordinal(["S", "M", "L"]) });
 * assertEquals([...encoder.encode([{ size: "L" }, { size: "XXL" }]).values], [2, -1]);
 * ```
 *
 * @category Tables
 */
export function ordinal(order?: readonly string[], options: OrdinalOptions = {}): TableColumn {
  const action = "encode a column of ordered categories";
  checkOptions(action, options, { unknown: true });
  const { unknown = -1 } = options;
  const isList = order === undefined ||
    Array.isArray(order) && order.every((name) => typeof name === "string") &&
      new Set(order).size === order.length;
  if (!isList) {
    throw new TypeError(
      `Cannot ${action} as order must be different texts: current value is ${describeValue(order)}`,
    );
  }
  if (unknown !== "refuse" && !Number.isFinite(unknown)) {
    throw new TypeError(
      `Cannot ${action} as unknown must be a number or "refuse": current value is ${
        describeValue(unknown)
      }`,
    );
  }
  return { kind: "ordinal", options: { unknown, ...order && { order: [...order] } } };
}

/** Fits and encodes columns of ordered categories: the categories, the lowest first. */
export function ordinalKind(
  { order, unknown }: { order?: string[]; unknown: number | "refuse" },
): ColumnKind<string[]> {
  return {
    fit: (cells) =>
      order ?? [...new Set(cells.map(({ text }) => text))].filter((text) => text !== "").sort(),
    names: (column) => [column],
    encode(cell, categories) {
      const place = categories.indexOf(cell.text);
      if (place >= 0) return [place];
      if (unknown === "refuse") throw wrongCell(cell, `one of ${categories.join(", ")}`);
      return [unknown];
    },
    check: field.list(field.text),
  };
}

/**
 * A part of a date that {@linkcode dateParts} encodes. `"days"` is the time since 1970, standardised;
 * `"year"` is standardised, too; all others return and become two numbers, sine and cosine.
 *
 * @category Tables
 */
export type DatePart = "days" | "year" | "month" | "monthDay" | "weekday" | "yearDay" | "hour";

/**
 * Options of {@linkcode dateParts}.
 *
 * @category Tables
 */
export interface DatePartsOptions {
  /**
   * Order of year, month and day in a cell, which are numbers with any other characters between them,
   * and may be followed by hour, minute and second. Default: `"ymd"`, as in 2025-01-31.
   */
  readonly format?: "ymd" | "dmy" | "mdy";
}

type Fitted = { mean: number; deviation: number }[];

const PARTS: readonly DatePart[] = [
  "days",
  "year",
  "month",
  "monthDay",
  "weekday",
  "yearDay",
  "hour",
];

const DAY = 86_400_000; // ms

/** The period of each part that returns. */
const PERIODS: Readonly<Partial<Record<DatePart, number>>> = {
  month: 12,
  monthDay: 31,
  weekday: 7,
  yearDay: 366,
  hour: 24,
};

/**
 * A column of dates: the parts that may matter, as numbers. A missing date is all zeros.
 *
 * Cells have no time zone: a date is what its cell says. As `add_datepart` of fast.ai.
 *
 * @param parts The parts.
 * @param options How dates are written.
 * @throws {TypeError} If a part or an option is unknown.
 *
 * @example
 * ```ts
 * import { dateParts, parseCsv, TableEncoder } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const train = parseCsv("day\n2025-01-31\n2025-02-01\n");
 * const encoder = TableEncoder.fit(train, { day: dateParts(["year", "month"]) });
 * assertEquals(encoder.features, ["day year", "day month sine", "day month cosine"]);
 * ```
 *
 * @category Tables
 */
export function dateParts(
  parts: readonly DatePart[],
  options: DatePartsOptions = {},
): TableColumn {
  const action = "encode a column of dates";
  checkOptions(action, options, { format: true });
  const { format = "ymd" } = options;
  if (!Array.isArray(parts) || parts.length === 0 || !parts.every((part) => PARTS.includes(part))) {
    throw new TypeError(
      `Cannot ${action} as parts must be some of ${PARTS.join(", ")}: current value is ${
        Array.isArray(parts) ? `[${parts.join(", ")}]` : describeValue(parts)
      }`,
    );
  }
  if (!["ymd", "dmy", "mdy"].includes(format)) {
    throw new TypeError(
      `Cannot ${action} as format must be "ymd", "dmy" or "mdy": current value is ${
        describeValue(format)
      }`,
    );
  }
  return { kind: "dateParts", options: { parts: [...parts], format } };
}

/** Fits and encodes columns of dates: mean and deviation of each part that does not return. */
export function datePartsKind(
  { parts, format }: { parts: DatePart[]; format: "ymd" | "dmy" | "mdy" },
): ColumnKind<Fitted> {
  return {
    fit(cells) {
      const times = cells.filter(({ text }) => text !== "").map((cell) => toTime(cell, format));
      return parts.map((part) => {
        if (PERIODS[part] || times.length === 0) return { mean: 0, deviation: 1 };
        const values = times.map((time) => partOf(time, part));
        const mean = values.reduce((a, b) => a + b) / values.length;
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) /
          values.length;
        return { mean, deviation: Math.sqrt(variance) || 1 };
      });
    },
    names: (column) =>
      parts.flatMap((part) =>
        PERIODS[part] ? [`${column} ${part} sine`, `${column} ${part} cosine`] : `${column} ${part}`
      ),
    encode(cell, fitted) {
      const time = cell.text === "" ? undefined : toTime(cell, format);
      return parts.flatMap((part, index) => {
        const period = PERIODS[part];
        if (time === undefined) return period ? [0, 0] : 0;
        const value = partOf(time, part);
        if (!period) return (value - fitted[index].mean) / fitted[index].deviation;
        const angle = 2 * Math.PI * value / period;
        return [Math.sin(angle), Math.cos(angle)];
      });
    },
    check: field.tuple(
      ...parts.map(() =>
        field.record({ mean: field.number(), deviation: field.number({ above: 0 }) })
      ),
    ),
  };
}

/** Parses a date as UTC, so that the time zone of the machine has no part in it. */
function toTime(cell: Cell, format: "ymd" | "dmy" | "mdy"): number {
  const numbers = cell.text.match(/\d+/g)?.map(Number) ?? [];
  const [year, month, day] = ["y", "m", "d"].map((part) => numbers[format.indexOf(part)]);
  const [hour = 0, minute = 0, second = 0] = numbers.slice(3);
  // As POSIX reads years of two digits.
  const whole = year < 69 ? 2000 + year : year < 100 ? 1900 + year : year;
  const time = Date.UTC(whole, month - 1, day, hour, minute, second);
  const date = new Date(time);
  if (date.getUTCMonth() === month - 1 && date.getUTCDate() === day) return time;
  throw wrongCell(cell, `a date of the format ${format}`);
}

function partOf(time: number, part: DatePart): number {
  const date = new Date(time);
  switch (part) {
    case "days":
      return time / DAY;
    case "year":
      return date.getUTCFullYear();
    case "month":
      return date.getUTCMonth();
    case "monthDay":
      return date.getUTCDate() - 1;
    case "weekday":
      return date.getUTCDay();
    case "yearDay":
      return Math.floor((time - Date.UTC(date.getUTCFullYear(), 0)) / DAY);
    case "hour":
      return date.getUTCHours() + date.getUTCMinutes() / 60;
  }
}
