import {
  type AnyLearner,
  checkPhases,
  type MeasuredPhase,
  PassCallback,
  type StateCheck,
} from "../learner/callback.ts";
import * as field from "../checks/fields.ts";
import { checkOptions } from "../checks/check_options.ts";
import { ConfusionTotal, confusionTotal } from "../metrics/confusion_total.ts";
import { type Plot, plotters } from "../pictures.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { textTable } from "../text/text.ts";

/**
 * Options of {@linkcode ConfusionMatrix}.
 *
 * @category Callbacks
 */
export interface ConfusionMatrixOptions {
  /** The names of the classes. Default: their numbers. */
  classes?: readonly string[];
  /** The passes in which to count. Default: validation and test. */
  phases?: readonly MeasuredPhase[];
}

/**
 * Counts on the device, over each whole pass, which class is taken for which.
 *
 * @example
 * ```ts
 * import { ConfusionMatrix } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const matrix = new ConfusionMatrix({ classes: ["cat", "dog"] });
 * // await new Learner({ callbacks: [matrix], … }).train(); console.log(String(matrix));
 * assertEquals(matrix.counts, []);
 * ```
 *
 * @category Callbacks
 */
export class ConfusionMatrix extends PassCallback {
  /** In the band of metrics. */
  override priority: number = PRIORITIES.metrics;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** Each rank counts its own examples, until the end of a pass. */
  override readonly perRank: boolean = true;
  /**
   * The counts of the last pass, a row for each actual class and a column for each predicted one;
   * empty before the first pass. Predictions that are NaN or +Infinity are in no column.
   */
  counts: number[][] = [];
  readonly #classes: readonly string[] | undefined;
  readonly #phases: ReadonlySet<MeasuredPhase>;
  /** A total for each pass: a validation may lie within an epoch. */
  readonly #totals: Record<MeasuredPhase, ConfusionTotal> = {
    train: new ConfusionTotal(),
    validation: new ConfusionTotal(),
    test: new ConfusionTotal(),
  };

  /**
   * Checks the options.
   *
   * @param options Names, and the passes in which to count.
   * @throws {TypeError} If an option or a phase is unknown.
   */
  constructor(options: ConfusionMatrixOptions = {}) {
    super();
    checkOptions("count confusions", options, { classes: true, phases: true });
    const { classes, phases = ["validation", "test"] } = options;
    this.#classes = classes;
    this.#phases = checkPhases("count confusions", phases);
  }

  /** The names of the classes. */
  get classes(): string[] {
    return this.counts.map((_, index) => this.#classes?.[index] ?? String(index));
  }

  /**
   * The pairs of classes that are confused most often.
   *
   * @param limit The largest number of pairs, >= 0.
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
   * @throws {Error} If nothing was counted yet, or `@trainchart/trainchart/plots` was not imported.
   */
  plot(): Plot {
    if (this.counts.length > 0) return plotters().confusion(this.counts, this.classes);
    throw new Error("Cannot draw the confusion matrix: no pass has ended yet.");
  }

  /** The counts as a table. */
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
  protected override beforePass(_learner: AnyLearner, pass: MeasuredPhase): void {
    this.#totals[pass].reset();
  }

  /** Counts the batch. */
  protected override afterPassBatch(learner: AnyLearner, pass: MeasuredPhase): void {
    if (!this.#phases.has(pass) || !learner.loss || learner.cancelled.has("batch")) return;
    this.#totals[pass].add(learner.predictions, learner.labels);
  }

  /** Reads the counts. */
  protected override async afterPass(learner: AnyLearner, pass: MeasuredPhase): Promise<void> {
    if (!this.#phases.has(pass)) return;
    try {
      const counts = await this.#totals[pass].read(learner.peers);
      this.counts = counts.map((row) => row.slice(0, counts.length));
    } finally {
      this.#totals[pass].reset();
    }
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.all(
    field.record({
      counts: field.list(field.list(field.measurement)),
      totals: field.optional(field.record({
        train: confusionTotal,
        validation: confusionTotal,
        test: confusionTotal,
      })),
      total: field.optional(confusionTotal),
    }),
    field.that("must have totals", (state) => {
      const { totals, total } = state as { totals?: unknown; total?: unknown };
      return totals !== undefined || total !== undefined;
    }),
  );

  /** The counts, for a checkpoint; the tensor stays the callback's. */
  override state(): unknown {
    const totals = Object.entries(this.#totals).map(([pass, total]) => [pass, total.state()]);
    return { counts: this.counts, totals: Object.fromEntries(totals) };
  }

  /** Continues from a checkpoint. */
  override restore(state: unknown, { phase }: AnyLearner): void {
    const { counts, totals, total } = state as {
      counts: number[][];
      totals?: Partial<Record<MeasuredPhase, unknown>>;
      /** That of the open pass, in checkpoints of version 0.1. */
      total?: unknown;
    };
    this.counts = counts;
    const open = phase === "validate" ? "validation" : phase === "test" ? "test" : "train";
    const saved: Partial<Record<MeasuredPhase, unknown>> = totals ?? { [open]: total };
    for (const pass of ["train", "validation", "test"] as const) {
      if (saved[pass] !== undefined) this.#totals[pass].restore(saved[pass]);
    }
  }
}
