import { CancelTrain } from "../errors.ts";
import { Callback } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/priorities.ts";

/** Options of {@linkcode MaxTime}. */
export interface MaxTimeOptions {
  /** The clock, in ms. Default: `performance.now`. */
  now?: () => number;
}

/**
 * Ends the training after the batch, of training or validation, in which its time is up. Pauses
 * count.
 *
 * @example
 * ```ts
 * import { MaxTime } from "@trainchart/trainchart";
 * import { assertThrows } from "@std/assert";
 *
 * const oneHour = new MaxTime(3600);
 * assertThrows(() => new MaxTime(0), RangeError);
 * ```
 */
export class MaxTime extends Callback {
  /** With all that ends a run. */
  override priority: number = PRIORITIES.stopping;
  readonly #seconds: number;
  readonly #now: () => number;
  #began: number | undefined;

  /**
   * Checks the options.
   *
   * @param seconds How long a training may take, > 0.
   * @param options The clock.
   * @throws {RangeError} If `seconds` is not a number > 0.
   */
  constructor(seconds: number, { now = () => performance.now() }: MaxTimeOptions = {}) {
    super();
    if (!(seconds > 0)) {
      throw new RangeError(
        `Cannot limit the time as seconds must be a number > 0: current value is ${seconds}`,
      );
    }
    this.#seconds = seconds;
    this.#now = now;
  }

  /** Starts the clock. */
  override beforeTrain(): void {
    this.#began = this.#now();
  }

  /** Looks at the clock. */
  override afterBatch(): void {
    this.#check();
  }

  /** Looks at the clock. */
  override afterValidationBatch(): void {
    this.#check();
  }

  /** Stops the clock. */
  override afterTrain(): void {
    this.#began = undefined;
  }

  /** The time that is spent, for a checkpoint. */
  override state(): unknown {
    return { seconds: this.#began === undefined ? undefined : this.#elapsed() };
  }

  /** Goes on from a checkpoint. */
  override restore(state: unknown): void {
    const { seconds } = state as { seconds?: number };
    this.#began = seconds === undefined ? undefined : this.#now() - 1000 * seconds;
  }

  #elapsed(): number {
    return this.#began === undefined ? 0 : (this.#now() - this.#began) / 1000;
  }

  #check(): void {
    if (this.#elapsed() < this.#seconds) return;
    throw new CancelTrain(`${this.name}: ${this.#seconds} s have passed`);
  }
}
