import { checkOptions, describeValue } from "../checks/check_options.ts";
import type { RunKind } from "../chart/chart.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { PRIORITIES } from "../learner/callback_list.ts";

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
  /** Batches in a prediction, an integer >= 1. Default: all. */
  predict?: number;
}

/**
 * Options of {@linkcode LimitBatches}: the limits, and how epochs follow one another.
 *
 * @category Callbacks
 */
export interface LimitBatchesOptions extends BatchLimits {
  /**
   * Whether an epoch continues the training loader where the epoch before stopped reading it: an
   * endless loader is cut into epochs. Default: each epoch opens the loader again.
   */
  continueLoader?: boolean;
}

/** The loaders that each kind of run reads. */
const READ: Record<RunKind, readonly (keyof BatchLimits)[]> = {
  train: ["train", "validation", "test"],
  validate: ["validation"],
  test: ["test"],
  predict: ["predict"],
};

/**
 * Ends every pass after some batches, as if the loader had no more: nothing counts as cancelled.
 *
 * A part is rounded down to whole batches, at least one. `new LimitBatches({ train: 1000,
 * continueLoader: true })` cuts an endless loader into epochs of 1000 batches.
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
  readonly #continueLoader: boolean;

  /**
   * Checks the limits.
   *
   * @param options The limit of each loader, and whether epochs continue the training loader.
   * @throws {TypeError} If a loader is unknown, or `continueLoader` is no boolean.
   * @throws {RangeError} If a limit is neither an integer >= 1 nor in (0, 1).
   */
  constructor(options: LimitBatchesOptions) {
    super();
    checkOptions("limit batches", options, {
      train: true,
      validation: true,
      test: true,
      predict: true,
      continueLoader: "flag",
    });
    const { continueLoader = false, ...limits } = options;
    for (const [name, limit] of Object.entries(limits)) {
      const parts = name !== "predict";
      const isPart = parts && limit > 0 && limit < 1;
      if (limit === undefined || isPart || (limit >= 1 && Number.isInteger(limit))) continue;
      throw new RangeError(
        `Cannot limit batches as ${name} must be an integer >= 1${
          parts ? " or a part in (0, 1)" : ""
        }: ` +
          `current value is ${describeValue(limit)}`,
      );
    }
    this.#limits = { ...limits };
    this.#continueLoader = continueLoader;
  }

  /** Sets the limits. */
  override setUp(learner: AnyLearner, kind: RunKind): PutBack {
    const { limits: before, continueLoader } = learner;
    if (this.#continueLoader) learner.continueLoader = true;
    learner.limits = { ...before };
    for (const name of READ[kind]) {
      const limit = this.#limits[name];
      if (limit === undefined || (name !== "predict" && !learner.dataloaders[name])) continue;
      const batches = limit < 1 ? Math.max(1, Math.floor(limit * lengthOf(learner, name))) : limit;
      learner.limits[name] = Math.min(batches, before[name] ?? Infinity);
    }
    return () => void Object.assign(learner, { limits: before, continueLoader });
  }

  /** Nothing but the fact that the run needs this callback, for a checkpoint. */
  override state(): unknown {
    return {};
  }
}

function lengthOf(learner: AnyLearner, name: keyof BatchLimits): number {
  const batches = name === "predict" ? undefined : learner.batchCount(name);
  if (batches !== undefined) return batches;
  throw new TypeError(
    `Cannot limit batches to a part of them as their number must be known: dataloaders.${name} ` +
      "has no length",
  );
}
