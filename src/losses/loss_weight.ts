import type { tf } from "../deps/tfjs.ts";

/**
 * The weight of a mean in a mean of means: a number, or a function that computes it on a backend
 * whose memory cannot be read at once.
 *
 * @category Losses
 */
export type LossWeight = number | (() => tf.Tensor);

const WEIGHTS = new WeakMap<tf.Tensor, LossWeight>();

/**
 * Says what a mean loss divides by, where that is not the number of examples: the number of labels
 * that are not left out, or the sum of their weights. Means over batches, accumulated gradients, and
 * gradients of several ranks are averaged with these weights: then they are those of one large batch.
 *
 * @param loss The loss of a batch, a scalar; or a number for each example, with a weight for each.
 * @param weight The weight, or a function that computes it from tensors that live as long as the
 *   batch.
 * @returns The loss.
 *
 * @example
 * ```ts
 * import { tf, weighLoss } from "@trainchart/trainchart";
 *
 * // The mean error over the pixels that are not 0.
 * function maskedError(predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor {
 *   const weight = () => tf.tidy(() => tf.notEqual(labels, 0).toFloat().sum<tf.Scalar>());
 *   const loss = tf.tidy(() => {
 *     const mask = tf.notEqual(labels, 0).toFloat();
 *     return predictions.sub(labels).mul(mask).square().sum().div(mask.sum());
 *   });
 *   return weighLoss(loss, weight);
 * }
 * maskedError(tf.tensor1d([1, 2]), tf.tensor1d([0, 4])).dispose();
 * ```
 *
 * @category Losses
 */
export function weighLoss<T extends tf.Tensor>(loss: T, weight: LossWeight): T {
  WEIGHTS.set(loss, weight);
  return loss;
}

/** The weight of a loss or a metric; `undefined` if it does not say it: the number of examples. */
export function weightOfLoss(loss: tf.Tensor): LossWeight | undefined {
  return WEIGHTS.get(loss);
}
