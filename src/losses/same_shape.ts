/**
 * A check that keeps losses from broadcasting by accident.
 *
 * @module
 */
import type { tf } from "../deps/tfjs.ts";

/**
 * Checks that labels have the shape of the predictions.
 *
 * Otherwise `[batch, 1]` and `[batch]` would broadcast to `[batch, batch]`.
 *
 * @throws {TypeError} If the shapes differ.
 */
export function assertSameShape(loss: string, predictions: tf.Tensor, labels: tf.Tensor): void {
  if (predictions.shape.join() === labels.shape.join()) return;
  throw new TypeError(
    `Cannot compute ${loss} as labels must have the shape of the predictions, ` +
      `[${predictions.shape}]: current value is [${labels.shape}]`,
  );
}
