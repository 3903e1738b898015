/**
 * Fails after the backend has started.
 *
 * @module
 */
import { selectBackend } from "@trainchart/trainchart";

await selectBackend({ prefer: "wasm", quiet: true });
setTimeout(() => {
  throw new Error("of the program");
});
