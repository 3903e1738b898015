import type { tf } from "../deps/tfjs.ts";
import { compiledModel, namedLoss, namedOptimizer } from "../model/compile_settings.ts";
import { isModel, type Model, variablesOf } from "../model/model.ts";
import { PartedOptimizer } from "../optimizers/parted_optimizer.ts";
import type { AnyCallback } from "./callback_protocol.ts";
import type { LearnerParts } from "./learner_fields.ts";
import { type AnyObjective, jointModel } from "./learner_objective.ts";
import { meanMetrics } from "./mean_metrics.ts";

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
