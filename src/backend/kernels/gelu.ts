/**
 * The Gaussian error linear unit, by the error function or by the hyperbolic tangent.
 *
 * @module
 */
import type { KernelHeap } from "../kernel_heap.ts";
import { type Inputs, type KernelTable, sizeOf } from "./kernel.ts";

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

/** The kernels of the Gaussian error linear unit. */
export const GELU_KERNELS: KernelTable = {
  TrainchartGelu: gelu,
  TrainchartGeluGradient: geluGradient,
};
