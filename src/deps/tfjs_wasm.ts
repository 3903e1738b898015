/**
 * The WebAssembly backend of TensorFlow.js. Importing it registers the backend as `"wasm"`, which
 * is why it is imported only once that backend is wanted.
 *
 * @module
 */
export {
  type BackendWasm,
  setThreadsCount,
  setWasmPaths,
} from "npm:@tensorflow/tfjs-backend-wasm@4.22.0";

/** Address of the package, beside which its files are; `undefined` in a browser and most bundles. */
export function wasmPackage(): string | undefined {
  try {
    return import.meta.resolve("npm:@tensorflow/tfjs-backend-wasm@4.22.0");
  } catch {
    return undefined;
  }
}
