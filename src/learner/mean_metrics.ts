import { MeanMetric } from "../metrics/mean_metric.ts";
import type { Metric } from "../metrics/metric.ts";
import type { RunningMeanState } from "../metrics/running_mean.ts";
import type { AnyCallback } from "./callback_protocol.ts";
import type { AnyFields } from "./learner_fields.ts";
import { PRIORITIES } from "./priorities.ts";

type Pass = "train" | "validation" | "test";

/**
 * A callback that measures the metrics of a compiled model: means over the examples of each pass, in
 * `learner.metrics` under names like `"validation.acc"`.
 */
export function meanMetrics(metrics: Readonly<Record<string, Metric>>): AnyCallback {
  const passes = ["train", "validation", "test"] as const;
  const means = Object.fromEntries(passes.map((pass) => [
    pass,
    Object.entries(metrics).map(([name, metric]) => new MeanMetric(name, metric)),
  ])) as Record<Pass, MeanMetric[]>;
  const names = Object.keys(metrics);

  const reset = (pass: Pass) => () => means[pass].forEach((mean) => mean.reset());
  const update = (pass: Pass) => (learner: AnyFields & { cancelled: ReadonlySet<string> }) => {
    if (learner.cancelled.has("batch")) return;
    const { predictions, labels, weights, batchSize: size } = learner;
    for (const mean of means[pass]) mean.update(predictions, labels, { size, weights });
  };
  const publish = (pass: Pass) => async (learner: AnyFields) => {
    for (const [index, mean] of means[pass].entries()) {
      learner.metrics[`${pass}.${names[index]}`] = await mean.compute(learner.peers);
      mean.reset();
    }
  };
  return {
    name: "CompiledMetrics",
    priority: PRIORITIES.metrics,
    passive: true,
    perRank: true,
    metricNames: passes.flatMap((pass) => names.map((name) => `${pass}.${name}`)),
    beforeEpoch: reset("train"),
    afterBatch: update("train"),
    afterEpoch: publish("train"),
    beforeValidate: reset("validation"),
    afterValidationBatch: update("validation"),
    afterValidate: publish("validation"),
    beforeTest: reset("test"),
    afterTestBatch: update("test"),
    afterTest: publish("test"),
    onError: () => passes.forEach((pass) => reset(pass)()),
    state: () => passes.map((pass) => means[pass].map((mean) => mean.state())),
    restore(states: RunningMeanState[][]) {
      passes.forEach((pass, place) =>
        means[pass].forEach((mean, index) => mean.restore(states[place][index]))
      );
    },
  };
}
