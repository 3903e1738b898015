import { tf } from "../deps/tfjs.ts";
import { checkOptions } from "../checks/check_options.ts";
import { spreadWeights } from "../losses/loss_inputs.ts";
import { type AccuracyOptions, actualClasses, classCount, predictedClasses } from "./classes.ts";

/**
 * Counts which class was taken for which. An example whose predictions are NaN or +Infinity is in no
 * column; one whose label is `ignoreIndex`, -1 by default, is in no row.
 *
 * @param predictions `[batch, classes]`, logits or probabilities; or one logit, `[batch]` or
 *   `[batch, 1]`, which makes two classes: no and yes.
 * @param labels `[batch]` class numbers, or one-hot `[batch, classes]`.
 * @param options Form of the predictions, labels to leave out, weights of the examples.
 * @returns `[classes, classes] int32`: a row for each actual class, a column for each predicted one;
 *   sums of weights, `float32`, if there are weights.
 * @throws {TypeError} If the shapes do not fit.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { confusion } from "@trainchart/trainchart/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const logits = tf.tensor2d([[2, 1], [0, 3], [1, 4]]);
 * const labels = tf.tensor1d([0, 0, 1], "int32");
 * assertEquals(confusion(logits, labels).arraySync(), [[1, 1], [0, 1]]);
 * ```
 *
 * @category Metrics
 */
export function confusion(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: AccuracyOptions = {},
): tf.Tensor2D {
  checkOptions("count confusions", options, {
    probabilities: "flag",
    ignoreIndex: true,
    weights: true,
  });
  return tf.tidy(() => {
    const classes = classCount(predictions);
    return countConfusions(predictions, labels, options).slice([0, 0], [classes, classes]);
  });
}

/** The same, with a last column for the examples whose predictions say nothing. */
export function countConfusions(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: AccuracyOptions = {},
): tf.Tensor2D {
  return tf.tidy(() => {
    const classes = classCount(predictions);
    const { numbers } = actualClasses("confusion", predictions, labels, options);
    const actual = tf.oneHot(numbers, classes).toFloat();
    const predicted = tf.oneHot(predictedClasses(predictions, classes, options), classes + 1);
    const { weights } = options;
    const weighted = weights
      ? actual.mul(spreadWeights("confusion", weights, numbers.shape).expandDims(1))
      : actual;
    const counts = tf.matMul(weighted as tf.Tensor2D, predicted.toFloat() as tf.Tensor2D, true);
    return (weights ? counts : counts.toInt()) as tf.Tensor2D;
  });
}
