/**
 * Grey-scale dilation and its gradients.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type Convolution, fromInfo, type WindowAttributes } from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable } from "./kernel.ts";

type Visit = (result: number, pixel: number, weight: number) => void;

function geometry(
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  attributes: WindowAttributes,
): Convolution {
  const { strides, pad, dilations } = attributes;
  return fromInfo(tf.backend_util.computeDilation2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number],
    strides as number,
    pad as "same",
    "NHWC",
    dilations as number,
  ));
}

/** Calls `best` for each result with the indices of the pixel and weight whose sum is largest. */
function visit(c: Convolution, x: ArrayLike<number>, w: ArrayLike<number>, best: Visit): void {
  const [, height, width] = c.input, [, outHeight, outWidth] = c.output;
  const [, filterHeight, filterWidth] = c.filter;
  let result = 0;
  for (let b = 0; b < c.batch; b++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        for (let channel = 0; channel < c.channels; channel++, result++) {
          let top = -Infinity, pixel = -1, weight = -1;
          for (let i = 0; i < filterHeight; i++) {
            const y = oy * c.stride[1] + i * c.dilation[1] - c.pad[1];
            if (y < 0 || y >= height) continue;
            for (let j = 0; j < filterWidth; j++) {
              const at = ox * c.stride[2] + j * c.dilation[2] - c.pad[2];
              if (at < 0 || at >= width) continue;
              const p = ((b * height + y) * width + at) * c.channels + channel;
              const q = (i * filterWidth + j) * c.channels + channel;
              if (pixel >= 0 && x[p] + w[q] <= top) continue;
              top = x[p] + w[q];
              pixel = p;
              weight = q;
            }
          }
          if (pixel >= 0) best(result, pixel, weight);
        }
      }
    }
  }
}

/** A kernel that fills a result of some shape by means of {@linkcode visit}. */
function kernel(
  shapeOf: (c: Convolution, inputs: Inputs) => number[],
  fill: (to: Float32Array, values: Float32Array[]) => Visit,
): Kernel {
  return function dilation(heap: KernelHeap, inputs: Inputs, attributes: WindowAttributes) {
    const { x, filter, dy } = inputs;
    if (!areFloats(x, filter)) return;
    const c = geometry(x, filter, attributes);
    const result = heap.output(shapeOf(c, inputs));
    const [to, ...values] = [result, x, filter, ...dy ? [dy] : []].map((tensor) =>
      heap.backend.typedArrayFromHeap(tensor) as Float32Array
    );
    to.fill(0);
    visit(c, values[0], values[1], fill(to, values));
    return result;
  };
}

/** The kernels of dilation. Those of tfjs take the smallest positive float for the smallest float. */
export const DILATION_KERNELS: KernelTable = {
  Dilation2D: kernel(
    (c) => [c.batch, c.output[1], c.output[2], c.channels],
    (to, [x, w]) => (result, pixel, weight) => void (to[result] = x[pixel] + w[weight]),
  ),
  Dilation2DBackpropInput: kernel(
    (_, { x }) => x.shape,
    (to, [, , dy]) => (result, pixel) => void (to[pixel] += dy[result]),
  ),
  Dilation2DBackpropFilter: kernel(
    (_, { filter }) => filter.shape,
    (to, [, , dy]) => (result, _, weight) => void (to[weight] += dy[result]),
  ),
};
