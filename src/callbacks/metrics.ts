import { tf } from "../deps/tfjs.ts";
import type { Metric } from "../metrics/metric.ts";
import { RunningMean } from "../metrics/running_mean.ts";
import { type AnyLearner, Callback } from "./callback.ts";

/** Where a metric is measured. */
export type MeasuredPhase = "train" | "validation" | "test";

/** Options of {@linkcode Metrics}. */
export interface MetricsOptions {
  /** Where to measure. Default: everywhere. */
  phases?: readonly MeasuredPhase[];
}

/**
 * Measures every batch on the device, averages by batch size, and at the end of each pass puts the
 * means into `learner.metrics`, under names like `"validation.accuracy"`.
 *
 * A batch that was cancelled is not measured.
 *
 * @example
 * ```ts
 * import { accuracy, Metrics } from "@trainchart/trainchart";
 *
 * const metrics = new Metrics({ accuracy }, { phases: ["validation", "test"] });
 * ```
 */
export class Metrics extends Callback {
  /** After the callbacks of users. */
  override priority: number = 100;
  readonly #metrics: [name: string, metric: Metric, mean: RunningMean][];
  readonly #phases: ReadonlySet<MeasuredPhase>;

  /**
   * Checks the metrics.
   *
   * @param metrics What to measure, by name.
   * @param options Where.
   * @throws {TypeError} If a metric is not a function.
   */
  constructor(metrics: Record<string, Metric>, options: MetricsOptions = {}) {
    super();
    for (const [name, metric] of Object.entries(metrics)) {
      if (typeof metric === "function") continue;
      throw new TypeError(
        `Cannot measure ${name} as a metric must be a function (predictions, labels) -> tensor: ` +
          `current value is ${metric}`,
      );
    }
    this.#metrics = Object.entries(metrics).map((
      [name, metric],
    ) => [name, metric, new RunningMean()]);
    this.#phases = new Set(options.phases ?? ["train", "validation", "test"]);
  }

  /** The names under which `learner.metrics` will have the means. */
  get metricNames(): string[] {
    return [...this.#phases].flatMap((phase) => this.#metrics.map(([name]) => `${phase}.${name}`));
  }

  /** Starts to measure. */
  override beforeEpoch(): void {
    this.#reset();
  }
  /** Starts to measure. */
  override beforeValidate(): void {
    this.#reset();
  }
  /** Starts to measure. */
  override beforeTest(): void {
    this.#reset();
  }

  /** Measures. */
  override afterBatch(learner: AnyLearner): void {
    this.#measure(learner, "train");
  }
  /** Measures. */
  override afterValidationBatch(learner: AnyLearner): void {
    this.#measure(learner, "validation");
  }
  /** Measures. */
  override afterTestBatch(learner: AnyLearner): void {
    this.#measure(learner, "test");
  }

  /** Publishes the means. */
  override async afterEpoch(learner: AnyLearner): Promise<void> {
    await this.#publish(learner, "train");
  }
  /** Publishes the means. */
  override async afterValidate(learner: AnyLearner): Promise<void> {
    await this.#publish(learner, "validation");
  }
  /** Publishes the means. */
  override async afterTest(learner: AnyLearner): Promise<void> {
    await this.#publish(learner, "test");
  }

  #reset(): void {
    for (const [, , mean] of this.#metrics) mean.reset();
  }

  #measure(learner: AnyLearner, phase: MeasuredPhase): void {
    if (!this.#phases.has(phase) || !learner.loss || learner.cancelled.has("batch")) return;
    for (const [, metric, mean] of this.#metrics) {
      const value = tf.tidy(() => tf.mean(metric(learner.predictions, learner.labels)));
      mean.add(value, learner.batchSize);
    }
  }

  async #publish(learner: AnyLearner, phase: MeasuredPhase): Promise<void> {
    if (!this.#phases.has(phase)) return;
    for (const [name, , mean] of this.#metrics) {
      learner.metrics[`${phase}.${name}`] = await mean.read();
      mean.reset();
    }
  }
}
