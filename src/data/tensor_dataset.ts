import { tf } from "../deps/tfjs.ts";
import { checkOptions, describeValue } from "../checks/check_options.ts";
import { type Batch, checkIndices, type Dataset } from "./dataset.ts";
import { type ArrayColumn, arrayGatherer } from "./array_gatherer.ts";
import type { Tensors } from "../tensors/nested_tensors.ts";

/**
 * Columns of a {@linkcode TensorDataset}: tensors or plain numbers whose first axis counts examples,
 * or arrays and records of them.
 *
 * @example
 * ```ts
 * import type { Columns } from "@trainchart/trainchart";
 *
 * const columns: Columns = {
 *   image: { values: new Uint8Array(10 * 784), shape: [10, 784], scale: 1 / 255 },
 *   age: { values: new Float32Array(10), shape: [10] },
 * };
 * ```
 *
 * @category Data
 */
export type Columns =
  | tf.Tensor
  | ArrayColumn
  | readonly Columns[]
  | { readonly [name: string]: Columns };

/**
 * Tensors of a batch, nested like the {@linkcode Columns} that they are gathered from.
 *
 * @template C Type of the columns.
 * @category Data
 */
export type Gathered<C> = C extends tf.Tensor | ArrayColumn ? tf.Tensor
  : { readonly [Key in keyof C]: Gathered<C[Key]> };

type Gather = (indices: Int32Array) => Tensors;

/**
 * Examples in memory, as tensors or plain numbers.
 *
 * Each batch gathers its rows into new tensors; nothing else is copied. The dataset is synchronous.
 *
 * The dataset owns the tensors that it is given: {@linkcode TensorDataset.dispose} disposes them.
 * To use one elsewhere, pass a `clone()`.
 *
 * @template Data Columns that become the `data` of a batch.
 * @template Labels Columns that become the `labels` of a batch.
 *
 * @example
 * ```ts
 * import { TensorDataset, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const dataset = new TensorDataset({
 *   data: { values: Uint8Array.of(0, 51, 102, 255), shape: [2, 2], scale: 1 / 255 },
 *   labels: tf.tensor1d([7, 9], "int32"),
 * });
 * assertEquals(dataset.length, 2);
 * const { data, labels } = dataset.batch(Int32Array.of(1));
 * assertEquals(data.dtype, "float32");
 * assertEquals(data.arraySync(), [[Math.fround(102 / 255), 1]]);
 * assertEquals(labels.arraySync(), [9]);
 * tf.dispose([data, labels]);
 * dataset.dispose();
 * ```
 *
 * @category Data
 */
export class TensorDataset<
  Data extends Columns = tf.Tensor,
  Labels extends Columns = tf.Tensor,
> implements Dataset<Batch<Gathered<Data>, Gathered<Labels>>> {
  /** Number of examples. */
  readonly length: number;
  readonly #owned = new Set<tf.Tensor>();
  readonly #gather: { data: Gather; labels: Gather };
  #length: number | undefined;
  #first = "";
  #disposed = false;

  /**
   * Checks the columns.
   *
   * @param columns Data and labels, `[examples, ...]` each; `{}` for no labels. The dataset then owns
   *   the tensors; typed arrays are used in place.
   * @throws {TypeError} If a column is neither a tensor nor plain numbers, or has a wrong type.
   * @throws {RangeError} If columns differ in the number of examples, or values do not fit their
   *   shape.
   */
  constructor(columns: { data: Data; labels: Labels }) {
    checkOptions("build a dataset", columns, { data: true, labels: true });
    this.#gather = {
      data: this.#gatherer(columns.data, "data"),
      labels: this.#gatherer(columns.labels, "labels"),
    };
    if (this.#length === undefined) {
      throw new TypeError(
        "Cannot build a dataset as data or labels must have a column: neither has one",
      );
    }
    this.length = this.#length;
  }

  /**
   * Gathers the rows of a batch.
   *
   * @param indices `[batch] int32`, each in [0, `length`).
   * @returns A batch of new tensors, which the caller owns.
   * @throws {RangeError} If an index is out of range.
   * @throws {Error} If the dataset was disposed.
   */
  batch(indices: Int32Array): Batch<Gathered<Data>, Gathered<Labels>> {
    if (this.#disposed) {
      throw new Error("Cannot build a batch: the dataset was disposed");
    }
    checkIndices(indices, this.length);
    const { data, labels } = this.#gather;
    const batch = tf.tidy(() =>
      ({ data: data(indices), labels: labels(indices) }) as tf.TensorContainer
    );
    return batch as ReturnType<this["batch"]>;
  }

  /** Disposes the tensors that the dataset was given, but no batch that it built. */
  dispose(): void {
    this.#disposed = true;
    tf.dispose([...this.#owned]);
    this.#owned.clear();
  }

  /** Disposes the tensors that the dataset was given, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #gatherer(columns: Columns, name: string): Gather {
    if (columns instanceof tf.Tensor) {
      if (columns.isDisposed) {
        throw new TypeError(
          `Cannot build a dataset as ${name} must be a live tensor: current value is disposed`,
        );
      }
      this.#checkLength(columns.shape[0], name);
      this.#owned.add(columns);
      return (indices) => tf.gather(columns, tf.tensor1d(indices, "int32"));
    }
    if (columns && typeof columns === "object" && "values" in columns && "shape" in columns) {
      const gather = arrayGatherer(columns as ArrayColumn, name);
      this.#checkLength((columns as ArrayColumn).shape[0], name);
      return gather;
    }
    if (Array.isArray(columns)) {
      const gathers = columns.map((column, index) => this.#gatherer(column, `${name}[${index}]`));
      return (indices) => gathers.map((gather) => gather(indices));
    }
    if (columns && Object.getPrototypeOf(columns) === Object.prototype) {
      const gathers = Object.entries(columns).map(([key, column]) =>
        [key, this.#gatherer(column, `${name}.${key}`)] as const
      );
      return (indices) =>
        Object.fromEntries(gathers.map(([key, gather]) => [key, gather(indices)]));
    }
    throw new TypeError(
      `Cannot build a dataset as ${name} must be a tensor, { values, shape }, or an array or record ` +
        `of them: current value is ${describeValue(columns)}`,
    );
  }

  #checkLength(length: number | undefined, name: string): void {
    if (length === undefined) {
      throw new RangeError(
        `Cannot build a dataset as ${name}.shape must be [examples, ...]: current value is []`,
      );
    }
    this.#length ??= length;
    this.#first ||= name;
    if (length !== this.#length) {
      throw new RangeError(
        `Cannot build a dataset as ${name} must have ${this.#length} examples, like ` +
          `${this.#first}: current value is ${length}`,
      );
    }
  }
}
