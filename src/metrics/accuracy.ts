import { checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { weighLoss } from "../losses/loss_inputs.ts";
import {
  type AccuracyOptions,
  actualClasses,
  countedExamples,
  predictedClasses,
} from "./classes.ts";

/** A number that no label has. */
const UNKNOWN = -(2 ** 31);

/**
 * The share of examples whose class is predicted right. Predictions that are NaN or +Infinity are
 * wrong; examples whose label is `ignoreIndex`, -1 by default, do not count.
 *
 * Keras: `accuracy`, `sparseCategoricalAccuracy` and `binaryAccuracy`.
 *
 * @param predictions `[batch, classes]`, logits or probabilities: the largest counts. With one
 *   class, `[batch]` or `[batch, 1]`, a logit > 0 means yes, or a probability > 0.5.
 * @param labels `[batch]` class numbers, or one-hot `[batch, classes]`.
 * @param options Form of the predictions, labels to leave out.
 * @returns `[batch] float32`, 1 for a right prediction and 0 for a wrong one.
 * @throws {TypeError} If the shapes do not fit, or an option is unknown.
 * @throws {RangeError} If a label is no class number.
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
export function accuracy(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: AccuracyOptions = {},
): tf.Tensor1D {
  checkOptions("measure accuracy", options, {
    probabilities: true,
    ignoreIndex: true,
    weights: true,
  });
  let ignoring = false;
  const hits = tf.tidy(() => {
    const actual = actualClasses("accuracy", predictions, labels, options);
    ignoring = actual.ignoring;
    const predicted = predictedClasses(predictions, UNKNOWN, options);
    return predicted.equal(actual.numbers).toFloat() as tf.Tensor1D;
  });
  if (!ignoring) return hits;
  return weighLoss(
    hits,
    () => countedExamples(actualClasses("accuracy", predictions, labels, options)),
  );
}
