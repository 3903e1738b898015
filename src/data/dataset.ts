/**
 * Datasets, batches, and data in plain memory: numbers with a shape, and tables of texts.
 *
 * @module
 */
import { checkNumber } from "../checks/check_options.ts";
import type { tf } from "../deps/tfjs.ts";

/**
 * Examples that are computed together.
 *
 * The first axis of every tensor counts examples. The consumer of a loader owns the tensors of each
 * batch and disposes them; in a run that is the Learner, after the batch's after hook.
 *
 * @template Data Input of the model: `[batch, ...]`, or arrays and records of such tensors.
 * @template Labels Targets of the loss: `[batch, ...]`, or arrays and records of such tensors.
 *
 * @example
 * ```ts
 * import { type Batch, tf } from "@trainchart/trainchart";
 *
 * const batch: Batch = { data: tf.zeros([64, 784]), labels: tf.zeros([64], "int32") };
 * tf.dispose([batch.data, batch.labels]);
 * ```
 *
 * @category Data
 */
export interface Batch<Data = tf.Tensor, Labels = tf.Tensor> {
  /** Input of the model. */
  readonly data: Data;
  /** Targets that the loss compares the predictions with. */
  readonly labels: Labels;
}

/**
 * Examples that are fetched by index, a whole batch at once.
 *
 * Any object with a `length` and a `batch()` is a dataset.
 *
 * @template B Type of the batches. The Learner also accepts `[data, labels]`, `{ x, y }` and
 *   `{ xs, ys }`. Default: {@linkcode Batch}.
 *
 * @example
 * ```ts
 * import { DataLoader, type Dataset, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const squares: Dataset = {
 *   length: 4,
 *   batch(indices) {
 *     const data = tf.tensor1d(indices, "float32");
 *     return { data, labels: data.square() };
 *   },
 * };
 * for (const { data, labels } of new DataLoader({ dataset: squares, batchSize: 4 })) {
 *   assertEquals([...labels.dataSync()], [0, 1, 4, 9]);
 *   tf.dispose([data, labels]);
 * }
 * ```
 *
 * @category Data
 */
export interface Dataset<B = Batch> {
  /** Number of examples, an integer >= 0. */
  readonly length: number;

  /**
   * Builds a batch of the given examples, in the given order.
   *
   * The caller owns the batch and its tensors. An asynchronous dataset may be asked for a batch
   * while it is still building others.
   *
   * @param indices `[batch] int32`, each in [0, `length`). The dataset may keep the array.
   * @param signal Aborts when the batch is no longer needed. A batch that arrives later is disposed,
   *   and an error is ignored.
   */
  batch(indices: Int32Array, signal?: AbortSignal): B | PromiseLike<B>;
}

/**
 * Checks the indices of a batch.
 *
 * @param indices Indices of examples.
 * @param length Number of examples in the dataset.
 * @throws {RangeError} If an index is not an integer in [0, `length`).
 */
export function checkIndices(indices: Int32Array, length: number): void {
  for (const index of indices) {
    if (!(index >= 0 && index < length)) {
      checkNumber("build a batch", "an index", index, { integer: true, min: 0, below: length });
    }
  }
}

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
