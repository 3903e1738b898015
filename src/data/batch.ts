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
