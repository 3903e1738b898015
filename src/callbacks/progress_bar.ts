import * as field from "../checks/fields.ts";
import {
  type AnyLearner,
  type MeasuredPhase,
  metricsOfPhase,
  PassCallback,
  type StateCheck,
} from "../learner/callback.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { formatClock, formatMetric } from "../text/text.ts";
import { Terminal, type TerminalOptions } from "./support/terminal.ts";

/** The narrowest column of values, and that of times, in characters: `0.1234`, `12:34`. */
const VALUE = 6;
const TIME = 5;
const GAP = "  ";

interface Column {
  readonly titles: readonly string[];
  readonly width: number;
}

/** A table with a row for each epoch and a column for each metric. */
class EpochTable {
  /** The full names of the metrics: `"validation.accuracy"`. */
  readonly names: readonly string[];
  /** The lines of the head: two where one would not fit, the passes above their metrics. */
  readonly head: readonly string[];
  readonly #columns: readonly Column[];

  /**
   * Lays out the columns.
   *
   * @param names The full names of the metrics, those of one pass together.
   * @param width The width that is available, in characters.
   */
  constructor(names: readonly string[], width: number) {
    this.names = names;
    const wide = tableColumns(names.map((name) => [name.replaceAll(/\.(?=\p{L})/gu, " ")]));
    const fits = lineOf(wide.map(() => ""), wide).length <= width;
    this.#columns = fits ? wide : tableColumns(names.map(splitTitle));
    const [{ titles }] = this.#columns;
    const head = titles.map((_, line) =>
      lineOf(this.#columns.map(({ titles }) => titles[line]), this.#columns).trimEnd()
    );
    this.head = fits ? head : [passesOf(names, this.#columns), ...head.slice(1)];
  }

  /** The row of an epoch, 0-based, of its values and its duration. */
  row(epoch: number, values: readonly string[], time: string): string {
    return lineOf([String(epoch + 1), ...values, time], this.#columns);
  }
}

/** The pass is written once, above the first of its metrics. */
function splitTitle(name: string, index: number, names: readonly string[]): string[] {
  const [pass, metric] = [passOf(name), name.slice(passOf(name).length + 1)];
  return [index > 0 && passOf(names[index - 1]) === pass ? "" : pass, metric];
}

/** The line of the passes: each with a rule above its other metrics. */
function passesOf(names: readonly string[], columns: readonly Column[]): string {
  const cells = columns.map(({ titles: [pass], width }, column) => {
    const isRule = column > 1 && column <= names.length && pass === "";
    if (!isRule) return GAP + pass.padStart(width);
    const rule = "─".repeat(GAP.length + width);
    return columns[column - 1].titles[0] === "" ? rule : ` ${rule.slice(1)}`;
  });
  return cells.join("").slice(GAP.length).trimEnd();
}

function passOf(name: string): string {
  return name.slice(0, name.indexOf("."));
}

/** The columns of the metrics, and those of the epoch and the time around them. */
function tableColumns(titles: readonly string[][]): Column[] {
  const last = (title: string) =>
    titles[0].map((_, line) => line < titles[0].length - 1 ? "" : title);
  return [
    { titles: last("epoch"), width: "epoch".length },
    ...titles.map((titles) => ({
      titles,
      width: Math.max(VALUE, ...titles.map(({ length }) => length)),
    })),
    { titles: last("time"), width: TIME },
  ];
}

function lineOf(cells: readonly string[], columns: readonly Column[]): string {
  return cells.map((cell, index) => cell.padStart(columns[index].width)).join(GAP);
}

/** Time between two drawings of the bar, in ms: so long that reading the loss is cheap. */
const INTERVAL = 200;
/** The longest and the shortest bar, in characters. */
const BAR = { most: 24, least: 4 };

interface State {
  rowPending: boolean;
  epochSeconds: number;
  passSeconds: number;
  batches: number;
  examples: number;
}

/**
 * Shows a run in the terminal: a live bar per pass, and a table with one row per epoch.
 *
 * The bar shows batches done, examples per second, the running loss and the time left. In a pipe,
 * or with NO_COLOR, there is only the table, in plain lines without control codes.
 *
 * @example
 * ```ts
 * import { ProgressBar } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const lines: string[] = [];
 * const progress = new ProgressBar({ live: false, write: (text) => lines.push(text) });
 * assertEquals(progress.priority, 500);
 * ```
 *
 * @category Callbacks
 */
export class ProgressBar extends PassCallback {
  /** After everything that measures. */
  override priority: number = PRIORITIES.display;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** Of several ranks, one is enough. */
  override readonly mainRankOnly: boolean = true;
  readonly #terminal: Terminal;
  #table: EpochTable | undefined;
  #rowPending = false;
  #epochBegan = 0;
  #passBegan = 0;
  #batches = 0;
  #examples = 0;
  #drawn = 0;

  /**
   * Checks the options.
   *
   * @param options Where to write, and whether live.
   * @throws {TypeError} If an option is unknown.
   */
  constructor(options: TerminalOptions = {}) {
    super();
    this.#terminal = new Terminal(options);
  }

  /** Begins a new table. */
  override beforeTrain(): void {
    this.#terminal.begin();
    this.#table = undefined;
    this.#rowPending = false;
    this.#drawn = performance.now();
  }

  /** Begins a new bar. */
  protected override beforePass(learner: AnyLearner, pass: MeasuredPhase): void {
    if (pass === "train") {
      this.#flushRow(learner);
      this.#epochBegan = performance.now();
    }
    this.#passBegan = performance.now();
    this.#batches = 0;
    this.#examples = 0;
  }

  /** Moves the bar. */
  protected override afterPassBatch(
    learner: AnyLearner,
    pass: MeasuredPhase,
  ): void | Promise<void> {
    this.#batches++;
    this.#examples += learner.batchSize;
    if (!this.#terminal.live) return;
    const now = performance.now();
    if (now - this.#drawn < INTERVAL) return;
    this.#drawn = now;
    return this.#draw(learner, pass);
  }

  /** Removes the bar, and writes the row or the results if they are complete. */
  protected override afterPass(
    learner: AnyLearner,
    pass: MeasuredPhase,
  ): void | Promise<void> {
    this.#terminal.clear();
    if (pass === "test") this.#writeTest(learner);
    else this.#endPass(learner, pass);
    return this.#terminal.settle();
  }

  #endPass(learner: AnyLearner, pass: MeasuredPhase): void {
    const { cancelled } = learner;
    if (pass === "validation") {
      const half = cancelled.has("train") && cancelled.has("validate");
      return this.#flushRow(learner, { validated: !half });
    }
    // Half an epoch of a cancelled training has no row: its numbers compare with no other.
    this.#rowPending = !(cancelled.has("train") && cancelled.has("epoch"));
    if (!learner.isValidationDue) this.#flushRow(learner, { validated: learner.isValidated });
  }

  /** Writes a row that is still due. */
  override afterTrain(learner: AnyLearner): void | Promise<void> {
    this.#flushRow(learner);
    return this.#terminal.settle();
  }

  /** Removes the bar. */
  override onError(): void {
    this.#terminal.clear();
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = field.record({
    rowPending: field.flag,
    epochSeconds: field.number(),
    passSeconds: field.number(),
    batches: field.integer({ min: 0 }),
    examples: field.integer({ min: 0 }),
  });

  /** The position of the bar, for a checkpoint. */
  override state(): unknown {
    const now = performance.now();
    return {
      rowPending: this.#rowPending,
      epochSeconds: (now - this.#epochBegan) / 1000,
      passSeconds: (now - this.#passBegan) / 1000,
      batches: this.#batches,
      examples: this.#examples,
    } satisfies State;
  }

  /** Continues from a checkpoint, with a table of its own. */
  override restore(state: unknown): void {
    const { rowPending, epochSeconds, passSeconds, batches, examples } = state as State;
    const now = this.#drawn = performance.now();
    this.#table = undefined;
    this.#rowPending = rowPending;
    this.#epochBegan = now - 1000 * epochSeconds;
    this.#passBegan = now - 1000 * passSeconds;
    this.#batches = batches;
    this.#examples = examples;
  }

  async #draw(learner: AnyLearner, pass: MeasuredPhase): Promise<void> {
    const label = pass === "train" ? `epoch ${learner.epoch + 1}/${learner.epochs}` : pass;
    const total = learner.batchCount(pass);
    const loss = await learner.lossSoFar();
    const seconds = (performance.now() - this.#passBegan) / 1000;
    const done = this.#batches;
    const share = total ? Math.min(1, done / total) : undefined;
    const bar = (length: number) => {
      const filled = Math.round(length * (share ?? 0));
      return "━".repeat(filled) + "─".repeat(length - filled);
    };
    const line = (length: number, speed: string) =>
      [
        label,
        share === undefined ? "" : bar(length),
        total ? `${done}/${total}` : `${done} batches`,
        speed,
        Number.isNaN(loss) ? "" : `loss ${formatMetric(loss)}`,
        share ? `${formatClock(seconds / share - seconds)} left` : "",
      ].filter(Boolean).join("  ");
    // In a narrow terminal the bar gets shorter, then the speed is left out, then the bar.
    for (const speed of [`${Math.round(this.#examples / seconds)} examples/s`, ""]) {
      const room = Math.min(BAR.most, this.#terminal.width - line(0, speed).length - 2);
      if (room >= BAR.least) return this.#terminal.draw(line(room, speed));
    }
    this.#terminal.draw(line(0, ""));
  }

  #writeTest(learner: AnyLearner): void {
    const results = Object.entries(metricsOfPhase(learner, "test"))
      .map(([name, value]) => `${name.slice("test.".length)} ${formatMetric(value)}`);
    this.#terminal.line(`test: ${results.join(", ")}`);
  }

  /** Writes the row of an epoch whose numbers are complete: none of an earlier validation. */
  #flushRow(learner: AnyLearner, { validated = false } = {}): void {
    if (!this.#rowPending) return;
    this.#rowPending = false;
    const { epoch, metrics } = learner;
    const seconds = (performance.now() - this.#epochBegan) / 1000;
    if (!this.#table) {
      this.#table = new EpochTable(columnsOf(learner), this.#terminal.columns);
      this.#table.head.forEach((line) => this.#terminal.line(line));
    }
    const isKnown = (name: string) => validated || !name.startsWith("validation.");
    const values = this.#table.names.map((name) =>
      isKnown(name) && metrics[name] !== undefined ? formatMetric(metrics[name]) : "-"
    );
    this.#terminal.line(this.#table.row(epoch, values, formatClock(seconds)));
  }
}

/** Losses first, then the metrics of validation; where there is no validation, those of training. */
function columnsOf({ callbacks, dataloaders, metrics }: AnyLearner): string[] {
  const phases = dataloaders.validation ? ["train", "validation"] : ["train"];
  const losses = phases.map((phase) => `${phase}.loss`);
  const names = [
    ...Object.keys(metrics),
    ...callbacks.flatMap(({ metricNames }) => metricNames ?? []),
  ];
  const measured = names.filter((name) => name.startsWith(`${phases.at(-1)}.`));
  return [...new Set([...losses, ...measured])];
}
