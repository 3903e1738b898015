import { isBuilt, type Model } from "../model/model.ts";
import { namedVariables } from "../model/named_variables.ts";
import { SlotOptimizer } from "../optimizers/slot_optimizer.ts";
import type { AnyFields } from "./learner_fields.ts";
import { optimizersOf } from "./learner_optimizers.ts";

/**
 * Assigns the groups of the optimizers to the variables of the model, by the names of its layers.
 *
 * @throws {RangeError} If a group matches no layer and no weight.
 */
export function assignGroups(learner: AnyFields): void {
  for (const { objective, optimizer } of optimizersOf(learner)) {
    if (!(optimizer instanceof SlotOptimizer)) continue;
    const { variables = learner.model } = learner.objectives[objective ?? ""] ?? {};
    const named = Array.isArray(variables)
      ? variables.map((variable) => ({ variable, names: [variable.name] }))
      : namedOf(variables as Model);
    if (named.length === 0) continue;
    optimizer.assignGroups(named.map(({ variable: { name }, names }) => ({ name, names })));
  }
}

/** A model without an input shape has no weights before its first batch. */
function namedOf(model: Model): ReturnType<typeof namedVariables> {
  const isUnknown = !isBuilt(model) && !((model as { inputs?: unknown[] }).inputs?.length);
  return isUnknown ? [] : namedVariables(model);
}
