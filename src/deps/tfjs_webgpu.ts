/**
 * The WebGPU backend of TensorFlow.js. Importing it registers the backend as `"webgpu"`, which is
 * why it is imported only once that backend is wanted.
 *
 * @module
 */
export { WebGPUBackend } from "npm:@tensorflow/tfjs-backend-webgpu@4.22.0";
