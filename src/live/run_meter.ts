import type { AnyLearner } from "../learner/callback.ts";

/** Shortest time over which speed is measured, in ms. */
const WINDOW = 1000;

/** Measures the progress and the speed of a run. Pauses do not count. */
export class RunMeter {
  /** Number of examples that were processed. */
  examples = 0;
  readonly #began = performance.now();
  #pausedAt: number | undefined;
  #pauses = 0;
  /** Progress at the start: a run that continues from a checkpoint begins in its middle. */
  readonly #first: number;
  #earlier = { at: this.#began, examples: 0 };
  #recent = this.#earlier;

  /** Starts the clock of a run that begins now. */
  constructor(learner: AnyLearner) {
    this.#first = this.progressOf(learner).progress ?? 0;
  }

  /** Stops the clock, or lets it continue. */
  set paused(paused: boolean) {
    const now = performance.now();
    if (paused) this.#pausedAt ??= now;
    else if (this.#pausedAt !== undefined) {
      this.#pauses += now - this.#pausedAt;
      this.#pausedAt = undefined;
    }
    this.#earlier = this.#recent = { at: now, examples: this.examples };
  }

  /** Time since the run began, in s. */
  get seconds(): number {
    return ((this.#pausedAt ?? performance.now()) - this.#began - this.#pauses) / 1000;
  }

  /** Speed over the last one or two seconds, if it was read in between. */
  get examplesPerSecond(): number {
    if (this.#pausedAt !== undefined) return 0;
    const now = performance.now();
    if (now - this.#recent.at > WINDOW) {
      this.#earlier = this.#recent;
      this.#recent = { at: now, examples: this.examples };
    }
    const { at, examples } = this.#earlier;
    return now > at ? 1000 * (this.examples - examples) / (now - at) : 0;
  }

  /** Number of batches of the pass, and progress of the run in [0, 1]; `null` where unknown. */
  progressOf(learner: AnyLearner): { batches: number | null; progress: number | null } {
    const { phase, epoch, epochs, batchIndex } = learner;
    if (phase === "idle" || phase === "predict") return { batches: null, progress: null };
    const batches = learner.batchCount(phase === "validate" ? "validation" : phase) ?? null;
    const share = batches ? Math.min(1, (batchIndex + 1) / batches) : null;
    if (epochs === 0) return { batches, progress: share };
    if (phase !== "train") return { batches, progress: Math.min(1, (epoch + 1) / epochs) };
    return { batches, progress: share === null ? null : (epoch + share) / epochs };
  }

  /** Time that the run still takes at its mean speed so far, in s. */
  secondsLeft(progress: number | null): number | null {
    if (progress === null) return null;
    const done = progress - this.#first;
    return done > 0 ? this.seconds * (1 - progress) / done : null;
  }
}
