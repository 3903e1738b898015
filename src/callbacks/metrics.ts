import { describeValue } from "../checks/describe_value.ts";
import type { Peers } from "../data/peers.ts";
import type { Metric } from "../metrics/metric.ts";
import { MeanMetric } from "../metrics/mean_metric.ts";
import { isStateful, type StatefulMetric } from "../metrics/stateful_metric.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/priorities.ts";

/** Where a metric is measured. */
export type MeasuredPhase = "train" | "validation" | "test";

/** Options of {@linkcode Metrics}. */
export interface MetricsOptions {
  /** Where to measure. Default: everywhere. */
  phases?: readonly MeasuredPhase[];
}

/**
 * Measures every batch on the device, and at the end of each pass puts the results into
 * `learner.metrics`, under names like `"validation.accuracy"`. A metric that is a function is
 * averaged by batch size; one with state, such as `f1()`, computes its own value.
 *
 * A batch that was cancelled is not measured.
 *
 * @example
 * ```ts
 * import { accuracy, f1, Metrics } from "@trainchart/trainchart";
 *
 * const metrics = new Metrics({ accuracy, f1: f1() }, { phases: ["validation", "test"] });
 * ```
 */
export class Metrics extends Callback {
  /** After the callbacks of users. */
  override priority: number = PRIORITIES.metrics;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** Each process measures its own examples, until the end of a pass. */
  override readonly perRank: boolean = true;
  readonly #metrics: [name: string, metric: StatefulMetric | MeanMetric][];
  readonly #phases: ReadonlySet<MeasuredPhase>;
  /** Whether something was gathered that is not published yet. */
  #open = false;
  /** How many were measured in the pass at hand. */
  #examples = 0;

  /**
   * Checks the metrics.
   *
   * @param metrics What to measure, by name.
   * @param options Where.
   * @throws {TypeError} If one is called `loss`, or is neither a function nor has `reset`, `update`
   *   and `compute`.
   */
  constructor(metrics: Record<string, Metric | StatefulMetric>, options: MetricsOptions = {}) {
    super();
    if (Array.isArray(metrics)) {
      throw new TypeError(
        "Cannot measure as each metric must have a name, { accuracy }: current value is an array",
      );
    }
    this.#metrics = Object.entries(metrics).map(([name, metric]) => [name, checked(name, metric)]);
    this.#phases = new Set(options.phases ?? ["train", "validation", "test"]);
  }

  /** The names under which `learner.metrics` will have the means. */
  override get metricNames(): string[] {
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

  /**
   * What was gathered in the pass at hand, for a checkpoint; the tensors stay its own.
   *
   * @throws {TypeError} If a metric cannot tell what it has gathered.
   */
  override state(): unknown {
    if (!this.#open) return {};
    const metrics = Object.fromEntries(this.#metrics.map(([name, metric]) => {
      if (metric.state && metric.restore) return [name, metric.state()];
      throw new TypeError(
        `Cannot take a checkpoint in the middle of a pass as metric ${name} must have state() and ` +
          "restore(): it has not",
      );
    }));
    return { metrics, examples: this.#examples };
  }

  /** Goes on from a checkpoint. */
  override restore(state: unknown): void {
    const { metrics, examples = 0 } = state as {
      metrics?: Record<string, never>;
      examples?: number;
    };
    this.#open = metrics !== undefined;
    this.#examples = examples;
    for (const [name, metric] of this.#metrics) {
      if (metrics && Object.hasOwn(metrics, name)) metric.restore!(metrics[name]);
    }
  }

  #reset(): void {
    this.#open = false;
    for (const [, metric] of this.#metrics) metric.reset();
    this.#examples = 0;
  }

  #measure(learner: AnyLearner, phase: MeasuredPhase): void {
    if (!this.#phases.has(phase) || !learner.loss || learner.cancelled.has("batch")) return;
    const { predictions, labels, batchSize } = learner;
    this.#open = true;
    for (const [, metric] of this.#metrics) metric.update(predictions, labels, batchSize);
    this.#examples += batchSize;
  }

  async #publish(learner: AnyLearner, phase: MeasuredPhase): Promise<void> {
    if (!this.#phases.has(phase)) return;
    try {
      for (const [name, metric] of this.#metrics) {
        learner.metrics[`${phase}.${name}`] = await this.#compute(metric, learner.peers);
      }
    } finally {
      this.#reset();
    }
  }

  async #compute(metric: StatefulMetric | MeanMetric, peers?: Peers): Promise<number> {
    if (!peers || metric.addsPeers) return await metric.compute(peers);
    const own = await metric.compute();
    // Of a process that has no value, as all its examples are of one class, the others' counts.
    const totals = Number.isNaN(own)
      ? Float64Array.of(0, 0)
      : Float64Array.of(own * this.#examples, this.#examples);
    peers.sum(totals);
    return totals[0] / totals[1];
  }
}

function checked(name: string, metric: Metric | StatefulMetric): StatefulMetric | MeanMetric {
  if (name === "loss") {
    throw new TypeError(
      'Cannot measure loss as a metric must have a name of its own: "loss" is what is minimised',
    );
  }
  if (isStateful(metric)) return metric;
  if (typeof metric === "function") return new MeanMetric(name, metric);
  throw new TypeError(
    `Cannot measure ${name} as a metric must be a function (predictions, labels) -> tensor, or ` +
      `have the methods reset, update and compute: current value is ${describeValue(metric)}`,
  );
}
