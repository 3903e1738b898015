import { tf } from "../deps/tfjs.ts";
import { inspectElements } from "../tensors/tensor_memory.ts";
import { type LossWeight, spreadWeights, weighLoss } from "./loss_inputs.ts";

/** The losses of the elements of predictions. */
export interface ElementLosses {
  /** The losses, in the shape of the predictions. */
  readonly losses: tf.Tensor;
  /** The elements that are not left out. Default: all. */
  readonly counted?: CountedElements;
}

/** The elements that a mean does not leave out. */
export interface CountedElements {
  /** The elements, `bool`. */
  readonly mask: tf.Tensor;
  /** The labels of the batch, in the order of the elements. */
  readonly labels: tf.Tensor;
  /** Whether a label counts. */
  readonly isCounted: (label: number) => boolean;
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
    const sum = sumOfWeights(predictions.size, weights, counted, perExample);
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
  counted: CountedElements | undefined,
): tf.Tensor {
  const ones = counted?.mask.toFloat() ?? tf.ones(shape as number[]);
  return weights ? spreadWeights(name, weights, shape).reshape(shape).mul(ones) : ones;
}

/** The sum of the weights of elements; `undefined` if they cannot be read at once. */
function sumOfWeights(
  count: number,
  weights: tf.Tensor | undefined,
  counted: CountedElements | undefined,
  perExample: number,
): number | undefined {
  const inspected = [...weights ? [weights] : [], ...counted ? [counted.labels] : []];
  let sum = 0;
  const facts = inspectElements(inspected, (elements) => {
    const values = weights && elements[0], labels = counted && elements.at(-1);
    sum = 0;
    for (let i = 0; i < count; i++) {
      if (labels && !counted.isCounted(labels[i])) continue;
      // Each weight is of one element, or of all elements of an example.
      sum += values ? values[Math.floor(i * values.length / count)] : 1;
    }
    return { decision: sum === 0, weight: sum / perExample };
  });
  return facts && sum;
}
