/**
 * The inputs of losses: checks of predictions and labels, weights of examples, one loss per output,
 * and whether a loss depends on anything else.
 *
 * @module
 */
import { checkNumber, closest, describeValue } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { outputMark, pickOutput } from "../tensors/nested_tensors.ts";
import { inspectElements, noteWeight } from "../tensors/tensor_memory.ts";

/**
 * Gives labels the shape of the predictions: `[batch]` becomes `[batch, 1]` or the reverse, as in
 * `model.fit`. Otherwise they would broadcast to `[batch, batch]`.
 *
 * @param name The loss or metric, for messages.
 * @param predictions The predictions.
 * @param labels The labels.
 * @returns The labels, or a view of them.
 * @throws {TypeError} If any other shape differs.
 */
export function alignLabels(name: string, predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  const [wanted, given] = [predictions.shape.join(), labels.shape.join()];
  if (wanted === given) return labels;
  if (wanted === `${given},1` || `${wanted},1` === given) return labels.reshape(predictions.shape);
  throw new TypeError(
    `Cannot compute ${name} as labels must have the shape of the predictions, ` +
      `[${predictions.shape}]: current value is [${labels.shape}]`,
  );
}

/**
 * Checks that a loss for logits is not given probabilities, or the reverse: the loss would silently
 * be another one.
 *
 * @param loss The name of the loss.
 * @param predictions The predictions, as a model returned them.
 * @param probabilities Whether they are meant to be probabilities.
 * @throws {TypeError} If the last layer of the model is known, and does not fit.
 */
export function checkHead(loss: string, predictions: tf.Tensor, probabilities: boolean): void {
  const activation = outputMark(predictions)?.activation;
  if (activation === undefined || probabilities === (activation !== "linear")) return;
  throw new TypeError(
    probabilities
      ? `Cannot compute ${loss} as predictions must be probabilities: the model ends in a linear ` +
        "layer. Leave out { probabilities: true }"
      : `Cannot compute ${loss} as predictions must be logits: the model ends in a ${activation}. ` +
        "Remove it from the model, or pass { probabilities: true } as options of the loss",
  );
}

/**
 * The option of losses and metrics that weighs examples.
 *
 * @category Losses
 */
export interface ExampleWeights {
  /**
   * A weight >= 0 for each example `[batch]`, or for each label. The Learner passes those of a batch
   * `[data, labels, weights]`. Default: all 1.
   */
  weights?: tf.Tensor;
}

/** Options with the weights of a batch, for a function that may or may not look at them. */
export interface TrackedWeights {
  /** The options. */
  readonly options: { readonly weights: tf.Tensor };
  /** Whether the function has read the weights: otherwise they would be ignored in silence. */
  isRead(): boolean;
}

/** Offers the weights of a batch to a function. */
export function trackWeights(weights: unknown): TrackedWeights {
  let isRead = false;
  return {
    options: {
      get weights(): tf.Tensor {
        isRead = true;
        return weights as tf.Tensor;
      },
    },
    isRead: () => isRead,
  };
}

/**
 * Checks the weights of examples, and gives each of the `rows` labels one.
 *
 * @param name The loss or metric, for messages.
 * @param weights The weights.
 * @param shape The shape of the labels, `[batch, …]`.
 * @returns The weights, `[rows] float32`, for use inside `tf.tidy`.
 * @throws {TypeError} If they are no tensor of a shape that fits.
 * @throws {RangeError} If a weight is negative or not finite.
 */
export function spreadWeights(
  name: string,
  weights: unknown,
  shape: readonly number[],
): tf.Tensor1D {
  const rows = tf.util.sizeFromShape([...shape]);
  const [batch] = shape;
  if (!(weights instanceof tf.Tensor) || (weights.size !== rows && weights.size !== batch)) {
    throw new TypeError(
      `Cannot compute ${name} as weights must be a tensor [${batch}] or [${shape}]: current value ` +
        `is ${describeValue(weights)}`,
    );
  }
  inspectElements([weights], ([values]) => {
    for (const weight of values) {
      if (!(weight >= 0 && weight < Infinity)) {
        checkNumber(`compute ${name}`, "each weight", weight, { min: 0 });
      }
    }
    return {};
  });
  const flat = weights.toFloat().flatten();
  if (weights.size === rows) return flat;
  return flat.expandDims(1).tile([1, rows / batch]).flatten();
}

/**
 * The weight of a mean in a mean of means: a number, or a function that computes it on a backend
 * whose memory cannot be read at once.
 *
 * @category Losses
 */
export type LossWeight = number | (() => tf.Tensor);

const WEIGHTS = new WeakMap<tf.Tensor, LossWeight>();

/**
 * Says what a mean loss divides by, where that is not the number of examples: the number of labels
 * that are not left out, or the sum of their weights. Means over batches, accumulated gradients, and
 * gradients of several ranks are averaged with these weights: then they are those of one large batch.
 *
 * @param loss The loss of a batch, a scalar; or a number for each example, with a weight for each.
 * @param weight The weight, or a function that computes it from tensors that live as long as the
 *   batch.
 * @returns The loss.
 *
 * @example
 * ```ts
 * import { tf, weighLoss } from "@trainchart/trainchart";
 *
 * // The mean error over the pixels that are not 0.
 * function maskedError(predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor {
 *   const weight = () => tf.tidy(() => tf.notEqual(labels, 0).toFloat().sum<tf.Scalar>());
 *   const loss = tf.tidy(() => {
 *     const mask = tf.notEqual(labels, 0).toFloat();
 *     return predictions.sub(labels).mul(mask).square().sum().div(mask.sum());
 *   });
 *   return weighLoss(loss, weight);
 * }
 * maskedError(tf.tensor1d([1, 2]), tf.tensor1d([0, 4])).dispose();
 * ```
 *
 * @category Losses
 */
