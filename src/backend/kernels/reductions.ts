/**
 * Sums and other reductions.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type FunctionName, numberOf } from "../kernel_constants.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import {
  areFloats,
  type Inputs,
  type Kernel,
  type KernelTable,
  runWithMemory,
  sizeOf,
  splitOfColumns,
} from "./kernel.ts";

interface Attributes {
  axis?: number | number[];
  /** The axes of extremes. */
  reductionIndices?: number | number[];
  keepDims: boolean;
}

/** A reduction of the middle axis of `[outer, size, inner]`. */
interface Axes {
  outer: number;
  size: number;
  inner: number;
}

/** Computes a reduction of the middle axis. */
type Pass = (heap: KernelHeap, x: tf.TensorInfo, y: tf.TensorInfo, axes: Axes) => void;

/** Neighbouring axes from `first` to before `end` as the middle one. */
function mergeAxes(shape: number[], first: number, end = first + 1): Axes {
  return {
    outer: sizeOf(shape.slice(0, first)),
    size: sizeOf(shape.slice(first, end)),
    inner: sizeOf(shape.slice(end)),
  };
}

/** Reduces groups of neighbouring axes one after the other, the last one first. */
function reduceAxes(
  heap: KernelHeap,
  x: tf.TensorInfo,
  { axis, reductionIndices, keepDims }: Attributes,
  pass: Pass,
): tf.TensorInfo | undefined {
  const axes = new Set(tf.util.parseAxisParam((axis ?? reductionIndices)!, x.shape));
  if (axes.size === 0 || sizeOf(x.shape) === 0) return;
  const kept = x.shape.map((size, i) => axes.has(i) ? 1 : size);
  const shape = keepDims ? kept : x.shape.filter((_, i) => !axes.has(i));
  // An axis of one element does not part its neighbours.
  const isReduced = (i: number) => axes.has(i) || x.shape[i] === 1;
  let current = x;
  for (let end = x.shape.length; end > 0; end--) {
    if (!isReduced(end - 1)) continue;
    let first = end - 1;
    while (first > 0 && isReduced(first - 1)) first--;
    const merged = mergeAxes(x.shape, first, end);
    if (merged.size > 1) {
      // The axes behind are reduced already.
      merged.inner = sizeOf(kept.slice(end));
      const isLast = !x.shape.slice(0, first).some((size, i) => axes.has(i) && size > 1);
      const next = heap.output(
        isLast ? shape : [...x.shape.slice(0, first), ...kept.slice(first)],
        x.dtype,
      );
      pass(heap, current, next, merged);
      if (current !== x) heap.backend.disposeData(current.dataId);
      current = next;
    }
    end = first;
  }
  return current === x ? heap.alias(x, shape) : current;
}

/** Elements from which one sum is made in parts, which threads share, and elements of a part. */
const LONG = 2 ** 18, PART = 2 ** 14;

/** A sum or a mean, in doubles. */
function sum(isMean: boolean): Kernel {
  const add: Pass = (heap, x, y, { outer, size, inner }) => {
    const from = heap.at(x), to = heap.at(y), factor = isMean ? 1 / size : 1;
    const split = { argument: 1, multiple: 1, work: outer * size * inner };
    if (inner === 1 && outer === 1 && size >= LONG) {
      const parts = Math.ceil(size / PART), sums = heap.shared(parts * 8);
      heap.run("sumParts", [from, 0, parts, size, PART, sums, heap.scratch()], split);
      heap.run("addDoubles", [sums, parts, to, factor]);
      return;
    }
    if (inner === 1) {
      heap.run("sumRows", [from, 0, outer, size, to, factor, heap.scratch()], split);
      return;
    }
    if (outer === 1) {
      const args = [from, size, inner, 0, inner, to, factor];
      runWithMemory(heap, "sumColumns", args, inner * 8, splitOfColumns(heap, 3, size * inner));
      return;
    }
    runWithMemory(heap, "sumMiddle", [from, 0, outer, size, inner, to, factor], inner * 8, split);
  };
  return function sumElements(heap: KernelHeap, { x }: Inputs, attributes: Attributes, stock) {
    if (isMean && ["int32", "bool"].includes(x.dtype)) {
      return tf.tidy(() =>
        tf.mean((x as tf.Tensor).toFloat(), attributes.axis, attributes.keepDims)
      );
    }
    if (x.dtype === "int32") return sumIntegers(heap, { x }, attributes, stock);
    return areFloats(x) ? reduceAxes(heap, x, attributes, add) : undefined;
  };
}

