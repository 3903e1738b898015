/**
 * Two trainings in one folder: the second saves nothing.
 *
 * @module
 */
import { Checkpoint, selectBackend } from "@trainchart/trainchart";
import { train } from "./training.js";

await selectBackend({ prefer: "cpu", quiet: true });
const warnings = [];
const options = { every: { batches: 1 }, warn: (message) => void warnings.push(message) };
const begin = () => train([new Checkpoint(process.argv[2], options)], 2);
await Promise.all([begin(), begin()]);
console.log(JSON.stringify({ refused: /another run saves/.test(warnings[0]) }));
await begin();
