import type { tf } from "../deps/tfjs.ts";

/**
 * The weight of a mean in a mean of means: a number, or a function that computes it on a backend
 * whose memory cannot be read at once.
 */
export type LossWeight = number | (() => tf.Tensor);

const WEIGHTS = new WeakMap<tf.Tensor, LossWeight>();

/**
 * Says what a loss or a metric weighs: the sum of the weights that its mean was divided by, in
 * examples. Means over batches, and gradients that are accumulated, then equal those of one large
 * batch.
 *
 * @param loss The loss, `[]`; or a number for each example, `[batch]`, with a weight for each.
 * @param weight Its weight, >= 0.
 * @returns The loss.
 */
export function weighLoss<T extends tf.Tensor>(loss: T, weight: LossWeight): T {
  WEIGHTS.set(loss, weight);
  return loss;
}

/** What a loss or a metric weighs; `undefined` if it does not say it: the number of examples. */
export function weightOfLoss(loss: tf.Tensor): LossWeight | undefined {
  return WEIGHTS.get(loss);
}
