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
  override priority = 100;
  readonly #metrics: [name: string, metric: Metric, mean: RunningMean][];
  readonly #phases: ReadonlySet<MeasuredPhase>;

  /**
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

  override beforeEpoch() {
    this.#reset();
  }
  override beforeValidate() {
    this.#reset();
  }
  override beforeTest() {
    this.#reset();
  }

  override afterBatch(learner: AnyLearner) {
    this.#measure(learner, "train");
  }
  override afterValidationBatch(learner: AnyLearner) {
    this.#measure(learner, "validation");
  }
  override afterTestBatch(learner: AnyLearner) {
    this.#measure(learner, "test");
  }

  override async afterEpoch(learner: AnyLearner) {
    await this.#publish(learner, "train");
  }
  override async afterValidate(learner: AnyLearner) {
    await this.#publish(learner, "validation");
  }
  override async afterTest(learner: AnyLearner) {
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
