/**
 * Depthwise convolutions and their gradients.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import {
  type Convolution,
  convolution2D,
  PATCH_ADDRESSES,
  patchTable,
  pointsOf,
  type WindowAttributes,
} from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { resultShape } from "./convolution.ts";
import { areFloats, type Inputs, type KernelTable, sizeOf } from "./kernel.ts";
import { finish } from "./matmul.ts";
import { sumInParts } from "./reductions.ts";

interface Attributes extends WindowAttributes {
  inputShape: number[];
  filterShape: number[];
  activation?: string;
  leakyreluAlpha?: number;
}

/** Values of `operation` in `assembly/depthwise.ts`. */
const FORWARD = 0, INPUT_GRADIENT = 1, FILTER_GRADIENT = 2;

/** Number of points whose products are summed in floats. */
const MANY_POINTS = 2 ** 8;

function run(
  heap: KernelHeap,
  operation: number,
  c: Convolution,
  shape: number[],
  tensors: (result: number) => { x: number; w: number; y: number },
): tf.TensorInfo {
  // Only the gradient of the filter is a sum over points.
  const isSum = operation === FILTER_GRADIENT;
  const ofAll = isSum ? heap.table(patchTable(c, tensors(0).x), PATCH_ADDRESSES) : 0;
  const many = isSum ? MANY_POINTS : Infinity;
  return sumInParts(heap, shape, pointsOf(c), many, (to, first, last) => {
    const { x, w, y } = tensors(to);
    const image = ofAll || heap.table(patchTable(c, x), PATCH_ADDRESSES);
    heap.run("depthwise", [
      ...[operation, image, first, last, w, y, c.outChannels / c.channels],
      ...[to, sizeOf(shape) * 4, heap.scratch()],
    ]);
  });
}

function depthwiseForward(heap: KernelHeap, { x, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(x, filter) || attributes.dataFormat === "NCHW") return;
  const c = convolution2D(x.shape, filter.shape, attributes, true);
  const shape = resultShape(c, 4, c.outChannels);
  return run(heap, FORWARD, c, shape, (y) => ({ x: heap.at(x), w: heap.at(filter), y }));
}

function fusedDepthwise(heap: KernelHeap, inputs: Inputs, attributes: Attributes) {
  const y = depthwiseForward(heap, inputs, attributes);
  const { activation = "linear", leakyreluAlpha } = attributes;
  return y && finish(y, inputs.bias, activation, inputs.preluActivationWeights, leakyreluAlpha);
}

function backpropInput(heap: KernelHeap, { dy, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(dy, filter)) return;
  const c = convolution2D(attributes.inputShape, filter.shape, attributes, true);
  const [w, y] = [heap.at(filter), heap.at(dy)];
  return run(heap, INPUT_GRADIENT, c, attributes.inputShape, (x) => ({ x, w, y }));
}

function backpropFilter(heap: KernelHeap, { x, dy }: Inputs, attributes: Attributes) {
  if (!areFloats(x, dy)) return;
  const c = convolution2D(x.shape, attributes.filterShape, attributes, true);
  const [from, y] = [heap.at(x), heap.at(dy)];
  return run(heap, FILTER_GRADIENT, c, attributes.filterShape, (w) => ({ x: from, w, y }));
}

/** The kernels of depthwise convolutions. */
export const DEPTHWISE_KERNELS: KernelTable = {
  DepthwiseConv2dNative: depthwiseForward,
  FusedDepthwiseConv2D: fusedDepthwise,
  DepthwiseConv2dNativeBackpropInput: backpropInput,
  DepthwiseConv2dNativeBackpropFilter: backpropFilter,
};
