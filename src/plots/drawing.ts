import { writeFile } from "../io/write_file.ts";
import type { Plot } from "../pictures/plotters.ts";

/**
 * Something that is drawn only when it is asked for. In a notebook of Deno it displays itself.
 *
 * @category Plots
 */
export abstract class Drawing implements Plot {
  /** Draws nothing yet. */
  constructor() {
    Object.defineProperty(this, Symbol.for("Jupyter.display"), {
      value: async () => ({ "image/svg+xml": await this.svg() }),
    });
  }

  /** Draws it, as SVG. */
  abstract svg(): Promise<string>;

  /**
   * Draws it into a file.
   *
   * @param path Of an SVG file; missing folders are made.
   */
  async save(path: string | URL): Promise<void> {
    await writeFile(path, await this.svg());
  }
}
