import type { AnyLearner, CallbackLike } from "../learner/callback.ts";
import { Timer, type WorkTime } from "../callbacks/timer.ts";

/** One of so many turns is measured: watching every hook costs more than all the rest. */
const ONE_OF = 4;

/** Measures, a turn at a time, what each hook of each callback takes. */
export class WorkSampler {
  readonly #timer = new Timer();
  /** Without hooks of its own: whoever counts listeners, as a checkpoint does, counts the same. */
  readonly #callback: CallbackLike = { name: "LiveFeed", watch: this.#timer.watch };
  readonly #learner: AnyLearner;
  #turns = 0;
  #seconds = 0;
  #began: number | undefined;

  /** Measures the first turn. */
  constructor(learner: AnyLearner) {
    this.#learner = learner;
    this.turn();
  }

  /** How long was measured. */
  get seconds(): number {
    const now = this.#began === undefined ? 0 : performance.now() - this.#began;
    return this.#seconds + now / 1000;
  }

  /** What took how long, the most expensive first. */
  get work(): WorkTime[] {
    return this.#timer.work;
  }

  /** Ends a turn and begins the next. */
  turn(): void {
    this.stop();
    if (this.#turns++ % ONE_OF !== 0) return;
    this.#began = performance.now();
    this.#learner.callbacks.push(this.#callback);
  }

  /** Measures no longer. */
  stop(): void {
    this.#seconds = this.seconds;
    this.#began = undefined;
    const { callbacks } = this.#learner;
    const at = callbacks.indexOf(this.#callback);
    if (at >= 0) callbacks.splice(at, 1);
  }
}
