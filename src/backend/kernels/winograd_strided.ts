/**
 * Convolutions with filters of 3 x 3 and a stride of 2 by Winograd's algorithm.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import { type Convolution, pointsOf } from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { blockFor, isTransformable, matrixMemory, writeTiles } from "./winograd.ts";

/** Number of planes of a tile. */
const PLANES = 81;

/**
 * Whether the algorithm applies, and is faster than others.
 *
 * @param least Least number of channels.
 */
export function isStrided(c: Convolution, least = 8): boolean {
  return isTransformable(c, 2) && c.channels >= least && c.outChannels >= 8 &&
    // Transforming the filter costs as much as some products.
    pointsOf(c) >= 128;
}

/** Number of tiles of a block, an odd number, as planes have an odd number of rows. */
function blockOf(c: Convolution): number {
  return Math.min(Math.floor(blockFor(c, PLANES)) | 1, 127);
}

/** Number of lines of tiles of an example, of the results or of the input's gradient. */
function linesOf({ input, output, pad }: Convolution, gradient: boolean): number {
  return Math.ceil((gradient ? (pad[1] + input[1] + 1) >> 1 : output[1]) / 4);
}

/** Number of lines of tiles of the results of all examples. */
export function stridedLinesOf(c: Convolution): number {
  return c.batch * linesOf(c, false);
}

/** Scratch memory for the planes of a block, with a number of sums; returns its address. */
function scratchFor(heap: KernelHeap, c: Convolution, sums = 0): number {
  // Products write whole sixes of rows.
  const rows = PLANES * blockOf(c) + 6;
  const bytes = 4 * (rows * (c.channels + c.outChannels) + sums);
  return heap.scratch(Math.max(c.channels, c.outChannels), bytes);
}

/** Number of multiply-adds. */
function workOf(c: Convolution): number {
  return c.batch * c.output[1] * c.output[2] * 5 * c.channels * c.outChannels;
}

/**
 * The convolution, with a bias and an activation, or the gradient of its input.
 *
 * @param from The input, or the gradient of the results.
 * @param to The results, or the gradient of the input.
 */
export function winogradStrided(
  heap: KernelHeap,
  c: Convolution,
  gradient: boolean,
  [from, filter, to]: tf.TensorInfo[],
  bias?: tf.TensorInfo,
  activation = 0,
): void {
  const [rows, columns] = gradient ? [c.outChannels, c.channels] : [c.channels, c.outChannels];
  const matrices = matrixMemory(heap, rows, columns);
  const sizes = [c.channels, c.outChannels, Number(gradient)];
  heap.run("stridedFilter", [heap.at(filter), ...sizes, matrices, heap.scratch()]);
  const lines = linesOf(c, gradient);
  const geometry = writeTiles(heap, c, gradient ? [to, from] : [from, to], [lines, 0], blockOf(c));
  heap.run("winogradStrided", [
    ...[geometry, matrices, Number(gradient), 0, c.batch * lines],
    ...[bias ? heap.at(bias) : 0, activation, heap.at(filter), scratchFor(heap, c)],
  ], { argument: 3, multiple: 1, work: workOf(c) });
}

/** The gradient of the filter, at an address: the sum over lines of tiles `first` to `last`. */
export function winogradStridedFilterGradient(
  heap: KernelHeap,
  c: Convolution,
  to: number,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  first: number,
  last: number,
): void {
  const scratch = scratchFor(heap, c, 36 * (c.channels * c.outChannels + 32));
  const geometry = writeTiles(heap, c, [x, dy], [linesOf(c, false), 0], blockOf(c));
  const args = [geometry, first, last, to, 0, c.channels, scratch];
  heap.run("winogradStridedFilterGradient", args, { argument: 4, multiple: 4, work: workOf(c) });
}
