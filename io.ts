/**
 * Files: weights, models, checkpoints and tensors.
 *
 * Weights and checkpoints are [safetensors](https://huggingface.co/docs/safetensors) files, which
 * Python reads as well. A file is written beside its place and renamed, so that it is never half
 * visible, and nothing in it is trusted when it is read: sizes and offsets are checked first, and
 * what is wrong is a {@linkcode StorageError}. `exportModel()` writes TensorFlow.js's own format.
 *
 * @example Keep the weights of a model
 * ```ts
 * import { tf } from "@trainchart/trainchart";
 * import { loadWeights, SafetensorsFile, saveWeights } from "@trainchart/trainchart/io";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
 * await saveWeights(model, path);
 * await loadWeights(model, path);
 *
 * {
 *   using file = await SafetensorsFile.open(path);
 *   assertEquals(file.entries.size, 2); // kernel and bias
 * }
 * await Deno.remove(path);
 * ```
 *
 * @module
 */

// Weights and models
export { exportModel } from "./src/io/export_model.ts";
export { fileHandler } from "./src/io/file_handler.ts";
export { loadWeights, type LoadWeightsOptions, saveWeights } from "./src/io/weights.ts";
export type { Model } from "./src/model/model.ts";

// Checkpoints
export { loadCheckpoint, type RunCheckpoint, saveCheckpoint } from "./src/io/checkpoint_file.ts";
export type { ModelStructure } from "./src/model/model_structure.ts";

// Tensors
export {
  type Dtype,
  DTYPES,
  type HostTensor,
  type HostValues,
  toTensor,
} from "./src/io/host_tensor.ts";
export { SafetensorsFile } from "./src/io/safetensors_file.ts";
export { type HeaderEntry, writeSafetensors } from "./src/io/safetensors_format.ts";
export { StorageError, type StorageProblem } from "./src/io/files.ts";
