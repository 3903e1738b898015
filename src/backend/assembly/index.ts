/** The kernels: what the compiled module exports. */
export { scratchBytes } from "./panel";
export { gemm } from "./gemm";
export { convolve, convolveFilterGradient, convolveInputGradient } from "./convolution";
export {
  winograd,
  winogradFilter,
  winogradFilterGradient,
  winogradInputGradient,
} from "./winograd";
export { depthwise } from "./depthwise";
export { pool } from "./pool";
export {
  activationAndBiasGradient,
  activationGradient,
  addSegments,
  sumColumns,
} from "./elementwise";
export { crossEntropy } from "./cross_entropy";
export { adam, rmsprop, sgd } from "./optimizers";
