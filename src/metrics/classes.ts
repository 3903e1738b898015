/**
 * What predictions and labels of every usual form say, as class numbers.
 *
 * @module
 */
import type { tf } from "../deps/tfjs.ts";

/** Whether predictions are one logit for each example, `[batch]` or `[batch, 1]`: yes or no. */
export function isBinary(predictions: tf.Tensor): boolean {
  return predictions.rank === 1 || (predictions.rank === 2 && predictions.shape[1] === 1);
}

/** How many classes predictions tell apart. */
export function classCount(predictions: tf.Tensor): number {
  return isBinary(predictions) ? 2 : predictions.shape.at(-1)!;
}

/**
 * The class that is predicted for each example: the largest logit, or yes if the only one is > 0.
 *
 * @returns `[examples] int32`.
 */
export function predictedClasses(predictions: tf.Tensor): tf.Tensor1D {
  const predicted = isBinary(predictions) ? predictions.greater(0) : predictions.argMax(-1);
  return predicted.flatten().toInt() as tf.Tensor1D;
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
