/**
 * Kernels that put elements into another order, around others, or repeat them.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import {
  areFloats,
  copy,
  type Inputs,
  type KernelTable,
  layoutOf,
  sizeOf,
  stridesOf,
  unitOf,
} from "./kernel.ts";

/** The elements of `x` as if it had this shape, in another order of its axes, as a new tensor. */
function permute(
  heap: KernelHeap,
  x: tf.TensorInfo,
  shape: number[],
  order: number[],
  result: number[],
): tf.TensorInfo {
  const isKept = order.every((axis, i) => axis === i);
  if (isKept) return heap.alias(x, result);
  const y = heap.output(result, x.dtype);
  const strides = stridesOf(shape), size = order.map((axis) => shape[axis]);
  const from = { address: heap.at(x), strides: order.map((axis) => strides[axis]) };
  copy(heap, size, from, { address: heap.at(y), strides: stridesOf(size) }, x.dtype);
  return y;
}

function transpose(heap: KernelHeap, { x }: Inputs, { perm }: { perm: number[] }) {
  if (x.dtype === "string") return;
  return permute(heap, x, x.shape, perm, perm.map((axis) => x.shape[axis]));
}

function tile(heap: KernelHeap, { x }: Inputs, { reps }: { reps: number[] }) {
  if (x.dtype === "string" || reps.length !== x.shape.length) return;
  const result = heap.output(x.shape.map((n, axis) => n * reps[axis]), x.dtype);
  const strides = stridesOf(x.shape);
  const size = x.shape.flatMap((n, axis) => [reps[axis], n]);
  const from = { address: heap.at(x), strides: strides.flatMap((stride) => [0, stride]) };
  copy(heap, size, from, { address: heap.at(result), strides: stridesOf(size) }, x.dtype);
  return result;
}

function flip(heap: KernelHeap, { image }: Inputs) {
  if (image.dtype === "string") return;
  const result = heap.output(image.shape, image.dtype);
  const from = layoutOf(heap, image, [0, 0, Math.max(image.shape[2] - 1, 0), 0]);
  from.strides[2] *= -1;
  copy(heap, image.shape, from, layoutOf(heap, result), image.dtype);
  return result;
}

function pack(heap: KernelHeap, inputs: Inputs, { axis }: { axis: number }) {
  const tensors = Object.values(inputs);
  const [{ dtype, shape }] = tensors;
  if (dtype === "string" || tensors.some((tensor) => tensor.dtype !== dtype)) return;
  for (const tensor of tensors) {
    tf.util.assertShapesMatch(shape, tensor.shape, "All tensors must have matching shapes: ");
  }
  const at = axis < 0 ? axis + shape.length + 1 : axis;
  const result = heap.output(shape.toSpliced(at, 0, tensors.length), dtype);
  const place = result.shape.map(() => 0);
  for (const tensor of tensors) {
    const { address, strides } = layoutOf(heap, result, place);
    const to = { address, strides: strides.toSpliced(at, 1) };
    copy(heap, shape, layoutOf(heap, tensor), to, dtype);
    place[at]++;
  }
  return result;
}

function depthToSpace(
  heap: KernelHeap,
  { x }: Inputs,
  { blockSize: block, dataFormat }: { blockSize: number; dataFormat: string },
) {
  if (!areFloats(x)) return;
  if (dataFormat === "NCHW") {
    const [batch, channels, height, width] = x.shape, depth = channels / block ** 2;
    const shape = [batch, block, block, depth, height, width];
    const result = [batch, depth, height * block, width * block];
    return permute(heap, x, shape, [0, 3, 4, 1, 5, 2], result);
  }
  const [batch, height, width, channels] = x.shape, depth = channels / block ** 2;
  const shape = [batch, height, width, block, block, depth];
  const result = [batch, height * block, width * block, depth];
  return permute(heap, x, shape, [0, 1, 3, 2, 4, 5], result);
}

/** The axes of blocks that `order` puts elsewhere: `[block, batch, (size, block), rest]`. */
function axesOfBlocks(count: number): { toBatch: number[]; toSpace: number[] } {
  const counted = [...Array(count).keys()];
  // The shape in space is [batch, size0, block0, size1, block1, ..., rest].
  const rest = 1 + 2 * count;
  return {
    toBatch: [...counted.map((i) => 2 + 2 * i), 0, ...counted.map((i) => 1 + 2 * i), rest],
    // The shape in the batch is [block0, block1, ..., batch, size0, size1, ..., rest].
    toSpace: [count, ...counted.flatMap((i) => [count + 1 + i, i]), rest],
  };
}

type Pairs = [number, number][];

