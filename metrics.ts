/**
 * Metrics: numbers that say how good predictions are.
 *
 * A {@linkcode Metric} is a function of predictions and labels whose mean over all examples is the
 * value; a {@linkcode StatefulMetric} counts what it needs, where a mean is not enough, as for the
 * area under a ROC curve. The `Metrics` callback measures both without reading anything back before
 * the end of an epoch, and puts the values into `learner.metrics`, such as
 * `"validation.accuracy"`.
 *
 * @example Measure more than accuracy
 * ```ts
 * import { adam, crossEntropy, Learner, Metrics, tf } from "@trainchart/trainchart";
 * import { accuracy, f1, rocAuc } from "@trainchart/trainchart/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const batch = [tf.tensor2d([[-2], [-1], [1], [2]]), tf.tensor1d([0, 0, 1, 1], "int32")] as const;
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [1] })] }),
 *   optimizer: adam(0.1),
 *   lossFunction: crossEntropy,
 *   dataloaders: { train: [batch], validation: [batch] },
 *   callbacks: [new Metrics({ accuracy, f1: f1(), rocAuc: rocAuc() })],
 * });
 * const { metrics } = await learner.train({ epochs: 100 });
 * assertEquals(metrics["validation.f1"], 1);
 * ```
 *
 * @module
 */
export { accuracy, type AccuracyOptions, type ClassMetricOptions } from "./src/metrics/classes.ts";
export type { AveragingOptions } from "./src/metrics/averaged_metric.ts";
export { confusion } from "./src/metrics/confusion.ts";
export { f1 } from "./src/metrics/f1.ts";
export { meanAbsoluteError } from "./src/metrics/mean_absolute_error.ts";
export type { Metric, MetricInputs, StatefulMetric } from "./src/metrics/metric.ts";
export { metricOfOutput } from "./src/metrics/metric_of_output.ts";
export { perplexity } from "./src/metrics/perplexity.ts";
export type { ExampleWeights } from "./src/losses/loss_inputs.ts";
export type { FieldCheck, FieldProblem } from "./src/checks/fields.ts";
export { precision } from "./src/metrics/precision.ts";
export { recall } from "./src/metrics/recall.ts";
export { rocAuc, type RocAucOptions } from "./src/metrics/roc_auc.ts";
export { rSquared } from "./src/metrics/r_squared.ts";
export { topK } from "./src/metrics/top_k.ts";
export { Metrics, type MetricsOptions } from "./src/callbacks/metrics.ts";
export type { MeasuredPhase } from "./src/learner/callback.ts";
export type { Peers } from "./src/data/loader.ts";
