/**
 * Kernels of convolutions and of their gradients; those in three dimensions are convolutions in two,
 * of slices side by side.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import {
  type Convolution,
  convolution2D,
  convolution3D,
  type Extent,
  resultShape,
  type WindowAttributes,
} from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import type { Pass } from "../native/native_library.ts";
import { mendFilterGradient, mendInputGradient, mendResults } from "./convolve.ts";
import {
  dispose,
  fillBox,
  filterGradient,
  forward,
  inputGradient,
  unfold,
  UNFOLDED_BYTES,
} from "./folded_convolution.ts";
import { ACTIVATIONS, areFloats, copy, type Inputs, type KernelTable, sizeOf } from "./kernel.ts";
import { finish } from "./matmul.ts";

interface Attributes extends WindowAttributes {
  inputShape: number[];
  filterShape: number[];
  activation?: string;
  leakyreluAlpha?: number;
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

/** Whether a convolution in three dimensions is computed as one in two. */
function isFlattened(heap: KernelHeap, pass: Pass, c: Convolution): boolean {
  if (heap.native?.canConvolve(pass, c) || c.filter.every((n) => n === 1)) return false;
  const { batch, input, output, filter, channels, outChannels } = c;
  const sizes = [output[0] * input[1] * input[2] * channels, sizeOf(input) * outChannels];
  return batch * filter[0] * Math.max(...sizes) * 4 <= UNFOLDED_BYTES;
}

/** The convolution of images, one for each of `depth` places, whose channels hold neighbours. */
function flattened(c: Convolution, depth: number, changes: Partial<Convolution>): Convolution {
  const flat = (extent: Extent, first: number): Extent => [first, extent[1], extent[2]];
  return {
    ...c,
    batch: c.batch * depth,
    ...{ input: flat(c.input, 1), output: flat(c.output, 1), filter: flat(c.filter, 1) },
    ...{ stride: flat(c.stride, 1), dilation: flat(c.dilation, 1), pad: flat(c.pad, 0) },
    ...changes,
  };
}

/** Weights in another order: a box of them, and distances within both filters. */
function reorder(
  heap: KernelHeap,
  filter: tf.TensorInfo,
  shape: number[],
  box: number[],
  [from, to]: [from: number[], to: number[]],
  offset = 0,
): tf.TensorInfo {
  const result = heap.output(shape);
  const source = { address: heap.at(filter) + offset * 4, strides: from };
  copy(heap, box, source, { address: heap.at(result), strides: to }, "float32");
  return result;
}

/** A filter whose taps along the depth are channels, or the reverse. */
function turnFilter(heap: KernelHeap, c: Convolution, filter: tf.TensorInfo, back = false) {
  const [depth, height, width] = c.filter, { channels, outChannels } = c;
  const weights = channels * outChannels, box = [depth, height * width, weights];
  const deep = [height * width * weights, weights, 1], flat = [weights, depth * weights, 1];
  if (back) return reorder(heap, filter, [...c.filter, channels, outChannels], box, [flat, deep]);
  const shape = [height, width, depth * channels, outChannels];
  return reorder(heap, filter, shape, box, [deep, flat]);
}

/** Puts slices that the taps along the depth meet side by side, as channels. */
function unfoldDepth(
  heap: KernelHeap,
  x: tf.TensorInfo,
  depth: number,
  offsets: number[],
  stride = 1,
): tf.TensorInfo {
  const [batch, slices, height, width, channels] = x.shape;
  return unfold(heap, x, [batch, slices, height * width, channels], depth, offsets, stride);
}

/** The places of the taps along the depth, for the result at place 0. */
function offsetsOf({ filter, dilation, pad }: Convolution): number[] {
  return Array.from({ length: filter[0] }, (_, i) => i * dilation[0] - pad[0]);
}

/** The results, `[batch, depth, height, width, outChannels]`. */
function deepForward(
  heap: KernelHeap,
  c: Convolution,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
): tf.TensorInfo {
  const shape = resultShape(c, 5, c.outChannels);
  if (!isFlattened(heap, "forward", c)) return forward(heap, c, shape, x, filter);
  const depth = c.output[0], flat = flattened(c, depth, { channels: c.channels * c.filter[0] });
  const image = unfoldDepth(heap, x, depth, offsetsOf(c), c.stride[0]);
  const weights = turnFilter(heap, c, filter);
  const result = forward(heap, flat, shape, image, weights);
  dispose(heap, image, weights);
  mendResults(heap, c, x, filter, result);
  return result;
}

/**
 * The gradient of the input: slices at distances of the stride meet the same taps, and are computed
 * together.
 */
