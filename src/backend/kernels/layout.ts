/**
 * Elements in memory, whatever their dtype, and copies of boxes of them.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { sizeOf } from "./kernel.ts";

/** Elements of any dtype but strings, as units to copy. */
type Units = Uint8Array | Uint32Array | Float64Array;

/** The elements of a tensor, for copying. */
export function unitsOf(heap: KernelHeap, tensor: tf.TensorInfo): Units {
  const { buffer } = heap.elements(tensor), at = heap.at(tensor), size = sizeOf(tensor.shape);
  if (tensor.dtype === "bool") return new Uint8Array(buffer, at, size);
  if (tensor.dtype === "complex64") return new Float64Array(buffer, at, size);
  return new Uint32Array(buffer, at, size);
}

/** Elements at `offset`, and the distances between neighbours along each axis. */
export interface Layout {
  units: Units;
  offset: number;
  strides: number[];
}

/** The distances between neighbours of a tensor whose elements are in row-major order. */
function stridesOf(shape: number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** The elements of a tensor in row-major order, from a place on. */
export function layoutOf(heap: KernelHeap, tensor: tf.TensorInfo, place?: number[]): Layout {
  const strides = stridesOf(tensor.shape);
  const offset = strides.reduce((sum, stride, axis) => sum + stride * (place?.[axis] ?? 0), 0);
  return { units: unitsOf(heap, tensor), offset, strides };
}

/** Copies a box of elements between two layouts. */
export function copy(shape: number[], from: Layout, to: Layout): void {
  if (sizeOf(shape) === 0) return;
  // Trailing axes whose elements are adjacent in both layouts are one run.
  let axis = shape.length, run = 1;
  while (axis > 0 && from.strides[axis - 1] === run && to.strides[axis - 1] === run) {
    run *= shape[--axis];
  }
  const source = from.units, target = to.units;
  const visit = (level: number, at: number, put: number): void => {
    if (level === axis) {
      if (run === 1) target[put] = source[at];
      else target.set(source.subarray(at, at + run), put);
      return;
    }
    const n = shape[level], step = from.strides[level], stride = to.strides[level];
    if (level === axis - 1 && run === 1) {
      for (let i = 0; i < n; i++, at += step, put += stride) target[put] = source[at];
    } else {
      for (let i = 0; i < n; i++, at += step, put += stride) visit(level + 1, at, put);
    }
  };
  visit(0, from.offset, to.offset);
}
