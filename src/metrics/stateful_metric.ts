import type { Peers } from "../data/shard.ts";
import type { Metric } from "./metric.ts";

/**
 * A metric that is not the mean of what its batches give: it gathers what it needs, on the device,
 * and computes its value once, at the end of a pass.
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
  /** Forgets everything, and disposes what it held. */
  reset(): void;
  /**
   * Gathers a batch, out of TensorFlow.js operations: nothing is read back.
   *
   * @param predictions of the batch, as the model gave them; they stay the caller's.
   * @param labels of the batch; they stay the caller's.
   */
  // deno-lint-ignore no-explicit-any -- a metric is written for the predictions of its own model
  update(predictions: any, labels: any): void;
  /**
   * The value for everything since the last reset; NaN where it is not defined.
   *
   * @param peers Other processes that have gathered their own part, if any.
   */
  compute(peers?: Peers): number | Promise<number>;
  /**
   * Whether `compute()` adds what its peers have gathered. Default: no; then the value is the mean
   * of those of all processes, weighted by examples.
   */
  readonly addsPeers?: boolean;
  /**
   * What was gathered, for a checkpoint: data and tensors, which stay the metric's. Without it, no
   * checkpoint can be taken in the middle of a pass.
   */
  state?(): unknown;
  /** Goes on from what `state` returned, whose tensors are now the metric's. */
  // deno-lint-ignore no-explicit-any -- each metric knows its own state
  restore?(state: any): void;
}

/** Whether a metric keeps state from batch to batch. */
export function isStateful(metric: Metric | StatefulMetric): metric is StatefulMetric {
  const { reset, update, compute } = metric as Partial<StatefulMetric>;
  return [reset, update, compute].every((method) => typeof method === "function");
}
