import type { tf } from "../deps/tfjs.ts";

/**
 * Examples that are computed together.
 *
 * Every tensor has the examples along its first axis. Whoever takes a batch from a loader owns its
 * tensors and disposes them; in a training that is the Learner, after the batch's after hook.
 *
 * @template Data What the model is applied to: `[batch, ...]`, or arrays and records of that.
 * @template Labels What its predictions are compared with: `[batch, ...]`, or the same.
 *
 * @example
 * ```ts
 * import { type Batch, tf } from "@trainchart/trainchart";
 *
 * const batch: Batch = { data: tf.zeros([64, 784]), labels: tf.zeros([64], "int32") };
 * tf.dispose([batch.data, batch.labels]);
 * ```
 */
export interface Batch<Data = tf.Tensor, Labels = tf.Tensor> {
  /** The model's input. */
  readonly data: Data;
  /** The truth. */
  readonly labels: Labels;
}

/**
 * Examples that can be fetched by their indices, a whole batch at once.
 *
 * Any object with a `length` and a `batch()` is a dataset.
 *
 * @template B The batches. {@linkcode Batch} by default; the Learner also takes `[data, labels]`
 *   and `{ xs, ys }`.
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
 */
export interface Dataset<B = Batch> {
  /** The number of examples, an integer >= 0. */
  readonly length: number;

  /**
   * Builds the batch of these examples, in this order.
   *
   * The caller owns the batch and its tensors. A batch that is given as a promise may be asked for
   * while others are still being built.
   *
   * @param indices `[batch] int32`, each in [0, `length`). The dataset may keep it.
   * @param signal Aborts when the batch is not wanted any more. A batch that arrives nevertheless
   *   is disposed, an error is ignored.
   */
  batch(indices: Int32Array, signal?: AbortSignal): B | PromiseLike<B>;
}
