/**
 * The Huber loss.
 *
 * @module
 */
import { checkNumber } from "../checks/check_number.ts";
import { checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { assertSameShape } from "./same_shape.ts";

/**
 * Options of {@linkcode huber}.
 *
 * @category Losses
 */
export interface HuberOptions {
  /** The error from which the loss is linear, > 0. Default: 1. */
  delta?: number;
}

/**
 * The Huber loss: half the squared error up to `delta` and linear beyond, so that outliers have less
 * influence.
 *
 * Huber, "Robust Estimation of a Location Parameter", 1964, https://doi.org/10.1214/aoms/1177703732.
 *
 * @param predictions `[batch, …] float32`.
 * @param labels The same shape, any numeric dtype.
 * @param options The point from which the loss is linear.
 * @returns The mean over all elements, `[]`.
 * @throws {TypeError} If the shapes differ, or an option is unknown.
 * @throws {RangeError} If `delta` is not finite and > 0.
 *
 * @example
 * ```ts
 * import { huber, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const loss = huber(tf.tensor1d([0.5, 10]), tf.tensor1d([0, 0]));
 * assertEquals(loss.dataSync()[0], (0.125 + 9.5) / 2);
 * ```
 *
 * @category Losses
 */
export function huber(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: HuberOptions = {},
): tf.Scalar {
  checkOptions("compute huber", options, { delta: true });
  const { delta = 1 } = options;
  assertSameShape("huber", predictions, labels);
  checkNumber("compute huber", "delta", delta, { above: 0 });
  return tf.tidy(() => {
    const error = predictions.sub(labels.toFloat()).abs();
    const quadratic = error.minimum(delta);
    const linear = error.sub(quadratic);
    return quadratic.square().mul(0.5).add(linear.mul(delta)).mean<tf.Scalar>();
  });
}
