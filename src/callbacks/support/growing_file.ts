import { cutFile, sizeOfFile } from "../../io/left_file.ts";
import { writeFile } from "../../io/files.ts";

/** The work around each record of a {@linkcode GrowingFile}. */
export interface GrowingFileHooks {
  /** Brings the file into a state in which a record may be appended. */
  prepare(): Promise<void>;
  /** Called when a record is in the file. */
  wrote(record: Uint8Array): void;
}

/** A file that grows record by record: a record that cannot be written waits for the next one. */
export class GrowingFile {
  /** The path; missing folders are made. */
  readonly path: string | URL;
  readonly #hooks: GrowingFileHooks;
  #waiting: Uint8Array[] = [];

  /**
   * @param path The path.
   * @param hooks The work around each record.
   */
  constructor(path: string | URL, hooks: GrowingFileHooks) {
    this.path = path;
    this.#hooks = hooks;
  }

  /** The records that could not be written yet, for a checkpoint. */
  get waiting(): Uint8Array[] {
    return [...this.#waiting];
  }
  set waiting(records: readonly Uint8Array[]) {
    this.#waiting = [...records];
  }

  /**
   * Appends a record, after those that wait.
   *
   * @throws {Error} If the file system fails; then the record waits, and no part of it is in the file.
   */
  async append(record: Uint8Array): Promise<void> {
    this.#waiting.push(record);
    await this.#hooks.prepare();
    while (this.#waiting.length > 0) {
      const size = await sizeOfFile(this.path);
      try {
        await writeFile(this.path, this.#waiting[0], { append: true });
      } catch (error) {
        await cutFile(this.path, size).catch(() => {}); // a disk that is full has room for less
        throw error;
      }
      this.#hooks.wrote(this.#waiting.shift()!);
    }
  }
}
