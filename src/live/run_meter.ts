import type { AnyLearner } from "../learner/callback.ts";

/** Over how long speed is measured, ms. */
const WINDOW = 1000;

/** How far a run is, and how fast. Pauses do not count. */
export class RunMeter {
  /** How many examples were worked through. */
  examples = 0;
  readonly #began = performance.now();
  #pausedAt: number | undefined;
  #pauses = 0;
  /** A run that goes on from a checkpoint begins in its middle. */
  readonly #first: number;
  #earlier = { at: this.#began, examples: 0 };
  #recent = this.#earlier;

  /** Starts the clock of a run that begins now. */
  constructor(learner: AnyLearner) {
    this.#first = this.progressOf(learner).progress ?? 0;
  }

  /** Stops the clock, or lets it go on. */
  set paused(paused: boolean) {
    const now = performance.now();
    if (paused) this.#pausedAt ??= now;
    else if (this.#pausedAt !== undefined) {
      this.#pauses += now - this.#pausedAt;
      this.#pausedAt = undefined;
    }
    this.#earlier = this.#recent = { at: now, examples: this.examples };
  }

  /** Since the run began, s. */
  get seconds(): number {
    return ((this.#pausedAt ?? performance.now()) - this.#began - this.#pauses) / 1000;
  }

  /** Of the last second or two, if it was asked for meanwhile. */
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

  /** How many batches the pass has, and how much of the run is done, where that is known. */
  progressOf(learner: AnyLearner): { batches: number | null; progress: number | null } {
    const { phase, epoch, epochs, batchIndex } = learner;
    if (phase === "idle" || phase === "predict") return { batches: null, progress: null };
    const batches = learner.batchCount(phase === "validate" ? "validation" : phase) ?? null;
    const share = batches ? Math.min(1, (batchIndex + 1) / batches) : null;
    if (epochs === 0) return { batches, progress: share };
    if (phase !== "train") return { batches, progress: Math.min(1, (epoch + 1) / epochs) };
    return { batches, progress: share === null ? null : (epoch + share) / epochs };
  }

  /** How long the run still takes at the pace it had, s. */
  secondsLeft(progress: number | null): number | null {
    if (progress === null) return null;
    const done = progress - this.#first;
    return done > 0 ? this.seconds * (1 - progress) / done : null;
  }
}
