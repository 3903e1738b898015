import { tf } from "../deps/tfjs.ts";
import { actualClasses, predictedClasses } from "./classes.ts";

/** A number that no label has. */
const UNKNOWN = -(2 ** 31);

/**
 * The share of examples whose class is predicted right. Predictions that are NaN or +Infinity are
 * wrong.
 *
 * @param predictions `[batch, classes]`, logits or probabilities: the largest counts. With one
 *   class, `[batch]` or `[batch, 1]`, a logit: positive means yes.
 * @param labels `[batch]` class numbers, or one-hot `[batch, classes]`.
 * @returns `[batch] float32`, 1 for a right prediction and 0 for a wrong one.
 * @throws {TypeError} If the shapes do not fit.
 *
 * @example
 * ```ts
 * import { accuracy, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const logits = tf.tensor2d([[2, 1], [0, 3]]);
 * const labels = tf.tensor1d([0, 0], "int32");
 * assertEquals([...accuracy(logits, labels).dataSync()], [1, 0]);
 * ```
 *
 * @category Metrics
 */
export function accuracy(predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor1D {
  return tf.tidy(() => {
    const actual = actualClasses("accuracy", predictions, labels);
    return predictedClasses(predictions, UNKNOWN).equal(actual).toFloat() as tf.Tensor1D;
  });
}
