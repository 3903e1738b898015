/**
 * Labels of classes: their checks, and their weights.
 *
 * @module
 */
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { type Elements, inspectElements, memoryOf } from "../tensors/tensor_memory.ts";
import { type ExampleWeights, spreadWeights } from "./loss_inputs.ts";

/**
 * Options of all losses of classes.
 *
 * @category Losses
 */
export interface ClassLossOptions extends ExampleWeights {
  /** Part of each label that is spread evenly over all classes, in [0, 1]. Default: 0. */
  labelSmoothing?: number;
  /** A weight > 0 for each class, `[classes]`. Default: all 1. */
  classWeights?: number[];
  /** Whether predictions are probabilities, as of a softmax, and not logits. Default: false. */
  probabilities?: boolean;
  /** The class number of examples that are left out, an integer. Default: -1. */
  ignoreIndex?: number;
}

/** The class number of an example that is left out, unless an option says otherwise. */
export const IGNORED = -1;

/** Class numbers that were checked. */
export interface ClassLabels {
  /**
   * The class numbers, `[examples] int32`; one that is left out is not in `[0, classes)`.
   */
  readonly numbers: tf.Tensor1D;
  /**
   * The same numbers, if they can be read at once. The view is good until the next tensor is made.
   */
  readonly values: Int32Array | undefined;
}

/**
 * Checks class numbers. On a backend whose memory cannot be read at once, such as WebGPU, they are
 * not looked at.
 *
 * @param name The loss or metric, for messages.
 * @param labels Class numbers of any shape and numeric dtype.
 * @param classes The number of classes.
 * @param ignoreIndex The class number of an example that is left out.
 * @returns The numbers, for use inside `tf.tidy`.
 * @throws {RangeError} If a label is no class number.
 */
export function checkClassLabels(
  name: string,
  labels: tf.Tensor,
  classes: number,
  ignoreIndex: number,
): ClassLabels {
  inspectElements([labels], ([values]) => {
    checkNumbers(name, values, classes, ignoreIndex);
    return {};
  });
  const numbers = numbersOf(labels, classes, ignoreIndex);
  return { numbers, values: memoryOf(numbers) as Int32Array | undefined };
}

/** The class numbers, `[examples] int32`; one that is left out is not in `[0, classes)`. */
function numbersOf(labels: tf.Tensor, classes: number, ignoreIndex: number): tf.Tensor1D {
  const flat = labels.rank === 1 ? labels : labels.flatten();
  const numbers = flat.dtype === "int32" ? flat : flat.toInt();
  if (ignoreIndex < 0 || ignoreIndex >= classes) return numbers as tf.Tensor1D;
  const other: tf.Tensor = tf.scalar(IGNORED, "int32");
  return tf.where(numbers.equal(ignoreIndex), other, numbers) as tf.Tensor1D;
}

/** Throws where a label is no class number. */
function checkNumbers(
  name: string,
  labels: Elements,
  classes: number,
  ignoreIndex: number,
): void {
  const wrong = labels.findIndex((label) =>
    label !== ignoreIndex && !(label >= 0 && label < classes && Number.isInteger(label))
  );
  if (wrong < 0) return;
  throw new RangeError(
    `Cannot compute ${name} as each label must be a class number in [0, ${classes}), or ` +
      `ignoreIndex ${ignoreIndex}: current value is ${labels[wrong]}`,
  );
}

/** Added to probabilities, so that their logarithm is finite. */
const EPSILON = 1e-7;

/** The logarithms of probabilities, `[rows, classes]`, from them or from logits. */
export function logProbabilities(rows: tf.Tensor2D, probabilities: boolean): tf.Tensor2D {
  return probabilities ? rows.add<tf.Tensor2D>(EPSILON).log() : tf.logSoftmax(rows);
}

/** Labels of classes as the losses of this room use them. */
export interface ClassTargets {
  /** Class numbers `[rows] int32`, or probabilities times the weights of their examples. */
  readonly labels: tf.Tensor1D | tf.Tensor2D;
  /** The sum of all weights, by which a mean is divided; `undefined` if it cannot be read at once. */
  readonly total: number | undefined;
}

/**
 * Checks labels of classes, and weighs them.
 *
 * @param name The loss, for messages.
 * @param predictions `[…, classes]`.
 * @param labels `[…]` or `[…, classes]`.
 * @param options Weights, and labels to leave out.
 * @param decides Returns what the loss depends on of the sum of all weights. Default: whether it is 0.
 * @returns The labels, for use inside `tf.tidy`.
 */
