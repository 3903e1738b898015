/**
 * Activations of one pass, and their gradients: softmax along the last axis, its logarithm, and the
 * Gaussian error linear unit, by the error function or by the hyperbolic tangent.
 *
 * @module
 */
import type { KernelHeap } from "../kernel_heap.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

function forward(logarithm: boolean): Kernel {
  return function softmax(heap: KernelHeap, { logits }: Inputs) {
    if (!areFloats(logits)) return;
    const result = heap.output(logits.shape);
    run(heap, "softmax", [heap.at(logits), heap.at(result)], logits.shape, logarithm);
    return result;
  };
}

function gradient(logarithm: boolean): Kernel {
  return function softmaxGradient(heap: KernelHeap, { dy, y }: Inputs) {
    const result = heap.output(y.shape);
    const addresses = [dy, y, result].map((tensor) => heap.at(tensor));
    run(heap, "softmaxGradient", addresses, y.shape, logarithm);
    return result;
  };
}

function run(
  heap: KernelHeap,
  name: string,
  addresses: number[],
  shape: number[],
  logarithm: boolean,
): void {
  if (sizeOf(shape) === 0) return;
  const size = shape.at(-1) ?? 1, rows = sizeOf(shape) / size;
  const args = [...addresses, 0, rows, size, Number(logarithm), heap.scratch()];
  heap.run(name, args, { argument: addresses.length, multiple: 1, work: rows * size * 16 });
}

interface Attributes {
  tanh: boolean;
}

function gelu(heap: KernelHeap, { x }: Inputs, { tanh }: Attributes) {
  const result = heap.output(x.shape);
  const size = sizeOf(x.shape);
  const args = [heap.at(x), heap.at(result), 0, size, Number(tanh), heap.scratch()];
  heap.run("gelu", args, { argument: 2, multiple: 4, work: size * 32 });
  return result;
}

function geluGradient(heap: KernelHeap, { dy, x }: Inputs, { tanh }: Attributes) {
  const result = heap.output(x.shape);
  const size = sizeOf(x.shape);
  const addresses = [dy, x, result].map((tensor) => heap.at(tensor));
  const args = [...addresses, 0, size, Number(tanh), heap.scratch()];
  heap.run("geluGradient", args, { argument: 3, multiple: 4, work: size * 64 });
  return result;
}

/** The kernels of the activations. */
export const ACTIVATION_KERNELS: KernelTable = {
  Softmax: forward(false),
  TrainchartGelu: gelu,
  TrainchartGeluGradient: geluGradient,
  TrainchartLogSoftmax: forward(true),
  TrainchartLogSoftmaxGradient: gradient(true),
  TrainchartSoftmaxGradient: gradient(false),
};
