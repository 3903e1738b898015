/**
 * A bundle that looks for the WebAssembly file. In the address of a page, `?threads=2` is the number
 * of threads, and `?wasm=` the address of the file.
 *
 * @module
 */
import { trainNetwork } from "./train_network.js";

const query = new URLSearchParams(globalThis.location?.search ?? "");
const url = query.get("wasm");
await trainNetwork({
  threads: Number(query.get("threads") ?? 1),
  ...url && { wasm: { url } },
});
