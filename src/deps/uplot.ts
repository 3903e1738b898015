/**
 * uPlot, which draws curves in a browser: only pages import this.
 *
 * @module
 */
/// <reference lib="dom" />
export { default as uPlot } from "npm:uplot@1.6.32";
/** The style that a page needs. */
export { default as uPlotStyle } from "npm:uplot@1.6.32/dist/uPlot.min.css" with { type: "text" };
