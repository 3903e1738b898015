import {
  type AnyLearner,
  checkPhases,
  type MeasuredPhase,
  PassCallback,
  type StateCheck,
} from "../learner/callback.ts";
import * as field from "../checks/fields.ts";
import { checkOptions, describeValue } from "../checks/check_options.ts";
import type { Peers } from "../data/loader.ts";
import { trackWeights } from "../losses/loss_inputs.ts";
import {
  isStateful,
  MeanMetric,
  type Metric,
  type MetricInputs,
  type StatefulMetric,
} from "../metrics/metric.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { disposeTensors, mapTensors } from "../tensors/nested_tensors.ts";

/**
 * Options of {@linkcode Metrics}.
 *
 * @category Callbacks
 */
export interface MetricsOptions {
  /** The passes in which to measure. Default: all. */
  phases?: readonly MeasuredPhase[];
}

/** The state of the metrics in a pass; empty outside of a pass. */
interface State {
  readonly metrics?: Readonly<Record<string, unknown>>;
  readonly examples?: number;
  /** The epoch around a validation. */
  readonly outer?: State;
}

/**
 * Measures every batch on the device, and at the end of each pass puts the results into
 * `learner.metrics`, under names like `"validation.accuracy"`. A metric that is a function is
 * averaged over the examples; one with state, such as `f1()`, computes its value once.
 *
 * A batch that was cancelled is not measured.
 *
 * @example
 * ```ts
 * import { accuracy, Metrics } from "@trainchart/trainchart";
 * import { f1 } from "@trainchart/trainchart/metrics";
 *
 * const metrics = new Metrics({ accuracy, f1: f1() }, { phases: ["validation", "test"] });
 * ```
 *
 * @category Callbacks
 */
export class Metrics extends PassCallback {
  /** After the user's callbacks. */
  override priority: number = PRIORITIES.metrics;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** Each rank measures its own examples, until the end of a pass. */
  override readonly perRank: boolean = true;
  readonly #metrics: [name: string, metric: StatefulMetric | MeanMetric][];
  readonly #phases: ReadonlySet<MeasuredPhase>;
  /** Whether something was gathered that is not published yet. */
  #open = false;
  /** Number of examples that were measured in the current pass. */
  #examples = 0;
  /** The state of an epoch, while a validation within it is measured. */
  #outer: State | undefined;

  /**
   * Checks the metrics.
   *
   * @param metrics The metrics by name.
   * @param options The passes in which to measure.
   * @throws {TypeError} If a metric is called `loss`, if it is neither a function nor has `reset`,
   *   `update` and `compute`, or if an option or a phase is unknown.
   */
  constructor(metrics: Record<string, Metric | StatefulMetric>, options: MetricsOptions = {}) {
    super();
    if (Array.isArray(metrics)) {
      throw new TypeError(
        "Cannot measure as each metric must have a name, { accuracy }: current value is an array",
      );
    }
    checkOptions("measure", options, { phases: true });
    this.#metrics = Object.entries(metrics).map(([name, metric]) => [name, checked(name, metric)]);
    this.#phases = checkPhases("measure", options.phases);
  }

  /** The names under which `learner.metrics` will have the values. */
  override get metricNames(): string[] {
    return [...this.#phases].flatMap((phase) => this.#metrics.map(([name]) => `${phase}.${name}`));
  }

  /** Forgets the pass before; sets an epoch aside that a validation within it interrupts. */
  protected override beforePass(_learner: AnyLearner, pass: MeasuredPhase): void {
    const isWithin = this.#open && pass === "validation";
    const outer = isWithin ? mapTensors(this.#state(), (tensor) => tensor.clone()) : undefined;
    this.#reset();
    this.#outer = outer;
  }

  /** Measures the batch. */
  protected override afterPassBatch(learner: AnyLearner, pass: MeasuredPhase): void {
    if (!this.#phases.has(pass) || !learner.loss || learner.cancelled.has("batch")) return;
    const { predictions, labels, weights, batchSize: size } = learner;
    this.#open = true;
    for (const [name, metric] of this.#metrics) {
      if (metric instanceof MeanMetric) metric.update(predictions, labels, { size, weights });
      else updateStateful(name, metric, learner);
    }
    this.#examples += size;
  }

  /** Publishes the values. */
  protected override async afterPass(learner: AnyLearner, pass: MeasuredPhase): Promise<void> {
    const outer = this.#outer;
    this.#outer = undefined;
    try {
      if (!this.#phases.has(pass)) return;
      for (const [name, metric] of this.#metrics) {
        learner.metrics[`${pass}.${name}`] = await this.#compute(metric, learner.peers);
      }
    } finally {
      this.#reset();
      if (outer) this.restore(outer);
    }
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = (state, path) => {
    const pass = {
      metrics: field.optional(field.record(Object.fromEntries(
        this.#metrics.map(([name, { checkState = field.anything }]) => [name, checkState]),
      ))),
      examples: field.optional(field.integer({ min: 0 })),
    };
    return field.record({ ...pass, outer: field.optional(field.record(pass)) })(state, path);
  };

  /**
   * The state of the metrics in the current pass, for a checkpoint; the tensors stay the metrics'.
   *
   * @throws {TypeError} If a metric has no `state` and `restore`.
   */
  override state(): unknown {
    return { ...this.#state(), ...this.#outer && { outer: this.#outer } };
  }

  #state(): State {
    if (!this.#open) return {};
    const metrics = Object.fromEntries(this.#metrics.map(([name, metric]) => {
      if (metric.state && metric.restore) return [name, metric.state()];
      throw new TypeError(
        `Cannot take a checkpoint in the middle of a pass as metric ${name} must have state() and ` +
          "restore(): it has neither",
      );
    }));
    return { metrics, examples: this.#examples };
  }

  /** Continues from a checkpoint. */
  override restore(state: unknown): void {
    const { metrics, examples = 0, outer } = state as State;
    this.#outer = outer;
    this.#open = metrics !== undefined;
    this.#examples = examples;
    for (const [name, metric] of this.#metrics) {
      if (metrics && Object.hasOwn(metrics, name)) metric.restore!(metrics[name] as never);
    }
  }

  #reset(): void {
    disposeTensors(this.#outer);
    this.#outer = undefined;
    this.#open = false;
    for (const [, metric] of this.#metrics) metric.reset();
    this.#examples = 0;
  }

  async #compute(metric: StatefulMetric | MeanMetric, peers?: Peers): Promise<number> {
    if (!peers || metric.addsPeers) return await metric.compute(peers);
    const own = await metric.compute();
    // A rank may have no value, as where all its examples are of one class: the others' counts.
    const totals = Number.isNaN(own)
      ? Float64Array.of(0, 0)
      : Float64Array.of(own * this.#examples, this.#examples);
    peers.sum(totals);
    return totals[0] / totals[1];
  }
}

function updateStateful(name: string, metric: StatefulMetric, learner: AnyLearner): void {
  const { predictions, labels, weights, batchSize: size } = learner;
  if (weights === undefined) return metric.update(predictions, labels, { size });
  const { options, isRead } = trackWeights(weights);
  const inputs = Object.defineProperty(options, "size", { value: size, enumerable: true });
  metric.update(predictions, labels, inputs as MetricInputs);
  if (isRead()) return;
  throw new TypeError(
    `Cannot measure ${name} as a metric of a batch with weights must read them: ` +
      "update(predictions, labels, { weights })",
  );
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
