/**
 * The form of our kernels, and copies of boxes of elements, whatever their dtype.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { KernelHeap, Split } from "../kernel_heap.ts";

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

/** Whether two shapes are the same. */
export function isSameShape(a: number[], b: number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Numbers of the activations that our compiled kernels apply. */
export const ACTIVATIONS: Record<string, number | undefined> = { linear: 0, relu: 1, relu6: 2 };

/**
 * Calls a kernel whose last argument is memory for `bytes` bytes. Threads share the call if it fits into
 * the scratch memory of each, as it does for all but the widest rows.
 */
export function runWithMemory(
  heap: KernelHeap,
  name: string,
  args: number[],
  bytes: number,
  split: Split | undefined,
): void {
  const fits = bytes <= heap.scratchBytes;
  heap.run(name, [...args, fits ? heap.scratch() : heap.shared(bytes)], fits ? split : undefined);
}

/**
 * The split of the columns of a matrix, at lines of the caches. Beside a native library one thread
 * computes them all: rows may be in the caches of another processor, and parts of them arrive slowly.
 */
export function splitOfColumns(
  heap: KernelHeap,
  argument: number,
  work: number,
): Split | undefined {
  return heap.native ? undefined : { argument, multiple: 16, work };
}

/** Rows from which a native library shares products: see `BY_SHARED` there. */
const MANY_ROWS = 512;

/** The split of a matrix that products beside it do not leave to one thread of a native library. */
export function splitOfRows(heap: KernelHeap, rows: number, split: Split): Split | undefined {
  return heap.native && rows < MANY_ROWS ? undefined : split;
}

/** Size of an element, in bytes. */
export function unitOf(dtype: tf.DataType): number {
  return dtype === "bool" ? 1 : dtype === "complex64" ? 8 : 4;
}

/** The address of an element, and the distances between neighbours along each axis, in elements. */
export interface Layout {
  address: number;
  strides: number[];
}

/** The distances between neighbours of a tensor whose elements are in row-major order. */
export function stridesOf(shape: number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, step = 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

/** The elements of a tensor in row-major order, from a place on. */
export function layoutOf(heap: KernelHeap, tensor: tf.TensorInfo, place?: number[]): Layout {
  const strides = stridesOf(tensor.shape);
  const offset = place ? strides.reduce((sum, n, axis) => sum + n * place[axis], 0) : 0;
  return { address: heap.at(tensor) + offset * unitOf(tensor.dtype), strides };
}

/** An axis of a box, and the distances between neighbours along it. */
interface Axis {
  size: number;
  from: number;
  to: number;
}

/**
 * The axes of a box in the order in which the target is written, with as few of them as possible.
 *
 * The axis along which the source is read from end to end comes last but one, unless it is the last:
 * the kernel transposes the last two in squares.
 */
function orderAxes(shape: number[], from: number[], to: number[]): Axis[] {
  const axes: Axis[] = [];
  for (let axis = 0; axis < shape.length; axis++) {
    if (shape[axis] !== 1) axes.push({ size: shape[axis], from: from[axis], to: to[axis] });
  }
  axes.sort((a, b) => b.to - a.to);
  const merged: Axis[] = [];
  for (const axis of axes) {
    const outer = merged.at(-1);
    if (outer?.from === axis.from * axis.size && outer.to === axis.to * axis.size) {
      merged[merged.length - 1] = { ...axis, size: outer.size * axis.size };
    } else {
      merged.push(axis);
    }
  }
  const adjacent = merged.findIndex((axis) => axis.from === 1);
  if (adjacent >= 0 && adjacent < merged.length - 2) {
    merged.splice(-1, 0, ...merged.splice(adjacent, 1));
  }
  return merged.length > 0 ? merged : [{ size: 1, from: 1, to: 1 }];
}

/**
 * Copies a box of elements between two layouts.
 *
 * @param shape Shape of the box.
 * @param from Its elements; a distance of 0 repeats them.
 * @param to Where they go.
 * @param dtype The dtype of the elements.
 */
export function copy(
  heap: KernelHeap,
  shape: number[],
  from: Layout,
  to: Layout,
  dtype: tf.DataType,
): void {
  const work = sizeOf(shape);
  if (work === 0) return;
  const axes = orderAxes(shape, from.strides, to.strides);
  const box = heap.table([axes.length, ...axes.flatMap((axis) => [axis.size, axis.from, axis.to])]);
  const args = [box, from.address, to.address, unitOf(dtype), 0, axes[0].size, 0];
  heap.run("copyBox", args, { argument: 4, multiple: 1, work });
}
