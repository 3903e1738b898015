import type { AnyLearner, CallbackLike } from "../learner/callback.ts";
import { Timer, type WorkTime } from "../callbacks/timer.ts";

/** One turn in this many is measured: watching every hook would cost more than all the rest. */
const TURNS = 4;

/** Measures, in every fourth turn, the time that each hook of each callback takes. */
export class WorkSampler {
  readonly #timer = new Timer();
  /** Has no hooks, so that a checkpoint, which counts the callbacks of a hook, counts the same. */
  readonly #callback: CallbackLike = { name: "LiveFeed", watch: this.#timer.watch };
  readonly #learner: AnyLearner;
  #turns = 0;
  #seconds = 0;
  #began: number | undefined;

  /** Begins to measure. */
  constructor(learner: AnyLearner) {
    this.#learner = learner;
    this.turn();
  }

  /** Measured time, in s. */
  get seconds(): number {
    const now = this.#began === undefined ? 0 : performance.now() - this.#began;
    return this.#seconds + now / 1000;
  }

  /** Time per hook and task, the most expensive first. */
  get work(): WorkTime[] {
    return this.#timer.work;
  }

  /** Ends a turn and begins the next. */
  turn(): void {
    this.stop();
    if (this.#turns++ % TURNS !== 0) return;
    this.#began = performance.now();
    this.#learner.callbacks.push(this.#callback);
  }

  /** Stops measuring. */
  stop(): void {
    this.#seconds = this.seconds;
    this.#began = undefined;
    const { callbacks } = this.#learner;
    const at = callbacks.indexOf(this.#callback);
    if (at >= 0) callbacks.splice(at, 1);
  }
}
