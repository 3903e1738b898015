/**
 * Datasets, loaders, files of data, and random numbers that repeat.
 *
 * A *dataset* has a length and gives the examples at some indices, as one batch. A
 * {@linkcode DataLoader} goes over a dataset in batches, shuffled by a seed and the number of the
 * epoch alone, so that an interrupted epoch continues at any batch at no cost. A Learner also takes
 * any other iterable of batches: an array, a generator, a `tf.data` dataset.
 *
 * @example From a CSV file to batches
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { csvDataset, DataLoader, parseCsv, split } from "@trainchart/trainchart/data";
 * import { assertEquals } from "@std/assert";
 *
 * const table = parseCsv("width,height,kind\n1,2,leaf\n2,2,leaf\n8,9,root\n9,7,root\n");
 * const dataset = csvDataset(table, {
 *   data: ["width", "height"],
 *   labels: "kind",
 *   classes: ["leaf", "root"],
 * });
 * const [train] = split(dataset, [0.5, 0.5], { seed: 1 });
 * for (const { data, labels } of new DataLoader({ dataset: train, batchSize: 2 })) {
 *   assertEquals([data.shape, labels.shape[0]], [[2, 2], 2]);
 *   tf.dispose([data, labels]);
 * }
 * ```
 *
 * @module
 */

// Datasets
export {
  type ArrayColumn,
  type Columns,
  type Gathered,
  TensorDataset,
} from "./src/data/tensor_dataset.ts";
export {
  ArrayDataset,
  type Batch,
  type CsvTable,
  type Dataset,
  type NdArray,
  type TypedArray,
} from "./src/data/dataset.ts";
export { type Fold, kFold } from "./src/data/k_fold.ts";
export { type Classes, split, type SplitOptions, subset } from "./src/data/example_order.ts";

// Loaders
export { BatchIterator } from "./src/data/batch_iterator.ts";
export { DataLoader, type DataLoaderOptions } from "./src/data/data_loader.ts";
export type {
  BatchLike,
  BatchSource,
  IterateOptions,
  Loader,
  Peers,
  SeekableLoader,
  Shard,
  TensorFlowDataset,
  Unlabelled,
} from "./src/data/loader.ts";

// Files
export { csvDataset, type CsvDatasetOptions, type LabelOptions } from "./src/data/csv_dataset.ts";
export { parseCsv } from "./src/data/parse_csv.ts";
export { parseIdx } from "./src/data/parse_idx.ts";
export type { ReadOptions } from "./src/data/read_bytes.ts";
export { readCsv } from "./src/data/read_csv.ts";
export { readIdx } from "./src/data/read_idx.ts";

// Tables of mixed columns
export {
  numeric,
  type NumericOptions,
  type TableColumn,
  type TableRow,
} from "./src/tables/columns.ts";
export {
  type DatePart,
  dateParts,
  type DatePartsOptions,
  oneHot,
  type OneHotOptions,
  ordinal,
  type OrdinalOptions,
} from "./src/tables/column_kinds.ts";
export { splitTable, type SplitTableOptions } from "./src/tables/split_table.ts";
export { tableDataset } from "./src/tables/table_dataset.ts";
export { TableEncoder, type TableEncoderOptions } from "./src/tables/table_encoder.ts";

// Random numbers without hidden state
export { keyedRandom, mixKey, permutation, withSeed } from "./src/random/random_numbers.ts";
