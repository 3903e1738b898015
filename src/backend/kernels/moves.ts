/**
 * Kernels that copy elements, whatever their dtype.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type FunctionName, numberOf } from "../kernel_constants.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { copy, type Inputs, type KernelTable, layoutOf, sizeOf, unitOf } from "./kernel.ts";

/** A new tensor of a box of elements. */
function copyBox(heap: KernelHeap, x: tf.TensorInfo, begin: number[], size: number[]) {
  const result = heap.output(size, x.dtype);
  copy(heap, size, layoutOf(heap, x, begin), layoutOf(heap, result), x.dtype);
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
  const place = shape.map(() => 0);
  for (const tensor of tensors) {
    copy(heap, tensor.shape, layoutOf(heap, tensor), layoutOf(heap, result, place), dtype);
    place[axis] += tensor.shape[axis];
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
  checkIndices(heap, indices, dimSize);
  const count = sizeOf(indices.shape) / batchSize, blocks = batchSize * outerSize;
  const result = heap.output(outputShape, x.dtype);
  const addresses = [x, indices, result].map((tensor) => heap.at(tensor));
  const bytes = sliceSize * unitOf(x.dtype);
  const args = [...addresses, blocks, outerSize, dimSize, count, bytes, 0, count, 0];
  heap.run("gatherRows", args, { argument: 8, multiple: 1, work: sizeOf(outputShape) });
  return result;
}

/** Conversions by the dtypes of input and result. */
const CONVERSIONS: Record<string, FunctionName<"conversions"> | undefined> = {
  "float32 int32": "FLOAT_TO_INTEGER",
  "int32 float32": "INTEGER_TO_FLOAT",
  "bool float32": "BOOL_TO_FLOAT",
  "bool int32": "BOOL_TO_INTEGER",
  "float32 bool": "FLOAT_TO_BOOL",
  "int32 bool": "INTEGER_TO_BOOL",
};

/** @throws {RangeError} If an index is not in [0, rows). */
function checkIndices(heap: KernelHeap, indices: tf.TensorInfo, rows: number): void {
  try {
    heap.run("checkIndices", [heap.at(indices), sizeOf(indices.shape), rows]);
  } catch (error) {
    const wrong = (heap.elements(indices) as Int32Array).find((at) => at < 0 || at >= rows);
    if (wrong === undefined) throw error;
    throw new RangeError(`GatherV2: the index value ${wrong} is not in [0, ${rows - 1}]`);
  }
}

function cast(heap: KernelHeap, { x }: Inputs, { dtype }: { dtype: tf.DataType }) {
  if (x.dtype === dtype && dtype !== "string") return heap.alias(x);
  const conversion = CONVERSIONS[`${x.dtype} ${dtype}`];
  if (!conversion) return;
  const result = heap.output(x.shape, dtype), size = sizeOf(x.shape);
  const how = numberOf("conversions", conversion);
  const args = [how, heap.at(x), heap.at(result), 0, size, heap.scratch()];
  heap.run("convert", args, { argument: 3, multiple: 16, work: size });
  return result;
}

function reverse(heap: KernelHeap, { x }: Inputs, { dims }: { dims: number | number[] }) {
  if (x.dtype === "string") return;
  const axes = x.shape.length === 0 ? [] : tf.util.parseAxisParam(dims, x.shape);
  const result = heap.output(x.shape, x.dtype);
  const from = layoutOf(heap, x, x.shape.map((n, axis) => axes.includes(axis) ? n - 1 : 0));
  const strides = from.strides.map((stride, axis) => axes.includes(axis) ? -stride : stride);
  copy(heap, x.shape, { ...from, strides }, layoutOf(heap, result), x.dtype);
  return result;
}

/** Attributes of a slice with strides, as tfjs passes them. */
export interface StridedSliceAttributes {
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
  if (sizeOf(finalShape) === 0) return heap.output(finalShape, x.dtype);
  const size = tf.slice_util.computeOutShape(begin, end, strides);
  if (sizeOf(size) !== sizeOf(finalShape)) {
    throw new TypeError(
      `Cannot slice [${x.shape}] as the masks must agree with begin and end: they contradict them`,
    );
  }
  const result = heap.output(size, x.dtype);
  const from = layoutOf(heap, x, begin);
  const steps = from.strides.map((stride, axis) => stride * strides[axis]);
  copy(heap, size, { ...from, strides: steps }, layoutOf(heap, result), x.dtype);
  return { ...result, shape: finalShape };
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
  Reverse: reverse,
  Slice: slice,
  SplitV: splitV,
  StridedSlice: stridedSlice,
  Unpack: unpack,
};
