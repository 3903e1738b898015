/**
 * A bundle that looks for the WebAssembly file. In the address of a page, `?threads=2` is the number
 * of threads, and `?prefer=webgpu` the backend.
 *
 * @module
 */
import { trainNetwork } from "./train_network.js";

const query = new URLSearchParams(globalThis.location?.search ?? "");
await trainNetwork({
  threads: Number(query.get("threads") ?? 1),
  prefer: query.get("prefer") ?? undefined,
});
