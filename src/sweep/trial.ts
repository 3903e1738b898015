import { type AnyLearner, Callback } from "../learner/callback.ts";
import { Monitor, type MonitorOptions } from "../callbacks/support/monitor.ts";
import { PRIORITIES } from "../learner/priorities.ts";
import { CancelTrain } from "../errors.ts";
import type { RunCheckpoint } from "../io/checkpoint_file.ts";
import type { AnyParameters } from "./dimension.ts";
import type { Job, Verdict } from "./job_record.ts";

/** Where a {@linkcode Trial} turns to. */
export interface TrialHost {
  /** Tells a value; answers what to do. */
  judge(report: { epochs: number; value: number; atRung: boolean }): Promise<Verdict>;
  /** Keeps the state of a training until the trial goes on. */
  save(checkpoint: RunCheckpoint): Promise<void>;
  /** The state that was kept, if it is to be found here. */
  load(): Promise<RunCheckpoint | undefined>;
}

/**
 * One trial of a sweep: what an objective is called with. It is a callback, too: among those of a
 * Learner it reports the monitored value after every epoch and, when the sweep says so, cancels the
 * training; a trial that goes on later takes up the training where it was left.
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
 */
export class Trial<Parameters = AnyParameters> extends Callback {
  /** After whatever changes what it reports or saves. */
  override priority: number = PRIORITIES.display + 1;
  /** Which of the sweep's trials it is, 0-based. */
  readonly number: number;
  /** What is tried. */
  readonly parameters: Parameters;
  /** For how many epochs to train, if nobody stops it. */
  readonly epochs: number;
  /** For a Learner or for `withSeed()`: it depends on the seed of the sweep and the number only. */
  readonly seed: number;
  readonly #job: Job;
  readonly #host: TrialHost;
  readonly #monitor: Monitor;
  readonly #abort = new AbortController();
  readonly #reports: [number, number][] = [];
  #verdict: Verdict = "continue";

  /** Sweeps make them. */
  constructor(job: Job, monitor: MonitorOptions, host: TrialHost) {
    super();
    this.number = job.trial;
    this.parameters = job.parameters as Parameters;
    this.epochs = job.epochs;
    this.seed = job.seed;
    this.#job = job;
    this.#host = host;
    this.#monitor = new Monitor(this.name, monitor);
  }

  /** Aborts when the trial is to end early. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** What was reported, each value with the number of epochs until then. */
  get reports(): readonly (readonly [epochs: number, value: number])[] {
    return this.#reports;
  }

  /** What it was last told to do. */
  get verdict(): Verdict {
    return this.#verdict;
  }

  /**
   * Reports a value, for objectives without a Learner.
   *
   * @param value What is minimised or maximised.
   * @param epochs After how many epochs, an integer greater than at the last report. Default: one
   *   more than then.
   * @returns Whether to go on.
   * @throws {TypeError} If `value` is no number.
   * @throws {RangeError} If `epochs` does not grow.
   */
  async report(value: number, epochs: number = this.#last + 1): Promise<boolean> {
    if (typeof value !== "number") {
      throw new TypeError(`Cannot report as value must be a number: current value is ${value}`);
    }
    if (!Number.isInteger(epochs) || epochs <= this.#last) {
      throw new RangeError(
        `Cannot report as epochs must be an integer > ${this.#last}: current value is ${epochs}`,
      );
    }
    await this.#ask(value, epochs);
    return this.#obey();
  }

  /** Says before the training that there is no such metric. */
  override beforeTrain(learner: AnyLearner): void {
    this.#monitor.begin(learner);
  }

  /** Reports a metric of training. */
  override async afterEpoch(learner: AnyLearner): Promise<void> {
    await this.#measured(learner, this.#monitor.read(learner, "afterEpoch"));
  }

  /** Reports a metric of validation. */
  override async afterValidate(learner: AnyLearner): Promise<void> {
    await this.#measured(learner, this.#monitor.read(learner, "afterValidate"));
  }

  /** Where the training was left. */
  override async resumeFrom(): Promise<RunCheckpoint | undefined> {
    return this.#job.segment > 0 ? await this.#host.load() : undefined;
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
    this.#abort.abort(`${this.#verdict} by the sweep`);
    return false;
  }

  async #measured(learner: AnyLearner, value: number | undefined): Promise<void> {
    if (value === undefined) return;
    const epochs = learner.epoch + 1;
    await this.#ask(value, epochs);
    // Before anybody who listens to the signal cancels: what goes on later is not cancelled.
    if (this.#verdict === "pause") await this.#host.save(await learner.checkpoint());
    if (this.#obey()) return;
    throw new CancelTrain(`${this.name}: ${this.#verdict} by the sweep after ${epochs} epochs`);
  }
}
