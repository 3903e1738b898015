/**
 * A bundle whose bundler places the WebAssembly file.
 *
 * @module
 */
import url from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import { trainLine } from "./train_line.js";

await trainLine({ wasm: { url } });
