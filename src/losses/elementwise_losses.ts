/**
 * Losses of numbers and of yes-or-no answers: means over all elements of the predictions.
 *
 * @module
 */
import { elementLosses } from "../backend/gradients/unary.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { inspectElements } from "../tensors/tensor_memory.ts";
import {
  alignLabels,
  checkHead,
  type ExampleWeights,
  type LossWeight,
  pure,
  spreadWeights,
  weighLoss,
} from "./loss_inputs.ts";

/** The losses of the elements of predictions. */
interface ElementLosses {
  /** The losses, in the shape of the predictions. */
  readonly losses: tf.Tensor;
  /** The elements that are not left out. Default: all. */
  readonly counted?: CountedElements;
}

/** The elements that a mean does not leave out. */
interface CountedElements {
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

/**
 * The mean of the squared differences, for regression.
 *
 * @param predictions `[batch, …] float32`.
 * @param labels The same shape, any numeric dtype; `[batch]` for `[batch, 1]`.
 * @param options Weights of the examples.
 * @returns The mean over all elements, weighted if there are weights, `[]`.
 * @throws {TypeError} If the shapes differ, or an option is unknown.
 *
 * @example
 * ```ts
 * import { meanSquaredError, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const loss = meanSquaredError(tf.tensor1d([1, 2]), tf.tensor1d([1, 4]));
 * assertEquals(loss.dataSync()[0], 2);
 * ```
 *
 * @category Losses
 */
export function meanSquaredError(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: ExampleWeights = {},
): tf.Scalar {
  checkOptions("compute meanSquaredError", options, { weights: true });
  return elementwiseMean("meanSquaredError", predictions, options.weights, () => {
    const aligned = alignLabels("meanSquaredError", predictions, labels);
    return { losses: predictions.sub(aligned.toFloat()).square() };
  });
}

/**
 * Options of {@linkcode huber}.
 *
 * @category Losses
 */
export interface HuberOptions extends ExampleWeights {
  /** The error from which the loss is linear, > 0. Default: 1. */
  delta?: number;
}

/**
 * The Huber loss: half the squared error up to `delta` and linear beyond, so that outliers have less
 * influence.
 *
 * Huber, "Robust Estimation of a Location Parameter", 1964, https://doi.org/10.1214/aoms/1177703732.
 *
 * @param predictions `[batch, …] float32`.
 * @param labels The same shape, any numeric dtype; `[batch]` for `[batch, 1]`.
 * @param options The point from which the loss is linear, and weights.
 * @returns The mean over all elements, weighted if there are weights, `[]`.
 * @throws {TypeError} If the shapes differ, or an option is unknown.
 * @throws {RangeError} If `delta` is not finite and > 0.
 *
 * @example
 * ```ts
 * import { huber, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const loss = huber(tf.tensor1d([0.5, 10]), tf.tensor1d([0, 0]));
 * assertEquals(loss.dataSync()[0], (0.125 + 9.5) / 2);
 * ```
 *
 * @category Losses
 */
export function huber(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: HuberOptions = {},
): tf.Scalar {
  checkOptions("compute huber", options, { delta: true, weights: true });
  const { delta = 1, weights } = options;
  checkNumber("compute huber", "delta", delta, { above: 0 });
  return elementwiseMean("huber", predictions, weights, () => {
    const aligned = alignLabels("huber", predictions, labels).toFloat();
    const losses = elementLosses("HUBER", predictions, aligned, delta);
    if (losses) return { losses };
    const error = predictions.sub(aligned).abs();
    const quadratic = error.minimum(delta);
    const linear = error.sub(quadratic);
    return { losses: quadratic.square().mul(0.5).add(linear.mul(delta)) };
  });
}

pure(meanSquaredError);
pure(huber);

/**
 * Options of {@linkcode binaryCrossEntropy}.
 *
 * @category Losses
 */
export interface BinaryCrossEntropyOptions extends ExampleWeights {
  /** Part by which labels move towards one half, in [0, 1]. Default: 0. */
  labelSmoothing?: number;
  /** Weight of positive labels relative to negative ones, > 0. Default: 1. */
  positiveWeight?: number;
  /** Whether predictions are probabilities, as of a sigmoid, and not logits. Default: false. */
  probabilities?: boolean;
  /** The label of elements that are left out, an integer. Default: -1. */
  ignoreIndex?: number;
}

/** Added to probabilities, so that their logarithm is finite. */
const EPSILON = 1e-7;

/**
 * The cross-entropy of logits and yes/no labels, for one or several independent labels per example.
 *
 * The sigmoid is part of the loss, which keeps it finite for any finite logit. With weights it is the
 * weighted mean. Labels equal to `ignoreIndex`, -1 by default, are left out; any other label outside
 * [0, 1] is an error, on a backend whose memory can be read at once (wasm and cpu).
 *
 * Keras: `binaryCrossentropy`, which takes probabilities. PyTorch: `BCEWithLogitsLoss`.
 *
 * @param predictions Logits, `[batch, …] float32`.
 * @param labels The same shape, any numeric dtype, in [0, 1]; `[batch]` for `[batch, 1]`.
 * @param options Smoothing, weights, labels to leave out, form of the predictions.
 * @returns The mean over all elements, `[]`.
 * @throws {TypeError} If the shapes differ, an option is unknown, or the model ends in another
 *   activation than the loss is for.
 * @throws {RangeError} If an option or a label is out of range.
 *
 * @example
 * ```ts
 * import { binaryCrossEntropy, tf } from "@trainchart/trainchart";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const loss = binaryCrossEntropy(tf.tensor1d([0, 1000]), tf.tensor1d([1, 1]));
 * assertAlmostEquals(loss.dataSync()[0], Math.LN2 / 2, 1e-6);
 * ```
 *
 * @category Losses
 */
export function binaryCrossEntropy(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: BinaryCrossEntropyOptions = {},
): tf.Scalar {
  const action = "compute binaryCrossEntropy";
  checkOptions(action, options, {
    labelSmoothing: true,
    positiveWeight: true,
    probabilities: "flag",
    ignoreIndex: true,
    weights: true,
  });
  const { labelSmoothing = 0, positiveWeight = 1, probabilities = false } = options;
  const { ignoreIndex = -1, weights } = options;
  checkNumber(action, "labelSmoothing", labelSmoothing, { min: 0, max: 1 });
  checkNumber(action, "positiveWeight", positiveWeight, { above: 0 });
  checkNumber(action, "ignoreIndex", ignoreIndex, { integer: true });
  checkHead("binaryCrossEntropy", predictions, probabilities);
  const ignoring = checkLabels(labels, ignoreIndex);
  return elementwiseMean("binaryCrossEntropy", predictions, weights, () => {
    const aligned = alignLabels("binaryCrossEntropy", predictions, labels).toFloat();
    const mask = ignoring ? aligned.notEqual(ignoreIndex) : undefined;
    const isCounted = (label: number) => label !== ignoreIndex;
    const counted = mask && { mask, labels, isCounted };
    const known = mask ? tf.where(mask, aligned, tf.zerosLike(aligned)) : aligned;
    const targets = labelSmoothing === 0
      ? known
      : known.mul(1 - labelSmoothing).add(labelSmoothing / 2);
    const ours = probabilities
      ? undefined
      : elementLosses("SIGMOID_CROSS_ENTROPY", predictions, targets, positiveWeight);
    if (ours) return { losses: ours, counted };
    const positives = targets.mul(positiveWeight - 1).add(1);
    if (probabilities) {
      const yes = predictions.add(EPSILON).log().mul(targets).mul(positiveWeight);
      const no = tf.sub(1 + EPSILON, predictions).log().mul(tf.sub(1, targets));
      return { losses: yes.add(no).neg(), counted };
    }
    // softplus, unlike the usual max(x, 0) + log(1 + exp(-|x|)), has the right gradient at 0 too.
    const surprise = predictions.neg().softplus().mul(positives);
    return { losses: predictions.mul(tf.sub(1, targets)).add(surprise), counted };
  });
}

/** Checks labels that can be read at once; returns whether some of them may have to be left out. */
function checkLabels(labels: tf.Tensor, ignoreIndex: number): boolean {
  const facts = inspectElements([labels], ([values]) => {
    let decision = false;
    for (const label of values) {
      if (label === ignoreIndex) decision = true;
      else if (!(label >= 0 && label <= 1)) {
        throw new RangeError(
          "Cannot compute binaryCrossEntropy as each label must be in [0, 1], or ignoreIndex " +
            `${ignoreIndex}: current value is ${label}`,
        );
      }
    }
    return { decision };
  });
  return facts?.decision ?? true;
}

pure(binaryCrossEntropy);
