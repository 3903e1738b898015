import type { RateAndMomentum } from "../schedules/one_cycle.ts";
import type { Schedule } from "../schedules/schedule.ts";
import { describeValue } from "../checks/describe_value.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { momentumOf, setMomentum } from "../optimizers/momentum.ts";
import { PRIORITIES } from "../learner/priorities.ts";

/** Options of {@linkcode LearningRateSchedule}. */
export interface LearningRateScheduleOptions {
  /** When the rate is set: before every batch, or before every epoch. Default: `"batch"`. */
  by?: "batch" | "epoch";
  /** The number of batches in an epoch, an integer >= 1. Default: the loader's own. */
  batchesPerEpoch?: number;
}

/** What the optimizer had before. */
interface Before {
  learningRate: number;
  momentum?: number;
}

/**
 * Sets the learning rate, and the momentum if asked for, as training goes on.
 *
 * The rate depends on epoch and batch only, so a resumed run goes on where it was. After the
 * training the optimizer has its own rate and momentum back.
 *
 * @example
 * ```ts
 * import { Learner, LearningRateSchedule, schedules, sgd, tf } from "@trainchart/trainchart";
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
 */
export class LearningRateSchedule extends Callback {
  /** Among the schedules. */
  override priority: number = PRIORITIES.schedules;
  readonly #learningRate: Schedule;
  readonly #momentum: Schedule | undefined;
  readonly #by: "batch" | "epoch";
  readonly #batchesPerEpoch: number | undefined;
  #before: Before | undefined;

  /**
   * Checks the options.
   *
   * @param schedule Of the rate, or of rate and momentum as `schedules.oneCycle()` returns them.
   * @param options When to set it.
   * @throws {TypeError} If the schedule is none, or `by` is neither.
   * @throws {RangeError} If `batchesPerEpoch` is not an integer >= 1.
   */
  constructor(schedule: Schedule | RateAndMomentum, options: LearningRateScheduleOptions = {}) {
    super();
    const { by = "batch", batchesPerEpoch } = options;
    const { learningRate, momentum } = typeof schedule === "function"
      ? { learningRate: schedule }
      : schedule as Partial<RateAndMomentum>;
    if (typeof learningRate !== "function") {
      throw new TypeError(
        "Cannot schedule the learning rate as the schedule must be a function of progress: " +
          `current value is ${describeValue(schedule)}`,
      );
    }
    if (by !== "batch" && by !== "epoch") {
      throw new TypeError(
        `Cannot schedule the learning rate as by must be "batch" or "epoch": current value is ${by}`,
      );
    }
    if (
      batchesPerEpoch !== undefined && !(Number.isInteger(batchesPerEpoch) && batchesPerEpoch > 0)
    ) {
      throw new RangeError(
        "Cannot schedule the learning rate as batchesPerEpoch must be an integer >= 1: " +
          `current value is ${batchesPerEpoch}`,
      );
    }
    this.#learningRate = learningRate;
    this.#momentum = momentum;
    this.#by = by;
    this.#batchesPerEpoch = batchesPerEpoch;
  }

  /** Notes the optimizer's own rate. */
  override beforeTrain(learner: AnyLearner): void {
    this.#before = {
      learningRate: learner.learningRate,
      ...this.#momentum && { momentum: momentumOf(learner.optimizer) },
    };
    if (this.#by === "batch") this.#batches(learner);
  }

  /** Sets the rate, by epoch. */
  override beforeEpoch(learner: AnyLearner): void {
    if (this.#by === "epoch") this.#set(learner, learner.epoch);
  }

  /** Sets the rate, by batch. */
  override beforeBatch(learner: AnyLearner): void {
    if (this.#by === "epoch") return;
    const part = Math.min(learner.batchIndex / this.#batches(learner), 1);
    this.#set(learner, learner.epoch + part);
  }

  /** Gives the optimizer its own rate back. */
  override afterTrain(learner: AnyLearner): void {
    if (!this.#before) return;
    const { learningRate, momentum } = this.#before;
    learner.learningRate = learningRate;
    if (momentum !== undefined) setMomentum(learner.optimizer, momentum);
    this.#before = undefined;
  }

  /** The optimizer's own numbers, for a checkpoint. */
  override state(): unknown {
    return { before: this.#before ?? null };
  }

  /** Goes on from a checkpoint. */
  override restore(state: unknown): void {
    this.#before = (state as { before: Before | null }).before ?? undefined;
  }

  #batches(learner: AnyLearner): number {
    const batches = this.#batchesPerEpoch ?? learner.batchCount("train");
    if (batches !== undefined) return batches;
    throw new TypeError(
      "Cannot schedule the learning rate by batch as the number of batches must be known: " +
        'dataloaders.train has no length; give batchesPerEpoch, or by: "epoch"',
    );
  }

  #set(learner: AnyLearner, epochs: number): void {
    const progress = epochs / learner.epochs;
    learner.learningRate = this.#learningRate(progress);
    if (this.#momentum) setMomentum(learner.optimizer, this.#momentum(progress));
  }
}
