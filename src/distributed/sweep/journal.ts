import { writeFile } from "../../io/write_file.ts";
import type { JobRecord } from "./records.ts";

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
   * @throws {Error} If the file is of another sweep.
   */
  async open(settings: unknown): Promise<JobRecord[]> {
    const text = await Deno.readTextFile(this.#path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    });
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole === "") {
      await writeFile(this.#path, `${JSON.stringify(settings)}\n`);
      return [];
    }
    if (whole !== text) await writeFile(this.#path, whole);
    const [head, ...lines] = whole.trimEnd().split("\n");
    if (head !== JSON.stringify(settings)) {
      throw new Error(
        `Cannot go on with the sweep in ${this.#path} as it must have the same settings: they ` +
          `were ${head}, and are ${JSON.stringify(settings)}; remove the file, or choose another ` +
          "folder",
      );
    }
    return lines.map((line) => JSON.parse(line));
  }

  /** Writes a line. */
  async add(record: JobRecord): Promise<void> {
    await writeFile(this.#path, `${JSON.stringify(record)}\n`, { append: true });
  }
}
