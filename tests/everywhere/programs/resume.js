/**
 * A training that is killed, and resumes where it was.
 *
 * @module
 */
import { Checkpoint, selectBackend } from "@trainchart/trainchart";
import { train } from "./training.js";

await selectBackend({ prefer: "cpu", quiet: true });
const [folder, delay = "0"] = process.argv.slice(2);
const pause = { afterBatch: () => new Promise((resolve) => setTimeout(resolve, Number(delay))) };
const checkpoint = new Checkpoint(folder, { every: { batches: 1 }, resume: "auto" });
const { status, weights } = await train([checkpoint, pause]);
console.log(JSON.stringify({ status, weights }));
