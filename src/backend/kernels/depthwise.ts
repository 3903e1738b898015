/**
 * Depthwise convolutions and their gradients.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import {
  type Convolution,
  convolution2D,
  pointsOf,
  resultShape,
  type WindowAttributes,
  windowTable,
} from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import {
  addBias,
  convolveNatively,
  filterGradientNatively,
} from "../native/native_convolutions.ts";
import { ACTIVATIONS, areFloats, copy, type Inputs, type KernelTable, sizeOf } from "./kernel.ts";
import { finish } from "./matmul.ts";

interface Attributes extends WindowAttributes {
  inputShape: number[];
  filterShape: number[];
  activation?: string;
  leakyreluAlpha?: number;
}

/** Number of multiply-adds. */
function workOf(c: Convolution): number {
  return pointsOf(c) * sizeOf(c.filter) * c.outChannels;
}

/** Results of a channel of the input. */
function multiplierOf(c: Convolution): number {
  return c.outChannels / c.channels;
}

/** The same convolution of an input whose channels are repeated: then each has one result. */
function repeated(c: Convolution): Convolution {
  return { ...c, channels: c.outChannels };
}

/** Repeats each channel, so that the kernels need to know one result of a channel only. */
function repeatChannels(heap: KernelHeap, x: tf.TensorInfo, times: number): tf.TensorInfo {
  if (times === 1) return heap.alias(x);
  const channels = x.shape.at(-1)!;
  const result = heap.output([...x.shape.slice(0, -1), channels * times]);
  const box = [sizeOf(x.shape), times];
  const from = { address: heap.at(x), strides: [1, 0] };
  copy(heap, box, from, { address: heap.at(result), strides: [times, 1] }, "float32");
  return result;
}

/** The results, `activation(x * filter + bias)`. */
function forward(
  heap: KernelHeap,
  c: Convolution,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  bias?: tf.TensorInfo,
  activation = 0,
): tf.TensorInfo {
  const result = heap.output(resultShape(c, 4, c.outChannels));
  if (convolveNatively(heap, "forward", c, x, filter, result)) {
    addBias(heap, c, result, bias, activation);
    return result;
  }
  const from = repeatChannels(heap, x, multiplierOf(c));
  const table = heap.table(windowTable(repeated(c)));
  const tensors = [from, filter, result].map((tensor) => heap.at(tensor));
  const lines = c.batch * c.output[1];
  heap.run("depthwise", [
    ...[table, ...tensors, bias ? heap.at(bias) : 0, activation],
    ...[0, lines, heap.scratch()],
  ], { argument: 6, multiple: 1, work: workOf(c) });
  heap.backend.disposeData(from.dataId);
  return result;
}

function depthwise(heap: KernelHeap, { x, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(x, filter) || attributes.dataFormat === "NCHW") return;
  return forward(heap, convolution2D(x.shape, filter.shape, attributes, true), x, filter);
}

function fusedDepthwise(heap: KernelHeap, inputs: Inputs, attributes: Attributes) {
  const { x, filter, bias, preluActivationWeights: alpha } = inputs;
  if (!areFloats(x, filter) || attributes.dataFormat === "NCHW") return;
  const { activation = "linear", leakyreluAlpha } = attributes;
  const c = convolution2D(x.shape, filter.shape, attributes, true);
  const code = ACTIVATIONS[activation];
  const plain = !bias || (bias.dtype === "float32" && sizeOf(bias.shape) === c.outChannels);
  const y = forward(heap, c, x, filter, plain ? bias : undefined, plain ? code : 0);
  if (plain && code !== undefined) return y;
  return finish(y, plain ? undefined : bias, activation, alpha, leakyreluAlpha);
}

function backpropInput(heap: KernelHeap, { dy, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(dy, filter)) return;
  const { inputShape } = attributes;
  const c = convolution2D(inputShape, filter.shape, attributes, true);
  const times = multiplierOf(c);
  if (heap.native?.canConvolve("input", c)) {
    const result = heap.output(inputShape);
    convolveNatively(heap, "input", c, result, filter, dy);
    return result;
  }
  const all = heap.output([...inputShape.slice(0, -1), c.outChannels]);
  const table = heap.table(windowTable(repeated(c)));
  const lines = c.batch * c.input[1];
  const args = [table, heap.at(dy), heap.at(filter), heap.at(all), 0, lines, heap.scratch()];
  const split = { argument: 4, multiple: 1, work: workOf(c) };
  heap.run("depthwiseInputGradient", args, split);
  if (times === 1) return all;
  const result = heap.output(inputShape);
  heap.run("sumRows", [
    heap.at(all),
    0,
    sizeOf(inputShape),
    times,
    heap.at(result),
    1,
    heap.scratch(),
  ]);
  heap.backend.disposeData(all.dataId);
  return result;
}

function backpropFilter(heap: KernelHeap, { x, dy }: Inputs, attributes: Attributes) {
  if (!areFloats(x, dy)) return;
  const { filterShape } = attributes;
  const c = convolution2D(x.shape, filterShape, attributes, true);
  const native = filterGradientNatively(heap, c, filterShape, x, dy);
  if (native) return native;
  const from = repeatChannels(heap, x, multiplierOf(c));
  const result = heap.output(filterShape), size = sizeOf(filterShape);
  const table = heap.table(windowTable(repeated(c)));
  const doubles = heap.shared(size * 12);
  const tensors = [from, dy, result].map((tensor) => heap.at(tensor));
  const args = [table, ...tensors, c.batch, doubles + size * 8, doubles, 0, c.outChannels];
  const split = { argument: 7, multiple: 4, work: workOf(c) };
  heap.run("depthwiseFilterGradient", [...args, heap.scratch()], split);
  heap.backend.disposeData(from.dataId);
  return result;
}

/** The kernels of depthwise convolutions. */
export const DEPTHWISE_KERNELS: KernelTable = {
  DepthwiseConv2dNative: depthwise,
  FusedDepthwiseConv2D: fusedDepthwise,
  DepthwiseConv2dNativeBackpropInput: backpropInput,
  DepthwiseConv2dNativeBackpropFilter: backpropFilter,
};
