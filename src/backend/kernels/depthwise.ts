/**
 * Depthwise convolutions and their gradients.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import {
  type Convolution,
  convolution2D,
  patchTable,
  pointsOf,
  type WindowAttributes,
} from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { resultShape } from "./convolution.ts";
import { areFloats, type Inputs, type KernelTable, sizeOf } from "./kernel.ts";
import { finish } from "./matmul.ts";

interface Attributes extends WindowAttributes {
  inputShape: number[];
  filterShape: number[];
  activation?: string;
  leakyreluAlpha?: number;
}

/** Values of `operation` in `assembly/depthwise.ts`. */
const FORWARD = 0, INPUT_GRADIENT = 1, FILTER_GRADIENT = 2;

function run(
  heap: KernelHeap,
  operation: number,
  c: Convolution,
  shape: number[],
  tensors: (result: tf.TensorInfo) => { x: tf.TensorInfo; w: tf.TensorInfo; y: tf.TensorInfo },
): tf.TensorInfo {
  const result = heap.output(shape);
  const { x, w, y } = tensors(result);
  const image = heap.table(patchTable(c, heap.at(x)));
  heap.run("depthwise", [
    ...[operation, image, pointsOf(c), heap.at(w), heap.at(y), c.outChannels / c.channels],
    ...[heap.at(result), sizeOf(shape) * 4, heap.scratch()],
  ]);
  return result;
}

function depthwiseForward(heap: KernelHeap, { x, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(x, filter) || attributes.dataFormat === "NCHW") return;
  const c = convolution2D(x.shape, filter.shape, attributes, true);
  const shape = resultShape(c, 4, c.outChannels);
  return run(heap, FORWARD, c, shape, (y) => ({ x, w: filter, y }));
}

function fusedDepthwise(heap: KernelHeap, inputs: Inputs, attributes: Attributes) {
  const y = depthwiseForward(heap, inputs, attributes);
  const { activation = "linear", leakyreluAlpha } = attributes;
  return y && finish(y, inputs.bias, activation, inputs.preluActivationWeights, leakyreluAlpha);
}

function backpropInput(heap: KernelHeap, { dy, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(dy, filter)) return;
  const c = convolution2D(attributes.inputShape, filter.shape, attributes, true);
  return run(heap, INPUT_GRADIENT, c, attributes.inputShape, (x) => ({ x, w: filter, y: dy }));
}

function backpropFilter(heap: KernelHeap, { x, dy }: Inputs, attributes: Attributes) {
  if (!areFloats(x, dy)) return;
  const c = convolution2D(x.shape, attributes.filterShape, attributes, true);
  return run(heap, FILTER_GRADIENT, c, attributes.filterShape, (w) => ({ x, w, y: dy }));
}

/** The kernels of depthwise convolutions. */
export const DEPTHWISE_KERNELS: KernelTable = {
  DepthwiseConv2dNative: depthwiseForward,
  FusedDepthwiseConv2D: fusedDepthwise,
  DepthwiseConv2dNativeBackpropInput: backpropInput,
  DepthwiseConv2dNativeBackpropFilter: backpropFilter,
};
