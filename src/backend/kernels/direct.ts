/**
 * Convolutions of images or results of few channels, without packing.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import { type Convolution, isProduct, mirrored, pointsOf, windowTable } from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { sizeOf } from "./kernel.ts";

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
