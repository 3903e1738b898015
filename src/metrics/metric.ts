import type { tf } from "../deps/tfjs.ts";

/**
 * Measures a batch, out of TensorFlow.js operations: nothing is read back.
 *
 * @param predictions of the batch, as the model gave them.
 * @param labels of the batch.
 * @returns One number for each example `[batch]`, or a scalar `[]` that is their mean.
 * @category Metrics
 */
// deno-lint-ignore no-explicit-any -- a metric is written for the predictions of its own model
export type Metric = (predictions: any, labels: any) => tf.Tensor;
