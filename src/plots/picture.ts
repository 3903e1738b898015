import { Drawing } from "./drawing.ts";
import { THEME } from "./theme.ts";

/**
 * A picture, drawn without a browser and only when it is asked for. In a Jupyter notebook with the
 * kernel of Deno it displays itself.
 *
 * @example
 * ```ts
 * import { Picture } from "@trainchart/trainchart/plots";
 * import { assert } from "@std/assert";
 *
 * const picture = new Picture({
 *   data: { values: [{ x: 1, y: 2 }, { x: 2, y: 1 }] },
 *   mark: "line",
 *   encoding: { x: { field: "x", type: "quantitative" }, y: { field: "y", type: "quantitative" } },
 * });
 * assert((await picture.svg()).startsWith("<svg"));
 * ```
 *
 * @category Plots
 */
export class Picture extends Drawing {
  /** What is drawn, in the language of Vega-Lite, <https://vega.github.io/vega-lite/>. */
  readonly specification: Readonly<Record<string, unknown>>;

  /**
   * Draws nothing yet.
   *
   * @param specification What to draw, in the language of Vega-Lite, with all its data inside.
   */
  constructor(specification: Record<string, unknown>) {
    super();
    this.specification = { config: THEME, ...specification };
  }

  /** Draws it, as SVG. Vega is loaded with the first picture. */
  override async svg(): Promise<string> {
    const [{ compile }, { parse, View }] = await Promise.all([
      import("../deps/vega_lite.ts"),
      import("../deps/vega.ts"),
    ]);
    const view = new View(parse(compile(this.specification).spec), { renderer: "none" });
    try {
      return await view.toSVG();
    } finally {
      view.finalize();
    }
  }
}
