/**
 * Passes over memory: gradients of activations, sums of columns and of segments, the identity.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { ACTIVATIONS, areFloats, type Inputs, type KernelTable, sizeOf } from "./kernel.ts";

/** Another tensor of the same elements: tfjs counts references, so no copy is needed. */
function identity(heap: KernelHeap, { x }: Inputs) {
  return x.dtype === "string" ? undefined : heap.alias(x);
}

function squareRoot(heap: KernelHeap, { x }: Inputs) {
  if (!areFloats(x)) return;
  const y = heap.output(x.shape);
  heap.run("squareRoot", [heap.at(x), heap.at(y), sizeOf(x.shape)]);
  return y;
}

/** Sums over leading axes as sums of columns; tfjs would transpose first. */
function sum(
  heap: KernelHeap,
  { x }: Inputs,
  { axis, keepDims }: { axis: number | number[]; keepDims: boolean },
) {
  const axes = tf.util.parseAxisParam(axis, x.shape).sort((a, b) => a - b);
  const rest = x.shape.slice(axes.length);
  const leading = axes.every((at, i) => at === i) && rest.length > 0;
  if (!areFloats(x) || !leading || axes.length === 0 || sizeOf(x.shape) === 0) return;
  const result = heap.output(keepDims ? [...axes.map(() => 1), ...rest] : rest);
  const columns = sizeOf(rest);
  const rows = sizeOf(x.shape) / columns;
  const part = heap.shared(columns * 4);
  heap.run("sumColumns", [heap.at(x), rows, columns, heap.at(result), part]);
  return result;
}

/** `dy` where the activation's result `y` says that its slope is one, else zero. */
function activationGradient(
  heap: KernelHeap,
  { dy, y }: Inputs,
  { activation }: { activation: string },
) {
  const result = heap.output(y.shape);
  const [from, at, to] = [dy, y, result].map((tensor) => heap.at(tensor));
  heap.run("activationGradient", [from, at, to, sizeOf(y.shape), ACTIVATIONS[activation]!]);
  return result;
}

/** The gradients of an activation's input and of the bias before it. */
function activationAndBiasGradient(
  heap: KernelHeap,
  { dy, y }: Inputs,
  { activation }: { activation: string },
) {
  const columns = y.shape.at(-1)!;
  const rows = sizeOf(y.shape) / columns;
  const result = heap.output(y.shape), total = heap.output([columns]);
  const [from, at, to, bias] = [dy, y, result, total].map((tensor) => heap.at(tensor));
  const code = ACTIVATIONS[activation]!;
  // Sums of a part of the columns; for all but the widest layers they fit in scratch memory.
  const fits = columns * 4 <= 2 ** 20;
  const part = fits ? heap.scratch() : heap.shared(columns * 4);
  const args = [from, at, to, rows, columns, 0, columns, code, bias, part];
  const split = { argument: 5, multiple: 16, work: rows * columns * 4 };
  heap.run("activationAndBiasGradient", args, fits ? split : undefined);
  return [result, total];
}

/** Multiplies by a number, in place: no other tensor may share the elements. */
function scale(heap: KernelHeap, { x }: Inputs, { factor }: { factor: number }) {
  heap.run("scale", [heap.at(x), sizeOf(x.shape), factor]);
  return [x];
}

function unsortedSegmentSum(
  heap: KernelHeap,
  { x, segmentIds }: Inputs,
  { numSegments }: { numSegments: number },
) {
  if (segmentIds.shape.length !== 1 || segmentIds.dtype !== "int32") return;
  const result = heap.output([numSegments, ...x.shape.slice(1)], x.dtype);
  const rows = x.shape[0], size = sizeOf(x.shape.slice(1));
  if (areFloats(x)) {
    const [from, ids, to] = [x, segmentIds, result].map((tensor) => heap.at(tensor));
    heap.run("addSegments", [from, ids, rows, size, to, numSegments]);
    return result;
  }
  const [values, ids, totals] = [x, segmentIds, result].map((tensor) =>
    heap.backend.typedArrayFromHeap(tensor)
  );
  totals.fill(0);
  for (let i = 0; i < rows; i++) {
    if (ids[i] < 0 || ids[i] >= numSegments) continue;
    for (let j = 0; j < size; j++) totals[ids[i] * size + j] += values[i * size + j];
  }
  return result;
}

/** tfjs's kernel copies elements of any dtype, but calls all of them float32. */
function stridedSlice(
  heap: KernelHeap,
  { x }: Inputs,
  _: unknown,
  stock: () => tf.TensorInfo | tf.TensorInfo[],
) {
  const y = stock() as tf.TensorInfo;
  heap.backend.dataIdMap.get(y.dataId).dtype = x.dtype;
  return { ...y, dtype: x.dtype };
}

/** tfjs's kernel caches weights by tensor, and would miss changes in place. */
function prelu(_: KernelHeap, { x, alpha }: Inputs) {
  return tf.tidy(() => {
    const negative = tf.minimum(x as tf.Tensor, 0).mul(alpha as tf.Tensor);
    return tf.relu(x as tf.Tensor).add(negative);
  });
}

/** The kernels that pass over memory. */
export const ELEMENTWISE_KERNELS: KernelTable = {
  Identity: identity,
  Prelu: prelu,
  Sqrt: squareRoot,
  StridedSlice: stridedSlice,
  Sum: sum,
  TrainchartActivationGradient: activationGradient,
  TrainchartActivationAndBiasGradient: activationAndBiasGradient,
  TrainchartScale: scale,
  UnsortedSegmentSum: unsortedSegmentSum,
};
