/**
 * The mean squared error.
 *
 * @module
 */
import { checkOptions } from "../checks/check_options.ts";
import type { tf } from "../deps/tfjs.ts";
import { alignLabels } from "./align_labels.ts";
import { elementwiseMean } from "./elementwise_mean.ts";
import type { ExampleWeights } from "./example_weights.ts";
import { pure } from "./pure_losses.ts";

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

pure(meanSquaredError);
