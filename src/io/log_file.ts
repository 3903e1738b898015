import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFile } from "./write_file.ts";

/** A file that only grows, and that a resumed run cuts back to where its checkpoint was taken. */
export class LogFile {
  readonly #path: string;
  #size = 0;

  /** Touches nothing yet. */
  constructor(path: string | URL) {
    this.#path = path instanceof URL ? fileURLToPath(path) : path;
  }

  /** Its name, without the folders. */
  get name(): string {
    return basename(this.#path);
  }

  /** How many bytes of it are known to be written. */
  get size(): number {
    return this.#size;
  }

  /** Begins anew, or after what is there. */
  async begin({ append = false }: { append?: boolean } = {}): Promise<void> {
    if (!append) await writeFile(this.#path, "");
    this.#size = append ? await this.#actual() : 0;
  }

  /** Writes at the end. */
  async append(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    await writeFile(this.#path, bytes, { append: true });
    this.#size += bytes.length;
  }

  /** Cuts off what is after `size` bytes; a file that is shorter, or gone, stays so. */
  async resume(size: number): Promise<void> {
    const actual = await this.#actual();
    if (actual > size) await Deno.truncate(this.#path, size);
    this.#size = Math.min(size, actual);
  }

  async #actual(): Promise<number> {
    try {
      return (await Deno.stat(this.#path)).size;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return 0;
      throw error;
    }
  }
}
