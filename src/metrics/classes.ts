/**
 * Predictions and labels of every usual form, as class numbers.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";

/** Whether predictions are one logit for each example, `[batch]` or `[batch, 1]`: yes or no. */
export function isBinary(predictions: tf.Tensor): boolean {
  return predictions.rank === 1 || (predictions.rank === 2 && predictions.shape[1] === 1);
}

/** The number of classes that predictions distinguish. */
export function classCount(predictions: tf.Tensor): number {
  return isBinary(predictions) ? 2 : predictions.shape.at(-1)!;
}

/**
 * Whether predictions `[examples, classes]` say anything: a row with NaN or +Infinity does not, as
 * every comparison with NaN is false. -Infinity is a class that was masked.
 *
 * @returns `[examples] bool`.
 */
export function isKnown(predictions: tf.Tensor): tf.Tensor1D {
  return predictions.sum(-1).less(Infinity);
}

/**
 * The class that is predicted for each example: the largest logit, or yes if the only one is > 0.
 *
 * @param predictions The predictions.
 * @param unknown The number of an example whose predictions say nothing.
 * @returns `[examples] int32`.
 */
export function predictedClasses(predictions: tf.Tensor, unknown: number): tf.Tensor1D {
  const binary = isBinary(predictions);
  const rows = predictions.reshape([-1, binary ? 1 : predictions.shape.at(-1)!]);
  const predicted = binary ? rows.greater(0).toInt().flatten() : rows.argMax<tf.Tensor1D>(-1);
  const other: tf.Tensor = tf.scalar(unknown, "int32");
  return tf.where(isKnown(rows), predicted as tf.Tensor, other) as tf.Tensor1D;
}

/**
 * The class of each example, from class numbers or from one-hot rows.
 *
 * @returns `[examples] int32`.
 * @throws {TypeError} If there are more or fewer labels than predictions.
 */
export function actualClasses(
  metric: string,
  predictions: tf.Tensor,
  labels: tf.Tensor,
): tf.Tensor1D {
  const binary = isBinary(predictions);
  const oneHot = !binary && labels.rank === predictions.rank;
  const actual = oneHot ? labels.argMax(-1) : labels;
  const examples = binary ? predictions.size : predictions.size / predictions.shape.at(-1)!;
  if (actual.size !== examples) {
    throw new TypeError(
      `Cannot measure ${metric} as predictions [batch, classes] must go with labels [batch] or ` +
        `[batch, classes]: current shapes are [${predictions.shape}] and [${labels.shape}]`,
    );
  }
  return actual.flatten().toInt() as tf.Tensor1D;
}
