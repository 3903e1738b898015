import * as field from "../checks/fields.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { CancelTrain } from "../errors.ts";
import { type AnyLearner, Callback, type StateCheck } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/callback_list.ts";

/**
 * Options of {@linkcode MaxTime}.
 *
 * @category Callbacks
 */
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
 * import { MaxTime } from "@trainchart/trainchart/callbacks";
 * import { assertThrows } from "@std/assert";
 *
 * const oneHour = new MaxTime(3600);
 * assertThrows(() => new MaxTime(0), RangeError);
 * ```
 *
 * @category Callbacks
 */
export class MaxTime extends Callback {
  /** Among the callbacks that end a run. */
  override priority: number = PRIORITIES.stopping;
  readonly #seconds: number;
  readonly #now: () => number;
  #began: number | undefined;

  /**
   * Checks the options.
   *
   * @param seconds Duration of the training, in s, > 0.
   * @param options The clock.
   * @throws {RangeError} If `seconds` is not > 0.
   */
  constructor(seconds: number, options: MaxTimeOptions = {}) {
    super();
    const action = "limit the time";
    checkOptions(action, options, { now: true });
    this.#seconds = checkNumber(action, "seconds", seconds, { above: 0, infinite: true });
    this.#now = options.now ?? (() => performance.now());
  }

  /** Starts the clock. */
  override beforeTrain(): void {
    this.#began = this.#now();
  }

  /** Stops the training if its time is up. An epoch that is complete, too, counts. */
  override async afterBatch(learner: AnyLearner): Promise<void> {
    if (this.#isUp() && !await learner.isLastBatch()) this.#stop();
  }

  /** Stops the training if its time is up. */
  override afterEpoch(): void {
    if (this.#isUp()) this.#stop();
  }

  /** Stops the training if its time is up. */
  override afterValidationBatch(): void {
    if (this.#isUp()) this.#stop();
  }

  /** Stops the clock. */
  override afterTrain(): void {
    this.#began = undefined;
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.record({
    seconds: field.optional(field.number()),
  });

  /** The elapsed time, in s, for a checkpoint. */
  override state(): unknown {
    return { seconds: this.#began === undefined ? undefined : this.#elapsed() };
  }

  /** Continues from a checkpoint. */
  override restore(state: unknown): void {
    const { seconds } = state as { seconds?: number };
    this.#began = seconds === undefined ? undefined : this.#now() - 1000 * seconds;
  }

  #elapsed(): number {
    return this.#began === undefined ? 0 : (this.#now() - this.#began) / 1000;
  }

  #isUp(): boolean {
    return this.#elapsed() >= this.#seconds;
  }

  #stop(): never {
    throw new CancelTrain(`${this.name}: ${this.#seconds} s have passed`);
  }
}
