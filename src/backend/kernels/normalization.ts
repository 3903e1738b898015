/**
 * Normalisation of columns (batch) and of rows (layer, softmax and its logarithm), and their gradients.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import {
  ACTIVATIONS,
  areFloats,
  type Inputs,
  type Kernel,
  type KernelTable,
  runWithMemory,
  sizeOf,
  splitOfColumns,
  splitOfRows,
} from "./kernel.ts";

/** A tensor as a matrix whose last axis has the columns. */
function matrixOf({ shape }: tf.TensorInfo): { rows: number; columns: number } {
  const columns = shape.at(-1)!;
  return { rows: columns === 0 ? 0 : sizeOf(shape) / columns, columns };
}

/** The address of a tensor, or 0 if it is missing. */
function at(heap: KernelHeap, tensor: tf.TensorInfo | undefined): number {
  return tensor ? heap.at(tensor) : 0;
}

/** Means and variances of columns, `[columns]` each. */
function moments(heap: KernelHeap, x: tf.TensorInfo): [tf.TensorInfo, tf.TensorInfo] {
  const { rows, columns } = matrixOf(x);
  const mean = heap.output([columns]), variance = heap.output([columns]);
  const args = [heap.at(x), rows, columns, 0, columns, heap.at(mean), heap.at(variance)];
  const split = splitOfColumns(heap, 3, rows * columns * 4);
  runWithMemory(heap, "columnMoments", args, columns * 16, split);
  return [mean, variance];
}

function normalize(
  heap: KernelHeap,
  x: tf.TensorInfo,
  mean: tf.TensorInfo,
  variance: tf.TensorInfo,
  scale: tf.TensorInfo | undefined,
  offset: tf.TensorInfo | undefined,
  epsilon: number,
  activation = 0,
): tf.TensorInfo {
  const { rows, columns } = matrixOf(x);
  const y = heap.output(x.shape);
  const args = [
    ...[heap.at(x), heap.at(mean), heap.at(variance), at(heap, scale), at(heap, offset)],
    ...[heap.at(y), 0, rows, columns, epsilon, activation],
  ];
  const split = { argument: 6, multiple: 1, work: rows * columns * 4 };
  runWithMemory(heap, "batchNorm", args, columns * 8, splitOfRows(heap, rows, split));
  return y;
}

/** Whether each of the tensors has a number for each column of `x`. */
function arePerColumn(x: tf.TensorInfo, tensors: (tf.TensorInfo | undefined)[]): boolean {
  const columns = x.shape.at(-1);
  return tensors.every((tensor) =>
    !tensor || (tensor.shape.length === 1 && tensor.shape[0] === columns)
  );
}

/** tfjs's kernel takes one element after another. */
function fusedBatchNorm(
  heap: KernelHeap,
  { x, mean, variance, scale, offset }: Inputs,
  { varianceEpsilon }: { varianceEpsilon: number },
) {
  const all = [x, mean, variance, scale, offset].filter((tensor) => tensor);
  if (!areFloats(...all) || !arePerColumn(x, all.slice(1)) || sizeOf(x.shape) === 0) return;
  return normalize(heap, x, mean, variance, scale, offset, varianceEpsilon);
}

/**
 * A batch normalisation by the moments of its batch: the results, the moments, and the moving
 * moments, moved towards them.
 */
function batchNorm(
  heap: KernelHeap,
  { x, scale, offset, movingMean, movingVariance }: Inputs,
  attributes: { epsilon: number; momentum: number; activation?: string },
) {
  const { epsilon, momentum, activation = "linear" } = attributes;
  const [mean, variance] = moments(heap, x);
  const code = ACTIVATIONS[activation];
  const y = normalize(heap, x, mean, variance, scale, offset, epsilon, code);
  const moved = [[movingMean, mean], [movingVariance, variance]].map(([current, value]) => {
    const result = heap.output(current.shape);
    const [from, towards, to] = [current, value, result].map((tensor) => heap.at(tensor));
    heap.run("moveTowards", [from, towards, to, sizeOf(value.shape), momentum]);
    return result;
  });
  return [y, mean, variance, ...moved];
}

/** The sums of `dy` and of `dy * (x - mean)`, `[columns]` each. */
function batchNormSums(heap: KernelHeap, { dy, x, mean }: Inputs) {
  const { rows, columns } = matrixOf(x);
  const sum = heap.output([columns]), moment = heap.output([columns]);
  const [from, input, middle, to, too] = [dy, x, mean, sum, moment].map((tensor) =>
    heap.at(tensor)
  );
  const args = [from, input, middle, rows, columns, 0, columns, to, too];
  const split = { argument: 5, multiple: 16, work: rows * columns * 4 };
  runWithMemory(heap, "batchNormSums", args, columns * 24, splitOfRows(heap, rows, split));
  return [sum, moment];
}

