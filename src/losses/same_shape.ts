/**
 * The check that keeps a loss from broadcasting by accident.
 *
 * @module
 */
import type { tf } from "../deps/tfjs.ts";

/**
 * Throws unless labels have the shape of the predictions.
 *
 * Without it `[batch, 1]` against `[batch]` would broadcast to `[batch, batch]`, and train on it.
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
