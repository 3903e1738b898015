/**
 * Convolutions and their gradients, each by the algorithm that is the fastest for its sizes.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import {
  type Convolution,
  type Extent,
  isProduct,
  joined,
  mirrored,
  PATCH_ADDRESSES,
  patchTable,
  pointsOf,
  windowTable,
} from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { directFilterGradient, directForward, directInputGradient, workOf } from "./direct.ts";
import { addBias, convolveNatively, filterGradientNatively } from "../native/native_kernels.ts";
import { copy, layoutOf, sizeOf, stridesOf } from "./kernel.ts";
import { sumInParts } from "./reductions.ts";
import {
  isStrided,
  isWinograd,
  isWinogradLine,
  lineTilesOf,
  stridedLinesOf,
  tilesOf,
  winograd,
  winogradFilterGradient,
  winogradInputGradient,
  winogradLines,
  winogradLinesFilterGradient,
  winogradStrided,
  winogradStridedFilterGradient,
} from "./winograd.ts";

/** Whether Winograd's algorithm computes a convolution. */
export function isFast(c: Convolution): boolean {
  c = joined(c);
  return isWinograd(c) || isWinogradLine(c) || isStrided(c, 16);
}

/** Whether every patch is one pixel of several, without padding. */
function isSparse({ filter, stride, pad, channels }: Convolution): boolean {
  return channels >= 8 && filter.every((n) => n === 1) &&
    stride.some((n) => n > 1) && pad.every((n) => n === 0);
}

/** The pixels of an image that patches of one pixel meet: their layout, and the shape of all of them. */
function pixelsOf(heap: KernelHeap, c: Convolution, image: tf.TensorInfo) {
  const shape = [c.batch, ...c.output, c.channels];
  const strides = stridesOf([c.batch, ...c.input, c.channels]);
  return {
    shape,
    layout: {
      address: heap.at(image),
      strides: strides.map((n, axis) => n * ([1, ...c.stride, 1][axis])),
    },
  };
}

/** Computes with the pixels that patches meet, as a product of matrices. */
function withPixels<T>(
  heap: KernelHeap,
  c: Convolution,
  x: tf.TensorInfo,
  compute: (c: Convolution, pixels: tf.TensorInfo) => T,
): T {
  const { shape, layout } = pixelsOf(heap, c, x);
  const pixels = heap.output(shape);
  copy(heap, shape, layout, layoutOf(heap, pixels), "float32");
  const result = compute({ ...c, input: c.output, stride: [1, 1, 1] }, pixels);
  heap.backend.disposeData(pixels.dataId);
  return result;
}

/** The results, `[batch, …output, outChannels]`. */
export function forward(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  bias?: tf.TensorInfo,
  activation = 0,
): tf.TensorInfo {
  if (isSparse(c) && !heap.native?.canConvolve("forward", c)) {
    return withPixels(
      heap,
      c,
      x,
      (c, pixels) => forward(heap, c, shape, pixels, filter, bias, activation),
    );
  }
  const result = heap.output(shape);
  if (convolveNatively(heap, "forward", c, x, filter, result)) {
    addBias(heap, c, result, bias, activation);
    return result;
  }
  c = joined(c);
  const points = pointsOf(c), columns = c.outChannels;
  if (isWinograd(c)) {
    winograd(heap, c, result, x, filter, bias, activation);
    return result;
  }
  if (isWinogradLine(c)) {
    winogradLines(heap, c, [x, filter, result], false, bias, activation);
    return result;
  }
  if (isStrided(c, 16)) {
    winogradStrided(heap, c, false, [x, filter, result], bias, activation);
    return result;
  }
  if (directForward(heap, c, result, x, filter, bias, activation)) return result;
  const end = [bias ? heap.at(bias) : 0, activation, heap.scratch(c.channels)];
  const [from, weights, to] = [x, filter, result].map((tensor) => heap.at(tensor));
  if (isProduct(c)) {
    const sizes = [points, columns, c.channels, 0, points, 0, columns, 0, 0, c.channels, columns];
    const split = { argument: 6, multiple: 4, work: workOf(c) };
    heap.run("gemm", [from, weights, to, ...sizes, ...end], split);
  } else {
    const image = heap.table(patchTable(c, from), PATCH_ADDRESSES);
    const split = { argument: 4, multiple: 4, work: workOf(c) };
    heap.run("convolve", [image, weights, columns, to, 0, points, 0, columns, ...end], split);
  }
  return result;
}

