/**
 * Kernels that copy elements, whatever their dtype.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { type Inputs, type KernelTable, sizeOf } from "./kernel.ts";

/** Elements of any dtype but strings, as units to copy. */
type Units = Uint8Array | Uint32Array | Float64Array;

/** The elements of a tensor, for copying. */
function unitsOf(heap: KernelHeap, tensor: tf.TensorInfo): Units {
  const { buffer } = heap.elements(tensor), at = heap.at(tensor), size = sizeOf(tensor.shape);
  if (tensor.dtype === "bool") return new Uint8Array(buffer, at, size);
  if (tensor.dtype === "complex64") return new Float64Array(buffer, at, size);
  return new Uint32Array(buffer, at, size);
}

/** Elements at `offset`, and the distances between neighbours along each axis. */
interface Layout {
  units: Units;
  offset: number;
  strides: number[];
}

/** The distances between neighbours of a tensor whose elements are in row-major order. */
function stridesOf(shape: number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** The elements of a tensor in row-major order, from a place on. */
function layoutOf(heap: KernelHeap, tensor: tf.TensorInfo, place?: number[]): Layout {
  const strides = stridesOf(tensor.shape);
  const offset = strides.reduce((sum, stride, axis) => sum + stride * (place?.[axis] ?? 0), 0);
  return { units: unitsOf(heap, tensor), offset, strides };
}

/** Copies a box of elements between two layouts. */
function copy(shape: number[], from: Layout, to: Layout): void {
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

/** A new tensor of a box of elements. */
function copyBox(heap: KernelHeap, x: tf.TensorInfo, begin: number[], size: number[]) {
  const result = heap.output(size, x.dtype);
  copy(size, layoutOf(heap, x, begin), layoutOf(heap, result));
  return result;
}

function slice(
  heap: KernelHeap,
  { x }: Inputs,
  attributes: { begin: number | number[]; size: number | number[] },
) {
  if (x.dtype === "string") return;
  const [begin, size] = tf.slice_util.parseSliceParams(
    x as tf.Tensor,
    attributes.begin,
    attributes.size,
  );
  tf.slice_util.assertParamsValid(x as tf.Tensor, begin, size);
  return copyBox(heap, x, begin, size);
}

/** Splits an axis into parts of these sizes. */
function splitAxis(heap: KernelHeap, x: tf.TensorInfo, axis: number, sizes: number[]) {
  const begin = x.shape.map(() => 0);
  return sizes.map((n) => {
    const part = copyBox(heap, x, begin, x.shape.map((size, i) => i === axis ? n : size));
    begin[axis] += n;
    return part;
  });
}

function splitV(
  heap: KernelHeap,
  { x }: Inputs,
  { numOrSizeSplits, axis }: { numOrSizeSplits: number | number[]; axis: number },
) {
  if (x.dtype === "string") return;
  const [at] = tf.util.parseAxisParam(axis, x.shape);
  const sizes = tf.backend_util.prepareSplitSize(x as tf.Tensor, numOrSizeSplits, at);
  return splitAxis(heap, x, at, sizes);
}

function unpack(heap: KernelHeap, { value }: Inputs, { axis }: { axis: number }) {
  if (value.dtype === "string") return;
  const [at] = tf.util.parseAxisParam(axis, value.shape);
  const parts = splitAxis(heap, value, at, new Array(value.shape[at]).fill(1));
  return parts.map((part) => ({ ...part, shape: value.shape.toSpliced(at, 1) }));
}

function concat(heap: KernelHeap, inputs: Inputs, attributes: { axis: number }) {
  const tensors = inputs as unknown as tf.TensorInfo[];
  const [{ dtype, shape }] = tensors;
  if (tensors.some((tensor) => tensor.dtype !== dtype) || dtype === "string") return;
  const [axis] = tf.util.parseAxisParam(attributes.axis, shape);
  const shapes = tensors.map((tensor) => tensor.shape);
  tf.backend_util.assertParamsConsistent(shapes, axis);
  const result = heap.output(tf.backend_util.computeOutShape(shapes, axis), dtype);
  const to = unitsOf(heap, result), outer = sizeOf(shape.slice(0, axis));
  let target = 0;
  const whole = sizeOf(result.shape.slice(axis));
  for (const tensor of tensors) {
    const from = unitsOf(heap, tensor), run = sizeOf(tensor.shape.slice(axis));
    for (let i = 0; i < outer; i++) {
      to.set(from.subarray(i * run, (i + 1) * run), i * whole + target);
    }
    target += run;
  }
  return result;
}

function gather(
  heap: KernelHeap,
  { x, indices }: Inputs,
  attributes: { axis: number; batchDims: number },
) {
  if (x.dtype === "string" || indices.dtype !== "int32") return;
  const [axis] = tf.util.parseAxisParam(attributes.axis, x.shape);
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } = tf.backend_util.segment_util
    .collectGatherOpShapeInfo(
      x as tf.Tensor,
      indices as tf.Tensor,
      axis,
      attributes.batchDims ?? 0,
    );
  const result = heap.output(outputShape, x.dtype);
  const from = unitsOf(heap, x), to = unitsOf(heap, result), at = heap.elements(indices);
  for (const index of at) {
    if (index >= 0 && index < dimSize) continue;
    heap.backend.disposeData(result.dataId);
    throw new RangeError(`GatherV2: the index value ${index} is not in [0, ${dimSize - 1}]`);
  }
  const count = at.length / batchSize;
  let target = 0;
  for (let batch = 0; batch < batchSize; batch++) {
    for (let outer = 0; outer < outerSize; outer++) {
      const start = (batch * outerSize + outer) * dimSize;
      for (let i = 0; i < count; i++, target += sliceSize) {
        const source = (start + at[batch * count + i]) * sliceSize;
        if (sliceSize === 1) to[target] = from[source];
        else to.set(from.subarray(source, source + sliceSize), target);
      }
    }
  }
  return result;
}

function cast(heap: KernelHeap, { x }: Inputs, { dtype }: { dtype: tf.DataType }) {
  if (x.dtype === dtype && dtype !== "string") return heap.alias(x);
  if (![x.dtype, dtype].every((type) => ["float32", "int32", "bool"].includes(type))) return;
  const result = heap.output(x.shape, dtype);
  const from = heap.elements(x), to = heap.elements(result);
  if (dtype !== "bool") to.set(from);
  else for (let i = 0; i < to.length; i++) to[i] = Number(from[i] !== 0);
  return result;
}

function reverse(heap: KernelHeap, { x }: Inputs, { dims }: { dims: number | number[] }) {
  if (x.dtype === "string") return;
  const axes = x.shape.length === 0 ? [] : tf.util.parseAxisParam(dims, x.shape);
  const result = heap.output(x.shape, x.dtype);
  const from = layoutOf(heap, x, x.shape.map((n, axis) => axes.includes(axis) ? n - 1 : 0));
  const strides = from.strides.map((stride, axis) => axes.includes(axis) ? -stride : stride);
  copy(x.shape, { ...from, strides }, layoutOf(heap, result));
  return result;
}

interface StridedSliceAttributes {
  begin: number[];
  end: number[];
  strides: number[];
  beginMask: number;
  endMask: number;
  ellipsisMask: number;
  newAxisMask: number;
  shrinkAxisMask: number;
}

function stridedSlice(heap: KernelHeap, { x }: Inputs, attributes: StridedSliceAttributes) {
  if (x.dtype === "string") return;
  const a = attributes;
  const masks = [a.beginMask, a.endMask, a.ellipsisMask, a.newAxisMask, a.shrinkAxisMask] as const;
  const info = tf.slice_util.sliceInfo(x.shape, a.begin, a.end, a.strides, ...masks);
  const { begin, end, strides, finalShape } = info;
  const size = tf.slice_util.computeOutShape(begin, end, strides).map((n) => Math.max(n, 0));
  const result = heap.output(size, x.dtype);
  const from = layoutOf(heap, x, begin);
  const steps = from.strides.map((stride, axis) => stride * strides[axis]);
  copy(size, { ...from, strides: steps }, layoutOf(heap, result));
  return { ...result, shape: finalShape };
}

/** Negative paddings cut. */
function pad(
  heap: KernelHeap,
  { x }: Inputs,
  { paddings, constantValue }: { paddings: [number, number][]; constantValue: number },
) {
  if (!["float32", "int32", "bool"].includes(x.dtype)) return;
  const shape = x.shape.map((n, axis) => paddings[axis][0] + n + paddings[axis][1]);
  if (shape.some((n) => n < 0)) {
    throw new RangeError(
      `Cannot pad as no size of the result may be negative: the shape is [${shape}]`,
    );
  }
  const result = heap.output(shape, x.dtype);
  heap.elements(result).fill(constantValue);
  const begin = paddings.map(([before]) => Math.max(-before, 0));
  const place = paddings.map(([before]) => Math.max(before, 0));
  const size = x.shape.map((n, axis) => n - begin[axis] - Math.max(-paddings[axis][1], 0));
  if (size.some((n) => n < 0)) return result;
  copy(size, layoutOf(heap, x, begin), layoutOf(heap, result, place));
  return result;
}

function oneHot(
  heap: KernelHeap,
  { indices }: Inputs,
  attributes: { depth: number; onValue: number; offValue: number; dtype: tf.DataType },
) {
  const { depth, onValue, offValue, dtype } = attributes;
  if (indices.dtype !== "int32") return;
  const result = heap.output([...indices.shape, depth], dtype);
  const at = heap.elements(indices), to = heap.elements(result);
  to.fill(offValue);
  for (let i = 0; i < at.length; i++) {
    if (at[i] >= 0 && at[i] < depth) to[i * depth + at[i]] = onValue;
  }
  return result;
}

/** The kernels that copy elements. */
export const MOVE_KERNELS: KernelTable = {
  Cast: cast,
  Concat: concat,
  GatherV2: gather,
  OneHot: oneHot,
  PadV2: pad,
  Reverse: reverse,
  Slice: slice,
  SplitV: splitV,
  StridedSlice: stridedSlice,
  Unpack: unpack,
};
