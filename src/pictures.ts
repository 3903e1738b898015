/**
 * The records of a run, and the seam between what records a run and what draws it. Callbacks are
 * loaded with every program, the library that draws only with the entry point `plots`, which registers
 * its functions here.
 *
 * @module
 */
import * as field from "./checks/fields.ts";

/**
 * The record of one batch of training.
 *
 * @category Plots
 */
export interface BatchRecord {
  /** Index of the batch among all training batches of the run, 0-based. */
  step: number;
  /** Index of the epoch, 0-based. */
  epoch: number;
  /** Loss of this batch. */
  loss: number;
  /** Learning rate of this batch, per step. */
  learningRate: number;
  /** Time since the run began, in s. */
  seconds: number;
}

/**
 * The record of one epoch.
 *
 * @category Plots
 */
export interface EpochRecord {
  /** Index of the epoch, 0-based. */
  epoch: number;
  /** Everything that was measured in the epoch, by name: `"train.loss"`, `"validation.accuracy"`. */
  metrics: Record<string, number>;
  /** Learning rate at the end of the epoch, per step. */
  learningRate: number;
  /** Duration of the epoch with its validation, in s. */
  seconds: number;
}

/**
 * The record of a validation within an epoch.
 *
 * @category Plots
 */
export interface ValidationRecord {
  /** Number of training batches before it, since the training began. */
  step: number;
  /** Index of the epoch, 0-based. */
  epoch: number;
  /** The metrics of the validation, by full name: `"validation.accuracy"`. */
  metrics: Record<string, number>;
  /** Time since the training began, in s. */
  seconds: number;
}

/**
 * A run, as plain JSON.
 *
 * @category Plots
 */
export interface History {
  /** Batches, evenly thinned out; each is exact. */
  batches: BatchRecord[];
  /** All epochs. */
  epochs: EpochRecord[];
  /** Validations within epochs, if there are any. */
  validations?: ValidationRecord[];
  /** Metrics of the test, by name. */
  test: Record<string, number>;
}

/** Accepts the record of an epoch in a checkpoint. */
export const epochRecord: field.FieldCheck = field.record({
  epoch: field.integer({ min: 0 }),
  metrics: field.recordOf(field.measurement),
  learningRate: field.measurement,
  seconds: field.measurement,
});

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
interface Plotters {
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
