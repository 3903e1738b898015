/**
 * Kernels that copy elements, whatever their dtype, and sums of elements that go to the same place.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type FunctionName, numberOf } from "../kernel_constants.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import {
  areFloats,
  copy,
  type Inputs,
  type Kernel,
  type KernelTable,
  layoutOf,
  sizeOf,
  stridesOf,
  unitOf,
} from "./kernel.ts";
import { bitsOf } from "./rearrangements.ts";
import { addRows } from "./unary.ts";
import { runOnCpu } from "../fallback_kernels.ts";

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
  if (!["float32", "int32", "bool"].includes(dtype)) return;
  const result = heap.output([...indices.shape, depth], dtype), count = sizeOf(indices.shape);
  const to = heap.at(result), unit = unitOf(dtype);
  heap.run("fill", [to, count * depth, unit, bitsOf(offValue, dtype)]);
  const args = [heap.at(indices), to, 0, count, depth, unit, bitsOf(onValue, dtype)];
  const split = { argument: 2, multiple: 1, work: count };
  heap.run("markIndices", [...args, heap.scratch()], split);
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

/**
 * The places of slices, `[count]`, of which indices, `[…, depth]`, say the place along each axis; they
 * have to be disposed.
 *
 * @throws {RangeError} If an index is not on its axis.
 */
function placesOf(
  heap: KernelHeap,
  indices: tf.TensorInfo,
  shape: number[],
  depth: number,
): tf.TensorInfo {
  const sizes = shape.slice(0, depth), count = sizeOf(indices.shape) / Math.max(depth, 1);
  const places = heap.output([count], "int32");
  const axes = heap.table([...sizes, ...stridesOf(sizes)]);
  try {
    heap.run("flattenIndices", [heap.at(indices), count, depth, axes, heap.at(places)]);
  } catch (error) {
    heap.backend.disposeData(places.dataId);
    const all = heap.elements(indices);
    const wrong = all.findIndex((index, i) => index < 0 || index >= sizes[i % depth]);
    if (wrong < 0) throw error;
    const first = wrong - wrong % depth;
    const text = [...all.subarray(first, first + depth)];
    throw new RangeError(`Invalid indices: ${text} does not index into ${shape}`);
  }
  return places;
}

function scatterNd(
  heap: KernelHeap,
  { indices, updates }: Inputs,
  { shape }: { shape: number[] },
) {
  if (!areFloats(updates) || indices.dtype !== "int32" || sizeOf(shape) === 0) return;
  const { sliceRank, numUpdates, sliceSize } = tf.scatter_util.calculateShapes(
    updates as tf.Tensor,
    indices as tf.Tensor,
    shape,
  );
  if (sliceRank === 0) return;
  const places = placesOf(heap, indices, shape, sliceRank);
  const slices = [sizeOf(shape) / sliceSize, sliceSize];
  const sums = addRows(heap, updates, places, numUpdates, slices);
  heap.backend.disposeData(places.dataId);
  return { ...sums, shape };
}

/** Counts or weighs equal numbers, of each row or of all; those that are too large are left out. */
function bincount(ofRows: boolean): Kernel {
  return function count(
    heap: KernelHeap,
    { x, weights }: Inputs,
    { size, binaryOutput = false }: { size: number; binaryOutput?: boolean },
  ) {
    if (!areFloats(weights) || x.dtype !== "int32") return;
    const shape = ofRows && x.shape.length > 1 ? [x.shape[0], size] : [size];
    const rows = sizeOf(shape) / Math.max(size, 1), columns = sizeOf(x.shape) / Math.max(rows, 1);
    const given = sizeOf(weights.shape) > 0 ? heap.at(weights) : 0;
    const result = heap.output(shape), sums = heap.shared(sizeOf(shape) * 8);
    const args = [heap.at(x), given, rows, columns, size, Number(binaryOutput)];
    try {
      heap.run("countNumbers", [...args, heap.at(result), sums]);
    } catch (error) {
      heap.backend.disposeData(result.dataId);
      if (!heap.elements(x).some((number) => number < 0)) throw error;
      throw new RangeError("Input x must be non-negative!");
    }
    return result;
  };
}

/** A copy of a tensor, or of one number everywhere, with slices at the places of indices. */
function placeSlices(
  heap: KernelHeap,
  whole: tf.TensorInfo,
  shape: number[],
  indices: tf.TensorInfo,
  slices: tf.TensorInfo,
) {
  const { dtype } = whole, size = sizeOf(shape), depth = indices.shape.at(-1)!;
  if (!["float32", "int32", "bool"].includes(dtype) || slices.dtype !== dtype) return;
  if (indices.dtype !== "int32" || size === 0 || depth === 0) return;
  const length = sizeOf(shape.slice(depth)), count = sizeOf(indices.shape) / depth;
  if (sizeOf(slices.shape) !== count * length) return;
  const places = placesOf(heap, indices, shape, depth);
  const result = heap.output(shape, dtype);
  const strides = sizeOf(whole.shape) === 1 ? shape.map(() => 0) : stridesOf(shape);
  const from = { address: heap.at(whole), strides };
  copy(heap, shape, from, layoutOf(heap, result), dtype);
  const bytes = length * unitOf(dtype);
  heap.run("placeRows", [heap.at(slices), heap.at(places), count, bytes, heap.at(result)]);
  heap.backend.disposeData(places.dataId);
  return result;
}

