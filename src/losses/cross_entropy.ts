/**
 * The cross-entropy of class predictions.
 *
 * @module
 */
import { checkNumber } from "../checks/check_number.ts";
import { checkOptions } from "../checks/check_options.ts";
import { isRecorded, pullBack, registerGradients } from "../backend/gradients/gradient.ts";
import { tf } from "../deps/tfjs.ts";
import { weighLoss } from "./loss_weight.ts";

/**
 * Options of {@linkcode crossEntropy}.
 *
 * @category Losses
 */
export interface CrossEntropyOptions {
  /** Part of each label that is spread evenly over all classes, in [0, 1]. Default: 0. */
  labelSmoothing?: number;
  /** A weight > 0 for each class, `[classes]`. Default: all 1. */
  classWeights?: number[];
}

/**
 * The mean cross-entropy of logits and class labels; the softmax is part of the loss.
 *
 * With weights it is the weighted mean: the sum of the weighted losses over the sum of the labels'
 * weights, as in PyTorch. Both sums leave out a label outside `0 … classes - 1`, so `-1` marks an
 * example to ignore.
 *
 * Label smoothing: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision",
 * 2016, https://arxiv.org/abs/1512.00567.
 *
 * @param predictions Logits, `[…, classes] float32`.
 * @param labels Class numbers `[…] int32`, or probabilities (one-hot) `[…, classes]`.
 * @param options Label smoothing, class weights.
 * @returns The mean, `[]`.
 * @throws {TypeError} If the shapes do not match, or an option is unknown.
 * @throws {RangeError} If an option is out of range.
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
  const { labelSmoothing = 0, classWeights } = options;
  checkLossOptions(options, classes);
  const dense = checkLabels(predictions, labels);
  const loss = tf.tidy(() => {
    const flat = predictions.rank === 2;
    const logits = flat
      ? predictions as tf.Tensor2D
      : predictions.reshape<tf.Tensor2D>([-1, classes]);
    const numbers = labels.dtype === (dense ? "float32" : "int32")
      ? labels
      : labels.cast(dense ? "float32" : "int32");
    const targets = flat ? numbers : numbers.reshape(dense ? logits.shape : [-1]);
    const weights = classWeights && tf.tensor1d(classWeights);
    if (logits.dtype !== "float32" || !tf.getKernel(KERNEL, tf.getBackend())) {
      return compose(logits, targets, weights, labelSmoothing);
    }
    const inputs: tf.NamedTensorMap = { logits, labels: targets };
    if (weights) inputs.weights = weights;
    const results = tf.engine().runKernel(KERNEL, inputs, {
      labelSmoothing,
      classWeights: classWeights ?? [],
    });
    return (results as unknown as tf.Scalar[])[0];
  });
  return weighLoss(loss, () => totalWeight(labels, dense, classes, classWeights));
}

/** Sum of the weights of all labels that are not ignored. */
function totalWeight(
  labels: tf.Tensor,
  dense: boolean,
  classes: number,
  classWeights?: number[],
): tf.Scalar {
  return tf.tidy(() => {
    if (dense) return labels.toFloat().mul(classWeights ?? 1).sum<tf.Scalar>();
    const counted = tf.logicalAnd(labels.greaterEqual(0), labels.less(classes)).toFloat();
    if (!classWeights) return counted.sum<tf.Scalar>();
    const indices = labels.toFloat().clipByValue(0, classes - 1).toInt();
    return tf.gather(tf.tensor1d(classWeights), indices).mul(counted).sum<tf.Scalar>();
  });
}

/** The fused kernel, which some backends have: computes the loss and its slopes. */
const KERNEL = "TrainchartCrossEntropy";

/** The loss, composed of tfjs operations: logits `[batch, classes]`, labels `[batch]` or dense. */
function compose(
  logits: tf.Tensor2D,
  labels: tf.Tensor,
  weights: tf.Tensor1D | undefined,
  labelSmoothing: number,
): tf.Scalar {
  const classes = logits.shape[1];
  const onehot = labels.rank === 2 ? labels : tf.oneHot(labels as tf.Tensor1D, classes).toFloat();
  const weighted = weights ? onehot.mul(weights) : onehot;
  const spread = onehot.sum(-1, true).mul(labelSmoothing / classes);
  const smooth = onehot.mul(1 - labelSmoothing).add(spread);
  const targets = weights ? smooth.mul(weights) : smooth;
  const log = tf.logSoftmax(logits);
  // A masked class has the logit -Infinity, and adds nothing where its label is 0.
  const isMasked = log.equal(-Infinity).logicalAnd(targets.equal(0));
  const finite = tf.where(isMasked, tf.zerosLike(log), log);
  return finite.mul(targets).sum().div(weighted.sum()).neg().asScalar();
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
          (input === logits ? x : logits) as tf.Tensor2D,
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

/** Checks the shapes; returns whether labels are probabilities, rather than class numbers. */
function checkLabels(predictions: tf.Tensor, labels: tf.Tensor): boolean {
  const { shape } = predictions;
  if (shape.length > 0 && labels.shape.join() === shape.join()) return true;
  if (shape.length > 0 && labels.shape.join() === shape.slice(0, -1).join()) return false;
  throw new TypeError(
    `Cannot compute crossEntropy as labels for predictions [${shape}] must be ` +
      `[${shape.slice(0, -1)}] or [${shape}]: current value is [${labels.shape}]`,
  );
}

function checkLossOptions(options: CrossEntropyOptions, classes: number): void {
  const action = "compute crossEntropy";
  checkOptions(action, options, { labelSmoothing: true, classWeights: true });
  const { labelSmoothing = 0, classWeights } = options;
  checkNumber(action, "labelSmoothing", labelSmoothing, { min: 0, max: 1 });
  if (!classWeights) return;
  if (classWeights.length !== classes) {
    throw new RangeError(
      `Cannot ${action} as classWeights must have ${classes} elements: current value has ` +
        classWeights.length,
    );
  }
  for (const weight of classWeights) checkNumber(action, "each class weight", weight, { above: 0 });
}
