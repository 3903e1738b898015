/**
 * Losses of numbers: means over all elements of the predictions.
 *
 * @module
 */
import { checkOptions } from "../checks/check_options.ts";
import type { tf } from "../deps/tfjs.ts";
import { alignLabels, type ExampleWeights, pure } from "./loss_inputs.ts";
import { elementwiseMean } from "./elementwise_mean.ts";
import { checkNumber } from "../checks/check_number.ts";

/**
 * The mean of the squared differences, for regression.
 *
 * @param predictions `[batch, …] float32`.
 * @param labels The same shape, any numeric dtype; `[batch]` for `[batch, 1]`.
 * @param options Weights of the examples.
 * @returns The mean over all elements, weighted if there are weights, `[]`.
 * @throws {TypeError} If the shapes differ, or an option is unknown.
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
export function meanSquaredError(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: ExampleWeights = {},
): tf.Scalar {
  checkOptions("compute meanSquaredError", options, { weights: true });
  return elementwiseMean("meanSquaredError", predictions, options.weights, () => {
    const aligned = alignLabels("meanSquaredError", predictions, labels);
    return { losses: predictions.sub(aligned.toFloat()).square() };
  });
}

/**
 * Options of {@linkcode huber}.
 *
 * @category Losses
 */
export interface HuberOptions extends ExampleWeights {
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
 * @param labels The same shape, any numeric dtype; `[batch]` for `[batch, 1]`.
 * @param options The point from which the loss is linear, and weights.
 * @returns The mean over all elements, weighted if there are weights, `[]`.
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
  checkOptions("compute huber", options, { delta: true, weights: true });
  const { delta = 1, weights } = options;
  checkNumber("compute huber", "delta", delta, { above: 0 });
  return elementwiseMean("huber", predictions, weights, () => {
    const error = predictions.sub(alignLabels("huber", predictions, labels).toFloat()).abs();
    const quadratic = error.minimum(delta);
    const linear = error.sub(quadratic);
    return { losses: quadratic.square().mul(0.5).add(linear.mul(delta)) };
  });
}

pure(meanSquaredError);
pure(huber);
