import { Drawing } from "../plots/drawing.ts";
import { chartToSvg, type ChartToSvgOptions, checkChartToSvgOptions } from "./chart_to_svg.ts";

/**
 * A statechart as a picture, which displays itself in a notebook of Deno.
 *
 * @example
 * ```ts
 * import { ChartPicture } from "@trainchart/trainchart/inspect";
 * import { assert } from "@std/assert";
 *
 * const chart = new ChartPicture(undefined, { active: ["learner.train.epoch.held"] });
 * assert((await chart.svg()).startsWith("<svg"));
 * ```
 *
 * @category Drawing
 */
export class ChartPicture extends Drawing {
  readonly #machine: unknown;
  readonly #options: ChartToSvgOptions;

  /**
   * Checks the options, and draws nothing yet.
   *
   * @param machine Any machine of XState 5. Default: the machine of the Learner.
   * @param options The form, the theme and the active states.
   * @throws {TypeError} If an option is unknown.
   */
  constructor(machine?: unknown, options: ChartToSvgOptions = {}) {
    super();
    checkChartToSvgOptions(options);
    this.#machine = machine;
    this.#options = options;
  }

  /** Draws the chart as SVG. */
  override async svg(): Promise<string> {
    return await chartToSvg(this.#machine, this.#options);
  }
}
