/**
 * The mean squared error.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { assertSameShape } from "./same_shape.ts";

/**
 * The mean of the squared differences, for regression.
 *
 * @param predictions `[batch, …] float32`.
 * @param labels The same shape, any numeric dtype.
 * @returns The mean over all elements, `[]`.
 * @throws {TypeError} If the shapes differ.
 *
 * @example
 * ```ts
 * import { meanSquaredError, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const loss = meanSquaredError(tf.tensor1d([1, 2]), tf.tensor1d([1, 4]));
 * assertEquals(loss.dataSync()[0], 2);
 * ```
 *
 * @category Losses
 */
export function meanSquaredError(predictions: tf.Tensor, labels: tf.Tensor): tf.Scalar {
  assertSameShape("meanSquaredError", predictions, labels);
  return tf.tidy(() => predictions.sub(labels.toFloat()).square().mean<tf.Scalar>());
}
