/**
 * The form of our kernels.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";

/** The tensors that a kernel reads, by name. */
export type Inputs = Record<string, tf.TensorInfo>;

/**
 * A kernel for the WebAssembly backend. `stock` runs the kernel of tfjs.
 *
 * @returns The results, or `undefined` to leave the case to the kernel of tfjs.
 */
export type Kernel = (
  heap: KernelHeap,
  inputs: Inputs,
  // deno-lint-ignore no-explicit-any
  attributes: any,
  stock: () => tf.TensorInfo | tf.TensorInfo[],
) => tf.TensorInfo | tf.TensorInfo[] | undefined;

/** Kernels by their names in tfjs. */
export type KernelTable = Record<string, Kernel>;

/** Whether all tensors are float32. */
export function areFloats(...tensors: tf.TensorInfo[]): boolean {
  return tensors.every(({ dtype }) => dtype === "float32");
}

/** The number of elements of a shape. */
export function sizeOf(shape: number[]): number {
  return shape.reduce((size, n) => size * n, 1);
}

/** Numbers of the activations that our compiled kernels apply. */
export const ACTIVATIONS: Record<string, number | undefined> = { linear: 0, relu: 1, relu6: 2 };
