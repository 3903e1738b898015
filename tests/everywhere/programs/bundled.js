/**
 * A bundle that looks for the WebAssembly file. `?threads=2` in the address is the number of threads.
 *
 * @module
 */
import { trainNetwork } from "./train_network.js";

const query = new URLSearchParams(globalThis.location?.search ?? "");
await trainNetwork({ threads: Number(query.get("threads") ?? 1) });
