import type { tf } from "../deps/tfjs.ts";
import { compiledModel, namedLoss, namedOptimizer } from "../model/compile_settings.ts";
import { isModel, type Model, variablesOf } from "../model/model.ts";
import { PartedOptimizer } from "./learner_optimizers.ts";
import type { AnyCallback } from "./callback_protocol.ts";
import type { AnyFields, LearnerParts } from "./learner_fields.ts";
import { type AnyObjective, jointModel } from "./own_steps.ts";
import { MeanMetric, type Metric } from "../metrics/metric.ts";
import type { RunningMeanState } from "../metrics/running_mean.ts";
import { PRIORITIES } from "./callback_list.ts";

// deno-lint-ignore no-explicit-any -- batches of any kind
type AnyParts = LearnerParts<any, any, any>;

/** Options in the forms in which a user may give them. */
interface GivenParts {
  readonly model?: unknown;
  readonly optimizer?: unknown;
  readonly lossFunction?: unknown;
  readonly objectives?: Readonly<Record<string, AnyObjective>>;
  readonly callbacks?: readonly AnyCallback[];
}

/**
 * Completes the parts of a Learner: names become optimizers and losses, a compiled model brings its
 * own, optimizers of the parts of a model become one.
 */
export function completeParts(given: GivenParts): AnyParts {
  const { model, objectives } = given;
  if (objectives) return { ...given, model: model ?? jointModel(objectives) } as AnyParts;
  const compiled = compiledModel(model);
  const { optimizer = compiled?.optimizer, lossFunction = compiled?.lossFunction } = given;
  const { callbacks } = given;
  const measured = given.lossFunction === undefined && Object.keys(compiled?.metrics ?? {}).length;
  return {
    ...given,
    optimizer: typeof optimizer === "string"
      ? namedOptimizer(optimizer)
      : partedOptimizer(model, optimizer) ?? optimizer,
    lossFunction: typeof lossFunction === "string" ? namedLoss(lossFunction) : lossFunction,
    callbacks: measured && (callbacks === undefined || Array.isArray(callbacks))
      ? [...callbacks ?? [], meanMetrics(compiled!.metrics)]
      : callbacks,
  } as AnyParts;
}

/** An optimizer of parts, if there is one for each of some parts of the model. */
function partedOptimizer(model: unknown, optimizer: unknown): tf.Optimizer | undefined {
  if (typeof optimizer !== "object" || optimizer === null || isOptimizer(optimizer)) return;
  const parts = model as Record<string, Model> | undefined;
  const named = Object.entries(optimizer);
  const fits = named.length > 0 && named.every(([name, value]) => {
    return (typeof value === "string" || isOptimizer(value)) && isModel(parts?.[name]);
  });
  if (!fits) return;
  return new PartedOptimizer(
    Object.fromEntries(named.map(([name, value]) => [name, {
      optimizer: typeof value === "string" ? namedOptimizer(value) : value,
      variables: () => variablesOf(parts![name]),
    }])),
  );
}

function isOptimizer(value: unknown): value is tf.Optimizer {
  return typeof (value as tf.Optimizer | undefined)?.applyGradients === "function";
}

type Pass = "train" | "validation" | "test";

/**
 * A callback that measures the metrics of a compiled model: means over the examples of each pass, in
 * `learner.metrics` under names like `"validation.acc"`.
 */
function meanMetrics(metrics: Readonly<Record<string, Metric>>): AnyCallback {
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
