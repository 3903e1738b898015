/**
 * Trainchart.
 *
 * @module
 */
export { tf } from "./src/deps/tfjs.ts";
export type { WasmOptions } from "./src/backend/wasm.ts";
export {
  type BackendChoice,
  type BackendName,
  type BackendOptions,
  selectBackend,
} from "./src/backend/select_backend.ts";
export {
  binaryCrossEntropy,
  type BinaryCrossEntropyOptions,
} from "./src/losses/binary_cross_entropy.ts";
export { crossEntropy, type CrossEntropyOptions } from "./src/losses/cross_entropy.ts";
export { huber, type HuberOptions } from "./src/losses/huber.ts";
export { meanSquaredError } from "./src/losses/mean_squared_error.ts";
export { adam, type AdamOptions, adamW } from "./src/optimizers/adam.ts";
export { rmsprop, type RmspropOptions } from "./src/optimizers/rmsprop.ts";
export { sgd, type SgdOptions } from "./src/optimizers/sgd.ts";
export {
  type OptimizerOptions,
  type ParameterGroup,
  SlotOptimizer,
  type UpdateAttributes,
} from "./src/optimizers/slot_optimizer.ts";
