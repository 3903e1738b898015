/**
 * The seam between what records a run and what draws it. Callbacks are loaded with every program,
 * the library that draws only with the entry point `plots`, which registers its functions here.
 *
 * @module
 */
import type { History } from "./history.ts";

/**
 * Options of `curvePlot()`.
 *
 * @category Plots
 */
export interface CurvePlotOptions {
  /** The title. Default: none. */
  title?: string;
  /** The quantity from left to right, with its unit. Default: `"x"`. */
  x?: string;
  /** The quantity upwards, with its unit. Default: `"y"`. */
  y?: string;
  /** Whether equal steps to the right are equal factors. Default: false. */
  logX?: boolean;
  /** Whether equal steps upwards are equal factors. Default: false. */
  logY?: boolean;
  /** Marked values of x, each with its label. Default: none. */
  marks?: readonly { x: number; label: string }[];
}

/**
 * Options of a picture.
 *
 * @category Plots
 */
export interface PictureOptions {
  /** The colours: dark on light, or light on dark. Default: `"light"`. */
  scheme?: "light" | "dark";
}

/**
 * A picture that is drawn on demand. In a notebook of Deno it displays itself.
 *
 * @category Plots
 */
export interface Plot {
  /** Draws the picture as SVG. */
  svg(options?: PictureOptions): Promise<string>;
  /**
   * Writes the picture into a file.
   *
   * @param path The path of an SVG file; missing folders are made.
   */
  save(path: string | URL): Promise<void>;
}

/** The functions that draw. */
export interface Plotters {
  /** Draws loss, metrics and learning rate of a run. */
  history(history: History): Plot;
  /** Draws statistics of layers: each record is a `LayerRecord`. */
  layers(records: readonly object[]): Plot;
  /** Draws a confusion matrix, a row per actual class. */
  confusion(counts: readonly (readonly number[])[], classes: readonly string[]): Plot;
  /** Draws a curve. */
  curve(points: readonly { x: number; y: number }[], options?: CurvePlotOptions): Plot;
}

let registered: Plotters | undefined;

/** Makes {@linkcode plotters} return these functions. */
export function registerPlotters(plotters: Plotters): void {
  registered = plotters;
}

/**
 * The functions that draw.
 *
 * @throws {Error} If the entry point `plots` was not imported.
 */
export function plotters(): Plotters {
  if (registered) return registered;
  throw new Error(
    "Cannot plot: the entry point that draws is not loaded. Add " +
      '`import "@trainchart/trainchart/plots";` (or `plots.ts` beside `mod.ts`) to the program.',
  );
}
