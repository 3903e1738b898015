/**
 * Passes over memory: gradients of activations, functions of elements, sums of segments, sequences.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import {
  ACTIVATIONS,
  areFloats,
  type Inputs,
  type KernelTable,
  runWithMemory,
  sizeOf,
} from "./kernel.ts";

/** Another tensor of the same elements: tfjs counts references, so no copy is needed. */
function identity(heap: KernelHeap, { x }: Inputs) {
  return x.dtype === "string" ? undefined : heap.alias(x);
}

/** Complex numbers under another shape; tfjs's kernel takes all others. */
function reshape(heap: KernelHeap, { x }: Inputs, { shape }: { shape: number[] }) {
  if (x.dtype !== "complex64") return;
  return heap.alias(x, tf.util.inferFromImplicitShape(shape, sizeOf(x.shape)));
}

/** `dy` where the activation's result `y` says that its slope is one, else zero. */
function activationGradient(
  heap: KernelHeap,
  { dy, y }: Inputs,
  { activation }: { activation: string },
) {
  const result = heap.output(y.shape);
  const [from, at, to] = [dy, y, result].map((tensor) => heap.at(tensor));
  const size = sizeOf(y.shape);
  const args = [from, at, to, 0, size, ACTIVATIONS[activation]!, heap.scratch()];
  heap.run("activationGradient", args, { argument: 3, multiple: 4, work: size * 2 });
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
  const args = [from, at, to, rows, columns, 0, columns, code, bias];
  const split = { argument: 5, multiple: 16, work: rows * columns * 4 };
  // A double and a float for each column.
  runWithMemory(heap, "activationAndBiasGradient", args, columns * 12, split);
  return [result, total];
}

/** Multiplies by a number, in place: no other tensor may share the elements. */
function scale(heap: KernelHeap, { x }: Inputs, { factor }: { factor: number }) {
  heap.run("scale", [heap.at(x), sizeOf(x.shape), factor]);
  return [x];
}

/** The sums of rows of floats with the same number; others than those of the result are left out. */
export function addRows(
  heap: KernelHeap,
  x: tf.TensorInfo,
  numbers: tf.TensorInfo,
  rows: number,
  shape: number[],
): tf.TensorInfo {
  const result = heap.output(shape), count = shape[0], size = sizeOf(shape.slice(1));
  const [from, ids, to] = [x, numbers, result].map((tensor) => heap.at(tensor));
  // Long sums are made in doubles, unless those would take too much memory.
  const bytes = count * size * 8;
  const doubles = rows > 512 && bytes <= 2 ** 26 ? heap.shared(bytes) : 0;
  heap.run("addSegments", [from, ids, rows, size, to, count, doubles]);
  return result;
}

function unsortedSegmentSum(
  heap: KernelHeap,
  { x, segmentIds }: Inputs,
  { numSegments }: { numSegments: number },
) {
  if (segmentIds.shape.length !== 1 || segmentIds.dtype !== "int32") return;
  if (!["float32", "int32"].includes(x.dtype) || segmentIds.shape[0] !== x.shape[0]) return;
  const shape = [numSegments, ...x.shape.slice(1)];
  const rows = x.shape[0], size = sizeOf(x.shape.slice(1));
  if (areFloats(x)) return addRows(heap, x, segmentIds, rows, shape);
  const result = heap.output(shape, x.dtype);
  const [values, ids, totals] = [x, segmentIds, result].map((tensor) => heap.elements(tensor));
  totals.fill(0);
  for (let i = 0; i < rows; i++) {
    if (ids[i] < 0 || ids[i] >= numSegments) continue;
    for (let j = 0; j < size; j++) totals[ids[i] * size + j] += values[i * size + j];
  }
  return result;
}

/** The attributes of `tf.range`. */
interface RangeAttributes {
  start: number;
  stop: number;
  step: number;
  dtype: tf.DataType;
}

/** The attributes of `tf.linspace`. */
interface LinSpaceAttributes {
  start: number;
  stop: number;
  num: number;
}

/** Length and step of a range: like tfjs, a step of 1 goes down where the range does. */
export function stepsOf({ start, stop, step }: RangeAttributes): { count: number; step: number } {
  const isEmpty = start === stop || (start < stop && step < 0) || (stop < start && step > 1);
  const count = isEmpty ? 0 : Math.abs(Math.ceil((stop - start) / step));
  return { count, step: stop < start && step === 1 ? -1 : step };
}

/** The numbers `start + i * step`, each rounded once: tfjs adds steps, and so all their roundings. */
function sequence(
  heap: KernelHeap,
  start: number,
  step: number,
  count: number,
  dtype: tf.DataType = "float32",
): tf.TensorInfo {
  const result = heap.output([count], dtype);
  const name = dtype === "int32" ? "sequenceOfIntegers" : "sequence";
  const args = [heap.at(result), 0, count, start, step, heap.scratch()];
  heap.run(name, args, { argument: 1, multiple: 4, work: count });
  return result;
}

function range(heap: KernelHeap, _: Inputs, attributes: RangeAttributes) {
  const { start, dtype } = attributes;
  if (dtype !== "float32" && dtype !== "int32") return;
  const { count, step } = stepsOf(attributes);
  return sequence(heap, start, step, count, dtype);
}

function linSpace(heap: KernelHeap, _: Inputs, { start, stop, num }: LinSpaceAttributes) {
  return sequence(heap, start, num > 1 ? (stop - start) / (num - 1) : 0, num);
}

/** The kernels that pass over memory. */
export const ELEMENTWISE_KERNELS: KernelTable = {
  Identity: identity,
  LinSpace: linSpace,
  Range: range,
  Reshape: reshape,
  TrainchartActivationGradient: activationGradient,
  TrainchartActivationAndBiasGradient: activationAndBiasGradient,
  TrainchartScale: scale,
  UnsortedSegmentSum: unsortedSegmentSum,
};
