import { checkNumber, closest, describeValue } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { pickOutput } from "../tensors/nested_tensors.ts";
import { isPure, pure, weighSum } from "./loss_inputs.ts";

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
