import { writeFile } from "../io/write_file.ts";

/** A drawing that is made on demand. In a notebook of Deno it displays itself. */
export abstract class Drawing {
  /** Draws nothing yet. */
  constructor() {
    Object.defineProperty(this, Symbol.for("Jupyter.display"), {
      value: async () => ({ "image/svg+xml": await this.svg() }),
    });
  }

  /** Makes the drawing as SVG. */
  abstract svg(): Promise<string>;

  /**
   * Writes the drawing into a file.
   *
   * @param path The path of an SVG file; missing folders are made.
   */
  async save(path: string | URL): Promise<void> {
    await writeFile(path, await this.svg());
  }
}
