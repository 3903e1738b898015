import { encodeBase64 } from "../text/text.ts";
import { writeFile } from "../io/files.ts";
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
        const address = `data:image/svg+xml;base64,${encodeBase64(new TextEncoder().encode(svg))}`;
        return {
          // Shown first. Notebooks that are not trusted show no SVG but in an image, and nbconvert
          // 6.5 takes the elements out of other SVG, instead of showing the PNG.
          "text/html": `<img src="${address}" alt="picture">`,
          "image/svg+xml": svg,
          // For documents that are no HTML.
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
