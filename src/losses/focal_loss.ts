import { checkNumber } from "../checks/check_number.ts";
import { tf } from "../deps/tfjs.ts";
import { checkHead, pure, weighLoss } from "./loss_inputs.ts";
import {
  checkLossOptions,
  type ClassLossOptions,
  classTargets,
  logProbabilities,
  weightOnDevice,
} from "./class_targets.ts";

/**
 * Options of {@linkcode focalLoss}.
 *
 * @category Losses
 */
export interface FocalLossOptions extends ClassLossOptions {
  /** Exponent by which well predicted examples count less, >= 0; 0: not at all. Default: 2. */
  gamma?: number;
}

/**
 * The focal loss: the cross-entropy, in which an example of probability `p` counts `(1 - p) ** gamma`
 * of its loss. Many easy examples, such as a background, then do not drown a few hard ones.
 *
 * Predictions of one logit per example, `[batch]` or `[batch, 1]`, are taken for two classes, no and
 * yes; `classWeights: [0.75, 0.25]` are then the weights of the paper.
 *
 * Keras: `CategoricalFocalCrossentropy` and `BinaryFocalCrossentropy`. torchvision:
 * `sigmoid_focal_loss`.
 *
 * Lin et al., "Focal Loss for Dense Object Detection", 2017, https://arxiv.org/abs/1708.02002. Its
 * sum is divided by the number of positive examples; this is the weighted mean.
 *
 * @param predictions Logits, `[…, classes] float32`, or one per example.
 * @param labels Class numbers `[…] int32`, or probabilities (one-hot) `[…, classes]`.
 * @param options Those of `crossEntropy`, and `gamma`.
 * @returns The mean, `[]`.
 * @throws {TypeError} If the shapes do not match, an option is unknown, or the model ends in another
 *   activation than the loss is for.
 * @throws {RangeError} If an option is out of range, or a label is no class number.
 *
 * @example
 * ```ts
 * import { focalLoss, tf } from "@trainchart/trainchart";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const logits = tf.tensor2d([[0, 0], [0, 20]]);
 * const loss = focalLoss(logits, tf.tensor1d([0, 1], "int32"));
 * assertAlmostEquals(loss.dataSync()[0], 0.25 * Math.LN2 / 2, 1e-6);
 * ```
 *
 * @category Losses
 */
export function focalLoss(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: FocalLossOptions = {},
): tf.Scalar {
  const { gamma = 2, classWeights, labelSmoothing = 0, probabilities = false } = options;
  const binary = predictions.rank === 1 || predictions.shape.at(-1) === 1;
  const classes = binary ? 2 : predictions.shape.at(-1)!;
  checkLossOptions("focalLoss", options, classes, { gamma: true });
  checkNumber("compute focalLoss", "gamma", gamma, { min: 0 });
  checkHead("focalLoss", predictions, probabilities);
  let total: number | undefined;
  const pairs = () => binary ? pairsOf(predictions, probabilities) : predictions;
  const numbers = () => binary ? labels.flatten() : labels;
  const loss = tf.tidy(() => {
    const scores = pairs();
    const targets = classTargets("focalLoss", scores, numbers(), options, (total) => total);
    total = targets.total;
    const rows = scores.reshape<tf.Tensor2D>([-1, classes]);
    if (total === 0) return rows.sum().mul<tf.Scalar>(0);
    const dense = targets.labels.rank === 2
      ? targets.labels
      : tf.oneHot(targets.labels as tf.Tensor1D, classes).toFloat();
    const weighted = classWeights ? dense.mul(tf.tensor1d(classWeights)) : dense;
    const spread = weighted.sum(-1, true).mul(labelSmoothing / classes);
    const logs = logProbabilities(rows, probabilities);
    const hardness = tf.sub(1, logs.exp()).maximum(0).pow(gamma);
    const losses = logs.mul(hardness).mul(weighted.mul(1 - labelSmoothing).add(spread));
    const norm = total === undefined ? weighted.sum().maximum(1e-30) : tf.scalar(total);
    return losses.sum().div(norm).neg().asScalar();
  });
  return weighLoss(loss, total ?? (() => weightOnDevice(pairs(), numbers(), options)));
}

/** One prediction per example as two classes, no and yes: `[examples, 2]`. */
function pairsOf(predictions: tf.Tensor, probabilities: boolean): tf.Tensor2D {
  const yes = predictions.reshape<tf.Tensor2D>([-1, 1]);
  return tf.concat([probabilities ? tf.sub(1, yes) : tf.zerosLike(yes), yes], 1) as tf.Tensor2D;
}

pure(focalLoss);
