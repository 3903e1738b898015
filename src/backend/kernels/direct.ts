/**
 * Convolutions without packing: those of images or results of few channels, and depthwise ones.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import {
  type Convolution,
  convolution2D,
  isProduct,
  mirrored,
  pointsOf,
  resultShape,
  type WindowAttributes,
  windowTable,
} from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { addBias, convolveNatively, filterGradientNatively } from "../native/native_kernels.ts";
import { ACTIVATIONS, areFloats, copy, type Inputs, type KernelTable, sizeOf } from "./kernel.ts";
import { finish } from "./matmul.ts";

/** Size of scratch memory for copied lines, in bytes, and of that for sums; as in `assembly/direct.ts`. */
const LINES = 256 * 1024, SUMS = 256 * 1024;

/** Most channels of results that are sums of a depthwise convolution. */
const FEW = 3;

/** Length of a line from which on gradients are computed without packing. */
const LINE = 12;

/** Number of multiply-adds. */
export function workOf(c: Convolution): number {
  return pointsOf(c) * sizeOf(c.filter) * c.channels * c.outChannels;
}

/** Whether the convolution has two dimensions. */
function isFlat({ input, filter }: Convolution): boolean {
  return input[0] === 1 && filter[0] === 1;
}

/** Whether the lines of the image that a line of results meets fit into memory. */
function fits({ filter, dilation, stride, output, channels }: Convolution): boolean {
  const width = (output[2] + 2) * stride[2] + (filter[2] - 1) * dilation[2] + 1;
  const height = (filter[1] - 1) * dilation[1] + 1;
  const runs = filter[1] * (dilation[2] === 1 ? 1 : filter[2]);
  return width * height * channels * 4 <= LINES && runs <= 1024;
}

/** Distances between taps, channels and columns of a filter, and whether its taps are reversed. */
type FilterSteps = [tap: number, channel: number, column: number, mirrored: number];

/** The filter of a convolution, for the convolution itself. */
function stepsOf({ channels, outChannels }: Convolution): FilterSteps {
  return [channels * outChannels, outChannels, 1, 0];
}

/** The same filter, for the mirrored convolution. */
function mirroredSteps({ channels, outChannels }: Convolution): FilterSteps {
  return [channels * outChannels, 1, outChannels, 1];
}

/** Whether packing a convolution takes long, compared with computing it. */
function isThin(c: Convolution): boolean {
  const { channels, outChannels } = c, taps = sizeOf(c.filter);
  if (!isFlat(c) || !fits(c) || taps * channels > 512) return false;
  if (taps === 1) return channels <= 8;
  return channels <= 12 || (channels <= 16 && outChannels <= 16);
}

/** Whether a convolution is computed without packing. */
function isDirect(c: Convolution): boolean {
  return isThin(c) && c.outChannels <= 512;
}

function convolve(
  heap: KernelHeap,
  c: Convolution,
  steps: FilterSteps,
  [x, filter, y]: tf.TensorInfo[],
  bias?: tf.TensorInfo,
  activation = 0,
): void {
  const [from, weights, to] = [x, filter, y].map((tensor) => heap.at(tensor));
  heap.run("convolveDirectly", [
    ...[heap.table(windowTable(c)), from, weights, ...steps, to, c.outChannels],
    ...[bias ? heap.at(bias) : 0, activation, 0, c.batch * c.output[1], heap.scratch()],
  ], { argument: 11, multiple: 1, work: workOf(c) });
}

/** Whether few results are summed of many channels each. */
function isToFew(c: Convolution, results: number, channels: number, width: number): boolean {
  return isFlat(c) && results <= FEW && channels >= 4 && width * channels * 4 <= LINES - 2 ** 16 &&
    sizeOf(c.filter) * channels * 4 <= 2 ** 16;
}

function convolveToFew(
  heap: KernelHeap,
  c: Convolution,
  gradient: boolean,
  [x, filter, y]: tf.TensorInfo[],
  bias?: tf.TensorInfo,
  activation = 0,
): void {
  const [tap, channel, column] = gradient ? mirroredSteps(c) : stepsOf(c);
  const [channels, columns] = gradient ? [c.outChannels, c.channels] : [c.channels, c.outChannels];
  const [from, weights, to] = [x, filter, y].map((tensor) => heap.at(tensor));
  const lines = c.batch * (gradient ? c.input : c.output)[1];
  heap.run("convolveToFew", [
    ...[heap.table(windowTable({ ...c, channels })), Number(gradient), from, weights],
    ...[tap, channel, column, to, columns],
    ...[bias ? heap.at(bias) : 0, activation, 0, lines, heap.scratch()],
  ], { argument: 11, multiple: 1, work: workOf(c) });
}

/** Computes the results, if that is faster than a product; returns whether it did. */
export function directForward(
  heap: KernelHeap,
  c: Convolution,
  y: tf.TensorInfo,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  bias?: tf.TensorInfo,
  activation = 0,
): boolean {
  if (isProduct(c)) return false;
  if (isToFew(c, c.outChannels, c.channels, c.output[2])) {
    convolveToFew(heap, c, false, [x, filter, y], bias, activation);
    return true;
  }
  if (!isDirect(c)) return false;
  convolve(heap, c, stepsOf(c), [x, filter, y], bias, activation);
  return true;
}

/** Computes the gradient of the input, if that is faster than a product; returns whether it did. */
export function directInputGradient(
  heap: KernelHeap,
  c: Convolution,
  dx: tf.TensorInfo,
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
): boolean {
  const dense = c.stride.every((n) => n === 1);
  if (isProduct(c)) return false;
  if (dense && isToFew(c, c.channels, c.outChannels, c.input[2])) {
    convolveToFew(heap, c, true, [dy, filter, dx]);
    return true;
  }
  const turned = mirrored(c);
  if (!dense || !isDirect(turned) || turned.output[2] < LINE) return false;
  convolve(heap, turned, mirroredSteps(c), [dy, filter, dx]);
  return true;
}

/** Whether the gradient of a filter is computed without packing; short lines take long. */
function isDirectGradient(c: Convolution): boolean {
  const depth = sizeOf(c.filter) * c.channels;
  return isThin(c) && c.output[2] >= LINE && c.outChannels % 8 === 0 &&
    (depth + 3) * c.outChannels * 4 <= SUMS;
}

/** Computes the gradient of the filter, if that is faster than a product. */
export function directFilterGradient(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
): tf.TensorInfo | undefined {
  const turned = mirrored(c), plain = isDirectGradient(c);
  if (!plain && !(c.stride.every((n) => n === 1) && isDirectGradient(turned))) return;
  const result = heap.output(shape);
  const own = plain ? c : turned, [image, slopes] = plain ? [x, dy] : [dy, x];
  const steps = plain ? stepsOf(c) : mirroredSteps(c);
  heap.run("convolveDirectlyFilterGradient", [
    ...[heap.table(windowTable(own)), own.batch, heap.at(image), heap.at(slopes)],
    ...[own.outChannels, heap.at(result), ...steps, 0, own.outChannels, heap.scratch()],
  ], { argument: 10, multiple: 8, work: workOf(c) });
  return result;
}

interface Attributes extends WindowAttributes {
  inputShape: number[];
  filterShape: number[];
  activation?: string;
  leakyreluAlpha?: number;
}

/** Number of multiply-adds. */
function depthwiseWorkOf(c: Convolution): number {
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
  ], { argument: 6, multiple: 1, work: depthwiseWorkOf(c) });
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
  const split = { argument: 4, multiple: 1, work: depthwiseWorkOf(c) };
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
  const split = { argument: 7, multiple: 4, work: depthwiseWorkOf(c) };
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
