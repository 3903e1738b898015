import type { FieldCheck } from "../checks/fields.ts";
import type { Peers } from "../data/shard.ts";
import type { tf } from "../deps/tfjs.ts";

/**
 * The arguments of a metric besides predictions and labels.
 *
 * @category Metrics
 */
export interface MetricInputs {
  /** Weights of the examples, `[batch]`, if the batch has them: `[data, labels, weights]`. */
  readonly weights?: tf.Tensor;
  /** Number of examples. */
  readonly size: number;
}

/**
 * Measures a batch by TensorFlow.js operations: nothing is read back.
 *
 * @param predictions The predictions of the batch, as the model returned them.
 * @param labels The labels of the batch.
 * @param options With the `weights` of the examples, if the batch has them. They need not be read by
 *   a metric that returns one number for each example.
 * @returns One number for each example `[batch]`, or a scalar `[]` that is their mean.
 * @category Metrics
 */
// deno-lint-ignore no-explicit-any -- a metric is written for the predictions of its own model
export type Metric = (predictions: any, labels: any, options?: any) => tf.Tensor;

/**
 * A metric that is not the mean of the values of its batches: it gathers data on the device, and
 * computes its value once, at the end of a pass.
 *
 * One object serves one `Metrics` callback; it holds tensors between
 * {@linkcode StatefulMetric.update} and {@linkcode StatefulMetric.reset} only.
 *
 * @example
 * ```ts
 * import { Metrics, type StatefulMetric, tf } from "@trainchart/trainchart";
 *
 * let largest: tf.Scalar | undefined;
 * const largestError: StatefulMetric = {
 *   reset() {
 *     largest?.dispose();
 *     largest = undefined;
 *   },
 *   update(predictions, labels) {
 *     const before = largest;
 *     largest = tf.keep(tf.tidy(() => {
 *       const error = tf.max(tf.abs(tf.sub(predictions, labels)));
 *       return before ? tf.maximum(error, before) as tf.Scalar : error as tf.Scalar;
 *     }));
 *     before?.dispose();
 *   },
 *   async compute() {
 *     return largest ? (await largest.data())[0] : NaN;
 *   },
 * };
 * const metrics = new Metrics({ largestError });
 * ```
 *
 * @category Metrics
 */
export interface StatefulMetric {
  /** Forgets all batches, and disposes their tensors. */
  reset(): void;
  /**
   * Gathers a batch by TensorFlow.js operations: nothing is read back.
   *
   * @param predictions The predictions of the batch, as the model returned them; they stay the
   *   caller's.
   * @param labels The labels of the batch; they stay the caller's.
   * @param inputs The number of examples, and their weights if the batch has them: they must be
   *   read.
   */
  // deno-lint-ignore no-explicit-any -- a metric is written for the predictions of its own model
  update(predictions: any, labels: any, inputs?: MetricInputs): void;
  /**
   * The value of all batches since the last reset; NaN where it is not defined.
   *
   * @param peers Other ranks that have gathered their own part, if any.
   */
  compute(peers?: Peers): number | Promise<number>;
  /**
   * Whether `compute()` adds the parts of its peers. Default: false; then the value is the mean of
   * the values of all ranks, weighted by examples.
   */
  readonly addsPeers?: boolean;
  /**
   * The gathered data, for a checkpoint, with tensors that stay the metric's. Without it, no
   * checkpoint can be taken in the middle of a pass.
   */
  state?(): unknown;
  /** Checks a state from a file, before anything is restored. Default: every state is accepted. */
  readonly checkState?: FieldCheck;
  /** Continues from what `state` returned, whose tensors are now the metric's. */
  // deno-lint-ignore no-explicit-any -- each metric knows its own state
  restore?(state: any): void;
}

/** Whether a metric keeps state from batch to batch. */
export function isStateful(metric: Metric | StatefulMetric): metric is StatefulMetric {
  const { reset, update, compute } = metric as Partial<StatefulMetric>;
  return [reset, update, compute].every((method) => typeof method === "function");
}
