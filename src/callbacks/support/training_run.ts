import type { AnyLearner } from "../../learner/callback.ts";

/** Knows the run of a training from a validation or a test that is run alone, after it perhaps. */
export class TrainingRun {
  #actor: AnyLearner["actor"];
  #resumed = false;

  /** A training is in progress: for hooks that only a training has. */
  begin({ actor }: AnyLearner): void {
    this.#actor = actor;
    this.#resumed = false;
  }

  /** A training is about to be resumed: its run is the one of the next hook. */
  resume(): void {
    this.#resumed = true;
  }

  /** Whether a hook belongs to the training that began last. */
  includes(learner: AnyLearner): boolean {
    if (this.#resumed) this.begin(learner);
    return this.#actor !== undefined && learner.actor === this.#actor;
  }
}
