/**
 * Columns of categories: without an order, and with one.
 *
 * @module
 */
import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";
import * as field from "../checks/fields.ts";
import { type ColumnKind, type TableColumn, wrongCell } from "./columns.ts";

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
