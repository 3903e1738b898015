import { checkNumber, describeValue } from "../checks/check_options.ts";
import * as field from "../checks/fields.ts";
import type { RunKind } from "../chart/chart.ts";
import { type AnyLearner, Callback, type StateCheck } from "../learner/callback.ts";
import { Monitor, type MonitorOptions } from "../callbacks/support/monitor.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { PRIORITIES, REFUSES_RUNS } from "../learner/callback_list.ts";
import { CancelTrain } from "../errors.ts";
import type { RunCheckpoint } from "../io/checkpoint_file.ts";
import { StorageError } from "../io/files.ts";
import type { AnyParameters } from "./dimension.ts";
import type { TrialJob, Verdict } from "./job_record.ts";

/** The worker, as seen by a {@linkcode Trial}. */
export interface TrialHost {
  /** Reports a value; returns the verdict. */
  judge(report: { epochs: number; value: number; atRung: boolean }): Promise<Verdict>;
  /** Saves the state of a training until the trial continues. */
  save(checkpoint: RunCheckpoint): Promise<void>;
  /** The saved state, if this worker has access to it. */
  load(): Promise<RunCheckpoint | undefined>;
}

/** The place of a training among those of an objective. */
interface Place {
  /** Index of the training. */
  readonly training: number;
  /** Epochs of the trainings before it. */
  readonly before: number;
  /** Value of the last validation within the current epoch; `undefined` if it is reported. */
  readonly inner?: number;
}

const CHECK = field.record({
  training: field.integer({ min: 0 }),
  before: field.integer({ min: 0 }),
  inner: field.optional(field.measurement),
});

/** The part of a checkpoint's state that has the place. */
interface SavedCallbacks {
  readonly callbacks?: readonly { readonly name: string; readonly state?: Partial<Place> }[];
}

/**
 * One trial of a sweep: the argument of an objective, and a callback. As a callback of a Learner, it
 * reports the monitored value after every epoch and cancels the training when the sweep decides so.
 * A trial that continues later resumes the training where it was.
 *
 * Without a Learner, call {@linkcode Trial.report}.
 *
 * @example
 * ```ts
 * import { Learner, meanSquaredError, sgd, tf } from "@trainchart/trainchart";
 * import { logUniform, sweep } from "@trainchart/trainchart/sweep";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const { best } = await sweep({
 *   space: { rate: logUniform(1e-3, 1) },
 *   async objective(trial) {
 *     const model = tf.sequential({
 *       layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "zeros" })],
 *     });
 *     const learner = new Learner({
 *       model,
 *       optimizer: sgd(trial.parameters.rate),
 *       lossFunction: meanSquaredError,
 *       dataloaders: { train: [[tf.ones([1, 1]), tf.ones([1, 1])]] },
 *       callbacks: [trial],
 *     });
 *     const result = await learner.train({ epochs: trial.epochs });
 *     model.dispose();
 *     return result;
 *   },
 *   algorithm: "hyperband",
 *   epochs: 3,
 *   monitor: "train.loss",
 *   workers: 0,
 *   folder,
 *   write: () => {},
 * });
 * assertEquals(best?.reports.length, 3);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @category Sweeps
 */
export class Trial<Parameters = AnyParameters> extends Callback {
  /** It sends reports: trial runs of a Learner, such as `fastDevRun()`, leave it out. */
  override readonly writesFiles: boolean = true;
  /** A checkpoint of a trial can be resumed outside the sweep. */
  override readonly passive: boolean = true;
  /** After all callbacks that change what the trial reports or saves. */
  override priority: number = PRIORITIES.display + 1;
  /** Number of the trial, 0-based. */
  readonly number: number;
  /** The parameters of the trial. */
  readonly parameters: Parameters;
  /** Number of epochs to train, unless the sweep stops the trial. */
  readonly epochs: number;
  /** Seed for a Learner or `withSeed()`, made of the seed of the sweep and the number of the trial. */
  readonly seed: number;
  readonly #job: TrialJob;
  readonly #host: TrialHost;
  readonly #monitor: Monitor;
  readonly #abort = new AbortController();
  readonly #reports: [number, number][] = [];
  #verdict: Verdict = "continue";
  /** Index of the current training of the objective, and the epochs of those before it. */
  #place: Place = { training: -1, before: 0 };
  /** Whether a training is in progress. */
  #busy = false;

  /** Made by {@linkcode sweep}. */
  constructor(job: TrialJob, monitor: MonitorOptions, host: TrialHost) {
    super();
    REFUSES_RUNS.add(this);
    this.number = job.trial;
    this.parameters = job.parameters as Parameters;
    this.epochs = job.epochs;
    this.seed = job.seed;
    this.#job = job;
    this.#host = host;
    this.#monitor = new Monitor(this.name, monitor);
  }

  /** Aborts when the sweep ends the trial early. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The reported values, each with the number of epochs until then. */
  get reports(): readonly (readonly [epochs: number, value: number])[] {
    return this.#reports;
  }

  /** The last verdict of the sweep. */
  get verdict(): Verdict {
    return this.#verdict;
  }

