import * as field from "../checks/fields.ts";
import { checkNumber } from "../checks/check_options.ts";
import { CancelTrain } from "../errors.ts";
import { type AnyLearner, Callback, type StateCheck } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/callback_list.ts";

/**
 * Ends the training after a number of updates of the weights: batches that were cancelled, and those
 * whose gradients were only accumulated, do not count.
 *
 * @example
 * ```ts
 * import { MaxSteps } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new MaxSteps(1000).steps, 0);
 * ```
 *
 * @category Callbacks
 */
export class MaxSteps extends Callback {
  /** Among the callbacks that end a run. */
  override priority: number = PRIORITIES.stopping;
  readonly #limit: number;
  #steps = 0;

  /**
   * Checks the number.
   *
   * @param steps Number of updates, an integer >= 1.
   * @throws {RangeError} If `steps` is not an integer >= 1.
   */
  constructor(steps: number) {
    super();
    this.#limit = checkNumber("limit the updates", "steps", steps, { integer: true, min: 1 });
  }

  /** Number of updates so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Resets the counter. */
  override beforeTrain(): void {
    this.#steps = 0;
  }

  /** Counts the update. */
  override afterStep({ gradients }: AnyLearner): void {
    if (Object.keys(gradients).length > 0) this.#steps++;
  }

  /** Stops the training, once the batch is complete. An epoch that is complete, too, counts. */
  override async afterBatch(learner: AnyLearner): Promise<void> {
    if (this.#steps >= this.#limit && !await learner.isLastBatch()) this.#stop();
  }

  /** Stops the training at the end of an epoch. */
  override afterEpoch(): void {
    if (this.#steps >= this.#limit) this.#stop();
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.record({ steps: field.integer({ min: 0 }) });

  /** Number of updates so far, for a checkpoint. */
  override state(): unknown {
    return { steps: this.#steps };
  }

  /** Continues from a checkpoint. */
  override restore(state: unknown): void {
    this.#steps = (state as { steps: number }).steps;
  }

  #stop(): never {
    throw new CancelTrain(`${this.name}: ${this.#limit} steps are done`);
  }
}
