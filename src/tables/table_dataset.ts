import { type ArrayColumn, TensorDataset } from "../data/tensor_dataset.ts";
import { labelColumn, type LabelOptions } from "../data/csv_dataset.ts";
import type { CsvTable } from "../data/dataset.ts";
import type { TableEncoder } from "./table_encoder.ts";

/**
 * Makes a dataset of a table: `data: [rows, features] float32` by an encoder, and labels.
 *
 * @param table The table, of the training part or any other.
 * @param encoder The encoder, which has learnt from the training part.
 * @param options The labels, as for {@linkcode csvDataset}.
 * @returns The dataset, in plain memory: it need not be disposed.
 * @throws {RangeError} If a column does not exist.
 * @throws {TypeError} If a cell cannot be encoded: the error names line and column.
 *
 * @example
 * ```ts
 * import { numeric, parseCsv, TableEncoder, tableDataset } from "@trainchart/trainchart/data";
 * import { tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const table = parseCsv("age,pays\n20,no\n40,yes\n");
 * const encoder = TableEncoder.fit(table, { age: numeric() });
 * const dataset = tableDataset(table, encoder, { labels: "pays", classes: ["no", "yes"] });
 * const { data, labels } = dataset.batch(Int32Array.of(0, 1));
 * assertEquals(data.arraySync(), [[-1], [1]]);
 * assertEquals(labels.arraySync(), [0, 1]);
 * tf.dispose([data, labels]);
 * ```
 *
 * @category Tables
 */
export function tableDataset(
  table: CsvTable,
  encoder: TableEncoder,
  options: LabelOptions,
): TensorDataset<ArrayColumn, ArrayColumn> {
  return new TensorDataset<ArrayColumn, ArrayColumn>({
    data: encoder.encode(table),
    labels: labelColumn(table, options),
  });
}
