/**
 * A bundle that looks for the WebAssembly file.
 *
 * @module
 */
import { trainLine } from "./train_line.js";

await trainLine();
