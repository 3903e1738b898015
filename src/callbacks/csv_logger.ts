import * as field from "../checks/fields.ts";
import { sizeOfFile } from "../io/left_file.ts";
import { toPath, writeFile } from "../io/files.ts";
import type { AnyLearner } from "../learner/callback.ts";
import type { EpochRecord } from "../pictures.ts";
import { FileLogger, type FileLoggerOptions } from "./support/file_logger.ts";

/**
 * Options of {@linkcode CsvLogger}.
 *
 * @category Callbacks
 */
export interface CsvLoggerOptions extends FileLoggerOptions {}

/**
 * Writes a CSV file with a row for each epoch: its number (0-based), all metrics, the learning rate
 * (per step) and the duration (s).
 *
 * A row is written as soon as it is complete. A metric that is measured for the first time in a
 * later epoch gets a column of its own, empty in the rows before. Each training begins a new file;
 * a file that is lost or damaged during a run is written again.
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
export class CsvLogger extends FileLogger {
  /** The path of the file. */
  readonly path: string | URL;
  #columns = new Set<string>();
  #rows: Record<string, number>[] = [];
  /** Number of bytes that the file has as long as no other program changes it. */
  #size = 0;

  /**
   * Checks the path and the options; writes nothing yet.
   *
   * @param path The path of the file; missing folders are made.
   * @param options What to do if it cannot be written.
   * @throws {TypeError} If the path is a URL of another kind than `file:`, or an option is unknown.
   */
  constructor(path: string | URL, options: CsvLoggerOptions = {}) {
    super(options);
    toPath(path);
    this.path = path;
  }

  /** Begins a new file. */
  override async beforeTrain(learner: AnyLearner): Promise<void> {
    await super.beforeTrain(learner);
    this.#columns.clear();
    this.#rows = [];
    await this.attempt(() => this.#writeAll());
  }

  /** Writes a row. */
  protected override async logEpoch(
    { epoch, metrics, learningRate, seconds }: EpochRecord,
  ): Promise<void> {
    const row: Record<string, number> = { epoch, ...metrics, learningRate, seconds };
    this.#rows.push(row);
    const { size } = this.#columns;
    for (const name of Object.keys(row)) this.#columns.add(name);
    await this.attempt(async () => {
      const isSound = this.#columns.size === size && await sizeOfFile(this.path) === this.#size;
      if (!isSound) return await this.#writeAll();
      const line = new TextEncoder().encode(this.#line(row));
      await writeFile(this.path, line, { append: true });
      this.#size += line.length;
    });
  }

  /** All rows: they are few. */
  protected override logState(): object {
    return { columns: [...this.#columns], rows: this.#rows };
  }

  /** Checks the columns and rows of a state from a file. */
  protected override logFields(): Readonly<Record<string, field.FieldCheck>> {
    return {
      columns: field.list(field.text),
      rows: field.list(field.recordOf(field.measurement)),
    };
  }

  /** Writes them again. */
  protected override async restoreLog(state: unknown): Promise<void> {
    const { columns, rows } = state as { columns: string[]; rows: Record<string, number>[] };
    this.#columns = new Set(columns);
    this.#rows = rows;
    await this.attempt(() => this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    const lines = this.#rows.map((row) => this.#line(row));
    if (lines.length > 0) lines.unshift(`${Array.from(this.#columns, quoted).join(",")}\n`);
    const bytes = new TextEncoder().encode(lines.join(""));
    this.#size = -1; // a file that is cut short is written again
    await writeFile(this.path, bytes);
    this.#size = bytes.length;
  }

  #line(row: Record<string, number>): string {
    return Array.from(this.#columns, (name) => row[name] ?? "").join(",") + "\n";
  }
}

function quoted(name: string): string {
  return /[",\n\r]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
