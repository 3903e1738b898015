/**
 * Sums and other reductions.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

interface Attributes {
  axis: number | number[];
  keepDims: boolean;
}

/** A reduction of the middle axis of `[outer, size, inner]`. */
interface Axes {
  outer: number;
  size: number;
  inner: number;
}

/** Merges axes to three; `undefined` if axes are kept between those that are reduced. */
function mergeAxes(shape: number[], axes: number[]): Axes | undefined {
  const first = Math.min(...axes), count = axes.length;
  if (Math.max(...axes) !== first + count - 1) return;
  return {
    outer: sizeOf(shape.slice(0, first)),
    size: sizeOf(shape.slice(first, first + count)),
    inner: sizeOf(shape.slice(first + count)),
  };
}

/** A sum or a mean, in doubles. */
function sum(kernelName: "Sum" | "Mean"): Kernel {
  return function reduce(heap: KernelHeap, { x }: Inputs, { axis, keepDims }: Attributes) {
    const isMean = kernelName === "Mean";
    if (isMean && ["int32", "bool"].includes(x.dtype)) {
      return tf.tidy(() => tf.mean((x as tf.Tensor).toFloat(), axis, keepDims));
    }
    const axes = [...new Set(tf.util.parseAxisParam(axis, x.shape))];
    if (!areFloats(x) || axes.length === 0 || sizeOf(x.shape) === 0) return;
    const merged = mergeAxes(x.shape, axes);
    if (!merged) return moveAxesLast(kernelName, x, axes, keepDims);
    const { outer, size, inner } = merged;
    const shape = x.shape.flatMap((n, i) => !axes.includes(i) ? [n] : keepDims ? [1] : []);
    const result = heap.output(shape);
    const from = heap.at(x), to = heap.at(result), factor = isMean ? 1 / size : 1;
    if (inner === 1) {
      heap.run("sumRows", [from, outer, size, to, factor]);
      return result;
    }
    const doubles = heap.shared(inner * 8);
    for (let i = 0; i < outer; i++) {
      const part = [from + i * size * inner * 4, size, inner, to + i * inner * 4];
      heap.run("sumColumns", [...part, factor, doubles]);
    }
    return result;
  };
}

function moveAxesLast(kernelName: string, x: tf.TensorInfo, axes: number[], keepDims: boolean) {
  const rank = x.shape.length;
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  return tf.tidy(() => {
    const moved = tf.transpose(x as tf.Tensor, [...kept, ...axes]);
    const last = axes.map((_, i) => rank - axes.length + i);
    const y = tf.engine().runKernel(kernelName, { x: moved }, { axis: last }) as tf.Tensor;
    return keepDims ? y.reshape(x.shape.map((n, i) => axes.includes(i) ? 1 : n)) : y;
  });
}

/** The sums or products up to each element of an axis, in doubles. */
function accumulate(start: number, combine: (a: number, b: number) => number): Kernel {
  return function scan(
    heap: KernelHeap,
    { x }: Inputs,
    { axis, exclusive, reverse }: { axis: number; exclusive: boolean; reverse: boolean },
  ) {
    if (!areFloats(x) || axis >= x.shape.length) return;
    const { outer, size, inner } = mergeAxes(x.shape, tf.util.parseAxisParam(axis, x.shape))!;
    const result = heap.output(x.shape);
    const from = heap.elements(x), to = heap.elements(result);
    const step = reverse ? -inner : inner;
    for (let i = 0; i < outer; i++) {
      for (let j = 0; j < inner; j++) {
        let at = i * size * inner + j + (reverse ? (size - 1) * inner : 0), total = start;
        for (let k = 0; k < size; k++, at += step) {
          const next = combine(total, from[at]);
          to[at] = exclusive ? total : next;
          total = next;
        }
      }
    }
    return result;
  };
}

/**
 * A tensor of sums over points: many points are summed in parts, and the sums of those in doubles.
 *
 * @param shape Shape of the result.
 * @param count Number of points.
 * @param many Number of points of a part.
 * @param compute Writes the sums over points `first` to `last` to an address.
 */
export function sumInParts(
  heap: KernelHeap,
  shape: number[],
  count: number,
  many: number,
  compute: (to: number, first: number, last: number) => void,
): tf.TensorInfo {
  const result = heap.output(shape);
  const size = sizeOf(shape), parts = Math.max(Math.ceil(count / many), 1);
  if (parts === 1 || size === 0) {
    compute(heap.at(result), 0, count);
    return result;
  }
  const stack = heap.output([parts, ...shape]);
  const from = heap.at(stack), step = Math.ceil(count / parts);
  for (let i = 0; i < parts; i++) {
    compute(from + i * size * 4, i * step, Math.min((i + 1) * step, count));
  }
  heap.run("sumColumns", [from, parts, size, heap.at(result), 1, heap.shared(size * 8)]);
  heap.backend.disposeData(stack.dataId);
  return result;
}

/** The kernels of reductions. */
export const REDUCTION_KERNELS: KernelTable = {
  Cumprod: accumulate(1, (a, b) => a * b),
  Cumsum: accumulate(0, (a, b) => a + b),
  Mean: sum("Mean"),
  Sum: sum("Sum"),
};
