import type { AnyLearner } from "../../learner/callback.ts";
import type { MeasuredPhase } from "../metrics.ts";

/** What was measured in a phase, by full name: `"validation.accuracy"`. */
export function metricsOfPhase(
  { metrics }: AnyLearner,
  phase: MeasuredPhase,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(metrics).filter(([name]) => name.startsWith(`${phase}.`)),
  );
}
