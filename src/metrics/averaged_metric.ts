import type { FieldCheck } from "../checks/fields.ts";
import { checkNumber, describeValue } from "../checks/check_options.ts";
import type { tf } from "../deps/tfjs.ts";
import type { ClassMetricOptions } from "./classes.ts";
import { checkMetricOptions } from "./check_metric_options.ts";
import { ConfusionTotal, confusionTotal } from "./confusion_total.ts";
import type { Peers } from "../data/loader.ts";
import type { MetricInputs, StatefulMetric } from "./metric.ts";

/**
 * Options of {@linkcode precision}, {@linkcode recall} and {@linkcode f1}.
 *
 * @category Metrics
 */
export interface AveragingOptions extends ClassMetricOptions {
  /**
   * `"binary"` measures the class `positive` alone; `"macro"` is the mean over the classes that
   * occur, in labels or predictions; `"weighted"` the same, weighted by how often each is the label;
   * `"micro"` counts over all classes at once. Default: `"binary"` with two classes, else `"macro"`.
   */
  average?: "binary" | "macro" | "micro" | "weighted";
  /** The class that `"binary"` measures, an integer >= 0. Default: 1. */
  positive?: number;
}

/** Numbers of examples, for one class or for all of them together. */
export interface Counts {
  /** Number of examples of the class that were predicted to be. */
  hits: number;
  /** Not of the class, but predicted to be. */
  falseAlarms: number;
  /** Number of examples of the class that were not predicted to be. */
  misses: number;
}

const AVERAGES = ["binary", "macro", "micro", "weighted"];

/**
 * Precision, recall or F1: a ratio of counts, averaged over classes; 0 where the ratio is 0 / 0. An
 * example without a known prediction is a miss of its class.
 */
export class AveragedMetric implements StatefulMetric {
  readonly #ratio: (counts: Counts) => [numerator: number, denominator: number];
  readonly #average: AveragingOptions["average"];
  readonly #positive: number;
  readonly #options: ClassMetricOptions;
  readonly #total = new ConfusionTotal();
  readonly addsPeers = true;
  readonly checkState: FieldCheck = confusionTotal;

  /**
   * Checks the options.
   *
   * @param name The name of the metric, for messages.
   * @param ratio The ratio.
   * @param options How to average over classes.
   * @throws {TypeError} If an option or an average is unknown.
   * @throws {RangeError} If `positive` is not an integer >= 0.
   */
  constructor(
    name: string,
    ratio: (counts: Counts) => [numerator: number, denominator: number],
    options: AveragingOptions,
  ) {
    const action = `measure ${name}`;
    checkMetricOptions(name, options, {
      average: true,
      positive: true,
      probabilities: "flag",
      ignoreIndex: true,
    });
    const { average, positive = 1 } = options;
    if (average !== undefined && !AVERAGES.includes(average)) {
      throw new TypeError(
        `Cannot ${action} as average must be one of ${AVERAGES.join(", ")}: current value is ${
          describeValue(average)
        }`,
      );
    }
    this.#ratio = ratio;
    this.#average = average;
    this.#options = { probabilities: options.probabilities, ignoreIndex: options.ignoreIndex };
    this.#positive = checkNumber(action, "positive", positive, { integer: true, min: 0 });
  }

  reset(): void {
    this.#total.reset();
  }

  update(predictions: tf.Tensor, labels: tf.Tensor, inputs?: MetricInputs): void {
    this.#total.add(predictions, labels, { ...this.#options, weights: inputs?.weights });
  }

  state(): unknown {
    return this.#total.state();
  }

  restore(state: unknown): void {
    this.#total.restore(state);
  }

  async compute(peers?: Peers): Promise<number> {
    const matrix = await this.#total.read(peers);
    if (!matrix.flat().some((count) => count > 0)) return NaN;
    const classes = matrix.map((_, index) => countsOf(matrix, index));
    const average = this.#average ?? (matrix.length === 2 ? "binary" : "macro");
    if (average === "binary") return this.#binary(classes);
    if (average === "micro") return this.#value(classes.reduce(sum));
    const weight = ({ hits, falseAlarms, misses }: Counts) =>
      average === "weighted" ? hits + misses : Math.sign(hits + falseAlarms + misses);
    const total = classes.reduce((total, counts) => total + weight(counts), 0);
    return classes.reduce((mean, counts) => mean + weight(counts) * this.#value(counts), 0) / total;
  }

  #binary(classes: Counts[]): number {
    const counts = classes[this.#positive];
    if (counts) return this.#value(counts);
    throw new RangeError(
      `Cannot measure as positive must be one of the ${classes.length} classes: ` +
        `current value is ${this.#positive}`,
    );
  }

  #value(counts: Counts): number {
    const [numerator, denominator] = this.#ratio(counts);
    return denominator === 0 ? 0 : numerator / denominator;
  }
}

function countsOf(matrix: number[][], index: number): Counts {
  const hits = matrix[index][index];
  const labelled = matrix[index].reduce((a, b) => a + b); // with those of unknown prediction
  const predicted = matrix.reduce((total, row) => total + row[index], 0);
  return { hits, falseAlarms: predicted - hits, misses: labelled - hits };
}

function sum(a: Counts, b: Counts): Counts {
  return {
    hits: a.hits + b.hits,
    falseAlarms: a.falseAlarms + b.falseAlarms,
    misses: a.misses + b.misses,
  };
}
