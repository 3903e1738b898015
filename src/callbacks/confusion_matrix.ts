import { ConfusionTotal } from "../metrics/confusion_total.ts";
import { confusionPlot } from "../plots/confusion_plot.ts";
import type { Picture } from "../plots/picture.ts";
import { type AnyLearner, Callback } from "../learner/callback.ts";
import type { MeasuredPhase } from "./metrics.ts";
import { PRIORITIES } from "../learner/priorities.ts";
import { textTable } from "../text/text_table.ts";

/** Options of {@linkcode ConfusionMatrix}. */
export interface ConfusionMatrixOptions {
  /** The names of the classes. Default: their numbers. */
  classes?: readonly string[];
  /** Where to count. Default: in validation and test. */
  phases?: readonly MeasuredPhase[];
}

/**
 * Counts which class is taken for which, over each whole pass, on the device.
 *
 * @example
 * ```ts
 * import { ConfusionMatrix } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const matrix = new ConfusionMatrix({ classes: ["cat", "dog"] });
 * // await new Learner({ callbacks: [matrix], … }).train(); console.log(String(matrix));
 * assertEquals(matrix.counts, []);
 * ```
 */
export class ConfusionMatrix extends Callback {
  /** With the metrics. */
  override priority: number = PRIORITIES.metrics;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** Each process counts its own examples, until the end of a pass. */
  override readonly perRank: boolean = true;
  /**
   * The counts of the last pass, a row for each actual class and a column for each predicted one;
   * empty before the first pass.
   */
  counts: number[][] = [];
  readonly #classes: readonly string[] | undefined;
  readonly #phases: ReadonlySet<MeasuredPhase>;
  readonly #total = new ConfusionTotal();

  /**
   * Counts nothing yet.
   *
   * @param options Names, and where to count.
   */
  constructor({ classes, phases = ["validation", "test"] }: ConfusionMatrixOptions = {}) {
    super();
    this.#classes = classes;
    this.#phases = new Set(phases);
  }

  /** The names of the classes. */
  get classes(): string[] {
    return this.counts.map((_, index) => this.#classes?.[index] ?? String(index));
  }

  /**
   * What is confused most often.
   *
   * @param limit At most how many pairs, >= 0.
   * @returns Pairs of an actual and a predicted class, the most frequent first.
   */
  mostConfused(limit: number = 10): { actual: string; predicted: string; count: number }[] {
    const { classes } = this;
    return this.counts.flatMap((row, actual) =>
      row.map((count, predicted) => ({ actual, predicted, count }))
    ).filter(({ actual, predicted, count }) => actual !== predicted && count > 0)
      .sort((a, b) => b.count - a.count).slice(0, limit)
      .map(({ actual, predicted, count }) => ({
        actual: classes[actual],
        predicted: classes[predicted],
        count,
      }));
  }

  /**
   * Draws the matrix of the last pass.
   *
   * @throws {Error} If nothing was counted yet.
   */
  plot(): Picture {
    if (this.counts.length > 0) return confusionPlot(this.counts, this.classes);
    throw new Error(
      "Cannot draw the confusion matrix as something must have been counted: " +
        "no pass has ended yet",
    );
  }

  /** A table. */
  override toString(): string {
    const { classes } = this;
    if (classes.length === 0) return "(nothing was counted)";
    return textTable([
      ["actual \\ predicted", ...classes],
      ...this.counts.map((row, actual) => [classes[actual], ...row.map(String)]),
    ]);
  }

  /** Forgets the last run. */
  override beforeTrain(): void {
    this.counts = [];
  }

  /** Begins to count. */
  override beforeEpoch(): void {
    this.#total.reset();
  }
  /** Begins to count. */
  override beforeValidate(): void {
    this.#total.reset();
  }
  /** Begins to count. */
  override beforeTest(): void {
    this.#total.reset();
  }

  /** Counts. */
  override afterBatch(learner: AnyLearner): void {
    this.#count(learner, "train");
  }
  /** Counts. */
  override afterValidationBatch(learner: AnyLearner): void {
    this.#count(learner, "validation");
  }
  /** Counts. */
  override afterTestBatch(learner: AnyLearner): void {
    this.#count(learner, "test");
  }

  /** Reads the counts. */
  override async afterEpoch(learner: AnyLearner): Promise<void> {
    await this.#read(learner, "train");
  }
  /** Reads the counts. */
  override async afterValidate(learner: AnyLearner): Promise<void> {
    await this.#read(learner, "validation");
  }
  /** Reads the counts. */
  override async afterTest(learner: AnyLearner): Promise<void> {
    await this.#read(learner, "test");
  }

  /** The counts, for a checkpoint; the tensor stays its own. */
  override state(): unknown {
    return { counts: this.counts, total: this.#total.state() };
  }

  /** Goes on from a checkpoint. */
  override restore(state: unknown): void {
    const { counts, total } = state as { counts: number[][]; total: unknown };
    this.counts = counts;
    this.#total.restore(total);
  }

  #count(learner: AnyLearner, phase: MeasuredPhase): void {
    if (!this.#phases.has(phase) || !learner.loss || learner.cancelled.has("batch")) return;
    this.#total.add(learner.predictions, learner.labels);
  }

  async #read(learner: AnyLearner, phase: MeasuredPhase): Promise<void> {
    if (!this.#phases.has(phase)) return;
    try {
      this.counts = await this.#total.read(learner.peers);
    } finally {
      this.#total.reset();
    }
  }
}
