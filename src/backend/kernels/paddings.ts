/**
 * Kernels that put elements around others.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { copy, type Inputs, type KernelTable, layoutOf, stridesOf, unitOf } from "./kernel.ts";

type Paddings = [before: number, after: number][];

/** Puts a constant around a tensor; negative paddings cut. */
export function pad(
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
  fillAround(heap, result, place, size, constantValue);
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
  const [bits] = dtype === "float32"
    ? new Int32Array(Float32Array.of(value).buffer)
    : dtype === "bool"
    ? Uint8Array.of(value)
    : Int32Array.of(value);
  heap.run("fill", [to.address, 1, unitOf(dtype), bits]);
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

/** The kernels that put elements around others. */
export const PADDING_KERNELS: KernelTable = {
  MirrorPad: mirrorPad,
  PadV2: pad,
};
