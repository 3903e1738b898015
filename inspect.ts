/**
 * The machine made visible: pictures of the statechart, Stately's inspector, replay of a trace.
 *
 * {@linkcode chartToSvg} and {@linkcode chartToMermaid} draw any machine of XState 5, by default
 * the Learner's. {@linkcode inspector} shows a run live in Stately's inspector.
 * {@linkcode replay} steps the pure machine through a trace that the `Trace` callback recorded, and
 * confirms every state: so a run that went wrong is taken apart without its data or its model.
 *
 * @example Draw the statechart with the active state lit
 * ```ts
 * import { chartToSvg } from "@trainchart/trainchart/inspect";
 * import { assert } from "@std/assert";
 *
 * const svg = await chartToSvg(undefined, { active: ["learner.train.epoch.held"] });
 * assert(svg.startsWith("<svg"));
 * ```
 *
 * @module
 */

// Pictures of a machine
export { ChartPicture } from "./src/diagram/chart_picture.ts";
export { chartToMermaid, type ChartToMermaidOptions } from "./src/diagram/chart_to_mermaid.ts";
export { chartToSvg, type ChartToSvgOptions } from "./src/diagram/chart_to_svg.ts";
export { Drawing } from "./src/plots/drawing.ts";
export type { Plot } from "./src/pictures.ts";

// A run
export { inspector, type InspectorOptions, type RunInspector } from "./src/inspect/inspector.ts";
export { replay, type ReplayedStep, ReplayError } from "./src/inspect/replay.ts";
