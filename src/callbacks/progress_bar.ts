import { type AnyLearner, Callback } from "../learner/callback.ts";
import { PRIORITIES } from "../learner/priorities.ts";
import { Terminal, type TerminalOptions } from "./support/terminal.ts";

/** How often the bar is drawn anew, ms: reading the loss for it stays cheap. */
const INTERVAL = 200;
/** The bar at its longest and at its shortest, in characters. */
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
 * The bar tells batches done, examples per second, the running loss and the time left. In a pipe,
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
 */
export class ProgressBar extends Callback {
  /** After everything that is to be shown. */
  override priority: number = PRIORITIES.display;
  /** A run may be resumed without it. */
  override readonly passive: boolean = true;
  /** Of several processes, one is enough. */
  override readonly mainRankOnly: boolean = true;
  readonly #terminal: Terminal;
  #columns: string[] | undefined;
  #rowPending = false;
  #epochBegan = 0;
  #passBegan = 0;
  #batches = 0;
  #examples = 0;
  #drawn = 0;

  /**
   * Writes nothing yet.
   *
   * @param options Where to write, and whether live.
   */
  constructor(options: TerminalOptions = {}) {
    super();
    this.#terminal = new Terminal(options);
  }

  /** Begins a new table. */
  override beforeTrain(): void {
    this.#terminal.begin();
    this.#columns = undefined;
    this.#rowPending = false;
  }

  /** Begins a new bar. */
  override beforeEpoch(learner: AnyLearner): void {
    this.#flushRow(learner);
    this.#epochBegan = performance.now();
    this.#beginPass();
  }
  /** Begins a new bar. */
  override beforeValidate(): void {
    this.#beginPass();
  }
  /** Begins a new bar. */
  override beforeTest(): void {
    this.#beginPass();
  }

  /** Moves the bar. */
  override afterBatch(learner: AnyLearner): void | Promise<void> {
    return this.#advance(learner, `epoch ${learner.epoch + 1}/${learner.epochs}`, "train");
  }
  /** Moves the bar. */
  override afterValidationBatch(learner: AnyLearner): void | Promise<void> {
    return this.#advance(learner, "validation", "validation");
  }
  /** Moves the bar. */
  override afterTestBatch(learner: AnyLearner): void | Promise<void> {
    return this.#advance(learner, "test", "test");
  }

  /** Writes the row, unless a validation follows. */
  override afterEpoch(learner: AnyLearner): void {
    this.#terminal.clear();
    this.#rowPending = true;
    const { dataloaders, epoch, validationEpochs } = learner;
    const due = dataloaders.validation !== undefined && (epoch + 1) % validationEpochs === 0;
    if (!due) this.#flushRow(learner);
  }
  /** Writes the row. */
  override afterValidate(learner: AnyLearner): void {
    this.#terminal.clear();
    this.#flushRow(learner, { validated: true });
  }
  /** Writes a row that is still due. */
  override afterTrain(learner: AnyLearner): void {
    this.#flushRow(learner);
  }
  /** Writes the results. */
  override afterTest(learner: AnyLearner): void {
    this.#terminal.clear();
    const results = Object.entries(learner.metrics)
      .filter(([name]) => name.startsWith("test."))
      .map(([name, value]) => `${name.slice(5)} ${value.toFixed(4)}`);
    this.#terminal.line(`test: ${results.join(", ")}`);
  }
  /** Removes the bar. */
  override onError(): void {
    this.#terminal.clear();
  }

  /** How far the bar is, for a checkpoint. */
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

  /** Goes on from a checkpoint, with a table of its own. */
  override restore(state: unknown): void {
    const { rowPending, epochSeconds, passSeconds, batches, examples } = state as State;
    const now = this.#drawn = performance.now();
    this.#columns = undefined;
    this.#rowPending = rowPending;
    this.#epochBegan = now - 1000 * epochSeconds;
    this.#passBegan = now - 1000 * passSeconds;
    this.#batches = batches;
    this.#examples = examples;
  }

  #beginPass(): void {
    this.#passBegan = this.#drawn = performance.now();
    this.#batches = 0;
    this.#examples = 0;
  }

  #advance(
    learner: AnyLearner,
    label: string,
    loader: "train" | "validation" | "test",
  ): void | Promise<void> {
    this.#batches++;
    this.#examples += learner.batchSize;
    if (!this.#terminal.live) return;
    const now = performance.now();
    if (now - this.#drawn < INTERVAL) return;
    this.#drawn = now;
    return this.#draw(learner, label, learner.batchCount(loader));
  }

  async #draw(learner: AnyLearner, label: string, total: number | undefined): Promise<void> {
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
        Number.isNaN(loss) ? "" : `loss ${loss.toFixed(4)}`,
        share ? `${clock(seconds / share - seconds)} left` : "",
      ].filter(Boolean).join("  ");
    // In a narrow terminal the bar gets shorter, then the speed gives way, then the bar.
    for (const speed of [`${Math.round(this.#examples / seconds)} examples/s`, ""]) {
      const room = Math.min(BAR.most, this.#terminal.width - line(0, speed).length - 2);
      if (room >= BAR.least) return this.#terminal.draw(line(room, speed));
    }
    this.#terminal.draw(line(0, ""));
  }

  /** Prints the row of an epoch whose numbers are complete: none of an earlier validation. */
  #flushRow(learner: AnyLearner, { validated = false } = {}): void {
    if (!this.#rowPending) return;
    this.#rowPending = false;
    const { epoch, metrics } = learner;
    const seconds = (performance.now() - this.#epochBegan) / 1000;
    if (!this.#columns) {
      this.#columns = columnsOf(learner);
      this.#terminal.line(row(["epoch", ...this.#columns.map(titleOf), "time"]));
    }
    const values = this.#columns.map((name) =>
      validated || !name.startsWith("validation.") ? metrics[name]?.toFixed(4) ?? "-" : "-"
    );
    this.#terminal.line(row([String(epoch + 1), ...values, clock(seconds)]));
  }
}

/** Losses first, then what validation measured; where there is no validation, what training did. */
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

function titleOf(name: string): string {
  return name.endsWith(".loss") ? name.replace(".", " ") : name.slice(name.indexOf(".") + 1);
}

function row(cells: string[]): string {
  return cells.map((cell, index) => cell.padStart(index === 0 ? 5 : 15)).join("  ");
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
