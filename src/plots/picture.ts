import type { PictureOptions } from "../pictures.ts";
import { Drawing } from "./drawing.ts";
import { checkOptions, describeValue } from "../checks/check_options.ts";
import { darkened, THEME } from "./theme.ts";

/**
 * A picture that is drawn without a browser, and only on demand. In a Jupyter notebook with Deno's
 * kernel it displays itself.
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
  /** The specification in Vega-Lite, <https://vega.github.io/vega-lite/>. */
  readonly specification: Readonly<Record<string, unknown>>;

  /**
   * Draws nothing yet.
   *
   * @param specification The specification in Vega-Lite, with all its data inside.
   */
  constructor(specification: Record<string, unknown>) {
    super();
    this.specification = { config: THEME, ...specification };
  }

  /**
   * Draws the picture as SVG. Vega is loaded with the first picture.
   *
   * @param options The colours.
   * @throws {TypeError} If an option is unknown.
   */
  override async svg(options: PictureOptions = {}): Promise<string> {
    checkOptions("draw a picture", options, { scheme: true });
    const { scheme = "light" } = options;
    if (scheme !== "light" && scheme !== "dark") {
      throw new TypeError(
        `Cannot draw a picture as scheme must be "light" or "dark": current value is ${
          describeValue(scheme)
        }`,
      );
    }
    const specification = scheme === "dark"
      ? darkened(this.specification) as Record<string, unknown>
      : this.specification;
    const [{ compile }, { parse, View }] = await Promise.all([
      import("../deps/vega_lite.ts"),
      import("../deps/vega.ts"),
    ]);
    const view = new View(parse(compile(specification).spec), { renderer: "none" });
    try {
      return await view.toSVG();
    } finally {
      view.finalize();
    }
  }
}