  /**
   * Reports a value, for objectives without a Learner.
   *
   * @param value The value to minimise or maximise.
   * @param epochs Number of epochs until now, an integer greater than at the last report. Default:
   *   one more than at the last report.
   * @returns Whether to continue.
   * @throws {TypeError} If `value` is not a number.
   * @throws {RangeError} If `epochs` is not an integer greater than at the last report.
   */
  async report(value: number, epochs: number = this.#last + 1): Promise<boolean> {
    if (typeof value !== "number") {
      throw new TypeError(
        `Cannot report as value must be a number: current value is ${describeValue(value)}`,
      );
    }
    checkNumber("report", "epochs", epochs, { integer: true, above: this.#last });
    if (this.#obey()) await this.#ask(value, epochs);
    return this.#obey();
  }

  /**
   * Reserves the trial for one training at a time.
   *
   * @throws {Error} If another training of the objective is in progress.
   */
  override setUp(_: AnyLearner, kind: RunKind): PutBack | undefined {
    if (kind !== "train") return;
    if (this.#busy) {
      throw new Error("Cannot train: another training of this trial is in progress. Wait for it.");
    }
    this.#busy = true;
    return () => void (this.#busy = false);
  }

  /**
   * Checks that the monitored metric will be measured. A second training of the same objective
   * continues the count of epochs; after the end of the trial, it is cancelled.
   *
   * @throws {TypeError} If the metric will not be measured.
   */
  override beforeTrain(learner: AnyLearner): void {
    this.#place = { training: this.#place.training + 1, before: this.#last };
    this.#monitor.begin(learner);
    if (!this.#obey()) throw this.#cancellation();
  }

  /** Reports the last validation within the epoch before, if no other followed. */
  override async beforeEpoch(learner: AnyLearner): Promise<void> {
    await this.#reportInner(learner);
  }

  /** Reports the last validation within the last epoch, if no other followed. */
  override async afterTrain(learner: AnyLearner): Promise<void> {
    if (this.#verdict === "continue" && learner.failures.length === 0) {
      await this.#reportInner(learner);
    }
  }

  /** Reports the value of a metric of training. */
  override async afterEpoch(learner: AnyLearner): Promise<void> {
    const value = this.#monitor.read(learner, "afterEpoch");
    if (value !== undefined) await this.#measured(learner, value, learner.epoch + 1);
  }

  /** Reports the value of a metric of validation: one for each epoch. */
  override async afterValidate(learner: AnyLearner): Promise<void> {
    const value = this.#monitor.read(learner, "afterValidate");
    if (value === undefined) return;
    const isInner = learner.actor!.getSnapshot().matches({ train: "epoch" });
    this.#place = { ...this.#place, inner: isInner ? value : undefined };
    if (!isInner) await this.#measured(learner, value, learner.epoch + 1);
  }

  /** The checkpoint of a trial that continues, for the training that was paused. */
  override async resumeFrom(
    check: (checkpoint: RunCheckpoint) => Promise<void>,
  ): Promise<RunCheckpoint | undefined> {
    if (this.#job.segment === 0) return;
    try {
      const checkpoint = await this.#host.load();
      const { callbacks = [] } = (checkpoint?.state ?? {}) as SavedCallbacks;
      const { training = 0 } = callbacks.find(({ name }) => name === this.name)?.state ?? {};
      if (!checkpoint || training !== this.#place.training + 1) return;
      await check(checkpoint);
      return checkpoint;
    } catch (error) {
      // A trial whose checkpoint is damaged begins again from its seed.
      if (!(error instanceof StorageError && error.problem === "damaged")) throw error;
    }
  }

  /** The place of the training among those of the objective. */
  override state(): unknown {
    return this.#place;
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = CHECK;

  /** Continues the count of epochs. */
  override restore(state: unknown): void {
    this.#place = state as Place;
  }

  get #last(): number {
    return this.#reports.at(-1)?.[0] ?? 0;
  }

  async #ask(value: number, epochs: number): Promise<void> {
    const atRung = this.#job.rungs.some((rung) => rung > this.#last && rung <= epochs);
    this.#reports.push([epochs, value]);
    this.#verdict = await this.#host.judge({ epochs, value, atRung });
  }

  #obey(): boolean {
    if (this.#verdict === "continue") return true;
    this.#abort.abort(`${this.#verdict === "pause" ? "paused" : "stopped"} by the sweep`);
    return false;
  }

  async #reportInner(learner: AnyLearner): Promise<void> {
    const { inner, ...place } = this.#place;
    if (inner === undefined) return;
    this.#place = place;
    await this.#measured(learner, inner, learner.epoch);
  }

  /** Reports the value after some epochs of the current training. */
  async #measured(learner: AnyLearner, value: number, epochs: number): Promise<void> {
    await this.#ask(value, this.#place.before + epochs);
    // Before listeners of the signal cancel: a training that continues later is not cancelled.
    if (this.#verdict === "pause") await this.#host.save(await learner.checkpoint());
    if (this.#obey()) return;
    throw this.#cancellation();
  }

  #cancellation(): CancelTrain {
    const end = this.#verdict === "pause" ? "paused" : "stopped";
    return new CancelTrain(`${this.name}: ${end} by the sweep after ${this.#last} epochs`);
  }
}
