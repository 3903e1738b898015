/**
 * Kernels that are made of others.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { einsum } from "../einsum.ts";
import { convolution2D, type WindowAttributes } from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { forward, resultShape } from "./convolution.ts";
import { ACTIVATIONS, type Inputs, type KernelTable } from "./kernel.ts";
import { multiply } from "./matmul.ts";

/** A dense layer: `activation(a b + bias)`. */
function dense(heap: KernelHeap, { a, b, bias }: Inputs, { activation }: { activation: string }) {
  return multiply(heap, a, b, false, false, bias, ACTIVATIONS[activation]);
}

/** A convolutional layer: `activation(x * filter + bias)`. */
function conv2D(
  heap: KernelHeap,
  { x, filter, bias }: Inputs,
  attributes: WindowAttributes & { activation: string },
) {
  const c = convolution2D(x.shape, filter.shape, attributes);
  const shape = resultShape(c, 4, c.outChannels);
  return forward(heap, c, shape, x, filter, bias, ACTIVATIONS[attributes.activation]);
}

function einsumKernel(_: KernelHeap, inputs: Inputs, attributes: { equation: string }) {
  return tf.tidy(() => computeEinsum(inputs, attributes));
}

function computeEinsum(inputs: Inputs, { equation }: { equation: string }): tf.Tensor {
  const tensors = (Object.values(inputs) as tf.Tensor[]).map((tensor) =>
    tensor.dtype === "bool" ? tensor.toInt() : tensor
  );
  // Throws for equations that it does not know, and for those that do not fit the tensors.
  const { allDims, idDims } = tf.backend_util.decodeEinsumEquation(equation, tensors.length);
  tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors);
  return einsum(equation, tensors);
}

/** The kernels of whole layers and sums. */
export const FUSED_KERNELS: KernelTable = {
  TrainchartDense: dense,
  TrainchartConv2D: conv2D,
  Einsum: einsumKernel,
};
