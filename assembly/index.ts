/** The kernels that the compiled module exports. */
export { scratchBytes } from "./panel";
export { useMachineTiles } from "./machine";
export { gemm, gemmBatch } from "./gemm";
export { addBiasInPlace } from "./bias";
export { convolve } from "./convolution";
export { mendConvolution, mendInputGradient, mendPatchSlopes } from "./exact";
export { convolveFilterGradient, convolveInputGradient } from "./convolution_gradients";
export { winograd, winogradFilter } from "./winograd";
export { winogradFilterGradient, winogradInputGradient } from "./winograd_gradients";
export { stridedFilter, winogradStrided, winogradStridedFilterGradient } from "./winograd_strided";
export { checkIndices, copyBox, fill, flattenIndices, gatherRows } from "./boxes";
export { winogradLineFilter, winogradLines, winogradLinesFilterGradient } from "./winograd_lines";
export { depthwise, depthwiseFilterGradient, depthwiseInputGradient } from "./depthwise";
export { convolveDirectly, convolveDirectlyFilterGradient, convolveToFew } from "./direct";
export { pool } from "./pool";
export { resize } from "./resize";
export {
  activationAndBiasGradient,
  activationGradient,
  addSegments,
  scale,
  sumStripes,
} from "./elementwise";
export { binary } from "./binary";
export { binarySlope, extremeShares } from "./binary_slope";
export { compare, connect, select, selectBytes } from "./comparison";
export { convert } from "./convert";
export { powers, powerSlope } from "./power";
export { unary, unarySlope } from "./unary";
export { extremeSlope, reduce, reduceBytes } from "./reduce";
export { addDoubles, sumColumns, sumMiddle, sumParts, sumProducts, sumRows } from "./reductions";
export { crossEntropy } from "./cross_entropy";
export { elementLoss, elementLossSlope } from "./element_losses";
export { adam, adamAll, clip, rmsprop, rmspropAll, sgd, sgdAll } from "./optimizers";
export { stockUpdate, stockUpdateAll } from "./stock_optimizers";
export { packStates } from "./recurrent";
export { lstm, lstmCell, lstmCellGradient, lstmGradient } from "./lstm";
export { gru, gruGradient } from "./gru";
export { simpleRnn, simpleRnnGradient } from "./simple_rnn";
export { layerNorm, layerNormGradient, layerNormSums } from "./layer_norm";
export { batchNorm, batchNormGradient, batchNormSums, columnMoments, moveTowards } from "./batch_norm";
export { softmax, softmaxGradient, spreadNaN } from "./softmax";
export { dropoutMask, normalNumbers, uniformNumbers } from "./random";
export { copyBand, countNumbers, findPlaces, markIndices, placeRows } from "./places";
export { productSlope, scan, scanIntegers, sequence, sequenceOfIntegers } from "./scan";
export { fourierOfAny, multiplyComplexNumbers } from "./fourier_of_any";
export { absoluteOfComplex, fourier, fourierFactors, joinComplex, partOfComplex } from "./fourier";
export { multiplyIntegers } from "./integers";
