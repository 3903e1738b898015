import { Drawing } from "../pictures/drawing.ts";
import { chartToSvg, type ChartToSvgOptions } from "./chart_to_svg.ts";

/**
 * A statechart as a picture: in a notebook of Deno it displays itself.
 *
 * @example
 * ```ts
 * import { ChartPicture } from "@trainchart/trainchart/inspect";
 * import { assert } from "@std/assert";
 *
 * const chart = new ChartPicture(undefined, { active: ["learner.train.epoch.held"] });
 * assert((await chart.svg()).startsWith("<svg"));
 * ```
 */
export class ChartPicture extends Drawing {
  readonly #machine: unknown;
  readonly #options: ChartToSvgOptions;

  /**
   * Draws nothing yet.
   *
   * @param machine Any machine of XState 5. Default: that of the Learner.
   * @param options How to draw it.
   */
  constructor(machine?: unknown, options: ChartToSvgOptions = {}) {
    super();
    this.#machine = machine;
    this.#options = options;
  }

  /** Draws it, as SVG. */
  override async svg(): Promise<string> {
    return await chartToSvg(this.#machine, this.#options);
  }
}
