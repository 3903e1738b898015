/**
 * Passes over two operands with broadcasting.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { sizeOf, unitOf } from "./kernel.ts";

/** An axis of a result, and the elements of each operand from one index to the next. */
interface Axis {
  size: number;
  a: number;
  b: number;
}

/** Length of the rows in which threads share one long row. */
const ROW = 4096;

/** Elements from which it is worth while to share a row. */
const LONG = 2 ** 16;

/** Whether two shapes are the same. */
export function isSameShape(a: number[], b: number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The shape of a function of two tensors. */
export function broadcastShape(a: number[], b: number[]): number[] {
  return isSameShape(a, b) ? a : tf.broadcast_util.assertAndGetBroadcastShape(a, b);
}

/** The axes of a result, the last one first; neighbours along which both operands advance are one. */
function axesOf(a: number[], b: number[], shape: number[]): Axis[] {
  if (isSameShape(a, b)) return [{ size: sizeOf(shape), a: 1, b: 1 }];
  const axes: Axis[] = [];
  let strideA = 1, strideB = 1, last: Axis | undefined;
  for (let i = 1; i <= shape.length; i++) {
    const size = shape[shape.length - i];
    const sizeA = a[a.length - i] ?? 1, sizeB = b[b.length - i] ?? 1;
    const stepA = sizeA === 1 ? 0 : strideA, stepB = sizeB === 1 ? 0 : strideB;
    strideA *= sizeA;
    strideB *= sizeB;
    if (size === 1) continue;
    if (last && stepA === last.a * last.size && stepB === last.b * last.size) last.size *= size;
    else axes.push(last = { size, a: stepA, b: stepB });
  }
  return axes.length > 0 ? axes : [{ size: 1, a: 1, b: 1 }];
}

/** A call of a kernel that passes over two operands with broadcasting. */
export interface Pass {
  kernel: "binary" | "binarySlope" | "compare" | "connect";
  /** The number of the function. */
  f: number;
  a: tf.TensorInfo;
  b: tf.TensorInfo;
  result: tf.TensorInfo;
  /** The slope of the result, for a kernel of slopes. */
  dy?: tf.TensorInfo;
}

/** Calls a kernel for all rows of a result. */
export function passOver(heap: KernelHeap, { kernel, f, a, b, result, dy }: Pass): void {
  const { shape } = result, size = sizeOf(shape);
  if (size === 0) return;
  const axes = axesOf(a.shape, b.shape, shape);
  const bytes = unitOf(result.dtype), bytesOfInput = unitOf(a.dtype);
  const fromA = heap.at(a), fromB = heap.at(b), to = heap.at(result), slopes = dy && heap.at(dy);
  const scratch = heap.scratch();
  const single = { size: 1, a: 0, b: 0 };
  const call = (inner: Axis, middle: Axis, outer: Axis, atA: number, atB: number, at: number) => {
    const args = [f];
    if (slopes !== undefined) args.push(slopes + at * 4);
    args.push(fromA + atA * bytesOfInput, fromB + atB * bytesOfInput, to + at * bytes);
    const argument = args.length;
    args.push(0, outer.size * middle.size, middle.size, inner.size);
    args.push(outer.a, middle.a, inner.a, outer.b, middle.b, inner.b, scratch);
    heap.run(kernel, args, { argument, multiple: 1, work: size * 2 });
  };
  const [inner, middle = single, outer = single, ...more] = axes;
  if (axes.length === 1 && heap.threads && size >= LONG) {
    const rows = Math.floor(size / ROW), done = rows * ROW;
    call(
      { ...inner, size: ROW },
      { size: rows, a: inner.a * ROW, b: inner.b * ROW },
      single,
      0,
      0,
      0,
    );
    if (done < size) {
      call({ ...inner, size: size - done }, single, single, inner.a * done, inner.b * done, done);
    }
    return;
  }
  const block = inner.size * middle.size * outer.size;
  let at = 0;
  const visit = (level: number, atA: number, atB: number): void => {
    if (level < 0) {
      call(inner, middle, outer, atA, atB, at);
      at += block;
      return;
    }
    const axis = more[level];
    for (let i = 0; i < axis.size; i++) visit(level - 1, atA + i * axis.a, atB + i * axis.b);
  };
  visit(more.length - 1, 0, 0);
}
