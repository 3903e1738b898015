import { CancelTrain } from "../errors.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/priorities.ts";

/**
 * Ends the training after so many updates of the weights: batches that were cancelled, and those
 * whose gradients were only accumulated, do not count.
 *
 * @example
 * ```ts
 * import { MaxSteps } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new MaxSteps(1000).steps, 0);
 * ```
 */
export class MaxSteps extends Callback {
  /** With all that ends a run. */
  override priority: number = PRIORITIES.stopping;
  readonly #limit: number;
  #steps = 0;

  /**
   * Checks the number.
   *
   * @param steps How many updates, an integer >= 1.
   * @throws {RangeError} If it is anything else.
   */
  constructor(steps: number) {
    super();
    if (!Number.isInteger(steps) || steps < 1) {
      throw new RangeError(
        `Cannot limit the steps as their number must be an integer >= 1: current value is ${steps}`,
      );
    }
    this.#limit = steps;
  }

  /** How many updates there were so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Begins anew. */
  override beforeTrain(): void {
    this.#steps = 0;
  }

  /** Counts. */
  override afterStep({ gradients }: AnyLearner): void {
    if (Object.keys(gradients).length > 0) this.#steps++;
  }

  /** Stops, once the batch is complete. */
  override afterBatch(): void {
    if (this.#steps < this.#limit) return;
    throw new CancelTrain(`${this.name}: ${this.#limit} steps are done`);
  }

  /** The steps that are done, for a checkpoint. */
  override state(): unknown {
    return { steps: this.#steps };
  }

  /** Goes on from a checkpoint. */
  override restore(state: unknown): void {
    this.#steps = (state as { steps: number }).steps;
  }
}
