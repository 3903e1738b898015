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

/** Copies a box of elements to the start of a new tensor. */
function copyBox(heap: KernelHeap, x: tf.TensorInfo, begin: number[], size: number[]) {
  const result = heap.output(size, x.dtype);
  if (sizeOf(size) === 0) return result;
  const from = unitsOf(heap, x), to = unitsOf(heap, result);
  const strides = x.shape.map((_, axis) => sizeOf(x.shape.slice(axis + 1)));
  // Trailing axes that are copied whole are one run of elements.
  let axis = x.shape.length - 1;
  while (axis > 0 && size[axis] === x.shape[axis]) axis--;
  const run = axis < 0 ? 1 : size[axis] * strides[axis];
  const copy = (level: number, at: number, target: number): number => {
    if (level >= axis) {
      const start = at + (axis < 0 ? 0 : begin[axis] * strides[axis]);
      to.set(from.subarray(start, start + run), target);
      return target + run;
    }
    for (let i = begin[level]; i < begin[level] + size[level]; i++) {
      target = copy(level + 1, at + i * strides[level], target);
    }
    return target;
  };
  copy(0, 0, 0);
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
  Slice: slice,
  SplitV: splitV,
  Unpack: unpack,
};
