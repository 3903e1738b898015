import type { AnyLearner } from "../learner/callback.ts";

/** The current learning rate; `null` if the optimizer has none. */
export function currentRate(learner: AnyLearner): number | null {
  try {
    return learner.learningRate;
  } catch {
    return null;
  }
}
