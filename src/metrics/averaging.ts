/**
 * Precision, recall and F1 are one count each of hits, false alarms and misses, averaged alike.
 *
 * @module
 */
import type { tf } from "../deps/tfjs.ts";
import { ConfusionTotal } from "./confusion_total.ts";
import type { Peers } from "../data/shard.ts";
import type { StatefulMetric } from "./stateful_metric.ts";

/**
 * Options of {@linkcode precision}, {@linkcode recall} and {@linkcode f1}.
 *
 * @category Metrics
 */
export interface AveragingOptions {
  /**
   * `"binary"` measures the class `positive` alone; `"macro"` is the mean over the classes that
   * occur, in labels or predictions; `"weighted"` the same, weighted by how often each is the label;
   * `"micro"` counts over all classes at once. Default: `"binary"` with two classes, else `"macro"`.
   */
  average?: "binary" | "macro" | "micro" | "weighted";
  /** The class that `"binary"` is about, an integer >= 0. Default: 1. */
  positive?: number;
}

/** What was counted for one class, or for all of them together. */
export interface Counts {
  /** Of the class, and said to be. */
  hits: number;
  /** Not of the class, but said to be. */
  falseAlarms: number;
  /** Of the class, but not said to be. */
  misses: number;
}

const AVERAGES = ["binary", "macro", "micro", "weighted"];

/** A metric that is a ratio of counts, and 0 where the ratio is 0 / 0. */
export class AveragedMetric implements StatefulMetric {
  readonly #ratio: (counts: Counts) => [numerator: number, denominator: number];
  readonly #average: AveragingOptions["average"];
  readonly #positive: number;
  readonly #total = new ConfusionTotal();
  readonly addsPeers = true;

  /** Checks the options. */
  constructor(
    name: string,
    ratio: (counts: Counts) => [numerator: number, denominator: number],
    { average, positive = 1 }: AveragingOptions,
  ) {
    if (average !== undefined && !AVERAGES.includes(average)) {
      throw new TypeError(
        `Cannot measure ${name} as average must be one of ${AVERAGES.join(", ")}: ` +
          `current value is ${average}`,
      );
    }
    if (!Number.isInteger(positive) || positive < 0) {
      throw new RangeError(
        `Cannot measure ${name} as positive must be an integer >= 0: current value is ${positive}`,
      );
    }
    this.#ratio = ratio;
    this.#average = average;
    this.#positive = positive;
  }

  reset(): void {
    this.#total.reset();
  }

  update(predictions: tf.Tensor, labels: tf.Tensor): void {
    this.#total.add(predictions, labels);
  }

  state(): unknown {
    return this.#total.state();
  }

  restore(state: unknown): void {
    this.#total.restore(state);
  }

  async compute(peers?: Peers): Promise<number> {
    const matrix = await this.#total.read(peers);
    if (matrix.length === 0) return NaN;
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
  const labelled = matrix[index].reduce((a, b) => a + b);
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
