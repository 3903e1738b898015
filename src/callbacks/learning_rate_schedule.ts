import * as field from "../checks/fields.ts";
import type { RateAndMomentum, Schedule } from "../schedules/schedule.ts";
import { checkNumber, checkOptions, describeValue } from "../checks/check_options.ts";
import type { RunKind } from "../chart/chart.ts";
import { type AnyLearner, Callback, type StateCheck } from "../learner/callback.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import {
  type OptimizerSettings,
  readSettings,
  settingsField,
  writeAll,
  writeSettings,
} from "../learner/learner_optimizers.ts";

/**
 * Options of {@linkcode LearningRateSchedule}.
 *
 * @category Callbacks
 */
export interface LearningRateScheduleOptions {
  /** Whether the rate is set before every batch or before every epoch. Default: `"batch"`. */
  by?: "batch" | "epoch";
  /** Number of batches in an epoch, an integer >= 1. Default: the length of the loader. */
  batchesPerEpoch?: number;
  /** The objective whose optimizer is scheduled. Default: all optimizers of the Learner. */
  objective?: string;
}

interface State {
  readonly before: OptimizerSettings | null;
  readonly updates: number;
  /** Whether an update of the current batch is still to be counted. Default: no. */
  readonly updated?: boolean;
}

/**
 * Sets the learning rate in the course of the training, and the momentum if the schedule has one.
 *
 * Under gradient accumulation a schedule by batch counts updates, so that the rates are those of the
 * large batches. After the training the optimizer has its own rate and momentum back. Where a Learner
 * has objectives, a schedule sets the rates of all of them, or of one.
 *
 * @example
 * ```ts
 * import { Learner, LearningRateSchedule, sgd, tf } from "@trainchart/trainchart";
 * import { schedules } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const rates: number[] = [];
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(0.1),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.ones([1, 1]), tf.ones([1, 1])], [tf.ones([1, 1]), tf.ones([1, 1])]] },
 *   callbacks: [
 *     new LearningRateSchedule(schedules.polynomial(0.4, 0)),
 *     { afterBatch: ({ learningRate }) => void rates.push(learningRate) },
 *   ],
 * });
 * await learner.train({ epochs: 2 });
 * assertEquals(rates.map((rate) => Math.fround(rate)), [0.4, 0.3, 0.2, 0.1].map(Math.fround));
 * assertEquals(learner.learningRate, 0.1);
 * ```
 *
 * @category Callbacks
 */
export class LearningRateSchedule extends Callback {
  /** Among the callbacks that set rates. */
  override priority: number = PRIORITIES.schedules;
  /** Refuses other callbacks that set the rate. */
  override readonly decides: readonly string[];
  readonly #learningRate: Schedule;
  readonly #momentum: Schedule | undefined;
  readonly #by: "batch" | "epoch";
  readonly #batchesPerEpoch: number | undefined;
  readonly #objective: string | undefined;
  #before: OptimizerSettings | undefined;
  /** Number of updates in the current epoch. */
  #updates = 0;
  /** Whether the current batch made an update. */
  #updated = false;

  /**
   * Checks the options.
   *
   * @param schedule The rate, or rate and momentum as `schedules.oneCycle()` returns them.
   * @param options When to set the rate.
   * @throws {TypeError} If the schedule is not a function of progress, or `by` is unknown.
   * @throws {RangeError} If `batchesPerEpoch` is not an integer >= 1.
   */
  constructor(schedule: Schedule | RateAndMomentum, options: LearningRateScheduleOptions = {}) {
    super();
    const action = "schedule the learning rate";
    checkOptions(action, options, { by: true, batchesPerEpoch: true, objective: true });
    const { by = "batch", batchesPerEpoch, objective } = options;
    const { learningRate, momentum } = typeof schedule === "function"
      ? { learningRate: schedule }
      : schedule ?? {} as Partial<RateAndMomentum>;
    if (typeof learningRate !== "function") {
      throw new TypeError(
        `Cannot ${action} as the schedule must be a function of progress: ` +
          `current value is ${describeValue(schedule)}`,
      );
    }
    if (by !== "batch" && by !== "epoch") {
      throw new TypeError(
        `Cannot ${action} as by must be "batch" or "epoch": current value is ${describeValue(by)}`,
      );
    }
    if (batchesPerEpoch !== undefined) {
      checkNumber(action, "batchesPerEpoch", batchesPerEpoch, { integer: true, min: 1 });
    }
    this.#learningRate = learningRate;
    this.#momentum = momentum;
    this.#by = by;
    this.#batchesPerEpoch = batchesPerEpoch;
    this.#objective = objective;
    this.decides = [`the learning rate${objective === undefined ? "" : ` of ${objective}`}`];
  }

  /** Remembers the optimizer's own rate, and puts it back after the run. */
  override setUp(learner: AnyLearner, kind: RunKind): PutBack | void {
    if (kind !== "train") return;
    if (this.#by === "batch") this.#batches(learner);
    const objective = this.#objective;
    this.#before ??= readSettings(learner, { momentum: this.#momentum !== undefined, objective });
    return () => {
      writeSettings(learner, this.#before!, objective);
      this.#before = undefined;
    };
  }

  /** Sets the rate of an epoch. */
  override beforeEpoch(learner: AnyLearner): void {
    const { batchIndex, batchesPerUpdate, epoch } = learner;
    this.#updates = Math.max(0, Math.floor(batchIndex / batchesPerUpdate));
    if (this.#by === "epoch") this.#set(learner, epoch);
  }

  /** Sets the rate of a batch. */
  override beforeBatch(learner: AnyLearner): void {
    if (this.#by === "epoch") return;
    const { batchIndex, batchesPerUpdate, epoch } = learner;
    const updates = Math.ceil(this.#batches(learner) / batchesPerUpdate);
    const done = batchesPerUpdate === 1 ? batchIndex : this.#updates;
    this.#set(learner, epoch + Math.min(done / updates, 1));
  }

  /** Notes an update: accumulated gradients make one of several batches. */
  override afterStep({ gradients }: AnyLearner): void {
    if (Object.keys(gradients).length > 0) this.#updated = true;
  }

  /** Counts the update. */
  override afterBatch(): void {
    if (this.#updated) this.#updates++;
    this.#updated = false;
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.record({
    before: field.nullable(settingsField),
    updates: field.optional(field.integer({ min: 0 })),
    updated: field.optional(field.flag),
  });

  /** The optimizer's own settings and the updates of the epoch, for a checkpoint. */
  override state(): unknown {
    const [before, updates, updated] = [this.#before ?? null, this.#updates, this.#updated];
    return { before, updates, updated } satisfies State;
  }

  /** Continues from a checkpoint. */
  override restore(state: unknown): void {
    const { before, updates = 0, updated = false } = state as Partial<State>;
    this.#before = before ?? undefined;
    this.#updates = updates;
    this.#updated = updated;
  }

  #batches(learner: AnyLearner): number {
    const batches = this.#batchesPerEpoch ?? learner.batchCount("train");
    if (batches !== undefined) return batches;
    throw new TypeError(
      "Cannot schedule the learning rate by batch as the number of batches must be known: " +
        'dataloaders.train has no length. Give batchesPerEpoch, or by: "epoch".',
    );
  }

  #set(learner: AnyLearner, epochs: number): void {
    // A training that is resumed with fewer epochs may be past its end.
    const progress = Math.min(epochs / learner.epochs, 1);
    const learningRate = this.#learningRate(progress);
    writeAll(learner, { learningRate, momentum: this.#momentum?.(progress) }, this.#objective);
  }
}
