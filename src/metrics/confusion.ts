import { tf } from "../deps/tfjs.ts";
import { actualClasses, classCount, predictedClasses } from "./classes.ts";

/**
 * Counts which class was taken for which. An example whose predictions are NaN or +Infinity is in no
 * column.
 *
 * @param predictions `[batch, classes]`, logits or probabilities; or one logit, `[batch]` or
 *   `[batch, 1]`, which makes two classes: no and yes.
 * @param labels `[batch]` class numbers, or one-hot `[batch, classes]`.
 * @returns `[classes, classes] int32`: a row for each actual class, a column for each predicted one.
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
export function confusion(predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor2D {
  return tf.tidy(() => {
    const classes = classCount(predictions);
    return countConfusions(predictions, labels).slice([0, 0], [classes, classes]);
  });
}

/** The same, with a last column for the examples whose predictions say nothing. */
export function countConfusions(predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor2D {
  return tf.tidy(() => {
    const classes = classCount(predictions);
    const actual = tf.oneHot(actualClasses("confusion", predictions, labels), classes);
    const predicted = tf.oneHot(predictedClasses(predictions, classes), classes + 1);
    return tf.matMul<tf.Tensor2D>(actual.toFloat(), predicted.toFloat(), true).toInt();
  });
}
