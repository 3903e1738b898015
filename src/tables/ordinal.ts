import { checkOptions } from "../checks/check_options.ts";
import { describeValue } from "../checks/describe_value.ts";
import * as field from "../checks/fields.ts";
import { type ColumnKind, type TableColumn, wrongCell } from "./column_kind.ts";

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
