import { fileSystem, isMissing } from "../host/files.ts";
import { bytes } from "../io/host_tensor.ts";
import * as field from "../checks/fields.ts";
import { cutFile, endLastLine } from "../io/left_file.ts";
import { toPath, writeFile } from "../io/files.ts";
import { type AnyLearner, metricsOfPhase } from "../learner/callback.ts";
import type { EpochRecord } from "../pictures.ts";
import { FileLogger, type FileLoggerOptions } from "./support/file_logger.ts";
import { GrowingFile } from "./support/growing_file.ts";

/**
 * Options of {@linkcode JsonLinesLogger}.
 *
 * @category Callbacks
 */
export interface JsonLinesLoggerOptions extends FileLoggerOptions {
  /** Whether each training writes after those before, instead of a new file. Default: false. */
  append?: boolean;
}

interface State {
  /** Number of lines in the file, those of earlier trainings among them. */
  lines: number;
  waiting?: Uint8Array[];
}

/**
 * Writes a file with one JSON object in each line, each with an `event` and its `time` (ISO 8601).
 *
 * | event   | when                          | with                                                |
 * |---------|-------------------------------|-----------------------------------------------------|
 * | `train` | a training begins             | `epochs`, `learningRate`, `seed`                    |
 * | `epoch` | an epoch is complete          | `epoch` (0-based), `metrics`, `learningRate`, `seconds` |
 * | `end`   | the training has ended        | `status`, number of completed `epochs`              |
 * | `test`  | the test has ended            | `metrics`                                           |
 * | `error` | something threw               | `message`, `during`, `callback`                     |
 *
 * Numbers that JSON does not have, NaN and infinities, are `null`. A last line that was cut short,
 * by a full disk perhaps, is removed before the next one is written.
 *
 * @example
 * ```ts
 * import { JsonLinesLogger } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const logger = new JsonLinesLogger("runs/all.jsonl", { append: true });
 * assertEquals(logger.path, "runs/all.jsonl");
 * ```
 *
 * @category Callbacks
 */
export class JsonLinesLogger extends FileLogger {
  readonly #file: GrowingFile;
  readonly #append: boolean;
  #lines = 0;

  /**
   * Checks the path and the options; writes nothing yet.
   *
   * @param path The path of the file; missing folders are made.
   * @param options Whether to append, and what to do if the file cannot be written.
   * @throws {TypeError} If the path is a URL of another kind than `file:`, or an option is unknown.
   */
  constructor(path: string | URL, options: JsonLinesLoggerOptions = {}) {
    super(options, { append: true });
    toPath(path);
    this.#file = new GrowingFile(path, {
      prepare: async () => {
        if (!await endLastLine(path)) this.#lines = 0;
      },
      wrote: () => void this.#lines++,
    });
    this.#append = options.append ?? false;
  }

  /** The path of the file. */
  get path(): string | URL {
    return this.#file.path;
  }

  /** Writes that the training begins. */
  override async beforeTrain(learner: AnyLearner): Promise<void> {
    await super.beforeTrain(learner);
    this.#lines = 0;
    this.#file.waiting = [];
    await this.attempt(async () => {
      if (!this.#append) await writeFile(this.path, "");
      else if (await endLastLine(this.path)) this.#lines = (await this.#ends()).length;
    });
    const { epochs, learningRate, seed } = learner;
    await this.#write("train", { epochs, learningRate, seed });
  }

  /** Writes an epoch. */
  protected override async logEpoch(record: EpochRecord): Promise<void> {
    await this.#write("epoch", { ...record });
  }

  /** Writes that the training has ended. */
  override async afterTrain(learner: AnyLearner): Promise<void> {
    await super.afterTrain(learner);
    const ended = learner.cancelled.has("train") ? "cancelled" : "completed";
    const status = learner.failures.length > 0 ? "failed" : ended;
    await this.#write("end", { status, epochs: learner.epoch });
  }

  /** Writes the test at the end of a training. */
  override async afterTest(learner: AnyLearner): Promise<void> {
    if (!this.isTraining) return;
    await this.#write("test", { metrics: metricsOfPhase(learner, "test") });
  }

  /** Writes the error that ended the run. */
  override async onError(learner: AnyLearner): Promise<void> {
    const [failure] = learner.failures;
    if (!failure || !this.isTraining) return;
    const { error, during, callback } = failure;
    const message = error instanceof Error ? error.message : String(error);
    await this.#write("error", { message, during, callback });
  }

  /** The number of lines, and those that could not be written yet. */
  protected override logState(): object {
    return { lines: this.#lines, waiting: this.#file.waiting } satisfies State;
  }

  /** Checks the lines of a state from a file. */
  protected override logFields(): Readonly<Record<string, field.FieldCheck>> {
    return {
      lines: field.integer({ min: 0 }),
      waiting: field.optional(field.list(bytes)),
      training: field.optional(field.flag),
    };
  }

  /** Removes the lines that were written after the checkpoint. */
  protected override async restoreLog(state: unknown): Promise<void> {
    const { lines, waiting = [] } = state as State;
    this.#file.waiting = waiting;
    this.#lines = lines;
    await this.attempt(async () => {
      const ends = (await this.#ends()).slice(0, lines);
      await cutFile(this.path, ends.at(-1) ?? 0);
      this.#lines = ends.length;
    });
  }

  async #write(event: string, facts: Record<string, unknown>): Promise<void> {
    const line = JSON.stringify({ event, time: new Date().toISOString(), ...facts });
    await this.attempt(() => this.#file.append(new TextEncoder().encode(`${line}\n`)));
  }

  /** The positions at which the lines of the file end. */
  async #ends(): Promise<number[]> {
    const bytes = await fileSystem.readFile(this.path).catch((error) => {
      if (isMissing(error)) return new Uint8Array();
      throw error;
    });
    const NEWLINE = 10;
    const ends: number[] = [];
    for (let end = 0; (end = bytes.indexOf(NEWLINE, end) + 1) > 0;) ends.push(end);
    return ends;
  }
}
