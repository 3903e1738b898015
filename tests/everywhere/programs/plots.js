/**
 * Draws the history of a run, as SVG and as PNG.
 *
 * @module
 */
import { Recorder, selectBackend } from "@trainchart/trainchart";
import "@trainchart/trainchart/plots";
import { train } from "./training.js";

await selectBackend({ prefer: "cpu", quiet: true });
const recorder = new Recorder();
await train([recorder]);
const svg = await recorder.plot().svg();
const display = await recorder.plot()[Symbol.for("Jupyter.display")]();
console.log(JSON.stringify({
  svg: svg.startsWith("<svg") && svg.includes("</svg>"),
  png: display["image/png"]?.startsWith("iVBOR") ?? null,
}));
