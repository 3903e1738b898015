import { fileSystem, isMissing } from "../host/files.ts";
import { writeFile } from "../io/files.ts";
import { cut } from "./fit_record.ts";
import { type JobRecord, problemOfRecord } from "./job_record.ts";
import { withFileErrors } from "./with_file_errors.ts";

/**
 * The file of a sweep: a line of JSON with the settings, then one for each segment of a trial.
 *
 * The file is closed between two lines. A last line without its end, as a crash leaves it, is removed.
 */
export class Journal {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Reads the file, or begins it.
   *
   * @param settings The settings of the sweep, as plain data.
   * @returns The records of former runs.
   * @throws {Error} If the file belongs to another sweep, is damaged, or cannot be read and written.
   */
  async open(settings: unknown): Promise<JobRecord[]> {
    const text = await withFileErrors(this.#path, readIfAny(this.#path));
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole === "") {
      await this.#write(`${JSON.stringify(settings)}\n`);
      return [];
    }
    if (whole !== text) await this.#write(whole);
    const [head, ...lines] = whole.trimEnd().split("\n");
    if (head !== JSON.stringify(settings)) {
      throw new Error(
        `Cannot continue the sweep in ${this.#path} as its settings must be the same: they were ` +
          `${head}, and are ${JSON.stringify(settings)}. Remove the file, or choose another folder`,
      );
    }
    return lines.map((line, index) => this.#parse(line, index + 2));
  }

  /** Appends a line. */
  async add(record: JobRecord): Promise<void> {
    await this.#write(`${JSON.stringify(record)}\n`, { append: true });
  }

  #write(...what: [text: string, options?: { append: boolean }]): Promise<void> {
    return withFileErrors(this.#path, writeFile(this.#path, ...what));
  }

  #parse(line: string, number: number): JobRecord {
    let cause: unknown;
    let problem = "it must be JSON";
    try {
      const record: unknown = JSON.parse(line);
      const found = problemOfRecord(record);
      if (!found) return record as JobRecord;
      problem = found;
    } catch (error) {
      cause = error;
    }
    throw new Error(
      `Cannot continue the sweep in ${this.#path} as every line must be the record of a trial: ` +
        `line ${number} is ${cut(line, 80)} (${problem}). Remove that line; a trial without a ` +
        "record is repeated",
      { cause },
    );
  }
}

async function readIfAny(path: string): Promise<string> {
  try {
    return await fileSystem.readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return "";
    throw error;
  }
}
