/**
 * Predictions and labels of every usual form, as class numbers, and the share of those that agree.
 *
 * @module
 */
import { checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { checkClassLabels, IGNORED } from "../losses/class_targets.ts";
import { type ExampleWeights, weighLoss } from "../losses/loss_inputs.ts";
import { outputMark } from "../tensors/nested_tensors.ts";

/**
 * Options of the metrics of classes.
 *
 * @category Metrics
 */
export interface ClassMetricOptions {
  /**
   * Whether predictions are probabilities, and not logits. Default: known from the last layer of a
   * `tf.LayersModel`, else false.
   */
  probabilities?: boolean;
  /** The class number of examples that are left out, an integer. Default: -1. */
  ignoreIndex?: number;
}

/**
 * Options of {@linkcode accuracy}.
 *
 * @category Metrics
 */
export interface AccuracyOptions extends ClassMetricOptions, ExampleWeights {}

/** Whether predictions are probabilities. */
export function areProbabilities(
  predictions: tf.Tensor,
  { probabilities }: ClassMetricOptions,
): boolean {
  if (probabilities !== undefined) return probabilities;
  const activation = outputMark(predictions)?.activation;
  return activation === "softmax" || activation === "sigmoid";
}

/** Whether predictions are one logit for each example, `[batch]` or `[batch, 1]`: yes or no. */
export function isBinary(predictions: tf.Tensor): boolean {
  return predictions.rank === 1 || (predictions.rank === 2 && predictions.shape[1] === 1);
}

/** The number of classes that predictions distinguish. */
export function classCount(predictions: tf.Tensor): number {
  return isBinary(predictions) ? 2 : predictions.shape.at(-1)!;
}

/**
 * Whether predictions `[examples, classes]` say anything: a row with NaN or +Infinity does not, as
 * every comparison with NaN is false. -Infinity is a class that was masked.
 *
 * @returns `[examples] bool`.
 */
export function isKnown(predictions: tf.Tensor): tf.Tensor1D {
  return predictions.sum(-1).less(Infinity);
}

/**
 * The class that is predicted for each example: the largest prediction, or yes if the only one is
 * > 0, of a probability > 0.5.
 *
 * @param predictions The predictions.
 * @param unknown The number of an example whose predictions say nothing.
 * @param options The form of the predictions.
 * @returns `[examples] int32`.
 */
export function predictedClasses(
  predictions: tf.Tensor,
  unknown: number,
  options: ClassMetricOptions = {},
): tf.Tensor1D {
  const binary = isBinary(predictions);
  const rows = predictions.reshape([-1, binary ? 1 : predictions.shape.at(-1)!]);
  const threshold = binary && areProbabilities(predictions, options) ? 0.5 : 0;
  const predicted = binary
    ? rows.greater(threshold).toInt().flatten()
    : rows.argMax<tf.Tensor1D>(-1);
  const other: tf.Tensor = tf.scalar(unknown, "int32");
  return tf.where(isKnown(rows), predicted as tf.Tensor, other) as tf.Tensor1D;
}

/** The labels of a batch, as class numbers. */
interface ActualClasses {
  /** `[examples] int32`; the number of an example that is left out is negative. */
  readonly numbers: tf.Tensor1D;
  /** Whether examples may have to be left out. */
  readonly ignoring: boolean;
}

/**
 * The class of each example, from class numbers or from one-hot rows.
 *
 * @param metric The name of the metric, for messages.
 * @param predictions The predictions.
 * @param labels The labels.
 * @param options The class number that is left out.
 * @returns The classes.
 * @throws {TypeError} If there are more or fewer labels than predictions.
 * @throws {RangeError} If a label is no class number.
 */
export function actualClasses(
  metric: string,
  predictions: tf.Tensor,
  labels: tf.Tensor,
  { ignoreIndex = IGNORED }: ClassMetricOptions = {},
): ActualClasses {
  const binary = isBinary(predictions);
  const examples = binary ? predictions.size : predictions.size / predictions.shape.at(-1)!;
  const oneHot = !binary && labels.rank === predictions.rank && labels.size === predictions.size;
  if ((oneHot ? labels.size / labels.shape.at(-1)! : labels.size) !== examples) {
    throw new TypeError(
      `Cannot measure ${metric} as predictions [batch, classes] must go with labels [batch] or ` +
        `[batch, classes]: current shapes are [${predictions.shape}] and [${labels.shape}]`,
    );
  }
  if (oneHot) return { numbers: labels.argMax(-1).flatten().toInt(), ignoring: false };
  const classes = classCount(predictions);
  const { numbers, values } = checkClassLabels(metric, labels, classes, ignoreIndex);
  const ignoring = values?.some((label) => label < 0 || label >= classes) ?? true;
  if (!ignoring || ignoreIndex < classes) return { numbers, ignoring };
  const other: tf.Tensor = tf.scalar(IGNORED, "int32");
  const masked = tf.where(numbers.less(classes), numbers as tf.Tensor, other) as tf.Tensor1D;
  return { numbers: masked, ignoring };
}

/** The weight of each example: 0 for those that are left out, `[examples] float32`. */
export function countedExamples({ numbers }: ActualClasses): tf.Tensor1D {
  return numbers.greaterEqual(0).toFloat() as tf.Tensor1D;
}

/** A number that no label has. */
const UNKNOWN = -(2 ** 31);

/**
 * The share of examples whose class is predicted right. Predictions that are NaN or +Infinity are
 * wrong; examples whose label is `ignoreIndex`, -1 by default, do not count.
 *
 * Keras: `accuracy`, `sparseCategoricalAccuracy` and `binaryAccuracy`.
 *
 * @param predictions `[batch, classes]`, logits or probabilities: the largest counts. With one
 *   class, `[batch]` or `[batch, 1]`, a logit > 0 means yes, or a probability > 0.5.
 * @param labels `[batch]` class numbers, or one-hot `[batch, classes]`.
 * @param options Form of the predictions, labels to leave out.
 * @returns `[batch] float32`, 1 for a right prediction and 0 for a wrong one.
 * @throws {TypeError} If the shapes do not fit, or an option is unknown.
 * @throws {RangeError} If a label is no class number.
 *
 * @example
 * ```ts
 * import { accuracy, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const logits = tf.tensor2d([[2, 1], [0, 3]]);
 * const labels = tf.tensor1d([0, 0], "int32");
 * assertEquals([...accuracy(logits, labels).dataSync()], [1, 0]);
 * ```
 *
 * @category Metrics
 */
export function accuracy(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: AccuracyOptions = {},
): tf.Tensor1D {
  checkOptions("measure accuracy", options, {
    probabilities: "flag",
    ignoreIndex: true,
    weights: true,
  });
  let ignoring = false;
  const hits = tf.tidy(() => {
    const actual = actualClasses("accuracy", predictions, labels, options);
    ignoring = actual.ignoring;
    const predicted = predictedClasses(predictions, UNKNOWN, options);
    return predicted.equal(actual.numbers).toFloat() as tf.Tensor1D;
  });
  if (!ignoring) return hits;
  return weighLoss(
    hits,
    () => countedExamples(actualClasses("accuracy", predictions, labels, options)),
  );
}