function flattenedInputGradient(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
): tf.TensorInfo {
  const { channels, outChannels, stride: [stride], dilation: [dilation], pad: [pad] } = c;
  const [taps, height, width] = c.filter, [batch, depth, ...rest] = shape;
  const slice = sizeOf(rest);
  const plain = stride === 1 ? undefined : heap.output(shape);
  for (let phase = 0; phase < stride; phase++) {
    const slices = Math.ceil((depth - phase) / stride);
    const all = Array.from({ length: taps }, (_, i) => i);
    const own = all.filter((i) => (phase + pad - i * dilation) % stride === 0);
    // The taps of a phase are equally far apart.
    const [first, step] = [own[0], own.length > 1 ? own[1] - own[0] : 1];
    const to = plain && {
      address: heap.at(plain) + phase * slice * 4,
      strides: [depth * slice, stride * slice, 1],
    };
    const box = [batch, slices, slice];
    if (slices <= 0) continue;
    if (own.length === 0) {
      fillBox(heap, box, to!);
      continue;
    }
    const image = unfoldDepth(
      heap,
      dy,
      slices,
      own.map((i) => (phase + pad - i * dilation) / stride),
    );
    const line = height * width * channels, columns = own.length * outChannels;
    const strides: [number[], number[]] = [
      [step * line * outChannels, outChannels, 1],
      [outChannels, columns, 1],
    ];
    const sizes = [height, width, channels, columns], start = first * line * outChannels;
    const lines = [own.length, line, outChannels];
    const turned = reorder(heap, filter, sizes, lines, strides, start);
    const flat = flattened(c, slices, { outChannels: columns });
    const part = inputGradient(heap, flat, [batch, slices, ...rest], image, turned);
    dispose(heap, image, turned);
    if (!to) return part;
    copy(heap, box, { address: heap.at(part), strides: [slices * slice, slice, 1] }, to, "float32");
    dispose(heap, part);
  }
  return plain!;
}

/** The gradient of the input, `[batch, depth, height, width, channels]`. */
function deepInputGradient(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
): tf.TensorInfo {
  if (!isFlattened(heap, "input", c)) return inputGradient(heap, c, shape, dy, filter);
  const result = flattenedInputGradient(heap, c, shape, dy, filter);
  mendInputGradient(heap, c, dy, filter, result);
  return result;
}

/** The gradient of the filter, `[depth, height, width, channels, outChannels]`. */
function deepFilterGradient(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
): tf.TensorInfo {
  if (!isFlattened(heap, "filter", c)) return filterGradient(heap, c, shape, x, dy);
  const [taps, height, width] = c.filter, depth = c.output[0];
  const flat = flattened(c, depth, { channels: c.channels * taps });
  const image = unfoldDepth(heap, x, depth, offsetsOf(c), c.stride[0]);
  const sizes = [height, width, flat.channels, c.outChannels];
  const turned = filterGradient(heap, flat, sizes, image, dy);
  const result = turnFilter(heap, c, turned, true);
  dispose(heap, image, turned);
  mendFilterGradient(heap, c, x, dy, result);
  return result;
}

function conv3D(heap: KernelHeap, { x, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(x, filter) || isFirst(attributes)) return;
  return deepForward(heap, convolution3D(x.shape, filter.shape, attributes), x, filter);
}

function conv3DBackpropInput(heap: KernelHeap, { dy, filter }: Inputs, attributes: Attributes) {
  if (!areFloats(dy, filter) || isFirst(attributes)) return;
  const c = convolution3D(attributes.inputShape, filter.shape, attributes);
  return deepInputGradient(heap, c, attributes.inputShape, dy, filter);
}

function conv3DBackpropFilter(heap: KernelHeap, { x, dy }: Inputs, attributes: Attributes) {
  if (!areFloats(x, dy) || isFirst(attributes)) return;
  const c = convolution3D(x.shape, attributes.filterShape, attributes);
  return deepFilterGradient(heap, c, attributes.filterShape, x, dy);
}

/** The kernels of convolutions. */
export const CONVOLUTION_KERNELS: KernelTable = {
  Conv2D: conv2D,
  FusedConv2D: fusedConv2D,
  TrainchartConv2D: fusedConv2D,
  Conv2DBackpropInput: conv2DBackpropInput,
  Conv2DBackpropFilter: conv2DBackpropFilter,
  Conv3D: conv3D,
  Conv3DBackpropInputV2: conv3DBackpropInput,
  Conv3DBackpropFilterV2: conv3DBackpropFilter,
};