/** The sums of products along neighbouring axes: a gradient of a product with broadcasting. */
function sumProducts(
  heap: KernelHeap,
  { a, b }: Inputs,
  { axes, shape }: { axes: number[]; shape: number[] },
) {
  const result = heap.output(shape);
  const { outer, size, inner } = mergeAxes(a.shape, axes[0], axes.at(-1)! + 1);
  const args = [heap.at(a), heap.at(b), 0, outer, size, inner, heap.at(result)];
  const split = { argument: 2, multiple: 1, work: outer * size * inner * 2 };
  runWithMemory(heap, "sumProducts", args, inner * 8, split);
  return result;
}

/** The largest, the smallest, or the product of elements. */
function reduce(
  name: FunctionName<"reducers"> | undefined,
  ofIntegers?: FunctionName<"reducers">,
): Kernel {
  const [f, g] = [name, ofIntegers].map((name) => name && numberOf("reducers", name));
  return function reduceElements(heap: KernelHeap, { x }: Inputs, attributes: Attributes) {
    const number = areFloats(x) ? f : x.dtype === "int32" ? g : undefined;
    if (number === undefined) return;
    return reduceAxes(heap, x, attributes, (heap, x, y, { outer, size, inner }) => {
      const args = [number, heap.at(x), 0, outer, size, inner, heap.at(y), heap.scratch()];
      heap.run("reduce", args, { argument: 2, multiple: 1, work: outer * size * inner });
    });
  };
}

const sumIntegers = reduce(undefined, "SUM_INTEGERS");

/** Whether all booleans are true, or any of them. */
function connect(every: boolean): Kernel {
  const pass: Pass = (heap, x, y, { outer, size, inner }) => {
    const args = [Number(every), heap.at(x), 0, outer, size, inner, heap.at(y), heap.scratch()];
    heap.run("reduceBytes", args, { argument: 2, multiple: 1, work: outer * size * inner / 4 });
  };
  return (heap: KernelHeap, { x }: Inputs, attributes: Attributes) =>
    x.dtype === "bool" ? reduceAxes(heap, x, attributes, pass) : undefined;
}

/** The gradients of the elements that share the extreme `y` along neighbouring axes. */
function extremeSlope(heap: KernelHeap, { dy, x, y }: Inputs, { axes }: { axes: number[] }) {
  const dx = heap.output(x.shape);
  if (sizeOf(x.shape) === 0) return dx;
  const { outer, size, inner } = mergeAxes(x.shape, axes[0], axes.at(-1)! + 1);
  const [slopes, from, extremes, to] = [dy, x, y, dx].map((tensor) => heap.at(tensor));
  const args = [slopes, from, extremes, to, 0, outer, size, inner];
  const split = { argument: 4, multiple: 1, work: outer * size * inner * 2 };
  runWithMemory(heap, "extremeSlope", args, inner * 4, split);
  return dx;
}

/** Attributes of running sums and products. */
interface ScanAttributes {
  axis: number;
  /** Neighbouring axes that are one. */
  axes?: number[];
  exclusive: boolean;
  reverse: boolean;
}

