import { checkOptions } from "../checks/check_options.ts";
import type { tf } from "../deps/tfjs.ts";
import { alignLabels, type ExampleWeights } from "../losses/loss_inputs.ts";
import { elementwiseMean } from "../losses/elementwise_losses.ts";

/**
 * The mean of the absolute differences. The mean of their squares is the loss `meanSquaredError`,
 * which can be used as a metric.
 *
 * @param predictions `[batch, …] float32`.
 * @param labels The same shape, any numeric dtype; `[batch]` for `[batch, 1]`.
 * @param options Weights of the examples.
 * @returns The mean over all elements, weighted if there are weights, `[]`.
 * @throws {TypeError} If the shapes differ, or an option is unknown.
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
export function meanAbsoluteError(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: ExampleWeights = {},
): tf.Scalar {
  checkOptions("measure meanAbsoluteError", options, { weights: true });
  return elementwiseMean("meanAbsoluteError", predictions, options.weights, () => {
    const aligned = alignLabels("meanAbsoluteError", predictions, labels);
    return { losses: predictions.sub(aligned.toFloat()).abs() };
  });
}