/** The gradient of the input, `[batch, …input, channels]`. */
export function inputGradient(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
): tf.TensorInfo {
  const result = heap.output(shape);
  if (convolveNatively(heap, "input", c, result, filter, dy)) return result;
  c = joined(c);
  if (isSparse(c)) {
    const { shape, layout } = pixelsOf(heap, c, result);
    const dense = { ...c, input: c.output, stride: [1, 1, 1] as Extent };
    const pixels = inputGradient(heap, dense, shape, dy, filter);
    heap.run("fill", [heap.at(result), sizeOf(result.shape), 4, 0]);
    copy(heap, shape, layoutOf(heap, pixels), layout, "float32");
    heap.backend.disposeData(pixels.dataId);
    return result;
  }
  const [from, weights, to] = [dy, filter, result].map((tensor) => heap.at(tensor));
  if (isWinograd(c)) {
    winogradInputGradient(heap, c, result, dy, filter);
    return result;
  }
  if (isWinogradLine(c)) {
    winogradLines(heap, mirrored(c), [dy, filter, result], true);
    return result;
  }
  if (isStrided(c)) {
    winogradStrided(heap, c, true, [dy, filter, result]);
    return result;
  }
  if (directInputGradient(heap, c, result, dy, filter)) return result;
  if (isProduct(c)) {
    const points = pointsOf(c), { channels, outChannels } = c;
    const sizes = [points, channels, outChannels, 0, points, 0, channels, 0, 1];
    const args = [...sizes, outChannels, outChannels, 0, 0, heap.scratch()];
    const split = { argument: 6, multiple: 4, work: workOf(c) };
    heap.run("gemm", [from, weights, to, ...args], split);
    return result;
  }
  const image = heap.table(patchTable(c, to), PATCH_ADDRESSES);
  const args = [image, from, c.outChannels, weights, 0, c.batch, heap.scratch()];
  heap.run("convolveInputGradient", args, { argument: 4, multiple: 1, work: workOf(c) });
  return result;
}

/** Number of points whose products are summed in floats. */
const MANY_POINTS = 2 ** 17;

/** The gradient of the filter, `[…filter, channels, outChannels]`. */
export function filterGradient(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
): tf.TensorInfo {
  const native = filterGradientNatively(heap, c, shape, x, dy);
  if (native) return native;
  c = joined(c);
  if (isSparse(c)) {
    return withPixels(heap, c, x, (c, pixels) => filterGradient(heap, c, shape, pixels, dy));
  }
  if (isWinogradLine(c)) {
    return sumInParts(heap, shape, lineTilesOf(c), MANY_POINTS / 4, (to, first, last) => {
      winogradLinesFilterGradient(heap, c, to, x, dy, first, last);
    });
  }
  if (isStrided(c)) {
    const many = Math.max(Math.floor(MANY_POINTS / (4 * c.output[2])), 1);
    return sumInParts(heap, shape, stridedLinesOf(c), many, (to, first, last) => {
      winogradStridedFilterGradient(heap, c, to, x, dy, first, last);
    });
  }
  const winograd = isWinograd(c);
  const direct = winograd ? undefined : directFilterGradient(heap, c, shape, x, dy);
  if (direct) return direct;
  const product = isProduct(c);
  const count = winograd ? tilesOf(c) : pointsOf(c);
  const many = winograd ? MANY_POINTS / 16 : MANY_POINTS;
  const image = winograd || product ? 0 : heap.table(patchTable(c, heap.at(x)), PATCH_ADDRESSES);
  return sumInParts(heap, shape, count, many, (to, first, last) => {
    if (winograd) return winogradFilterGradient(heap, c, to, x, dy, first, last);
    const { channels, outChannels } = c, work = workOf(c) / count * (last - first);
    if (product) {
      const from = heap.at(x) + first * channels * 4,
        slopes = heap.at(dy) + first * outChannels * 4;
      const sizes = [channels, outChannels, last - first, 0, channels, 0, outChannels, 1, 0];
      const args = [from, slopes, to, ...sizes, channels, outChannels, 0, 0, heap.scratch()];
      return heap.run("gemm", args, { argument: 6, multiple: 4, work });
    }
    const elements = sizeOf(c.filter) * c.channels;
    const sizes = [0, elements, 0, c.outChannels];
    const scratch = heap.scratch(c.channels);
    const args = [image, first, last, heap.at(dy), c.outChannels, to, ...sizes, scratch];
    heap.run("convolveFilterGradient", args, { argument: 6, multiple: 4, work });
  });
}

/** Computes NaN among results once more: zeros of an unfolded image met weights that may be infinite. */
export function mendResults(
  heap: KernelHeap,
  c: Convolution,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  result: tf.TensorInfo,
  bias?: tf.TensorInfo,
  activation = 0,
): void {
  const [from, weights, to] = [x, filter, result].map((tensor) => heap.at(tensor));
  heap.run("mendConvolution", [
    ...[heap.table(patchTable(c, from), PATCH_ADDRESSES), weights, c.outChannels, to],
    ...[bias ? heap.at(bias) : 0, activation, 0, pointsOf(c), heap.scratch()],
  ], { argument: 6, multiple: 1, work: sizeOf(result.shape) });
}

/** Computes NaN in the gradient of an input once more. */
export function mendInputGradient(
  heap: KernelHeap,
  c: Convolution,
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
  result: tf.TensorInfo,
): void {
  const [from, weights, to] = [dy, filter, result].map((tensor) => heap.at(tensor));
  const size = sizeOf(result.shape), table = heap.table(windowTable(c));
  const args = [table, from, c.outChannels, weights, to, 0, size, heap.scratch()];
  heap.run("mendInputGradient", args, { argument: 5, multiple: 1, work: size });
}

/** Computes NaN in the gradient of a filter once more. */
export function mendFilterGradient(
  heap: KernelHeap,
  c: Convolution,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  result: tf.TensorInfo,
): void {
  const [from, slopes, to] = [x, dy, result].map((tensor) => heap.at(tensor));
  const table = heap.table(patchTable(c, from), PATCH_ADDRESSES), { outChannels } = c;
  const sizes = [0, sizeOf(c.filter) * c.channels, 0, outChannels, heap.scratch()];
  heap.run("mendPatchSlopes", [table, 0, pointsOf(c), slopes, outChannels, to, ...sizes]);
}
