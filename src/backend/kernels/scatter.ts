/**
 * Sums of elements that go to the same place, in doubles.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { addRows } from "./elementwise.ts";
import { runOnCpu } from "../fallback_kernels.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

/** A tensor of sums, of which `add` makes each. */
function sumInDoubles(
  heap: KernelHeap,
  shape: number[],
  add: (sums: Float64Array) => void,
): tf.TensorInfo {
  const sums = new Float64Array(sizeOf(shape));
  add(sums);
  return heap.outputOf(shape, "float32", sums);
}

/** Adds rows to those that are named. */
function scatterRows(
  heap: KernelHeap,
  indices: tf.TensorInfo,
  updates: tf.TensorInfo,
  shape: number[],
): tf.TensorInfo {
  const places = heap.elements(indices), count = places.length;
  for (let i = 0; i < count; i++) {
    if (places[i] >= 0 && places[i] < shape[0]) continue;
    throw new RangeError(`Invalid indices: ${places[i]} does not index into ${shape}`);
  }
  return addRows(heap, updates, indices, count, shape);
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
  if (sliceRank === 1) return scatterRows(heap, indices, updates, shape);
  const places = heap.elements(indices), values = heap.elements(updates);
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  return sumInDoubles(heap, shape, (sums) => {
    for (let i = 0; i < numUpdates; i++) {
      let at = 0;
      for (let axis = 0; axis < sliceRank; axis++) {
        const index = places[i * sliceRank + axis];
        if (index < 0 || index >= shape[axis]) {
          const all = [...places.subarray(i * sliceRank, (i + 1) * sliceRank)];
          throw new RangeError(`Invalid indices: ${all} does not index into ${shape}`);
        }
        at += index * strides[axis];
      }
      for (let j = 0; j < sliceSize; j++) sums[at + j] += values[i * sliceSize + j];
    }
  });
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
    const columns = sizeOf(x.shape) / (sizeOf(shape) / size);
    const numbers = heap.elements(x), values = heap.elements(weights);
    for (let i = 0; i < numbers.length; i++) {
      if (numbers[i] < 0) throw new RangeError("Input x must be non-negative!");
    }
    const weighs = values.length > 0;
    return sumInDoubles(heap, shape, (sums) => {
      for (let i = 0, row = 0; i < numbers.length; row += size) {
        for (const end = i + columns; i < end; i++) {
          if (numbers[i] >= size) continue;
          const at = row + numbers[i];
          sums[at] = binaryOutput ? 1 : sums[at] + (weighs ? values[i] : 1);
        }
      }
    });
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
  const result = heap.output(shape, params.dtype);
  const [from, places, to] = [params, indices, result].map((tensor) => heap.elements(tensor));
  const rank = strides.length, slices = from.length / size;
  for (let i = 0; i < count; i++) {
    let at = 0;
    for (let axis = 0; axis < rank; axis++) at += places[i * rank + axis] * strides[axis];
    if (at < 0 || at >= slices) {
      const all = [...places.subarray(i * rank, (i + 1) * rank)];
      throw new RangeError(`Invalid indices: ${all} does not index into ${params.shape}`);
    }
    for (let j = 0; j < size; j++) to[i * size + j] = from[at * size + j];
  }
  return result;
}

/** The kernels of scattered sums, and of elements at any places. */
export const SCATTER_KERNELS: KernelTable = {
  Bincount: bincount(false),
  DenseBincount: bincount(true),
  GatherNd: gatherNd,
  ScatterNd: scatterNd,
  SparseSegmentMean: sparseSegments("SparseSegmentMean", true),
  SparseSegmentSum: sparseSegments("SparseSegmentSum", false),
};
