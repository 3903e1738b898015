import { tf } from "../deps/tfjs.ts";
import { memoryOf } from "../tensors/tensor_memory.ts";
import { type LossWeight, spreadWeights, weighLoss } from "./weights.ts";

/** The losses of the elements of predictions. */
export interface ElementLosses {
  /** The losses, in the shape of the predictions. */
  readonly losses: tf.Tensor;
  /** The elements that are not left out, `bool`. Default: all. */
  readonly counted?: tf.Tensor;
}

/**
 * The mean of the losses of elements, weighted by the weights of their examples.
 *
 * @param name The loss, for messages.
 * @param predictions The predictions.
 * @param weights The weights of examples, if any.
 * @param compute Computes the losses of the elements, inside `tf.tidy`.
 * @returns The mean, `[]`, which says what it weighs: 1 for each whole example.
 */
export function elementwiseMean(
  name: string,
  predictions: tf.Tensor,
  weights: tf.Tensor | undefined,
  compute: () => ElementLosses,
): tf.Scalar {
  const perExample = predictions.size / (predictions.shape[0] ?? 1);
  let total: LossWeight | undefined;
  const mean = tf.tidy(() => {
    const { losses, counted } = compute();
    if (!weights && !counted) return losses.mean<tf.Scalar>();
    const all = weightsOf(name, predictions, weights, counted);
    const values = memoryOf(all);
    const sum = values && sumOf(values);
    total = sum === undefined
      ? () =>
        weightsOf(name, predictions, weights, counted && compute().counted).sum().div(perExample)
      : sum / perExample;
    if (sum === 0) return losses.mul(0).sum();
    return losses.mul(all).sum().div(all.sum().maximum(1e-30)).asScalar();
  });
  return total === undefined ? mean as tf.Scalar : weighLoss(mean as tf.Scalar, total);
}

function weightsOf(
  name: string,
  { shape }: tf.Tensor,
  weights: tf.Tensor | undefined,
  counted: tf.Tensor | undefined,
): tf.Tensor {
  const ones = counted?.toFloat() ?? tf.ones(shape as number[]);
  return weights ? spreadWeights(name, weights, shape).reshape(shape).mul(ones) : ones;
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
