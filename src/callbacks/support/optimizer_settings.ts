import * as field from "../../checks/fields.ts";
import type { AnyLearner } from "../../learner/callback.ts";
import { optimizersOf } from "../../learner/learner_optimizers.ts";
import {
  learningRateOf,
  momentumOf,
  setLearningRate,
  setMomentum,
} from "../../optimizers/optimizer_state.ts";

/** The settings of an optimizer that schedules change. */
export interface OptimizerSettings {
  /** Per step. */
  readonly learningRate: number;
  /** The momentum, or `beta1`. Missing if it is not scheduled. */
  readonly momentum?: number;
  /** The settings of the Learner's other optimizers: objectives have an optimizer each. */
  readonly others?: readonly OptimizerSettings[];
}

const settings = {
  learningRate: field.number({ min: 0 }),
  momentum: field.optional(field.number()),
};

/** Checks settings from a file. */
export const settingsField: field.FieldCheck = field.record({
  ...settings,
  others: field.optional(field.list(field.record(settings))),
});

/**
 * Reads the settings of all optimizers of a Learner.
 *
 * @throws {TypeError} If an optimizer has no learning rate, or no momentum where that is asked for.
 */
export function readSettings(learner: AnyLearner, { momentum = false } = {}): OptimizerSettings {
  const [first, ...others] = optimizersOf(learner).map(({ optimizer }) => ({
    learningRate: learningRateOf(optimizer),
    ...momentum && { momentum: momentumOf(optimizer) },
  }));
  return { ...first, ...others.length > 0 && { others } };
}

/** Puts settings back. */
export function writeSettings(learner: AnyLearner, settings: OptimizerSettings): void {
  const { others = [], ...first } = settings;
  optimizersOf(learner).forEach(({ optimizer }, index) => {
    const { learningRate, momentum } = [first, ...others][index] ?? {};
    if (learningRate !== undefined) setLearningRate(optimizer, learningRate);
    if (momentum !== undefined) setMomentum(optimizer, momentum);
  });
}

/** Sets the momentum of all optimizers of a Learner. */
export function writeMomentum(learner: AnyLearner, momentum: number): void {
  for (const { optimizer } of optimizersOf(learner)) setMomentum(optimizer, momentum);
}
