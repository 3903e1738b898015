import { tf } from "../deps/tfjs.ts";

const WEIGHTS = new WeakMap<tf.Tensor, tf.Scalar>();

/** Takes the weights of losses while they are collected. */
let collect: ((weight: tf.Scalar) => void) | undefined;

/**
 * Says what a mean loss divides by, where that is not the number of examples: the number of labels
 * that are not ignored, or the sum of their weights. Accumulated gradients, and gradients of several
 * ranks, are averaged with these weights: then they are those of one large batch.
 *
 * @param loss The loss of a batch, a scalar.
 * @param weight Computes the weight: at once if it is needed, or never.
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
export function weighLoss<L extends tf.Tensor>(loss: L, weight: () => tf.Scalar): L {
  if (!collect) return loss;
  const computed = tf.keep(weight());
  WEIGHTS.set(loss, computed);
  collect(computed);
  return loss;
}

/**
 * Computes a loss, and the weights of all losses in it.
 *
 * @param compute Computes the loss.
 * @param own Called with each weight, which is then the caller's.
 * @returns The loss.
 */
export function collectWeights<T>(compute: () => T, own: (weight: tf.Scalar) => void): T {
  collect = own;
  try {
    return compute();
  } finally {
    collect = undefined;
  }
}

/** The weight of a loss that was computed by {@linkcode collectWeights}, if the loss has told it. */
export function weightOfLoss(loss: tf.Tensor): tf.Scalar | undefined {
  return WEIGHTS.get(loss);
}
