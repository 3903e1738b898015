/**
 * Convolutions with filters of 3 x 3 and a stride of 2 by Winograd's algorithm.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import { type Convolution, pointsOf } from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { addressesIn, layOut } from "../kernel_constants.ts";

/** Size of a block of transformed tiles, in bytes: about half a second-level cache. */
const BLOCK_BYTES = 512 * 1024;
/** Largest size of 36 transformed filters, in bytes; beyond, plain products are as fast. */
const FILTER_BYTES = 4 * 1024 * 1024;
/** Number of planes of a tile. */
const PLANES = 81;

/**
 * Whether the algorithm applies, and is faster than others.
 *
 * @param least Least number of channels.
 */
export function isStrided(c: Convolution, least = 8): boolean {
  const { filter, stride, dilation, channels, outChannels } = c;
  return filter.join() === "1,3,3" && stride.join() === "1,2,2" && dilation.join() === "1,1,1" &&
    channels % 4 === 0 && outChannels % 4 === 0 && channels >= least && outChannels >= 8 &&
    channels <= 384 && outChannels <= 384 && channels * outChannels * 36 * 4 <= FILTER_BYTES &&
    // Transforming the filter costs as much as some products.
    pointsOf(c) >= 128;
}

/** Number of tiles of a block, an odd number, as planes have an odd number of rows. */
function blockOf({ channels, outChannels }: Convolution): number {
  return Math.min(Math.floor(BLOCK_BYTES / (PLANES * 4 * (channels + outChannels))) | 1, 127);
}

/** Number of lines of tiles of an example, of the results or of the input's gradient. */
function linesOf({ input, output, pad }: Convolution, gradient: boolean): number {
  return Math.ceil((gradient ? (pad[1] + input[1] + 1) >> 1 : output[1]) / 4);
}

/** Number of lines of tiles of all examples. */
export function stridedLinesOf(c: Convolution, gradient = false): number {
  return c.batch * linesOf(c, gradient);
}

/** The places of the addresses in a table of tiles. */
const TILE_ADDRESSES: readonly number[] = addressesIn("tile_table");

/** The table of `assembly/winograd_strided.ts`, at its address. */
function tableOf(
  heap: KernelHeap,
  c: Convolution,
  source: number,
  target: number,
  gradient = false,
): number {
  const [, HEIGHT, WIDTH] = c.input, [, OUT_HEIGHT, OUT_WIDTH] = c.output, [, PAD_Y, PAD_X] = c.pad;
  // deno-fmt-ignore
  return heap.table(layOut("tile_table", {
    SOURCE: source, HEIGHT, WIDTH, CHANNELS: c.channels,
    TARGET: target, OUT_HEIGHT, OUT_WIDTH, COLUMNS: c.outChannels,
    PAD_Y, PAD_X, TILES_Y: linesOf(c, gradient), TILES_X: 0, BLOCK: blockOf(c),
  }), TILE_ADDRESSES);
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
  const matrices = heap.shared(36 * (rows * Math.ceil(columns / 8) * 8 * 4 + 128));
  const sizes = [c.channels, c.outChannels, Number(gradient)];
  heap.run("stridedFilter", [heap.at(filter), ...sizes, matrices, heap.scratch()]);
  const [source, target] = gradient ? [to, from] : [from, to];
  const geometry = tableOf(heap, c, heap.at(source), heap.at(target), gradient);
  heap.run("winogradStrided", [
    ...[geometry, matrices, Number(gradient), 0, stridedLinesOf(c, gradient)],
    ...[bias ? heap.at(bias) : 0, activation, scratchFor(heap, c)],
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
  heap.run("winogradStridedFilterGradient", [
    ...[tableOf(heap, c, heap.at(x), heap.at(dy)), first, last, to, 0, c.channels, scratch],
  ], { argument: 4, multiple: 4, work: workOf(c) });
}
