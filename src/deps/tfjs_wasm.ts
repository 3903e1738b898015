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
