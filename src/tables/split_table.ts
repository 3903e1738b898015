import type { CsvTable } from "../data/dataset.ts";
import { split, type SplitOptions } from "../data/example_order.ts";

/**
 * Options of {@linkcode splitTable}.
 *
 * @category Tables
 */
export interface SplitTableOptions extends Omit<SplitOptions, "stratify"> {
  /** Name of the column whose values have the same share in each part. Default: none. */
  readonly stratify?: string;
}

/**
 * Divides the rows of a table at random, so that an encoder can learn from one part.
 *
 * @param table The table.
 * @param sizes Size of each part: counts or fractions, as for {@linkcode split}.
 * @param options How to choose rows.
 * @returns The parts, in the order of `sizes`.
 * @throws {RangeError} If sizes do not add up, or the column of `stratify` does not exist.
 * @throws {TypeError} If an option is unknown.
 *
 * @example
 * ```ts
 * import { parseCsv, splitTable } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const table = parseCsv("kind\nleaf\nleaf\nleaf\nleaf\nroot\nroot\n");
 * const [train] = splitTable(table, [0.5, 0.5], { stratify: "kind" });
 * assertEquals(train.rows.flat().sort(), ["leaf", "leaf", "root"]);
 * ```
 *
 * @category Tables
 */
export function splitTable(
  table: CsvTable,
  sizes: readonly number[],
  { stratify, ...options }: SplitTableOptions = {},
): CsvTable[] {
  const { columns, rows, lines } = table;
  const place = stratify === undefined ? -1 : columns.indexOf(stratify);
  if (stratify !== undefined && place < 0) {
    throw new RangeError(
      `Cannot split a table as it must have a column ${stratify}: its columns are ` +
        columns.join(", "),
    );
  }
  const indices = { length: rows.length, batch: (indices: Int32Array) => indices };
  const classes = place < 0 ? {} : { stratify: rows.map((row) => row[place]) };
  return split(indices, sizes, { ...options, ...classes }).map((part) => {
    const all = Int32Array.from({ length: part.length }, (_, index) => index);
    const chosen = [...part.batch(all) as Int32Array].sort((a, b) => a - b);
    return {
      columns,
      rows: chosen.map((index) => rows[index]),
      lines: chosen.map((index) => lines[index]),
    };
  });
}
