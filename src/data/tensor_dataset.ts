import { tf } from "../deps/tfjs.ts";
import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";
import { type Batch, checkIndices, type Dataset, type NdArray } from "./dataset.ts";
import type { Tensors } from "../tensors/nested_tensors.ts";
import { writeTensor } from "../tensors/tensor_memory.ts";

/**
 * A column of a {@linkcode TensorDataset} as plain numbers: `[examples, ...]`.
 *
 * Rows are gathered and converted when a batch is built. Until then bytes stay bytes, which take a
 * quarter of the memory of `float32`.
 *
 * @example Pixels from bytes 0 to 255 to numbers 0 to 1
 * ```ts
 * import type { ArrayColumn } from "@trainchart/trainchart";
 *
 * const images: ArrayColumn = {
 *   values: new Uint8Array(10 * 28 * 28),
 *   shape: [10, 28, 28],
 *   scale: 1 / 255,
 * };
 * ```
 *
 * @category Data
 */
export interface ArrayColumn extends NdArray {
  /**
   * Type of the tensors. Default: `float32` for numbers that are floating-point, scaled or
   * shifted, else `int32`.
   */
  readonly dtype?: "float32" | "int32" | "bool";
  /** Factor of each number, finite. Default: 1. */
  readonly scale?: number;
  /** Added to each number after scaling, finite. Default: 0. */
  readonly offset?: number;
}

const SUPPORTED = [
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Int32Array,
  Float32Array,
  Float64Array,
];
const COLUMN_DTYPES = ["float32", "int32", "bool"];

const COLUMN_FIELDS: Record<keyof ArrayColumn, true> = {
  values: true,
  shape: true,
  dtype: true,
  scale: true,
  offset: true,
};

/**
 * Checks a column and returns a function that gathers rows of it into a new tensor.
 *
 * @param column The column.
 * @param name Name of the column, for errors.
 * @returns A function from `indices: [batch] int32`, each in range, to a tensor `[batch, ...]`,
 *   which the caller owns. It makes a single pass.
 * @throws {TypeError} If the values are not a supported typed array, the dtype is unknown, or a
 *   field is misspelt.
 * @throws {RangeError} If the values do not fit the shape, or `scale` or `offset` is not finite.
 */
function arrayGatherer(
  column: ArrayColumn,
  name: string,
): (indices: Int32Array) => tf.Tensor {
  checkOptions(`build a dataset with ${name}`, column, COLUMN_FIELDS);
  const { values, shape, scale = 1, offset = 0 } = column;
  const action = `Cannot build a dataset as ${name}`;
  if (!SUPPORTED.some((type) => values instanceof type)) {
    throw new TypeError(
      `${action}.values must be a typed array of at most 32-bit integers or of floating-point ` +
        `numbers: current value is ${describeValue(values)}`,
    );
  }
  const isShape = Array.isArray(shape) &&
    shape.every((size) => Number.isInteger(size) && size >= 0);
  if (!isShape || shape.length === 0) {
    throw new RangeError(
      `${action}.shape must be [examples, ...]: current value is ${JSON.stringify(shape)}`,
    );
  }
  const [length, ...rest] = shape;
  const size = rest.reduce((product, axis) => product * axis, 1);
  if (values.length !== length * size) {
    throw new RangeError(
      `${action}.values must have ${length * size} elements for shape [${shape.join(", ")}]: ` +
        `current value is ${values.length}`,
    );
  }
  checkNumber("build a dataset", `${name}.scale`, scale);
  checkNumber("build a dataset", `${name}.offset`, offset);
  const asIs = scale === 1 && offset === 0;
  const floating = !asIs || values instanceof Float32Array || values instanceof Float64Array;
  const { dtype = floating ? "float32" : "int32" } = column;
  if (!COLUMN_DTYPES.includes(dtype)) {
    throw new TypeError(
      `${action}.dtype must be "float32", "int32" or "bool": current value is "${dtype}"`,
    );
  }
  return function gather(indices) {
    return writeTensor([indices.length, ...rest], dtype, (rows) => {
      for (let place = 0; place < indices.length; place++) {
        const start = indices[place] * size;
        if (asIs) {
          rows.set(values.subarray(start, start + size), place * size);
        } else {
          let to = place * size;
          for (let from = start; from < start + size; from++) {
            rows[to++] = values[from] * scale + offset;
          }
        }
      }
    });
  };
}

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
    checkOptions<{ data: unknown; labels: unknown }>("build a dataset", columns, {
      ...{ data: true, labels: true },
    });
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
