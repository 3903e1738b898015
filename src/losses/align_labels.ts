import type { tf } from "../deps/tfjs.ts";

/**
 * Gives labels the shape of the predictions: `[batch]` becomes `[batch, 1]` or the reverse, as in
 * `model.fit`. Otherwise they would broadcast to `[batch, batch]`.
 *
 * @param name The loss or metric, for messages.
 * @param predictions The predictions.
 * @param labels The labels.
 * @returns The labels, or a view of them.
 * @throws {TypeError} If any other shape differs.
 */
export function alignLabels(name: string, predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  const [wanted, given] = [predictions.shape.join(), labels.shape.join()];
  if (wanted === given) return labels;
  if (wanted === `${given},1` || `${wanted},1` === given) return labels.reshape(predictions.shape);
  throw new TypeError(
    `Cannot compute ${name} as labels must have the shape of the predictions, ` +
      `[${predictions.shape}]: current value is [${labels.shape}]`,
  );
}
