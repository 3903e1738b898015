/**
 * The cross-entropy of class predictions.
 *
 * @module
 */
import { isRecorded, pullBack, registerGradients } from "../backend/gradients/gradient.ts";
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

/** The fused kernel, which some backends have: computes the loss and its slopes. */
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
    /** The slope by one of the inputs, of operations that have gradients themselves. */
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

/** The slopes with respect to the labels, which are predictions themselves in distillation. */
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
