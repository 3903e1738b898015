/**
 * Pictures of runs, as SVG, without a browser.
 *
 * Callbacks that record something have a `plot()`: `Recorder`, `LearningRateFinder`,
 * `ConfusionMatrix`, `ActivationStats`, `GradientStats`. They draw once this entry point is
 * imported, anywhere in the program: so a program that draws nothing does not load the library that
 * draws, Vega. In a notebook of Deno a picture displays itself; {@linkcode writeReport} puts
 * several of them on one page.
 *
 * @example Draw a run
 * ```ts
 * import { adam, Learner, meanSquaredError, Recorder, tf } from "@trainchart/trainchart";
 * import "@trainchart/trainchart/plots";
 * import { assert } from "@std/assert";
 *
 * const recorder = new Recorder();
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: adam(0.1),
 *   lossFunction: meanSquaredError,
 *   dataloaders: { train: [[tf.tensor2d([[0], [1]]), tf.tensor2d([[1], [3]])]] },
 *   callbacks: [recorder],
 * });
 * await learner.train({ epochs: 5 });
 * const svg = await recorder.plot().svg(); // or .save("loss.svg")
 * assert(svg.startsWith("<svg"));
 * ```
 *
 * @module
 */
import "./src/plots/register_plotters.ts";

export { Drawing } from "./src/plots/drawing.ts";
export { Picture } from "./src/plots/picture.ts";
export { curvePlot } from "./src/plots/curve_plot.ts";
export type { CurvePlotOptions, PictureOptions, Plot } from "./src/pictures.ts";
export { type Report, writeReport } from "./src/plots/write_report.ts";
