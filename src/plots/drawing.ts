import { encodeBase64 } from "../text/encodings.ts";
import { writeFile } from "../io/write_file.ts";
import type { PictureOptions, Plot } from "../pictures.ts";
import { rasterize } from "./rasterize.ts";

/**
 * A drawing that is made on demand. In a notebook of Deno it displays itself.
 *
 * @category Plots
 */
export abstract class Drawing implements Plot {
  /** Draws nothing yet. */
  constructor() {
    Object.defineProperty(this, Symbol.for("Jupyter.display"), {
      value: async () => {
        const svg = await this.svg();
        const png = await rasterize(svg);
        return {
          "image/svg+xml": svg,
          // Notebooks that are not trusted, and those turned into other documents, show no SVG.
          ...png ? { "image/png": encodeBase64(png) } : {},
        };
      },
    });
  }

  /** Makes the drawing as SVG. */
  abstract svg(options?: PictureOptions): Promise<string>;

  /**
   * Writes the drawing into a file.
   *
   * @param path The path of an SVG file; missing folders are made.
   */
  async save(path: string | URL): Promise<void> {
    await writeFile(path, await this.svg());
  }
}