function tensorScatterUpdate(heap: KernelHeap, { tensor, indices, updates }: Inputs) {
  return placeSlices(heap, tensor, tensor.shape, indices, updates);
}

function sparseToDense(
  heap: KernelHeap,
  { sparseIndices, sparseValues, defaultValue }: Inputs,
  { outputShape }: { outputShape: number[] },
) {
  const { shape } = sparseIndices, rank = outputShape.length;
  const rows = shape.length === 2
    ? shape
    : shape.length === 1 && rank === 1
    ? [shape[0], 1]
    : [0, 0];
  if (rows[1] !== rank || sparseValues.shape.length !== 1) return;
  return placeSlices(
    heap,
    defaultValue,
    outputShape,
    { ...sparseIndices, shape: rows },
    sparseValues,
  );
}

/** The places of values in sorted rows: the first that keep the order, or the last. */
function find(isLast: boolean): Kernel {
  return function findPlaces(heap: KernelHeap, { sortedSequence, values }: Inputs) {
    const { dtype } = values;
    if (sortedSequence.dtype !== dtype || !["float32", "int32"].includes(dtype)) return;
    const size = sortedSequence.shape.at(-1)!, count = values.shape.at(-1)!;
    const result = heap.output(values.shape, "int32"), all = sizeOf(values.shape);
    const addresses = [sortedSequence, values, result].map((tensor) => heap.at(tensor));
    const options = [isLast, areFloats(values)].map(Number);
    const args = [...addresses, 0, all, size, count, ...options, heap.scratch()];
    heap.run("findPlaces", args, { argument: 3, multiple: 1, work: all * 40 });
    return result;
  };
}

/** Sums or means of rows; tfjs's kernel of the cpu backend checks them. */
function sparseSegments(kernelName: string, isMean: boolean): Kernel {
  return function sumSegments(heap: KernelHeap, inputs: Inputs) {
    const { data, indices, segmentIds } = inputs;
    if (!areFloats(data)) return;
    const result = runOnCpu(heap, kernelName, inputs, {}) as tf.TensorInfo;
    const size = sizeOf(data.shape.slice(1));
    const [values, rows, ids, to] = [data, indices, segmentIds, result].map((tensor) =>
      heap.elements(tensor)
    );
    for (let first = 0, last = 0; first < ids.length; first = last) {
      while (last < ids.length && ids[last] === ids[first]) last++;
      for (let j = 0; j < size; j++) {
        let sum = 0;
        for (let i = first; i < last; i++) sum += values[rows[i] * size + j];
        to[ids[first] * size + j] = isMean ? sum / (last - first) : sum;
      }
    }
    return result;
  };
}

/** Elements at any places. */
function gatherNd(heap: KernelHeap, { params, indices }: Inputs) {
  if (params.dtype === "string" || params.dtype === "complex64") return;
  if (indices.dtype !== "int32" || sizeOf(params.shape) === 0) return;
  const [shape, count, size, strides] = tf.gather_util.prepareAndValidate(
    params as tf.Tensor,
    indices as tf.Tensor,
  );
  const depth = strides.length;
  if (depth === 0) return;
  const places = placesOf(heap, indices, params.shape, depth);
  const result = heap.output(shape, params.dtype);
  const addresses = [params, places, result].map((tensor) => heap.at(tensor));
  const rows = sizeOf(params.shape) / size, bytes = size * unitOf(params.dtype);
  const args = [...addresses, 1, 1, rows, count, bytes, 0, count, 0];
  heap.run("gatherRows", args, { argument: 8, multiple: 1, work: sizeOf(shape) });
  heap.backend.disposeData(places.dataId);
  return result;
}

/** The kernels of scattered sums, and of elements at any places. */
export const SCATTER_KERNELS: KernelTable = {
  Bincount: bincount(false),
  DenseBincount: bincount(true),
  GatherNd: gatherNd,
  LowerBound: find(false),
  ScatterNd: scatterNd,
  SparseSegmentMean: sparseSegments("SparseSegmentMean", true),
  SparseSegmentSum: sparseSegments("SparseSegmentSum", false),
  SparseToDense: sparseToDense,
  TensorScatterUpdate: tensorScatterUpdate,
  UpperBound: find(true),
};
