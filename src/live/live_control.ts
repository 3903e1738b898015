import type { AnyLearner } from "../learner/callback.ts";
import type { RunEvent } from "../learner/run_interface.ts";
import type { LiveCommand } from "./messages.ts";

/** Executes the commands of viewers on the Learner of one run. */
export class LiveControl {
  readonly #learner: AnyLearner;
  #cancelNextBatch = false;

  /** Controls one run. */
  constructor(learner: AnyLearner) {
    this.#learner = learner;
  }

  /**
   * Executes a command.
   *
   * @returns The reason if it is refused, `undefined` if it is done.
   */
  execute(command: LiveCommand): string | undefined {
    if (command.type !== "learningRate") {
      return this.#request(command.type) ? undefined : `Nothing to ${command.type} now`;
    }
    try {
      this.#learner.learningRate = command.value;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Cancels the batch that has begun, if a viewer asked for that between two batches. */
  beginBatch(): void {
    if (!this.#cancelNextBatch) return;
    this.#cancelNextBatch = false;
    this.#learner.cancel("batch");
  }

  #request(event: RunEvent): boolean {
    const learner = this.#learner;
    if (event === "pause") return learner.pause();
    if (event === "resume") return learner.resume();
    if (event === "step") return learner.step();
    const phase = event.slice("cancel.".length) as "batch" | "epoch" | "train";
    if (learner.cancel(phase, "asked by a viewer")) return true;
    // Between two batches no batch can be cancelled: the viewer means the next one.
    const next = phase === "batch" && !learner.actor!.getSnapshot().hasTag("paused");
    if (next) this.#cancelNextBatch = true;
    return next;
  }
}