function spaceToBatch(
  heap: KernelHeap,
  { x }: Inputs,
  { blockShape, paddings }: { blockShape: number[]; paddings: Pairs },
) {
  if (!["float32", "int32", "bool"].includes(x.dtype)) return;
  const count = blockShape.length, [batch] = x.shape;
  const around = x.shape.map((_, axis): [number, number] => paddings[axis - 1] ?? [0, 0]);
  const isPadded = paddings.flat().some((n) => n !== 0);
  const padded = isPadded ? pad(heap, { x }, { paddings: around, constantValue: 0 })! : x;
  const sizes = blockShape.map((block, i) => padded.shape[i + 1] / block);
  const rest = x.shape.slice(1 + count);
  const shape = [batch, ...sizes.flatMap((n, i) => [n, blockShape[i]]), sizeOf(rest)];
  const result = [batch * sizeOf(blockShape), ...sizes, ...rest];
  const y = permute(heap, padded, shape, axesOfBlocks(count).toBatch, result);
  if (isPadded) heap.backend.disposeData(padded.dataId);
  return y;
}

function batchToSpace(
  heap: KernelHeap,
  { x }: Inputs,
  { blockShape, crops }: { blockShape: number[]; crops: Pairs },
) {
  if (x.dtype === "string") return;
  const count = blockShape.length, blocks = sizeOf(blockShape);
  const sizes = x.shape.slice(1, 1 + count), rest = x.shape.slice(1 + count);
  const shape = [...blockShape, x.shape[0] / blocks, ...sizes, sizeOf(rest)];
  const whole = [x.shape[0] / blocks, ...sizes.map((n, i) => n * blockShape[i]), ...rest];
  const y = permute(heap, x, shape, axesOfBlocks(count).toSpace, whole);
  if (crops.flat().every((n) => n === 0)) return y;
  const begin = whole.map((_, axis) => crops[axis - 1]?.[0] ?? 0);
  const size = whole.map((n, axis) => n - begin[axis] - (crops[axis - 1]?.[1] ?? 0));
  const result = heap.output(size, x.dtype);
  copy(heap, size, layoutOf(heap, y, begin), layoutOf(heap, result), x.dtype);
  heap.backend.disposeData(y.dataId);
  return result;
}

/** The kernels that put elements into another order. */
export const REARRANGEMENT_KERNELS: KernelTable = {
  BatchToSpaceND: batchToSpace,
  DepthToSpace: depthToSpace,
  FlipLeftRight: flip,
  Pack: pack,
  SpaceToBatchND: spaceToBatch,
  Tile: tile,
  Transpose: transpose,
};

type Paddings = [before: number, after: number][];

/** Elements of a result up to which all are set to the constant first. */
const SMALL = 2 ** 16;

/** Puts a constant around a tensor; negative paddings cut. */
function pad(
  heap: KernelHeap,
  { x }: Inputs,
  { paddings, constantValue }: { paddings: Paddings; constantValue: number },
) {
  if (!["float32", "int32", "bool"].includes(x.dtype)) return;
  const shape = x.shape.map((n, axis) => paddings[axis][0] + n + paddings[axis][1]);
  if (shape.some((n) => n < 0)) {
    throw new RangeError(
      `Cannot pad as no size of the result may be negative: the shape is [${shape}]`,
    );
  }
  const result = heap.output(shape, x.dtype);
  const begin = paddings.map(([before]) => Math.max(-before, 0));
  const place = paddings.map(([before]) => Math.max(before, 0));
  const size = x.shape.map((n, axis) =>
    Math.max(n - begin[axis] - Math.max(-paddings[axis][1], 0), 0)
  );
  const all = sizeOf(shape);
  if (all < SMALL) {
    // One call for all elements takes less time than several for those around.
    const bits = bitsOf(constantValue, x.dtype);
    heap.run("fill", [heap.at(result), all, unitOf(x.dtype), bits]);
  } else fillAround(heap, result, place, size, constantValue);
  copy(heap, size, layoutOf(heap, x, begin), layoutOf(heap, result, place), x.dtype);
  return result;
}

/** Sets the elements outside a box to a value. */
function fillAround(
  heap: KernelHeap,
  tensor: tf.TensorInfo,
  place: number[],
  size: number[],
  value: number,
): void {
  const start = place.map(() => 0), shape = [...tensor.shape];
  for (let axis = 0; axis < shape.length; axis++) {
    const all = tensor.shape[axis], end = place[axis] + size[axis];
    for (const [from, to] of [[0, Math.min(place[axis], all)], [end, all]]) {
      start[axis] = from;
      shape[axis] = to - from;
      fillBox(heap, tensor, start, shape, value);
    }
    start[axis] = place[axis];
    shape[axis] = size[axis];
  }
}

/** Sets the elements of a box: the first one, which is then repeated. */
function fillBox(
  heap: KernelHeap,
  tensor: tf.TensorInfo,
  start: number[],
  shape: number[],
  value: number,
): void {
  if (shape.some((n) => n <= 0)) return;
  const { dtype } = tensor;
  const to = layoutOf(heap, tensor, start);
  heap.run("fill", [to.address, 1, unitOf(dtype), bitsOf(value, dtype)]);
  copy(heap, shape, { address: to.address, strides: shape.map(() => 0) }, to, dtype);
}

