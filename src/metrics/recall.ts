import { AveragedMetric, type AveragingOptions } from "./averaged_metric.ts";
import type { StatefulMetric } from "./metric.ts";

/**
 * The share of the examples of a class that are predicted to be of it.
 *
 * It is counted over a whole pass: the mean over batches would be another number. Where no example
 * can be counted it is 0. A prediction that is NaN or +Infinity is a miss.
 *
 * @param options How to average over classes.
 * @returns A metric of predictions `[batch, classes]`, or of one logit `[batch]` or `[batch, 1]`,
 *   with labels `[batch]` of class numbers or one-hot `[batch, classes]`.
 * @throws {TypeError} If an option or an average is unknown.
 * @throws {RangeError} If `positive` is not an integer >= 0.
 *
 * @example
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { recall } from "@trainchart/trainchart/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const metric = recall();
 * metric.update(tf.tensor1d([2, 3, -1, 1]), tf.tensor1d([1, 0, 1, 1], "int32"));
 * assertEquals(await metric.compute(), 2 / 3);
 * metric.reset();
 * ```
 *
 * @category Metrics
 */
export function recall(options: AveragingOptions = {}): StatefulMetric {
  return new AveragedMetric(
    "recall",
    ({ hits, misses }) => [hits, hits + misses],
    options,
  );
}
