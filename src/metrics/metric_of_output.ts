import type { Peers } from "../data/loader.ts";
import { pickOutput } from "../tensors/nested_tensors.ts";
import { isStateful, type Metric, type MetricInputs, type StatefulMetric } from "./metric.ts";

/**
 * A metric of one output of a model with several.
 *
 * Predictions and labels are arrays, in the order of the model's outputs, or records by name.
 *
 * Keras: `compile({ metrics: { output: … } })`.
 *
 * @param output The name of the output, or its index in an array.
 * @param metric A metric of the predictions and labels of that output.
 * @returns A metric of all outputs.
 *
 * @example
 * ```ts
 * import { accuracy, Metrics } from "@trainchart/trainchart";
 * import { f1, metricOfOutput } from "@trainchart/trainchart/metrics";
 *
 * const metrics = new Metrics({
 *   digitAccuracy: metricOfOutput("digit", accuracy),
 *   parityF1: metricOfOutput("isEven", f1()),
 * });
 * ```
 *
 * @category Metrics
 */
export function metricOfOutput<M extends Metric | StatefulMetric>(
  output: string | number,
  metric: M,
): M extends StatefulMetric ? StatefulMetric : Metric;
export function metricOfOutput(
  output: string | number,
  metric: Metric | StatefulMetric,
): Metric | StatefulMetric {
  const pick = (predictions: unknown, labels: unknown, inputs?: MetricInputs) => {
    const whole = { predictions, labels, weights: inputs?.weights };
    const picked = pickOutput(`measure output ${JSON.stringify(output)}`, whole, output);
    return [picked.predictions, picked.labels, { ...inputs, weights: picked.weights }] as const;
  };
  if (!isStateful(metric)) {
    return (predictions: unknown, labels: unknown, inputs?: MetricInputs) => {
      const [own, actual, rest] = pick(predictions, labels, inputs);
      return rest.weights === undefined ? metric(own, actual) : metric(own, actual, rest as never);
    };
  }
  return {
    reset: () => metric.reset(),
    update: (predictions: unknown, labels: unknown, inputs?: MetricInputs) =>
      metric.update(...pick(predictions, labels, inputs) as [unknown, unknown, MetricInputs]),
    compute: (peers?: Peers) => metric.compute(peers),
    addsPeers: metric.addsPeers,
    checkState: metric.checkState,
    ...metric.state && { state: () => metric.state!() },
    ...metric.restore && { restore: (state: unknown) => metric.restore!(state) },
  };
}
