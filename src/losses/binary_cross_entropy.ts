/**
 * The cross-entropy of independent yes/no predictions.
 *
 * @module
 */
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { inspectElements } from "../tensors/tensor_memory.ts";
import { alignLabels, checkHead, type ExampleWeights, pure } from "./loss_inputs.ts";
import { elementwiseMean } from "./elementwise_losses.ts";

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
    probabilities: true,
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
    const targets = known.mul(1 - labelSmoothing).add(labelSmoothing / 2);
    const positives = targets.mul(positiveWeight - 1).add(1);
    if (probabilities) {
      const yes = predictions.add(EPSILON).log().mul(targets).mul(positiveWeight);
      const no = tf.sub(1 + EPSILON, predictions).log().mul(tf.sub(1, targets));
      return { losses: yes.add(no).neg(), counted };
    }
    // softplus, unlike the usual max(x, 0) + log(1 + exp(-|x|)), has the right slope at 0 too.
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