/** The sums or products up to each element of an axis, in doubles; those of integers wrap. */
function scan(isProduct: boolean): Kernel {
  return function accumulate(heap: KernelHeap, { x }: Inputs, attributes: ScanAttributes) {
    const { axis, exclusive, reverse } = attributes;
    const isInteger = x.dtype === "int32" && !isProduct;
    if ((x.dtype !== "float32" && !isInteger) || axis >= x.shape.length) return;
    const { outer, size, inner } = mergeAxes(x.shape, tf.util.parseAxisParam(axis, x.shape)[0]);
    const result = heap.output(x.shape, x.dtype);
    const order = [Number(exclusive), Number(reverse)];
    const args = [heap.at(x), 0, outer, size, inner, heap.at(result), ...order];
    const work = outer * size * inner * 2;
    if (isInteger) {
      const split = { argument: 1, multiple: 1, work };
      runWithMemory(heap, "scanIntegers", args, inner * 4, split);
    } else {
      const split = { argument: 2, multiple: 4, work };
      runWithMemory(heap, "scan", [Number(isProduct), ...args], inner * 8, split);
    }
    return result;
  };
}

/**
 * The gradients of running products, or of the last ones alone: those of a product over an axis.
 */
function productSlope(isLast: boolean): Kernel {
  return function slope(heap: KernelHeap, { dy, x }: Inputs, attributes: Partial<ScanAttributes>) {
    const { axis, axes, exclusive = false, reverse = false } = attributes;
    const all = axes ?? tf.util.parseAxisParam(axis!, x.shape);
    const { outer, size, inner } = mergeAxes(x.shape, all[0], all.at(-1)! + 1);
    const result = heap.output(x.shape);
    const options = [exclusive, reverse, isLast].map(Number);
    const [slopes, from, to] = [dy, x, result].map((tensor) => heap.at(tensor));
    const args = [slopes, from, to, 0, outer, size, inner, ...options, heap.scratch()];
    const split = { argument: 3, multiple: 1, work: outer * size * inner * 4 };
    if (size > 0) heap.run("productSlope", args, split);
    return result;
  };
}

/** Number of largest elements up to which they are kept in order while a row is read. */
const FEW = 32;

/** The largest elements of each row, and their places; NaN is the largest, the first of equals wins. */
function topK(heap: KernelHeap, { x }: Inputs, { k }: { k: number }) {
  const columns = x.shape.at(-1) ?? 0;
  if (!["float32", "int32"].includes(x.dtype) || k < 1 || k > Math.min(columns, FEW)) return;
  const shape = [...x.shape.slice(0, -1), k];
  const values = heap.output(shape, x.dtype), indices = heap.output(shape, "int32");
  const [from, best, places] = [x, values, indices].map((tensor) => heap.elements(tensor));
  for (let row = 0, to = 0; row < from.length; row += columns, to += k) {
    let last = to - 1;
    for (let i = 0; i < columns; i++) {
      const value = from[row + i], isFull = last === to + k - 1;
      if (isFull && !isMore(value, best[last])) continue;
      let at = isFull ? last : ++last;
      for (; at > to && isMore(value, best[at - 1]); at--) {
        best[at] = best[at - 1];
        places[at] = places[at - 1];
      }
      best[at] = value;
      places[at] = i;
    }
  }
  return [values, indices];
}

function isMore(a: number, b: number): boolean {
  return a > b || (a !== a && b === b);
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
  heap.run("sumColumns", [from, parts, size, 0, size, heap.at(result), 1, heap.shared(size * 8)]);
  heap.backend.disposeData(stack.dataId);
  return result;
}

/** The kernels of reductions. */
export const REDUCTION_KERNELS: KernelTable = {
  All: connect(true),
  Any: connect(false),
  Cumprod: scan(true),
  Cumsum: scan(false),
  Max: reduce("MAX", "MAX_INTEGERS"),
  Mean: sum(true),
  Min: reduce("MIN", "MIN_INTEGERS"),
  Prod: reduce("PROD"),
  Sum: sum(false),
  TopK: topK,
  TrainchartCumprodGradient: productSlope(false),
  TrainchartExtremeSlope: extremeSlope,
  TrainchartProdGradient: productSlope(true),
  TrainchartSumProducts: sumProducts,
};
