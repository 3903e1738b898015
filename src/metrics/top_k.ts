import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";
import { weighLoss } from "../losses/loss_inputs.ts";
import { actualClasses, type ClassMetricOptions, countedExamples, isKnown } from "./classes.ts";
import type { Metric } from "./metric.ts";

/**
 * The share of examples whose class is among the `k` that are predicted most strongly.
 *
 * Of two equal predictions, the one with the lower class number counts as the stronger, so that a model
 * that says the same of every class is not right by default. Predictions that are NaN or +Infinity
 * are wrong, as is a class at -Infinity.
 *
 * @param k Number of guesses, an integer >= 1.
 * @param options The class number of examples that do not count, -1 by default.
 * @returns A metric of predictions `[batch, classes]` with labels `[batch]` of class numbers or
 *   one-hot `[batch, classes]`.
 * @throws {RangeError} If `k` is not an integer >= 1.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { topK } from "@trainchart/trainchart/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const logits = tf.tensor2d([[3, 2, 1], [3, 2, 1]]);
 * const labels = tf.tensor1d([1, 2], "int32");
 * assertEquals([...topK(2)(logits, labels).dataSync()], [1, 0]);
 * ```
 *
 * @category Metrics
 */
export function topK(k: number, options: Pick<ClassMetricOptions, "ignoreIndex"> = {}): Metric {
  checkOptions("measure top-k", options, { ignoreIndex: true });
  checkNumber("measure top-k", "k", k, { integer: true, min: 1 });
  const metric = (predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor1D => {
    let ignoring = false;
    const hits = tf.tidy(() => {
      const classes = predictions.shape.at(-1)!;
      const found = actualClasses("top-k", predictions, labels, options);
      ignoring = found.ignoring;
      const actual = found.numbers.expandDims(1);
      const scores = predictions.reshape([-1, classes]);
      const own = tf.range(0, classes, 1, "int32").expandDims(0);
      const score = tf.where(own.equal(actual), scores, 0).sum(1, true);
      const stronger = scores.greater(score)
        .logicalOr(scores.equal(score).logicalAnd(own.less(actual)));
      const known = isKnown(scores).logicalAnd(score.squeeze([1]).greater(-Infinity));
      return stronger.toInt().sum(1).less(k).logicalAnd(known).toFloat() as tf.Tensor1D;
    });
    if (!ignoring) return hits;
    return weighLoss(
      hits,
      () => countedExamples(actualClasses("top-k", predictions, labels, options)),
    );
  };
  Object.defineProperty(metric, "name", { value: `top${k}` });
  return metric;
}