/** The gradient of `x`, and the two sums that those of scale and offset are made of. */
function batchNormGradient(
  heap: KernelHeap,
  { dy, x, mean, variance, scale }: Inputs,
  { epsilon }: { epsilon: number },
) {
  const { rows, columns } = matrixOf(x);
  const [sum, moment] = batchNormSums(heap, { dy, x, mean });
  const dx = heap.output(x.shape);
  const args = [
    ...[heap.at(dy), heap.at(x), heap.at(mean), heap.at(variance), at(heap, scale)],
    ...[heap.at(sum), heap.at(moment), heap.at(dx), 0, rows, rows, columns, epsilon],
  ];
  const split = { argument: 8, multiple: 1, work: rows * columns * 4 };
  runWithMemory(heap, "batchNormGradient", args, columns * 12, splitOfRows(heap, rows, split));
  return [dx, sum, moment];
}

interface LayerNormAttributes {
  /** Number of elements that are normalised together. */
  size: number;
  epsilon: number;
}

function layerNorm(
  heap: KernelHeap,
  { x, scale, offset }: Inputs,
  { size, epsilon }: LayerNormAttributes,
) {
  const y = heap.output(x.shape);
  const elements = sizeOf(x.shape), rows = elements / size;
  const addresses = [heap.at(x), at(heap, scale), at(heap, offset), heap.at(y)];
  const args = [...addresses, 0, rows, size, epsilon, heap.scratch()];
  heap.run("layerNorm", args, { argument: 4, multiple: 1, work: elements * 4 });
  return y;
}

/** The gradients of input, scale and offset. */
function layerNormGradient(
  heap: KernelHeap,
  { dy, x, scale }: Inputs,
  { size, epsilon }: LayerNormAttributes,
) {
  const elements = sizeOf(x.shape), rows = elements / size;
  const dx = heap.output(x.shape),
    scaleSlope = heap.output([size]),
    offsetSlope = heap.output([size]);
  const addresses = [dy, x, dx].map((tensor) => heap.at(tensor));
  if (
    scale && heap.native?.canCompute({ kind: "layerNormGradient", rows, columns: size, epsilon })
  ) {
    const slopes = [scale, scaleSlope, offsetSlope].map((tensor) => heap.at(tensor));
    const memory = heap.shared(rows * 8);
    heap.run("nativeLayerNormGradient", [...addresses, ...slopes, memory, rows, size, epsilon]);
    return [dx, scaleSlope, offsetSlope];
  }
  // The statistics of each row, then memory for the sums of the widest rows.
  const fits = size * 24 <= heap.scratchBytes;
  const statistics = heap.shared(rows * 8 + (fits ? 0 : size * 24));
  const [from, input, to] = addresses;
  const scratch = heap.scratch();
  heap.run(
    "layerNormGradient",
    [from, input, at(heap, scale), to, statistics, 0, rows, size, epsilon, scratch],
    { argument: 5, multiple: 1, work: elements * 8 },
  );
  const sums = [
    ...[from, input, statistics, rows, size, 0, size, heap.at(scaleSlope), heap.at(offsetSlope)],
    fits ? scratch : statistics + rows * 8,
  ];
  const split = { argument: 5, multiple: 16, work: elements * 4 };
  heap.run("layerNormSums", sums, fits ? split : undefined);
  return [dx, scaleSlope, offsetSlope];
}

/** The kernels of normalisations. */
export const NORMALIZATION_KERNELS: KernelTable = {
  FusedBatchNorm: fusedBatchNorm,
  TrainchartBatchNorm: batchNorm,
  TrainchartBatchNormGradient: batchNormGradient,
  TrainchartBatchNormSums: batchNormSums,
  TrainchartLayerNorm: layerNorm,
  TrainchartLayerNormGradient: layerNormGradient,
};

function forward(logarithm: boolean): Kernel {
  return function softmax(heap: KernelHeap, { logits }: Inputs) {
    if (!areFloats(logits)) return;
    const result = heap.output(logits.shape);
    run(heap, "softmax", [heap.at(logits), heap.at(result)], logits.shape, logarithm);
    return result;
  };
}

function gradient(logarithm: boolean): Kernel {
  return function softmaxGradient(heap: KernelHeap, { dy, y }: Inputs) {
    const result = heap.output(y.shape);
    const addresses = [dy, y, result].map((tensor) => heap.at(tensor));
    run(heap, "softmaxGradient", addresses, y.shape, logarithm);
    return result;
  };
}

function run(
  heap: KernelHeap,
  name: string,
  addresses: number[],
  shape: number[],
  logarithm: boolean,
): void {
  if (sizeOf(shape) === 0) return;
  const size = shape.at(-1) ?? 1, rows = sizeOf(shape) / size;
  const args = [...addresses, 0, rows, size, Number(logarithm), heap.scratch()];
  heap.run(name, args, { argument: addresses.length, multiple: 1, work: rows * size * 16 });
}

/** The kernels of softmax. */
export const SOFTMAX_KERNELS: KernelTable = {
  Softmax: forward(false),
  TrainchartLogSoftmax: forward(true),
  TrainchartLogSoftmaxGradient: gradient(true),
  TrainchartSoftmaxGradient: gradient(false),
};
