/**
 * Convolutions and their gradients.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import {
  type Convolution,
  convolution2D,
  convolution3D,
  type Extent,
  isProduct,
  joined,
  mirrored,
  PATCH_ADDRESSES,
  patchTable,
  pointsOf,
  type WindowAttributes,
} from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { directFilterGradient, directForward, directInputGradient, workOf } from "./direct.ts";
import {
  addBias,
  convolveNatively,
  filterGradientNatively,
} from "../native/native_convolutions.ts";
import {
  ACTIVATIONS,
  areFloats,
  copy,
  type Inputs,
  type KernelTable,
  layoutOf,
  sizeOf,
  stridesOf,
} from "./kernel.ts";
import { finish } from "./matmul.ts";
import { sumInParts } from "./reductions.ts";
import {
  isWinograd,
  isWinogradLine,
  lineTilesOf,
  tilesOf,
  winograd,
  winogradFilterGradient,
  winogradInputGradient,
  winogradLines,
  winogradLinesFilterGradient,
} from "./winograd.ts";
import {
  isStrided,
  stridedLinesOf,
  winogradStrided,
  winogradStridedFilterGradient,
} from "./winograd_strided.ts";

interface Attributes extends WindowAttributes {
  inputShape: number[];
  filterShape: number[];
  activation?: string;
  leakyreluAlpha?: number;
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
function inputGradient(
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
function filterGradient(
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

/**
 * Computes from the results' gradient, without rows and columns behind those of the results.
 *
 * @throws {TypeError} If the gradient has fewer rows or columns than the results.
 */
function withFitting(
  dy: tf.TensorInfo,
  c: Convolution,
  compute: (dy: tf.TensorInfo) => tf.TensorInfo,
): tf.TensorInfo {
  const shape = resultShape(c, dy.shape.length, c.outChannels);
  if (shape.every((n, i) => n === dy.shape[i])) return compute(dy);
  if (shape.some((n, i) => n > dy.shape[i]) || dy.shape.at(-1) !== c.outChannels) {
    throw new TypeError(
      `Cannot compute the gradient of a convolution as dy must have the shape [${shape}] of its ` +
        `results: current value is [${dy.shape}]`,
    );
  }
  const fitting = tf.slice(dy as tf.Tensor, shape.map(() => 0), shape);
  try {
    return compute(fitting);
  } finally {
    fitting.dispose();
  }
}

/** Whether channels come first. */
function isFirst({ dataFormat }: WindowAttributes): boolean {
  return dataFormat === "NCHW" || dataFormat === "NCDHW";
}

/** The shape of the results. */
export function resultShape(c: Convolution, rank: number, channels: number): number[] {
  return [c.batch, ...c.output.slice(5 - rank), channels];
}

/** Runs a 2D convolution, or a gradient, on images whose channels come last instead of first. */
function runWithChannelsLast(
  kernelName: string,
  inputs: Inputs,
  attributes: Attributes,
): tf.Tensor {
  const move = <T>([batch, channels, height, width]: T[]) => [batch, height, width, channels];
  const { pad, inputShape } = attributes;
  return tf.tidy(() => {
    const moved = Object.entries(inputs).map(([name, tensor]): [string, tf.Tensor] => {
      const image = tensor as tf.Tensor;
      return [name, name === "filter" ? image : image.transpose([0, 2, 3, 1])];
    });
    const y: tf.Tensor = tf.engine().runKernel(kernelName, Object.fromEntries(moved), {
      ...attributes,
      dataFormat: "NHWC",
      pad: Array.isArray(pad) ? move(pad) : pad,
      inputShape: inputShape && move(inputShape),
    } as never);
    return kernelName === "Conv2DBackpropFilter" ? y : y.transpose([0, 3, 1, 2]);
  });
}

function conv2D(heap: KernelHeap, { x, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(x, filter)) return;
  if (isFirst(attributes)) return runWithChannelsLast("Conv2D", { x, filter }, attributes);
  const c = convolution2D(x.shape, filter.shape, attributes);
  return forward(heap, c, resultShape(c, 4, c.outChannels), x, filter);
}

function fusedConv2D(heap: KernelHeap, inputs: Inputs, attributes: Attributes) {
  const { x, filter, bias, preluActivationWeights: alpha } = inputs;
  if (!areFloats(x, filter) || isFirst(attributes)) return;
  const { activation = "linear", leakyreluAlpha } = attributes;
  const c = convolution2D(x.shape, filter.shape, attributes);
  const shape = resultShape(c, 4, c.outChannels);
  const code = ACTIVATIONS[activation];
  const plain = !bias || bias.shape.at(-1) === c.outChannels;
  const y = forward(heap, c, shape, x, filter, plain ? bias : undefined, plain ? code : 0);
  if (plain && code !== undefined) return y;
  return finish(y, plain ? undefined : bias, activation, alpha, leakyreluAlpha);
}

function conv2DBackpropInput(heap: KernelHeap, { dy, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(dy, filter)) return;
  if (isFirst(attributes)) {
    return runWithChannelsLast("Conv2DBackpropInput", { dy, filter }, attributes);
  }
  const c = convolution2D(attributes.inputShape, filter.shape, attributes);
  return withFitting(dy, c, (dy) => inputGradient(heap, c, attributes.inputShape, dy, filter));
}

function conv2DBackpropFilter(heap: KernelHeap, { x, dy }: Inputs, attributes: Attributes) {
  if (!areFloats(x, dy)) return;
  if (isFirst(attributes)) {
    return runWithChannelsLast("Conv2DBackpropFilter", { x, dy }, attributes);
  }
  const c = convolution2D(x.shape, attributes.filterShape, attributes);
  return withFitting(dy, c, (dy) => filterGradient(heap, c, attributes.filterShape, x, dy));
}

function conv3D(heap: KernelHeap, { x, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(x, filter) || isFirst(attributes)) return;
  const c = convolution3D(x.shape, filter.shape, attributes);
  return forward(heap, c, resultShape(c, 5, c.outChannels), x, filter);
}

function conv3DBackpropInput(heap: KernelHeap, { dy, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(dy, filter) || isFirst(attributes)) return;
  const c = convolution3D(attributes.inputShape, filter.shape, attributes);
  return withFitting(dy, c, (dy) => inputGradient(heap, c, attributes.inputShape, dy, filter));
}

function conv3DBackpropFilter(heap: KernelHeap, { x, dy }: Inputs, attributes: Attributes) {
  if (!areFloats(x, dy) || isFirst(attributes)) return;
  const c = convolution3D(x.shape, attributes.filterShape, attributes);
  return withFitting(dy, c, (dy) => filterGradient(heap, c, attributes.filterShape, x, dy));
}

/** The kernels of convolutions. */
export const CONVOLUTION_KERNELS: KernelTable = {
  Conv2D: conv2D,
  FusedConv2D: fusedConv2D,
  Conv2DBackpropInput: conv2DBackpropInput,
  Conv2DBackpropFilter: conv2DBackpropFilter,
  Conv3D: conv3D,
  Conv3DBackpropInputV2: conv3DBackpropInput,
  Conv3DBackpropFilterV2: conv3DBackpropFilter,
};
