/**
 * What a kernel of ours is.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { Heap } from "../kernel_heap.ts";

/** The tensors that a kernel reads, by name. */
export type Inputs = Record<string, tf.TensorInfo>;

/**
 * A kernel for the WebAssembly backend. `stock` runs tfjs's own.
 *
 * @returns The results, or `undefined` to leave the case to tfjs's own kernel.
 */
export type Kernel = (
  heap: Heap,
  inputs: Inputs,
  // deno-lint-ignore no-explicit-any
  attributes: any,
  stock: () => tf.TensorInfo | tf.TensorInfo[],
) => tf.TensorInfo | tf.TensorInfo[] | undefined;

/** Kernels by the names that tfjs calls them. */
export type KernelTable = Record<string, Kernel>;

/** Whether all of these are floats. */
export function areFloats(...tensors: tf.TensorInfo[]): boolean {
  return tensors.every(({ dtype }) => dtype === "float32");
}

/** The number of elements. */
export function sizeOf(shape: number[]): number {
  return shape.reduce((size, n) => size * n, 1);
}

/** The activations that our kernels apply themselves, and their numbers. */
export const activations: Record<string, number | undefined> = { linear: 0, relu: 1, relu6: 2 };
