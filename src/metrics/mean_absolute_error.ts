import { tf } from "../deps/tfjs.ts";
import { assertSameShape } from "../losses/same_shape.ts";

/**
 * The mean of the absolute differences. The mean of their squares is the loss `meanSquaredError`,
 * which can be used as a metric.
 *
 * @param predictions `[batch, …] float32`.
 * @param labels The same shape, any numeric dtype.
 * @returns The mean over all elements, `[]`.
 * @throws {TypeError} If the shapes differ.
 *
 * @example
 * ```ts
 * import { meanSquaredError, Metrics, tf } from "@trainchart/trainchart";
 * import { meanAbsoluteError } from "@trainchart/trainchart/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const error = meanAbsoluteError(tf.tensor1d([1, 2]), tf.tensor1d([1, 4]));
 * assertEquals(error.dataSync()[0], 1);
 * const metrics = new Metrics({ mae: meanAbsoluteError, mse: meanSquaredError });
 * ```
 *
 * @category Metrics
 */
export function meanAbsoluteError(predictions: tf.Tensor, labels: tf.Tensor): tf.Scalar {
  assertSameShape("meanAbsoluteError", predictions, labels);
  return tf.tidy(() => predictions.sub(labels.toFloat()).abs().mean<tf.Scalar>());
}
