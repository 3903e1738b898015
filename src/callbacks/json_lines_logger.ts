import { cutFile } from "../io/cut_file.ts";
import { writeFile } from "../io/write_file.ts";
import type { AnyLearner } from "../learner/callback.ts";
import { EpochLogger } from "./support/epoch_logger.ts";
import { metricsOfPhase } from "./support/metrics_of_phase.ts";
import type { EpochRecord } from "../pictures/history.ts";

/**
 * Options of {@linkcode JsonLinesLogger}.
 *
 * @category Callbacks
 */
export interface JsonLinesLoggerOptions {
  /** Whether each training writes after those before, instead of a new file. Default: `false`. */
  append?: boolean;
}

/**
 * Writes a file with one JSON object in each line, each with an `event` and its `time` (ISO 8601).
 *
 * | event   | when                          | with                                                |
 * |---------|-------------------------------|-----------------------------------------------------|
 * | `train` | a training begins             | `epochs`, `learningRate`, `seed`                    |
 * | `epoch` | an epoch is complete          | `epoch` (0-based), `metrics`, `learningRate`, `seconds` |
 * | `end`   | the training has ended        | `status`, `epochs` that were done                   |
 * | `test`  | the test has ended            | `metrics`                                           |
 * | `error` | something threw               | `message`, `during`, `callback`                     |
 *
 * Numbers that JSON does not have, NaN and infinities, are `null`.
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
export class JsonLinesLogger extends EpochLogger {
  /** Where the file is. */
  readonly path: string | URL;
  /** Trial runs leave it out. */
  override readonly writesFiles: boolean = true;
  readonly #append: boolean;
  /** How many there are, those of earlier trainings among them. */
  #lines = 0;
  #training = false;

  /**
   * Writes nothing yet.
   *
   * @param path Of the file; missing folders are made.
   * @param options Whether to append.
   */
  constructor(path: string | URL, { append = false }: JsonLinesLoggerOptions = {}) {
    super();
    this.path = path;
    this.#append = append;
  }

  /** Writes that it begins. */
  override async beforeTrain(learner: AnyLearner): Promise<void> {
    await super.beforeTrain(learner);
    if (!this.#append) await writeFile(this.path, "");
    this.#lines = (await this.#ends()).length;
    this.#training = true;
    const { epochs, learningRate, seed } = learner;
    await this.#write("train", { epochs, learningRate, seed });
  }

  /** Writes an epoch. */
  protected override async logEpoch(record: EpochRecord): Promise<void> {
    await this.#write("epoch", { ...record });
  }

  /** Writes that it has ended. */
  override async afterTrain(learner: AnyLearner): Promise<void> {
    await super.afterTrain(learner);
    const ended = learner.cancelled.has("train") ? "cancelled" : "completed";
    const status = learner.failures.length > 0 ? "failed" : ended;
    await this.#write("end", { status, epochs: learner.epoch });
  }

  /** Writes the test. */
  override async afterTest(learner: AnyLearner): Promise<void> {
    if (this.#training) await this.#write("test", { metrics: metricsOfPhase(learner, "test") });
  }

  /** Writes what went wrong. */
  override async onError(learner: AnyLearner): Promise<void> {
    const [failure] = learner.failures;
    if (!this.#training || !failure) return;
    const { error, during, callback } = failure;
    const message = error instanceof Error ? error.message : String(error);
    await this.#write("error", { message, during, callback });
  }

  /** How many lines there are. */
  protected override logState(): object {
    return { lines: this.#lines, training: this.#training };
  }

  /** Cuts off what was written since. */
  protected override async restoreLog(state: unknown): Promise<void> {
    const { lines, training } = state as { lines: number; training: boolean };
    const ends = (await this.#ends()).slice(0, lines);
    await cutFile(this.path, ends.at(-1) ?? 0);
    this.#lines = ends.length;
    this.#training = training;
  }

  async #write(event: string, facts: Record<string, unknown>): Promise<void> {
    const line = JSON.stringify({ event, time: new Date().toISOString(), ...facts });
    await writeFile(this.path, `${line}\n`, { append: true });
    this.#lines++;
  }

  /** Where each line of the file ends. */
  async #ends(): Promise<number[]> {
    const bytes = await Deno.readFile(this.path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return new Uint8Array();
      throw error;
    });
    const NEWLINE = 10;
    const ends: number[] = [];
    for (let end = 0; (end = bytes.indexOf(NEWLINE, end) + 1) > 0;) ends.push(end);
    return ends;
  }
}
