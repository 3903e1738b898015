import { AveragedMetric, type AveragingOptions } from "./averaging.ts";
import type { StatefulMetric } from "./stateful_metric.ts";

/**
 * Of what is of a class, the share that was said to be.
 *
 * It is counted over a whole pass: the mean over batches would be another number. Where nothing
 * can be counted it is 0.
 *
 * @param options How to average over classes.
 * @returns A metric of predictions `[batch, classes]`, or of one logit `[batch]` or `[batch, 1]`,
 *   with labels `[batch]` of class numbers or one-hot `[batch, classes]`.
 * @throws {TypeError | RangeError} If an option is not one of these.
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
