/**
 * Sums of elements that go to the same place, in doubles.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { addRows } from "./elementwise.ts";
import { runOnCpu } from "../fallback_kernels.ts";
import {
  areFloats,
  type Inputs,
  type Kernel,
  type KernelTable,
  sizeOf,
  stridesOf,
  unitOf,
} from "./kernel.ts";

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
  ScatterNd: scatterNd,
  SparseSegmentMean: sparseSegments("SparseSegmentMean", true),
  SparseSegmentSum: sparseSegments("SparseSegmentSum", false),
};
