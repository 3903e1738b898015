import { writeFile } from "../io/write_file.ts";
import { onDisk } from "./with_file_errors.ts";
import type { JobRecord } from "./job_record.ts";

/**
 * The file of a sweep: a line of JSON about the sweep, then one for each piece of a trial.
 *
 * Nothing stays open between two lines; of a line that a crash cut short nothing is kept.
 */
export class Journal {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Reads what there is, or begins the file.
   *
   * @param settings What the sweep is, as plain data.
   * @returns What was done before.
   * @throws {Error} If the file is of another sweep, damaged, or cannot be read and written.
   */
  async open(settings: unknown): Promise<JobRecord[]> {
    const text = await onDisk(this.#path, readIfAny(this.#path));
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole === "") {
      await this.#write(`${JSON.stringify(settings)}\n`);
      return [];
    }
    if (whole !== text) await this.#write(whole);
    const [head, ...lines] = whole.trimEnd().split("\n");
    if (head !== JSON.stringify(settings)) {
      throw new Error(
        `Cannot go on with the sweep in ${this.#path} as it must have the same settings: they ` +
          `were ${head}, and are ${JSON.stringify(settings)}; remove the file, or choose another ` +
          "folder",
      );
    }
    return lines.map((line, index) => this.#parse(line, index + 2));
  }

  /** Writes a line. */
  async add(record: JobRecord): Promise<void> {
    await this.#write(`${JSON.stringify(record)}\n`, { append: true });
  }

  #write(...what: [text: string, options?: { append: boolean }]): Promise<void> {
    return onDisk(this.#path, writeFile(this.#path, ...what));
  }

  #parse(line: string, number: number): JobRecord {
    try {
      return JSON.parse(line);
    } catch (cause) {
      throw new Error(
        `Cannot go on with the sweep in ${this.#path} as every line must be JSON: line ${number} ` +
          `is ${line.slice(0, 80)}; without that line, its trial is done again`,
        { cause },
      );
    }
  }
}

async function readIfAny(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
