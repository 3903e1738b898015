/**
 * Losses of class predictions: cross-entropy and focal loss.
 *
 * @module
 */
import { isRecorded, pullBack, registerGradients } from "../backend/gradients/gradient.ts";
import { checkNumber } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import {
  checkLossOptions,
  type ClassLossOptions,
  classTargets,
  logProbabilities,
  weightOnDevice,
} from "./class_targets.ts";
import { checkHead, pure, weighLoss } from "./loss_inputs.ts";

/**
 * Options of {@linkcode crossEntropy}.
 *
 * @category Losses
 */
export interface CrossEntropyOptions extends ClassLossOptions {}

/**
 * The mean cross-entropy of logits and class labels; the softmax is part of the loss.
 *
 * With weights of classes or of examples it is the weighted mean: the sum of the weighted losses over
 * the sum of the weights, as in PyTorch. Labels equal to `ignoreIndex`, -1 by default, are left out
 * of both sums; if all are left out, the loss is 0. Any other label outside `0 … classes - 1` is an
 * error, on a backend whose memory can be read at once (wasm and cpu).
 *
 * Keras: `categoricalCrossentropy` and `sparseCategoricalCrossentropy`, which take probabilities.
 * PyTorch: `CrossEntropyLoss`.
 *
 * Label smoothing: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision",
 * 2016, https://arxiv.org/abs/1512.00567.
 *
 * @param predictions Logits, `[…, classes] float32`.
 * @param labels Class numbers `[…] int32`, or probabilities (one-hot) `[…, classes]`.
 * @param options Smoothing, weights, labels to leave out, form of the predictions.
 * @returns The mean, `[]`.
 * @throws {TypeError} If the shapes do not match, an option is unknown, or the model ends in another
 *   activation than the loss is for.
 * @throws {RangeError} If an option is out of range, or a label is no class number.
 *
 * @example
 * ```ts
 * import { crossEntropy, tf } from "@trainchart/trainchart";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const logits = tf.tensor2d([[0, 0], [0, 1000]]);
 * const loss = crossEntropy(logits, tf.tensor1d([0, 1], "int32"));
 * assertAlmostEquals(loss.dataSync()[0], Math.LN2 / 2, 1e-6);
 * ```
 *
 * @category Losses
 */
export function crossEntropy(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: CrossEntropyOptions = {},
): tf.Scalar {
  const classes = predictions.shape.at(-1) ?? 0;
  checkLossOptions("crossEntropy", options, classes);
  const { labelSmoothing = 0, classWeights, probabilities = false } = options;
  checkHead("crossEntropy", predictions, probabilities);
  let total: number | undefined;
  const loss = tf.tidy(() => {
    const targets = classTargets("crossEntropy", predictions, labels, options);
    total = targets.total;
    const rows = predictions.rank === 2
      ? predictions as tf.Tensor2D
      : predictions.reshape<tf.Tensor2D>([-1, classes]);
    if (total === 0) return rows.sum().mul<tf.Scalar>(0);
    const weights = classWeights && tf.tensor1d(classWeights);
    const fused = !probabilities && rows.dtype === "float32" &&
      tf.getKernel(KERNEL, tf.getBackend());
    if (!fused) {
      const logs = logProbabilities(rows, probabilities);
      return compose(logs, targets.labels, weights, labelSmoothing);
    }
    const inputs: tf.NamedTensorMap = { logits: rows, labels: targets.labels };
    if (weights) inputs.weights = weights;
    const results = tf.engine().runKernel(KERNEL, inputs, {
      labelSmoothing,
      classWeights: classWeights ?? [],
    });
    return (results as unknown as tf.Scalar[])[0];
  });
  return weighLoss(loss, total ?? (() => weightOnDevice(predictions, labels, options)));
}

/** Less than any sum of weights: if all labels are left out, 0 / 0 would be NaN. */
const TINY = 1e-30;

/** The fused kernel, which some backends have: computes the loss and its gradients. */
const KERNEL = "TrainchartCrossEntropy";

/** The loss, composed of tfjs operations: logarithms `[rows, classes]`, labels `[rows]` or dense. */
function compose(
  logs: tf.Tensor2D,
  labels: tf.Tensor,
  weights: tf.Tensor1D | undefined,
  labelSmoothing: number,
): tf.Scalar {
  const classes = logs.shape[1];
  const onehot = labels.rank === 2 ? labels : tf.oneHot(labels as tf.Tensor1D, classes).toFloat();
  const weighted = weights ? onehot.mul(weights) : onehot;
  const spread = onehot.sum(-1, true).mul(labelSmoothing / classes);
  const smooth = onehot.mul(1 - labelSmoothing).add(spread);
  const targets = weights ? smooth.mul(weights) : smooth;
  // A masked class has the logit -Infinity, and adds nothing where its label is 0.
  const isMasked = logs.equal(-Infinity).logicalAnd(targets.equal(0));
  const finite = tf.where(isMasked, tf.zerosLike(logs), logs);
  return finite.mul(targets).sum().div(weighted.sum().maximum(TINY)).neg().asScalar();
}

registerGradients(
  KERNEL,
  { inputs: ["logits", "labels"], results: [true, true] },
  ([dy], [logits, labels, loss, slopes], options) => {
    const { labelSmoothing, classWeights } = options;
    /** The gradient by one of the inputs, of operations that have gradients themselves. */
    const composed = (input: tf.Tensor) => {
      const compute = (x: tf.Tensor) =>
        compose(
          logProbabilities((input === logits ? x : logits) as tf.Tensor2D, false),
          input === labels ? x : labels,
          classWeights.length > 0 ? tf.tensor1d(classWeights) : undefined,
          labelSmoothing,
        );
      return pullBack(compute, [input], dy)[0];
    };
    return {
      logits: () => isRecorded() ? composed(logits) : slopes.mul(dy),
      labels: () =>
        isRecorded() ? composed(labels) : labelSlopes(logits, labels, loss, options).mul(dy),
    };
  },
);

/** The gradients with respect to the labels, which are predictions themselves in distillation. */
function labelSlopes(
  logits: tf.Tensor,
  labels: tf.Tensor,
  loss: tf.Tensor,
  { labelSmoothing, classWeights }: Required<CrossEntropyOptions>,
): tf.Tensor {
  const classes = logits.shape[1]!;
  const weights = classWeights.length > 0 ? tf.tensor1d(classWeights) : tf.ones([classes]);
  const surprise = tf.logSoftmax(logits).neg().mul(weights);
  const spread = surprise.sum(-1, true).mul(labelSmoothing / classes);
  const total = surprise.mul(1 - labelSmoothing).add(spread);
  return total.sub(weights.mul(loss)).div(labels.mul(weights).sum());
}

pure(crossEntropy);

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
    const norm = total === undefined ? weighted.sum().maximum(TINY) : tf.scalar(total);
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
