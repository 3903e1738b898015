/**
 * Images whose neighbours along an axis are channels, and repairs of convolutions of such images.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import {
  type Convolution,
  PATCH_ADDRESSES,
  patchTable,
  pointsOf,
  windowTable,
} from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { copy, type Layout, sizeOf } from "./kernel.ts";

/** Largest size of an image whose neighbours are copied to be channels, in bytes. */
export const UNFOLDED_BYTES = 2 ** 28;

/** Sets the elements of a box to zeros. */
export function fillBox(heap: KernelHeap, shape: number[], to: Layout): void {
  if (shape.some((n) => n <= 0)) return;
  heap.run("fill", [to.address, 1, 4, 0]);
  copy(heap, shape, { address: to.address, strides: shape.map(() => 0) }, to, "float32");
}

/**
 * Puts elements along an axis side by side, as channels: those at `place * stride + offset`, for each
 * of `count` places and each offset, zeros outside.
 *
 * @param shape The image as `[before, axis, behind, channels]`.
 */
export function unfold(
  heap: KernelHeap,
  x: tf.TensorInfo,
  [before, size, behind, channels]: number[],
  count: number,
  offsets: number[],
  stride = 1,
): tf.TensorInfo {
  if (offsets.length === 1 && offsets[0] === 0 && stride === 1 && count === size) {
    return heap.alias(x);
  }
  const wide = offsets.length * channels, line = behind * channels;
  const result = heap.output([before, count, behind, wide]);
  const from = [size * line, stride * line, channels, 1];
  const to = [count * behind * wide, behind * wide, wide, 1];
  offsets.forEach((offset, i) => {
    const first = Math.min(Math.max(Math.ceil(-offset / stride), 0), count);
    const last = Math.min(Math.max(Math.ceil((size - offset) / stride), first), count);
    const layoutAt = (place: number): Layout => ({
      address: heap.at(result) + (place * to[1] + i * channels) * 4,
      strides: to,
    });
    fillBox(heap, [before, first, behind, channels], layoutAt(0));
    fillBox(heap, [before, count - last, behind, channels], layoutAt(last));
    const source = heap.at(x) + (first * stride + offset) * line * 4;
    const box = [before, last - first, behind, channels];
    copy(heap, box, { address: source, strides: from }, layoutAt(first), "float32");
  });
  return result;
}

/** Disposes tensors of a heap. */
export function dispose({ backend }: KernelHeap, ...tensors: tf.TensorInfo[]): void {
  for (const { dataId } of tensors) backend.disposeData(dataId);
}

/** Computes NaN among results once more: zeros of an unfolded image met weights that may be infinite. */
export function mendResults(
  heap: KernelHeap,
  c: Convolution,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  result: tf.TensorInfo,
  bias?: tf.TensorInfo,
  activation = 0,
): void {
  const [from, weights, to] = [x, filter, result].map((tensor) => heap.at(tensor));
  heap.run("mendConvolution", [
    ...[heap.table(patchTable(c, from), PATCH_ADDRESSES), weights, c.outChannels, to],
    ...[bias ? heap.at(bias) : 0, activation, 0, pointsOf(c), heap.scratch()],
  ], { argument: 6, multiple: 1, work: sizeOf(result.shape) });
}

/** Computes NaN in the gradient of an input once more. */
export function mendInputGradient(
  heap: KernelHeap,
  c: Convolution,
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
  result: tf.TensorInfo,
): void {
  const [from, weights, to] = [dy, filter, result].map((tensor) => heap.at(tensor));
  const size = sizeOf(result.shape), table = heap.table(windowTable(c));
  const args = [table, from, c.outChannels, weights, to, 0, size, heap.scratch()];
  heap.run("mendInputGradient", args, { argument: 5, multiple: 1, work: size });
}

/** Computes NaN in the gradient of a filter once more. */
export function mendFilterGradient(
  heap: KernelHeap,
  c: Convolution,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  result: tf.TensorInfo,
): void {
  const [from, slopes, to] = [x, dy, result].map((tensor) => heap.at(tensor));
  const table = heap.table(patchTable(c, from), PATCH_ADDRESSES), { outChannels } = c;
  const sizes = [0, sizeOf(c.filter) * c.channels, 0, outChannels, heap.scratch()];
  heap.run("mendPatchSlopes", [table, 0, pointsOf(c), slopes, outChannels, to, ...sizes]);
}