/** Part of an axis of a result: where it begins, its size, and the element that it begins with. */
interface Part {
  to: number;
  size: number;
  from: number;
  step: number;
}

function mirrorPad(
  heap: KernelHeap,
  { x }: Inputs,
  { paddings, mode }: { paddings: Paddings; mode: "reflect" | "symmetric" },
) {
  if (x.dtype === "string") return;
  const shape = x.shape.map((n, axis) => paddings[axis][0] + n + paddings[axis][1]);
  const result = heap.output(shape, x.dtype);
  const strides = stridesOf(x.shape);
  const skipped = mode === "reflect" ? 1 : 0;
  const partsOf = (axis: number): Part[] => {
    const [before, after] = paddings[axis], n = x.shape[axis];
    return [
      { to: 0, size: before, from: before - 1 + skipped, step: -1 },
      { to: before, size: n, from: 0, step: 1 },
      { to: before + n, size: after, from: n - 1 - skipped, step: -1 },
    ].filter(({ size }) => size > 0);
  };
  const visit = (parts: Part[]): void => {
    const axis = parts.length;
    if (axis < shape.length) {
      for (const part of partsOf(axis)) visit([...parts, part]);
      return;
    }
    const from = layoutOf(heap, x, parts.map(({ from }) => from));
    copy(
      ...[heap, parts.map(({ size }) => size)] as const,
      { ...from, strides: strides.map((stride, axis) => stride * parts[axis].step) },
      layoutOf(heap, result, parts.map(({ to }) => to)),
      x.dtype,
    );
  };
  visit([]);
  return result;
}

/** The bits of a number as an element of a dtype. */
export function bitsOf(value: number, dtype: tf.DataType): number {
  if (dtype === "float32") return new Int32Array(Float32Array.of(value).buffer)[0];
  return (dtype === "bool" ? Uint8Array : Int32Array).of(value)[0];
}

/** A tensor of equal elements. */
function filled(heap: KernelHeap, shape: number[], dtype: tf.DataType, value: number) {
  if (!["float32", "int32", "bool"].includes(dtype) || typeof value !== "number") return;
  const result = heap.output(shape, dtype);
  heap.run("fill", [heap.at(result), sizeOf(shape), unitOf(dtype), bitsOf(value, dtype)]);
  return result;
}

/** Attributes of `tf.fill`. */
interface FillAttributes {
  shape: number[];
  value: number;
  dtype?: tf.DataType;
}

function fill(heap: KernelHeap, _: Inputs, { shape, value, dtype = "float32" }: FillAttributes) {
  return filled(heap, shape, dtype, value);
}

/** Attributes of unit matrices. */
export interface EyeAttributes {
  shape: number[];
  dtype: tf.DataType;
}

/** Matrices with ones on the main diagonal among zeros. */
function eye(heap: KernelHeap, _: Inputs, { shape, dtype }: EyeAttributes) {
  const result = filled(heap, shape, dtype, 0);
  if (!result || sizeOf(shape) === 0) return result;
  const [rows, columns] = shape.slice(-2), address = heap.at(result);
  heap.run("fill", [address, 1, unitOf(dtype), bitsOf(1, dtype)]);
  const box = [sizeOf(shape) / (rows * columns), Math.min(rows, columns)];
  const to = { address, strides: [rows * columns, columns + 1] };
  copy(heap, box, { address, strides: [0, 0] }, to, dtype);
  return result;
}

/** Attributes of a band: numbers of diagonals beside the main one; a negative number stands for all. */
export interface BandAttributes {
  lower: number;
  upper: number;
}

function bandPart(heap: KernelHeap, { x }: Inputs, { lower, upper }: BandAttributes) {
  const [rows, columns] = x.shape.slice(-2), all = sizeOf(x.shape) / Math.max(columns, 1);
  const result = heap.output(x.shape, x.dtype);
  if (sizeOf(x.shape) === 0) return result;
  const args = [heap.at(x), heap.at(result), 0, all, rows, columns, lower, upper];
  const split = { argument: 2, multiple: 1, work: sizeOf(x.shape) };
  heap.run("copyBand", [...args, unitOf(x.dtype), heap.scratch()], split);
  return result;
}

/** The kernels that set elements to a constant, or put one around others. */
export const PADDING_KERNELS: KernelTable = {
  Fill: fill,
  OnesLike: (heap, { x }) => filled(heap, x.shape, x.dtype, 1),
  TrainchartBandPart: bandPart,
  TrainchartEye: eye,
  ZerosLike: (heap, { x }) => filled(heap, x.shape, x.dtype, 0),
  MirrorPad: mirrorPad,
  PadV2: pad,
};