export function weighLoss<T extends tf.Tensor>(loss: T, weight: LossWeight): T {
  WEIGHTS.set(loss, weight);
  if (typeof weight === "number") noteWeight(loss, weight);
  return loss;
}

/** Gives a sum of losses the weight of its parts, if all have the same. */
function weighSum<T extends tf.Tensor>(sum: T, parts: readonly tf.Tensor[]): T {
  const [first, ...others] = parts.map(weightOfLoss);
  const common = typeof first === "number" && others.every((weight) => weight === first)
    ? first
    : undefined;
  if (common !== undefined) WEIGHTS.set(sum, common);
  noteWeight(sum, common, parts);
  return sum;
}

/** The weight of a loss or a metric; `undefined` if it does not say it: the number of examples. */
export function weightOfLoss(loss: tf.Tensor): LossWeight | undefined {
  return WEIGHTS.get(loss);
}

const PURE = new WeakSet<object>(Object.values(tf.losses));

/** Says that a loss depends on nothing but its arguments; returns it. */
export function pure<Loss extends object>(loss: Loss): Loss {
  PURE.add(loss);
  return loss;
}

/** Whether a loss is known to depend on nothing but its arguments. */
export function isPure(loss: object): boolean {
  return PURE.has(loss);
}

/**
 * A loss function: the mean loss of a batch, by TensorFlow.js operations.
 *
 * @param predictions The predictions, as the model returned them.
 * @param labels The labels.
 * @param options With the `weights` of the examples, if the batch has them.
 * @returns A scalar `[]`.
 *
 * @category Losses
 */
// deno-lint-ignore no-explicit-any -- a loss is written for the predictions of its own model
export type Loss = (predictions: any, labels: any, options?: any) => tf.Tensor;

/**
 * The weighted sum of a loss for each output of a model with several.
 *
 * Predictions and labels are arrays, in the order of the model's outputs, or records by name. Weights
 * of examples are passed on to each loss; they may be arrays or records, too.
 *
 * Keras: `compile({ loss: {…}, loss_weights: {…} })`.
 *
 * @param losses The losses by the names of the outputs.
 * @param weights The weight >= 0 of each loss in the sum. Default: all 1.
 * @returns A loss function.
 * @throws {TypeError} If a loss is no function, or a weight is of no output.
 * @throws {RangeError} If a weight is out of range.
 *
 * @example
 * ```ts
 * import { binaryCrossEntropy, crossEntropy, lossPerOutput, tf } from "@trainchart/trainchart";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const loss = lossPerOutput(
 *   { digit: crossEntropy, isEven: binaryCrossEntropy },
 *   { isEven: 0.5 },
 * );
 * const predictions = { digit: tf.zeros([1, 10]), isEven: tf.zeros([1, 1]) };
 * const labels = { digit: tf.tensor1d([4], "int32"), isEven: tf.ones([1, 1]) };
 * const expected = Math.log(10) + 0.5 * Math.log(2);
 * assertAlmostEquals(loss(predictions, labels).dataSync()[0], expected, 1e-6);
 * ```
 *
 * @category Losses
 */
export function lossPerOutput(
  losses: Readonly<Record<string, Loss>>,
  weights: Readonly<Record<string, number>> = {},
): Loss {
  const action = "compute the loss of each output";
  const names = Object.keys(losses);
  for (const [name, loss] of Object.entries(losses)) {
    if (typeof loss === "function") continue;
    throw new TypeError(
      `Cannot ${action} as ${name} must be a function: current value is ${describeValue(loss)}`,
    );
  }
  for (const [name, weight] of Object.entries(weights)) {
    checkNumber(action, `the weight of ${name}`, weight, { min: 0 });
    if (names.includes(name)) continue;
    throw new TypeError(
      `Cannot ${action} as each weight must be of an output: there is no "${name}", did you mean ` +
        `"${closest(name, names)}"?`,
    );
  }
  // Copies, so that the loss stays what it is.
  losses = { ...losses };
  weights = { ...weights };
  function sumOfLosses(predictions: unknown, labels: unknown, options?: unknown): tf.Tensor {
    const shared = options as { weights?: unknown } | undefined;
    const whole = { predictions, labels, weights: shared?.weights };
    const parts: tf.Tensor[] = [];
    const total = tf.tidy(() =>
      tf.addN(names.map((name, position) => {
        const output = pickOutput(action, whole, name, position);
        const loss = output.weights === undefined
          ? losses[name](output.predictions, output.labels)
          : losses[name](output.predictions, output.labels, { ...shared, weights: output.weights });
        parts.push(loss);
        return loss.mul(weights[name] ?? 1);
      }))
    );
    return weighSum(total, parts);
  }
  return Object.values(losses).every(isPure) ? pure(sumOfLosses) : sumOfLosses;
}
