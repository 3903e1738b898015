/**
 * Softmax along the last axis, its logarithm, and their gradients.
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

/** The kernels of softmax. */
export const SOFTMAX_KERNELS: KernelTable = {
  Softmax: forward(false),
  TrainchartLogSoftmax: forward(true),
  TrainchartLogSoftmaxGradient: gradient(true),
  TrainchartSoftmaxGradient: gradient(false),
};
