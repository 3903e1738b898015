import { writeFile } from "../io/write_file.ts";
import type { AnyLearner } from "../learner/callback.ts";
import { EpochLogger } from "./support/epoch_logger.ts";
import type { EpochRecord } from "../pictures/history.ts";

/**
 * Writes a CSV file with a row for each epoch: its number (0-based), all that was measured, the
 * learning rate (per step) and how long it took (s).
 *
 * A row is written as soon as it is complete. A metric that is measured for the first time in a
 * later epoch gets a column of its own, empty in the rows before. Each training begins a new file.
 *
 * @example
 * ```ts
 * import { CsvLogger } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const logger = new CsvLogger("runs/first.csv");
 * assertEquals(logger.path, "runs/first.csv");
 * ```
 *
 * @category Callbacks
 */
export class CsvLogger extends EpochLogger {
  /** Where the file is. */
  readonly path: string | URL;
  /** Trial runs leave it out. */
  override readonly writesFiles: boolean = true;
  #columns: string[] = [];
  #rows: Record<string, number>[] = [];

  /**
   * Writes nothing yet.
   *
   * @param path Of the file; missing folders are made.
   */
  constructor(path: string | URL) {
    super();
    this.path = path;
  }

  /** Begins a new file. */
  override async beforeTrain(learner: AnyLearner): Promise<void> {
    await super.beforeTrain(learner);
    this.#columns = [];
    this.#rows = [];
    await writeFile(this.path, "");
  }

  /** Writes a row. */
  protected override async logEpoch(
    { epoch, metrics, learningRate, seconds }: EpochRecord,
  ): Promise<void> {
    const row: Record<string, number> = { epoch, ...metrics, learningRate, seconds };
    this.#rows.push(row);
    const added = Object.keys(row).filter((name) => !this.#columns.includes(name));
    if (added.length === 0) return await writeFile(this.path, this.#line(row), { append: true });
    this.#columns.push(...added);
    await this.#writeAll();
  }

  /** All rows: they are few. */
  protected override logState(): object {
    return { columns: this.#columns, rows: this.#rows };
  }

  /** Writes them again. */
  protected override async restoreLog(state: unknown): Promise<void> {
    const { columns, rows } = state as { columns: string[]; rows: Record<string, number>[] };
    this.#columns = columns;
    this.#rows = rows;
    await this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    const lines = this.#rows.map((row) => this.#line(row));
    if (lines.length > 0) lines.unshift(`${this.#columns.map(quoted).join(",")}\n`);
    await writeFile(this.path, lines.join(""));
  }

  #line(row: Record<string, number>): string {
    return this.#columns.map((name) => row[name] ?? "").join(",") + "\n";
  }
}

function quoted(name: string): string {
  return /[",\n\r]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
