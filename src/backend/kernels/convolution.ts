/**
 * Kernels of convolutions and of their gradients.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import {
  type Convolution,
  convolution2D,
  convolution3D,
  resultShape,
  type WindowAttributes,
} from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { deepFilterGradient, deepForward, deepInputGradient } from "./deep_convolution.ts";
import { filterGradient, forward, inputGradient } from "./folded_convolution.ts";
import { ACTIVATIONS, areFloats, type Inputs, type KernelTable } from "./kernel.ts";
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
