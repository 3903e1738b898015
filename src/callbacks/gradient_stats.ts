import type { AnyLearner } from "../learner/callback.ts";
import { LayerStats } from "./support/layer_stats.ts";

/**
 * Records mean, deviation, share near zero and histogram of the gradient of each weight, before it
 * is clipped, once in so many batches. Accumulated gradients are recorded as their mean.
 *
 * @example
 * ```ts
 * import { GradientStats } from "@trainchart/trainchart/callbacks";
 *
 * const gradients = new GradientStats({ every: 100, layers: /kernel/ });
 * ```
 *
 * @category Callbacks
 */
export class GradientStats extends LayerStats {
  /** Looks at the gradients. */
  override async afterBackward(learner: AnyLearner): Promise<void> {
    if (!this.due) return;
    const gradients = Object.entries(learner.gradients).filter(([name]) => this.wanted(name));
    await this.record(learner, gradients);
  }
}
