import { tf } from "../deps/tfjs.ts";
import type { Batch, Dataset } from "./dataset.ts";
import { isThenable } from "../chart/is_thenable.ts";

/**
 * Any examples, and a function that makes a batch of some of them.
 *
 * The dataset is synchronous if neither `load` nor `collate` returns a promise.
 *
 * @template Example What the array holds: a record, the path of an image, …
 * @template B The batches.
 * @template Loaded What `load` makes of an example.
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
 */
export class ArrayDataset<Example, B = Batch, Loaded = Example> implements Dataset<B> {
  /** The examples. */
  readonly examples: readonly Example[];
  readonly #collate: (examples: Loaded[]) => B | PromiseLike<B>;
  readonly #load?: (example: Example, signal?: AbortSignal) => Loaded | PromiseLike<Loaded>;

  /**
   * Checks the arguments; loads nothing.
   *
   * @param examples The examples. The array is used in place.
   * @param options How examples become batches.
   * @param options.collate Makes a batch of loaded examples. The batch is the caller's; `collate`
   *   disposes whatever other tensors it makes or is given by `load`.
   * @param options.load Loads an example, by default the example as it is. The examples of a batch
   *   are loaded side by side. If one fails, tensors in the others are disposed.
   * @throws {TypeError} When the examples are no array, or `collate` or `load` no function.
   */
  constructor(examples: readonly Example[], { collate, load }: {
    collate: (examples: Loaded[]) => B | PromiseLike<B>;
    load?: (example: Example, signal?: AbortSignal) => Loaded | PromiseLike<Loaded>;
  }) {
    if (!Array.isArray(examples)) {
      throw new TypeError(
        `Cannot build a dataset as examples must be an array: current value is ${typeof examples}`,
      );
    }
    for (const [name, value] of Object.entries({ collate, load })) {
      if (typeof value !== "function" && (name === "collate" || value !== undefined)) {
        throw new TypeError(
          `Cannot build a dataset as ${name} must be a function: current value is ${typeof value}`,
        );
      }
    }
    this.examples = examples;
    this.#collate = collate;
    this.#load = load;
  }

  /** The number of examples. */
  get length(): number {
    return this.examples.length;
  }

  /**
   * Loads and collates examples.
   *
   * @param indices `[batch] int32`, each in [0, `length`).
   * @param signal Passed on to `load`.
   * @returns The batch, which the caller owns; a promise if `load` or `collate` returned one.
   * @throws {RangeError} When an index is out of range.
   */
  batch(indices: Int32Array, signal?: AbortSignal): B | PromiseLike<B> {
    const { examples } = this;
    for (const index of indices) {
      if (!(index >= 0 && index < examples.length)) {
        throw new RangeError(
          `Cannot build a batch as an index must be in [0, ${examples.length}): current value is ${index}`,
        );
      }
    }
    const chosen = Array.from(indices, (index) => examples[index]);
    const load = this.#load;
    if (!load) return this.#collate(chosen as unknown as Loaded[]);
    const loading: (Loaded | PromiseLike<Loaded>)[] = [];
    try {
      for (const example of chosen) loading.push(load(example, signal));
    } catch (error) {
      void disposeLoaded(loading);
      throw error;
    }
    if (!loading.some(isThenable)) return this.#collate(loading as Loaded[]);
    return this.#collateLater(loading);
  }

  async #collateLater(loading: (Loaded | PromiseLike<Loaded>)[]): Promise<B> {
    let loaded: Loaded[];
    try {
      loaded = await Promise.all(loading);
    } catch (error) {
      await disposeLoaded(loading);
      throw error;
    }
    return this.#collate(loaded);
  }
}

/** Disposes the tensors of the examples whose loading succeeds, at once where it has succeeded. */
async function disposeLoaded<Loaded>(loading: (Loaded | PromiseLike<Loaded>)[]): Promise<void> {
  tf.dispose(loading.filter((loaded) => !isThenable(loaded)) as tf.TensorContainer[]);
  for (const result of await Promise.allSettled(loading.filter(isThenable))) {
    if (result.status === "fulfilled") tf.dispose(result.value as tf.TensorContainer);
  }
}
