/**
 * Datasets, batches, data in plain memory (numbers with a shape, and tables of texts), and the dataset of
 * an array.
 *
 * @module
 */
import { checkNumber, checkOptions, describeValue, isThenable } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { tensorsIn } from "../tensors/nested_tensors.ts";

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

/**
 * An array of examples of any kind, and a function that makes a batch of some of them.
 *
 * The dataset is synchronous if neither `load` nor `collate` returns a promise.
 *
 * @template Example Type of the elements of the array: a record, the path of an image, …
 * @template B Type of the batches.
 * @template Loaded Type of an example after `load`.
 *
 * @example
 * ```ts
 * import { ArrayDataset, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const dataset = new ArrayDataset([{ x: 1, y: 2 }, { x: 3, y: 6 }, { x: 5, y: 10 }], {
 *   collate: (examples) => ({
 *     data: tf.tensor1d(examples.map(({ x }) => x)),
 *     labels: tf.tensor1d(examples.map(({ y }) => y)),
 *   }),
 * });
 * const { data, labels } = await dataset.batch(Int32Array.of(2, 0));
 * assertEquals(data.arraySync(), [5, 1]);
 * assertEquals(labels.arraySync(), [10, 2]);
 * tf.dispose([data, labels]);
 * ```
 *
 * @category Data
 */
export class ArrayDataset<Example, B = Batch, Loaded = Example> implements Dataset<B> {
  /** All examples. */
  readonly examples: readonly Example[];
  readonly #collate: (examples: Loaded[]) => B | PromiseLike<B>;
  readonly #load?: (example: Example, signal?: AbortSignal) => Loaded | PromiseLike<Loaded>;

  /**
   * Checks the arguments; loads nothing.
   *
   * @param examples The examples. The array is used in place.
   * @param options How examples become batches.
   * @param options.collate Makes a batch of loaded examples. Tensors that it makes and does not
   *   return are disposed, unless it is asynchronous; so are tensors that `load` made.
   * @param options.load Loads an example. The examples of a batch are loaded concurrently; if one
   *   fails, tensors of the others are disposed. Default: the example as it is.
   * @throws {TypeError} If `examples` is not an array, `collate` or `load` is not a function, or an
   *   option is unknown.
   */
  constructor(examples: readonly Example[], options: {
    collate: (examples: Loaded[]) => B | PromiseLike<B>;
    load?: (example: Example, signal?: AbortSignal) => Loaded | PromiseLike<Loaded>;
  }) {
    if (!Array.isArray(examples)) {
      throw new TypeError(
        `Cannot build a dataset as examples must be an array: current value is ${
          describeValue(examples)
        }`,
      );
    }
    checkOptions("build a dataset", options, { collate: true, load: true });
    const { collate, load } = options;
    for (const [name, value] of Object.entries({ collate, load })) {
      if (typeof value !== "function" && (name === "collate" || value !== undefined)) {
        throw new TypeError(
          `Cannot build a dataset as ${name} must be a function: current value is ${
            describeValue(value)
          }`,
        );
      }
    }
    this.examples = examples;
    this.#collate = collate;
    this.#load = load;
  }

  /** Number of examples. */
  get length(): number {
    return this.examples.length;
  }

  /**
   * Loads and collates examples.
   *
   * @param indices `[batch] int32`, each in [0, `length`).
   * @param signal Signal that is passed to `load`.
   * @returns The batch, which the caller owns; a promise if `load` or `collate` returned one.
   * @throws {RangeError} If an index is out of range.
   */
  batch(indices: Int32Array, signal?: AbortSignal): B | PromiseLike<B> {
    const { examples } = this;
    checkIndices(indices, examples.length);
    const chosen = Array.from(indices, (index) => examples[index]);
    const load = this.#load;
    if (!load) return collateBatch(this.#collate, chosen as unknown as Loaded[]);
    const loading: (Loaded | PromiseLike<Loaded>)[] = [];
    try {
      for (const example of chosen) loading.push(load(example, signal));
    } catch (error) {
      void disposeLoaded(loading);
      throw error;
    }
    if (loading.some(isThenable)) return this.#collateLater(loading, chosen);
    return collateBatch(this.#collate, loading as Loaded[], chosen);
  }

  async #collateLater(
    loading: (Loaded | PromiseLike<Loaded>)[],
    chosen: Example[],
  ): Promise<B> {
    let loaded: Loaded[];
    try {
      loaded = await Promise.all(loading);
    } catch (error) {
      await disposeLoaded(loading);
      throw error;
    }
    return await collateBatch(this.#collate, loaded, chosen);
  }
}

/** Disposes the tensors of examples that are loaded, and of the others as soon as they are. */
async function disposeLoaded<Loaded>(loading: (Loaded | PromiseLike<Loaded>)[]): Promise<void> {
  tf.dispose(loading.filter((loaded) => !isThenable(loaded)) as tf.TensorContainer[]);
  for (const result of await Promise.allSettled(loading.filter(isThenable))) {
    if (result.status === "fulfilled") tf.dispose(result.value as tf.TensorContainer);
  }
}

/**
 * Makes a batch of examples, and disposes all other tensors: those that a synchronous `collate` made
 * in between, and those of examples that were loaded for this batch.
 *
 * Tensors that an asynchronous `collate` makes cannot be told apart from those of the run: it
 * disposes them itself.
 *
 * @param collate Makes the batch.
 * @param examples The examples. Tensors in them are disposed unless they are part of the batch.
 * @param owned The examples of the dataset, whose tensors are not disposed. Default: `examples`.
 * @returns The batch, which the caller owns; a promise if `collate` returned one.
 */
function collateBatch<Example, B>(
  collate: (examples: Example[]) => B | PromiseLike<B>,
  examples: Example[],
  owned: readonly unknown[] = examples,
): B | PromiseLike<B> {
  const loaded = owned === examples ? [] : tensorsOf(examples);
  const dispose = (batch?: unknown) => {
    if (loaded.length === 0) return;
    const kept = new Set([...tensorsIn(batch), ...tensorsOf(owned)]);
    tf.dispose(loaded.filter((tensor) => !kept.has(tensor)));
  };
  const engine = tf.engine();
  let results: tf.Tensor[] = [];
  engine.startScope("collate");
  try {
    const batch = collate(examples);
    if (isThenable(batch)) {
      results = [...engine.state.activeScope.track];
      return settle(batch, dispose);
    }
    results = tensorsIn(batch);
    dispose(batch);
    return batch;
  } catch (error) {
    dispose();
    throw error;
  } finally {
    engine.endScope(results);
  }
}

async function settle<B>(pending: PromiseLike<B>, dispose: (batch?: B) => void): Promise<B> {
  try {
    const batch = await pending;
    dispose(batch);
    return batch;
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Tensors that are examples, or members of examples. Deeper ones are left alone: examples may be graphs. */
function tensorsOf(examples: readonly unknown[]): tf.Tensor[] {
  return examples.flatMap((example) => {
    if (example instanceof tf.Tensor) return [example];
    if (typeof example !== "object" || example === null || ArrayBuffer.isView(example)) return [];
    return Object.values(example).filter((member) => member instanceof tf.Tensor);
  });
}