export function classTargets(
  name: string,
  predictions: tf.Tensor,
  labels: tf.Tensor,
  { classWeights, ignoreIndex = IGNORED, weights }: ClassLossOptions,
  decides: (total: number) => unknown = (total) => total === 0,
): ClassTargets {
  const classes = predictions.shape.at(-1)!;
  const dense = isDense(name, predictions, labels);
  const rows = weights && spreadWeights(name, weights, predictions.shape.slice(0, -1));
  const count = predictions.size / classes;
  const total = inspectElements(weights ? [labels, weights] : [labels], ([values, weights]) => {
    if (!dense) checkNumbers(name, values, classes, ignoreIndex);
    // Each weight is of one row, or of all rows of an example.
    const weightOf = weights &&
      ((row: number) => weights[Math.floor(row * weights.length / count)]);
    const weight = dense
      ? denseTotal(values, weightOf, classes, classWeights)
      : numbersTotal(values, weightOf, classes, ignoreIndex, classWeights);
    return { decision: decides(weight), weight };
  })?.weight;
  if (dense) {
    const flat = labels.toFloat().reshape<tf.Tensor2D>([-1, classes]);
    return { labels: rows ? flat.mul<tf.Tensor2D>(rows.expandDims(1)) : flat, total };
  }
  const numbers = numbersOf(labels, classes, ignoreIndex);
  if (!rows) return { labels: numbers, total };
  const onehot = tf.oneHot(numbers, classes).toFloat();
  return { labels: onehot.mul<tf.Tensor2D>(rows.expandDims(1)), total };
}

/** The weight of a row. */
type WeightOf = (row: number) => number;

function denseTotal(
  labels: ArrayLike<number>,
  weightOf: WeightOf | undefined,
  classes: number,
  classWeights?: number[],
): number {
  let total = 0;
  for (let at = 0; at < labels.length; at++) {
    const label = Math.fround(labels[at]);
    const weighted = weightOf ? Math.fround(label * weightOf(Math.floor(at / classes))) : label;
    total += weighted * (classWeights?.[at % classes] ?? 1);
  }
  return total;
}

function numbersTotal(
  labels: ArrayLike<number>,
  weightOf: WeightOf | undefined,
  classes: number,
  ignoreIndex: number,
  classWeights?: number[],
): number {
  let total = 0;
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row];
    if (label === ignoreIndex || label < 0 || label >= classes) continue;
    total += (weightOf?.(row) ?? 1) * (classWeights?.[label] ?? 1);
  }
  return total;
}

/** The sum of all weights, on a backend whose memory cannot be read at once. */
export function weightOnDevice(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  options: ClassLossOptions,
): tf.Scalar {
  const { labels: targets } = classTargets("a loss", predictions, labels, options);
  const dense = targets.rank === 2
    ? targets
    : tf.oneHot(targets as tf.Tensor1D, predictions.shape.at(-1)!).toFloat();
  const { classWeights } = options;
  return (classWeights ? dense.mul(tf.tensor1d(classWeights)) : dense).sum();
}

/** Checks the shapes; returns whether labels are probabilities, rather than class numbers. */
function isDense(name: string, predictions: tf.Tensor, labels: tf.Tensor): boolean {
  const { shape } = predictions;
  const [given, rows] = [labels.shape.join(), shape.slice(0, -1).join()];
  if (shape.length > 0 && given === shape.join()) return true;
  if (shape.length > 0 && (given === rows || given === `${rows},1`)) return false;
  throw new TypeError(
    `Cannot compute ${name} as labels for predictions [${shape}] must be ` +
      `[${shape.slice(0, -1)}] or [${shape}]: current value is [${labels.shape}]`,
  );
}

/** Checks the options of a loss of classes; the values of its own options are left to the loss. */
export function checkLossOptions(
  name: string,
  options: ClassLossOptions,
  classes: number,
  own: Record<string, unknown> = {},
): void {
  const action = `compute ${name}`;
  checkOptions(action, options, {
    labelSmoothing: true,
    classWeights: true,
    probabilities: "flag",
    ignoreIndex: true,
    weights: true,
    ...own,
  });
  const { labelSmoothing = 0, classWeights, ignoreIndex = IGNORED } = options;
  checkNumber(action, "labelSmoothing", labelSmoothing, { min: 0, max: 1 });
  checkNumber(action, "ignoreIndex", ignoreIndex, { integer: true });
  if (!classWeights) return;
  if (classWeights.length !== classes) {
    throw new RangeError(
      `Cannot ${action} as classWeights must have ${classes} elements: current value has ` +
        classWeights.length,
    );
  }
  for (const weight of classWeights) checkNumber(action, "each class weight", weight, { above: 0 });
}
