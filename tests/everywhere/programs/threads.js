/**
 * Trains on two threads.
 *
 * @module
 */
import { selectBackend } from "@trainchart/trainchart";
import { train } from "./training.js";

const { reason } = await selectBackend({ prefer: "wasm", threads: 2, quiet: true });
const { status, weights } = await train([]);
console.log(JSON.stringify({ reason: /2 threads/.test(reason), status, weights }));
