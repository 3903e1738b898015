import { tf } from "../deps/tfjs.ts";

/**
 * The share of examples whose class is predicted right.
 *
 * @param predictions `[batch, classes]`, logits or probabilities: the largest counts. With one
 *   class, `[batch]` or `[batch, 1]`, a logit: positive means yes.
 * @param labels `[batch]` class numbers, or one-hot `[batch, classes]`.
 * @returns `[batch] float32`, 1 where it is right and 0 elsewhere.
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
 */
export function accuracy(predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor1D {
  return tf.tidy(() => {
    const binary = predictions.rank === 1 || (predictions.rank === 2 && predictions.shape[1] === 1);
    const predicted = binary ? predictions.flatten().greater(0) : predictions.argMax(-1);
    const oneHot = labels.rank === predictions.rank && !binary;
    const actual = oneHot ? labels.argMax(-1) : binary ? labels.flatten() : labels;
    if (predicted.size !== actual.size) {
      throw new TypeError(
        "Cannot measure accuracy as predictions [batch, classes] must go with labels [batch] or " +
          `[batch, classes]: current shapes are [${predictions.shape}] and [${labels.shape}]`,
      );
    }
    return predicted.toInt().equal(actual.toInt()).toFloat().flatten() as tf.Tensor1D;
  });
}
