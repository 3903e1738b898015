import { checkNumber, checkOptions, closest, describeValue } from "../../checks/check_options.ts";
import type { AnyLearner } from "../../learner/callback.ts";

/**
 * The metric to watch, and the values that count as better.
 *
 * @category Writing a callback
 */
export interface MonitorOptions {
  /**
   * The name of a metric of training or validation, such as `"train.loss"` or
   * `"validation.accuracy"`. Default: `"validation.loss"`.
   */
  monitor?: string;
  /**
   * Whether smaller or larger values are better. Default: known for losses, errors, accuracy,
   * precision, recall, F1, AUC and R².
   */
  mode?: "min" | "max";
  /** A value counts as better if it improves by more than this, finite and >= 0. Default: 0. */
  minDelta?: number;
}

const SMALLER_IS_BETTER = /loss|error|mae|mse|rmse|entropy|perplexity/i;
/** Names whose mode is known, for a suggestion where one is misspelt. */
const KNOWN = ["train", "validation"].flatMap((phase) =>
  ["loss", "error", "perplexity", "accuracy", "precision", "recall", "f1", "rocAuc", "top5"]
    .map((metric) => `${phase}.${metric}`)
);
const GREATER_IS_BETTER = /accuracy|precision|recall|f1|auc|r2|top\d/i;

/**
 * Watches a metric by its name, for callbacks that act on it.
 *
 * A metric of training is complete in `afterEpoch`, one of validation in `afterValidate`: ask
 * {@linkcode Monitor.read} in both hooks.
 *
 * @example
 * ```ts
 * import { Monitor } from "@trainchart/trainchart/callbacks";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const monitor = new Monitor("Example", { monitor: "validation.accuracy", minDelta: 0.01 });
 * assertEquals(monitor.mode, "max");
 * assert(monitor.improves(0.5));
 * assert(!monitor.improves(0.505));
 * assertEquals(monitor.best, 0.5);
 * ```
 *
 * @category Writing a callback
 */
export class Monitor {
  /** The name of the metric. */
  readonly name: string;
  /** Whether smaller or larger values are better. */
  readonly mode: "min" | "max";
  /** The best value so far; NaN before the first. */
  best: number = NaN;
  readonly #owner: string;
  readonly #minDelta: number;

  /**
   * Checks the options.
   *
   * @param owner The name of the callback, for messages.
   * @param options The metric.
   * @throws {TypeError} If the metric is not one of training or validation, `mode` is neither given
   *   nor known, or an option is unknown.
   * @throws {RangeError} If `minDelta` is not finite and >= 0.
   */
  constructor(owner: string, options: MonitorOptions = {}) {
    const known = { monitor: true, mode: true, minDelta: true };
    checkOptions(`monitor with ${owner}`, options, known);
    const { monitor = "validation.loss", mode = modeOf(monitor), minDelta = 0 } = options;
    if (!/^(train|validation)\../.test(monitor)) {
      throw new TypeError(
        `Cannot monitor with ${owner} as the name must begin with "train." or "validation.": ` +
          `current value is ${describeValue(monitor)}`,
      );
    }
    if (mode !== "min" && mode !== "max") {
      throw new TypeError(
        `Cannot monitor ${monitor} with ${owner} as mode must be "min" or "max" for a metric that ` +
          `is not known: current value is ${describeValue(mode)}` +
          (mode === undefined ? `, did you mean "${closest(monitor, KNOWN)}"?` : ""),
      );
    }
    checkNumber(`monitor ${monitor} with ${owner}`, "minDelta", minDelta, { min: 0 });
    this.name = monitor;
    this.mode = mode;
    this.#owner = owner;
    this.#minDelta = minDelta;
  }

  /** The options of a Monitor among those of a callback. */
  static optionsOf({ monitor, mode, minDelta }: MonitorOptions): MonitorOptions {
    return { monitor, mode, minDelta };
  }

  /**
   * Forgets the last training; to be called in `beforeTrain`.
   *
   * @throws {TypeError} If no callback measures the metric; the message lists the metrics.
   */
  begin(learner: AnyLearner): void {
    this.best = NaN;
    const names = metricNamesOf(learner);
    if (names.includes(this.name)) return;
    throw new TypeError(
      `Cannot monitor "${this.name}" with ${this.#owner} as it must be one of ${
        names.join(", ")
      }: did you mean "${closest(this.name, names)}"?`,
    );
  }

  /**
   * The newest value, in the hook in which it becomes complete.
   *
   * @param learner The Learner.
   * @param hook The hook that is running.
   * @returns The value; `undefined` if this is not its hook, if its epoch or validation was cut
   *   short, or outside of a training.
   * @throws {TypeError} If the metric was announced but not measured.
   */
  read(learner: AnyLearner, hook: "afterEpoch" | "afterValidate"): number | undefined {
    const [own, phase] = this.name.startsWith("train.")
      ? ["afterEpoch", "epoch"] as const
      : ["afterValidate", "validate"] as const;
    if (hook !== own || learner.cancelled.has(phase) || !isTraining(learner)) return;
    const value = learner.metrics[this.name];
    if (typeof value === "number") return value;
    throw new TypeError(
      `Cannot monitor "${this.name}" with ${this.#owner} as it must be measured by ${hook}: ` +
        `current value is ${value}`,
    );
  }

  /** Whether a value is the best so far; if so, it is remembered. Only finite values can be. */
  improves(value: number): boolean {
    const { best, mode } = this;
    const gain = mode === "min" ? best - value : value - best;
    const better = Number.isFinite(value) && (Number.isNaN(best) || gain > this.#minDelta);
    if (better) this.best = value;
    return better;
  }
}

/** The names of all metrics of training and validation that will be measured in this training. */
function metricNamesOf({ callbacks, dataloaders, metrics, objectives }: AnyLearner): string[] {
  const losses = ["train", "validation"].flatMap((phase) => [
    `${phase}.loss`,
    ...Object.keys(objectives).map((objective) => `${phase}.${objective}.loss`),
  ]);
  const announced = callbacks.flatMap(({ metricNames }) => metricNames ?? []);
  const names = new Set([...losses, ...announced, ...Object.keys(metrics)]);
  return [...names].filter((name) =>
    name.startsWith("train.") ||
    (name.startsWith("validation.") && dataloaders.validation !== undefined)
  );
}

/** Whether a training is in progress, rather than a validation or a test alone. */
export function isTraining(learner: AnyLearner): boolean {
  return learner.actor?.getSnapshot().matches("train") ?? false;
}

function modeOf(name: string): "min" | "max" | undefined {
  const metric = name.slice(name.indexOf(".") + 1);
  if (SMALLER_IS_BETTER.test(metric)) return "min";
  if (GREATER_IS_BETTER.test(metric)) return "max";
}
