/**
 * Data in plain memory: numbers with a shape, and tables of texts.
 *
 * @module
 */

/**
 * Typed arrays that a dataset can hold and a data file can contain.
 *
 * @category Data
 */
export type TypedArray =
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Uint16Array
  | Int16Array
  | Int32Array
  | Float32Array
  | Float64Array;

/**
 * Numbers with a shape, in plain memory instead of a tensor.
 *
 * @example
 * ```ts
 * import type { NdArray } from "@trainchart/trainchart";
 *
 * const images: NdArray = { values: new Uint8Array(10 * 28 * 28), shape: [10, 28, 28] };
 * ```
 *
 * @category Data
 */
export interface NdArray {
  /** Elements in row-major order: the last axis varies fastest. */
  readonly values: TypedArray;
  /** Number of elements along each axis; `[]` is a single number. */
  readonly shape: readonly number[];
}

/**
 * A table of texts: the content of a CSV file.
 *
 * @example
 * ```ts
 * import { type CsvTable, parseCsv } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const table: CsvTable = parseCsv("x,y\n1,2\n");
 * assertEquals(table, { columns: ["x", "y"], rows: [["1", "2"]], lines: [2] });
 * ```
 *
 * @category Files of data
 */
export interface CsvTable {
  /** Names of the columns, all different. */
  readonly columns: readonly string[];
  /** Cells of each row, one per column, without quotes and surrounding blanks. */
  readonly rows: readonly (readonly string[])[];
  /** Line of the file on which each row ends, 1-based. */
  readonly lines: readonly number[];
}
