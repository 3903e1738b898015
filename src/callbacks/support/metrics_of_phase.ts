import type { AnyLearner } from "../../learner/callback.ts";
import type { MeasuredPhase } from "../../learner/pass_callback.ts";

/** The metrics of a pass, by full name: `"validation.accuracy"`. */
export function metricsOfPhase(
  { metrics }: AnyLearner,
  phase: MeasuredPhase,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(metrics).filter(([name]) => name.startsWith(`${phase}.`)),
  );
}

/**
 * The metrics of an epoch that has ended: those of training, and those of a validation within the
 * epoch if no batch has come since.
 */
export function metricsOfEpoch(learner: AnyLearner): Record<string, number> {
  return {
    ...metricsOfPhase(learner, "train"),
    ...learner.isValidated && metricsOfPhase(learner, "validation"),
  };
}
