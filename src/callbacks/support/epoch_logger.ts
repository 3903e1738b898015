import type { RunKind } from "../../chart/chart.ts";
import { type EpochRecord, epochRecord } from "../../pictures.ts";
import * as field from "../../checks/fields.ts";
import {
  type AnyLearner,
  Callback,
  metricsOfEpoch,
  metricsOfPhase,
  type StateCheck,
} from "../../learner/callback.ts";
import { PRIORITIES } from "../../learner/callback_list.ts";

/**
 * The base class of callbacks that write something for each epoch. It calls `logEpoch` when the
 * numbers of the epoch are complete, which is after its validation if there is one.
 *
 * @example
 * ```ts
 * import { EpochLogger, type EpochRecord } from "@trainchart/trainchart/callbacks";
 *
 * class ConsoleLogger extends EpochLogger {
 *   protected override logEpoch({ epoch, metrics }: EpochRecord): void {
 *     console.log(epoch, metrics);
 *   }
 * }
 * const logger = new ConsoleLogger();
 * ```
 *
 * @category Writing a callback
 */
export abstract class EpochLogger extends Callback {
  /** After everything that measures. */
  override priority: number = PRIORITIES.metrics + 10;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** Of several ranks, one is enough. */
  override readonly mainRankOnly: boolean = true;
  #pending: EpochRecord | undefined;
  #began = 0;
  #training = false;

  /** Writes an epoch, once. */
  protected abstract logEpoch(record: EpochRecord, learner: AnyLearner): void | Promise<void>;

  /** The position in the log, for a checkpoint. */
  protected logState(): object {
    return {};
  }

  /** Checks of the fields of {@linkcode logState} in a state from a file. */
  protected logFields(): Readonly<Record<string, field.FieldCheck>> {
    return {};
  }

  /** Brings the log back to a position: no line twice, none lost. */
  protected restoreLog(_state: unknown): void | Promise<void> {}

  /** Whether the current run is a training, and not a validation or a test alone. */
  protected get isTraining(): boolean {
    return this.#training;
  }

  /** Notes the kind of run. */
  override setUp(_learner: AnyLearner, kind: RunKind): void {
    this.#training = kind === "train";
  }

  /** Forgets the last run. */
  override beforeTrain(_learner: AnyLearner): void | Promise<void> {
    this.#pending = undefined;
  }

  /** Logs an epoch that had no validation. */
  override async beforeEpoch(learner: AnyLearner): Promise<void> {
    await this.#flush(learner);
    this.#began = performance.now();
  }

  /** Takes the metrics of training. */
  override afterEpoch(learner: AnyLearner): void {
    const { epoch, learningRate } = learner;
    const metrics = metricsOfEpoch(learner);
    this.#pending = { epoch, metrics, learningRate, seconds: this.#seconds() };
  }

  /** Takes the metrics of validation, and logs the epoch. */
  override async afterValidate(learner: AnyLearner): Promise<void> {
    if (!this.#pending) return;
    Object.assign(this.#pending.metrics, metricsOfPhase(learner, "validation"));
    this.#pending.seconds = this.#seconds();
    await this.#flush(learner);
  }

  /** Logs the last epoch, if it had no validation. */
  override async afterTrain(learner: AnyLearner): Promise<void> {
    await this.#flush(learner);
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = (state, path) =>
    field.record({
      pending: field.optional(epochRecord),
      seconds: field.number(),
      ...this.logFields(),
    })(state, path);

  /** The epoch that is not logged yet, for a checkpoint. */
  override state(): unknown {
    return { pending: this.#pending, seconds: this.#seconds(), ...this.logState() };
  }

  /** Continues from a checkpoint: what was logged after it is removed. */
  override async restore(state: unknown): Promise<void> {
    const { pending, seconds } = state as { pending?: EpochRecord; seconds: number };
    this.#pending = pending;
    this.#began = performance.now() - 1000 * seconds;
    await this.restoreLog(state);
  }

  #seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  async #flush(learner: AnyLearner): Promise<void> {
    const record = this.#pending;
    this.#pending = undefined;
    if (record) await this.logEpoch(record, learner);
  }
}
