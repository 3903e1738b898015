/**
 * A table of text: the content of a CSV file.
 *
 * @example
 * ```ts
 * import { type CsvTable, parseCsv } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const table: CsvTable = parseCsv("x,y\n1,2\n");
 * assertEquals(table, { columns: ["x", "y"], rows: [["1", "2"]], lines: [2] });
 * ```
 */
export interface CsvTable {
  /** The name of each column; no two are the same. */
  readonly columns: readonly string[];
  /** The cells of each row, one for each column, without quotes and surrounding blanks. */
  readonly rows: readonly (readonly string[])[];
  /** The line of the file, from 1, on which each row ends. */
  readonly lines: readonly number[];
}
