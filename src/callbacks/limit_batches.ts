import * as field from "../checks/fields.ts";
import { checkOptions } from "../checks/check_options.ts";
import { describeValue } from "../checks/describe_value.ts";
import { type AnyLearner, Callback, type StateCheck } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/priorities.ts";

/**
 * Limits of each loader: a number of batches, an integer >= 1, or a part of them in (0, 1).
 *
 * @category Callbacks
 */
export interface BatchLimits {
  /** Batches in an epoch. Default: all. */
  train?: number;
  /** Batches in a validation. Default: all. */
  validation?: number;
  /** Batches in the test. Default: all. */
  test?: number;
}

/**
 * Ends every pass after some batches, as if the loader had no more: nothing counts as cancelled.
 *
 * A part is rounded down to whole batches, at least one.
 *
 * @example
 * ```ts
 * import { LimitBatches } from "@trainchart/trainchart/callbacks";
 * import { assertThrows } from "@std/assert";
 *
 * const limits = new LimitBatches({ train: 100, validation: 0.1 });
 * assertThrows(() => new LimitBatches({ train: 1.5 }), RangeError);
 * ```
 *
 * @category Callbacks
 */
export class LimitBatches extends Callback {
  /** Before the callbacks that ask for the number of batches. */
  override priority: number = PRIORITIES.mode;
  readonly #limits: BatchLimits;
  #before: BatchLimits = {};

  /**
   * Checks the limits.
   *
   * @param limits The limit of each loader.
   * @throws {TypeError} If a loader is unknown.
   * @throws {RangeError} If a limit is neither an integer >= 1 nor in (0, 1).
   */
  constructor(limits: BatchLimits) {
    super();
    checkOptions("limit batches", limits, { train: true, validation: true, test: true });
    for (const [name, limit] of Object.entries(limits)) {
      if (limit === undefined || (limit > 0 && (limit < 1 || Number.isInteger(limit)))) continue;
      throw new RangeError(
        `Cannot limit batches as ${name} must be an integer >= 1 or a part in (0, 1): ` +
          `current value is ${describeValue(limit)}`,
      );
    }
    this.#limits = { ...limits };
  }

  /** Limits the epochs. */
  override beforeTrain(learner: AnyLearner): void {
    this.#set(learner, "train");
  }

  /** Limits the epochs, if it was added during the training. */
  override beforeBatch(learner: AnyLearner): void {
    if (!("train" in this.#before)) this.#set(learner, "train");
  }

  /** Lifts the limit. */
  override afterTrain(learner: AnyLearner): void {
    this.#reset(learner, "train");
  }

  /** Limits the validation. */
  override beforeValidate(learner: AnyLearner): void {
    this.#set(learner, "validation");
  }

  /** Lifts the limit. */
  override afterValidate(learner: AnyLearner): void {
    this.#reset(learner, "validation");
  }

  /** Limits the test. */
  override beforeTest(learner: AnyLearner): void {
    this.#set(learner, "test");
  }

  /** Lifts the limit. */
  override afterTest(learner: AnyLearner): void {
    this.#reset(learner, "test");
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.record({
    limited: field.list(field.oneOf(["train", "validation", "test"])),
  });

  /** The loaders that are limited now, for a checkpoint. */
  override state(): unknown {
    return { limited: Object.keys(this.#before) };
  }

  /** Limits them in a resumed training, where `beforeTrain` does not run. */
  override restore(state: unknown, learner: AnyLearner): void {
    const { limited } = state as { limited: (keyof BatchLimits)[] };
    this.#before = {};
    for (const name of limited) this.#set(learner, name);
  }

  #set(learner: AnyLearner, name: keyof BatchLimits): void {
    const limit = this.#limits[name];
    this.#before[name] = learner.limits[name];
    if (limit === undefined) return;
    const batches = limit < 1 ? Math.max(1, Math.floor(limit * length(learner, name))) : limit;
    learner.limits[name] = Math.min(batches, this.#before[name] ?? Infinity);
  }

  #reset(learner: AnyLearner, name: keyof BatchLimits): void {
    const before = this.#before[name];
    delete this.#before[name];
    if (before === undefined) delete learner.limits[name];
    else learner.limits[name] = before;
  }
}

function length(learner: AnyLearner, name: keyof BatchLimits): number {
  const batches = learner.batchCount(name);
  if (batches !== undefined) return batches;
  throw new TypeError(
    `Cannot limit batches to a part of them as their number must be known: dataloaders.${name} ` +
      "has no length",
  );
}
