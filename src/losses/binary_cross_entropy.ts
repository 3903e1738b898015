/**
 * The cross-entropy of independent yes/no predictions.
 *
 * @module
 */
import { checkNumber } from "../checks/check_number.ts";
import { checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { assertSameShape } from "./same_shape.ts";

/**
 * Options of {@linkcode binaryCrossEntropy}.
 *
 * @category Losses
 */
export interface BinaryCrossEntropyOptions {
  /** Part by which labels move towards one half, in [0, 1]. Default: 0. */
  labelSmoothing?: number;
  /** Weight of positive labels relative to negative ones, > 0. Default: 1. */
  positiveWeight?: number;
}

/**
 * The cross-entropy of logits and yes/no labels, for one or several independent labels per example.
 *
 * The sigmoid is part of the loss, which keeps it finite for any finite logit.
 *
 * @param predictions Logits, `[batch, …] float32`.
 * @param labels The same shape, any numeric dtype, in [0, 1].
 * @param options Label smoothing, weight of positives.
 * @returns The mean over all elements, `[]`.
 * @throws {TypeError} If the shapes differ, or an option is unknown.
 * @throws {RangeError} If an option is out of range.
 *
 * @example
 * ```ts
 * import { binaryCrossEntropy, tf } from "@trainchart/trainchart";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const loss = binaryCrossEntropy(tf.tensor1d([0, 1000]), tf.tensor1d([1, 1]));
 * assertAlmostEquals(loss.dataSync()[0], Math.LN2 / 2, 1e-6);
 * ```
 *
 * @category Losses
 */
export function binaryCrossEntropy(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: BinaryCrossEntropyOptions = {},
): tf.Scalar {
  const action = "compute binaryCrossEntropy";
  checkOptions(action, options, { labelSmoothing: true, positiveWeight: true });
  const { labelSmoothing = 0, positiveWeight = 1 } = options;
  assertSameShape("binaryCrossEntropy", predictions, labels);
  checkNumber(action, "labelSmoothing", labelSmoothing, { min: 0, max: 1 });
  checkNumber(action, "positiveWeight", positiveWeight, { above: 0 });
  return tf.tidy(() => {
    const targets = labels.toFloat().mul(1 - labelSmoothing).add(labelSmoothing / 2);
    const weights = targets.mul(positiveWeight - 1).add(1);
    // softplus, unlike the usual max(x, 0) + log(1 + exp(-|x|)), has the right slope at 0 too.
    const surprise = predictions.neg().softplus().mul(weights);
    return predictions.mul(tf.sub(1, targets)).add(surprise).mean<tf.Scalar>();
  });
}
