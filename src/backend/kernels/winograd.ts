/**
 * Convolutions with filters of 3 x 3, at strides of 1 and 2, or of 3 along lines, by Winograd's
 * algorithm.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import { type Convolution, mirrored, pointsOf } from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { addressesIn, layOut } from "../kernel_constants.ts";

/** Size of a block of transformed tiles, in bytes: about half a second-level cache. */
const BLOCK_BYTES = 512 * 1024;
/** Largest size of 36 transformed filters, in bytes, and that which needs many results to be worth it. */
const FILTER_BYTES = 40 * 1024 * 1024, LARGE_FILTER_BYTES = 4 * 1024 * 1024;

/** Whether filters of 3 x 3 at a stride of `pixels` can be transformed, and are few enough. */
function isTransformable(c: Convolution, pixels: number): boolean {
  const { filter, stride, dilation, channels, outChannels } = c;
  const bytes = channels * outChannels * 36 * 4;
  return c.input[0] === 1 && filter.join() === "1,3,3" &&
    stride.join() === `1,${pixels},${pixels}` &&
    (pixels === 1 || dilation.join() === "1,1,1") && channels % 4 === 0 && outChannels % 4 === 0 &&
    channels <= 512 && outChannels <= 512 &&
    (bytes <= LARGE_FILTER_BYTES || (bytes <= FILTER_BYTES && pointsOf(c) >= 384));
}

/** Whether the algorithm applies, and is faster than others. */
export function isWinograd(c: Convolution): boolean {
  return isTransformable(c, 1) && c.channels * c.outChannels >= 64 &&
    // Tiles that lie half outside cost as much as others; the transformed filter as some tiles.
    tilesOf(c) * 5 <= pointsOf(c) && tilesOf(c) >= 4;
}

/**
 * Number of tiles of a block whose tiles have so many planes: as many as fit, but enough for filters
 * that do not fit into the cache, which each block reads.
 */
function blockFor({ channels, outChannels }: Convolution, planes: number): number {
  const fitting = BLOCK_BYTES / (planes * 4 * (channels + outChannels));
  return Math.max(fitting, Math.min(channels * outChannels / 2730, 64));
}

/** Number of tiles of a block, in whole panels. */
function blockOf(c: Convolution): number {
  return Math.min(Math.max(blockFor(c, 36), 4), 128) & ~3;
}

/** Number of tiles along both axes: those of results that are as far apart as the taps. */
function tileGrid({ output, dilation }: Convolution): [number, number] {
  const along = (axis: 1 | 2) =>
    dilation[axis] * Math.ceil(Math.ceil(output[axis] / dilation[axis]) / 4);
  return [along(1), along(2)];
}

/** Number of tiles of all examples. */
export function tilesOf(c: Convolution): number {
  const [y, x] = tileGrid(c);
  return c.batch * y * x;
}

/** The places of the addresses in a table of tiles. */
const TILE_ADDRESSES: readonly number[] = addressesIn("tile_table");

/** Writes the table of `assembly/winograd_tiles.ts`; returns its address. */
function writeTiles(
  heap: KernelHeap,
  c: Convolution,
  [source, target]: [source: tf.TensorInfo, target: tf.TensorInfo],
  [TILES_Y, TILES_X] = tileGrid(c),
  BLOCK = blockOf(c),
): number {
  const [, HEIGHT, WIDTH] = c.input, [, OUT_HEIGHT, OUT_WIDTH] = c.output, [, PAD_Y, PAD_X] = c.pad;
  const [, DILATION_Y, DILATION_X] = c.dilation;
  // deno-fmt-ignore
  return heap.table(layOut("tile_table", {
    SOURCE: heap.at(source), HEIGHT, WIDTH, CHANNELS: c.channels,
    TARGET: heap.at(target), OUT_HEIGHT, OUT_WIDTH, COLUMNS: c.outChannels,
    PAD_Y, PAD_X, DILATION_Y, DILATION_X, TILES_Y, TILES_X, BLOCK,
  }), TILE_ADDRESSES);
}

/** Memory for 36 matrices, in panels of 8 columns, each of which may begin a little later. */
function matrixMemory(heap: KernelHeap, rows: number, columns: number): number {
  return heap.shared(36 * (rows * Math.ceil(columns / 8) * 8 * 4 + 128));
}

/** Size of the transformed tiles of a block, before and after the products, in bytes. */
function tileBytes(c: Convolution): number {
  return blockOf(c) * 36 * 4 * (c.channels + c.outChannels) + 36 * 3 * 128;
}

/** Number of multiply-adds. */
function workOf(c: Convolution): number {
  return tilesOf(c) * 36 * c.channels * c.outChannels;
}

/**
 * Transforms the filter of a convolution.
 *
 * @param transposed Whether it is for the gradient of the input.
 * @param mirrored Whether that gradient is computed as a convolution.
 */
function matricesOf(
  heap: KernelHeap,
  { channels, outChannels }: Convolution,
  filter: tf.TensorInfo,
  transposed: boolean,
  mirrored = false,
): number {
  const [rows, columns] = transposed ? [outChannels, channels] : [channels, outChannels];
  const matrices = matrixMemory(heap, rows, columns);
  const sizes = [channels, outChannels, Number(transposed), Number(mirrored)];
  heap.run(
    "winogradFilter",
    [heap.at(filter), ...sizes, matrices, 0, channels, heap.scratch()],
    { argument: 6, multiple: 8, work: 72 * channels * outChannels },
  );
  return matrices;
}

/** The convolution, with a bias and an activation. */
export function winograd(
  heap: KernelHeap,
  c: Convolution,
  result: tf.TensorInfo,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  bias?: tf.TensorInfo,
  activation = 0,
): void {
  convolveTiles(
    heap,
    c,
    matricesOf(heap, c, filter, false),
    [x, filter, result],
    false,
    bias,
    activation,
  );
}

function convolveTiles(
  heap: KernelHeap,
  c: Convolution,
  matrices: number,
  [x, filter, result]: tf.TensorInfo[],
  mirrored: boolean,
  bias?: tf.TensorInfo,
  activation = 0,
): void {
  const geometry = writeTiles(heap, c, [x, result]);
  const scratch = heap.scratch(Math.max(c.channels, c.outChannels), tileBytes(c));
  heap.run("winograd", [
    ...[geometry, matrices, 0, tilesOf(c), bias ? heap.at(bias) : 0, activation],
    ...[heap.at(filter), Number(mirrored), scratch],
  ], { argument: 2, multiple: 4, work: workOf(c) });
}

/** The gradient of the input. */
export function winogradInputGradient(
  heap: KernelHeap,
  c: Convolution,
  result: tf.TensorInfo,
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
): void {
  const turned = mirrored(c), convolves = tilesOf(turned) <= tilesOf(c);
  const matrices = matricesOf(heap, c, filter, true, convolves);
  // Results that overlap are written more than once: with as many tiles, a convolution is faster.
  if (convolves) return convolveTiles(heap, turned, matrices, [dy, filter, result], true);
  const geometry = writeTiles(heap, c, [result, dy]);
  const scratch = heap.scratch(Math.max(c.channels, c.outChannels), tileBytes(c));
  heap.run(
    "winogradInputGradient",
    [geometry, matrices, 0, c.batch, heap.at(filter), scratch],
    { argument: 2, multiple: 1, work: workOf(c) },
  );
}

/** The gradient of the filter, at an address: the sum over tiles `first` to `last`. */
export function winogradFilterGradient(
  heap: KernelHeap,
  c: Convolution,
  to: number,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  first: number,
  last: number,
): void {
  const geometry = writeTiles(heap, c, [x, dy]);
  const sums = 36 * c.channels * c.outChannels * 4;
  const scratch = heap.scratch(Math.max(c.channels, c.outChannels), tileBytes(c) + sums);
  heap.run(
    "winogradFilterGradient",
    [geometry, first, last, to, 0, c.channels, scratch],
    { argument: 4, multiple: 4, work: workOf(c) },
  );
}

/** Whether the algorithm applies along lines, and is faster than a plain product. */
export function isWinogradLine(c: Convolution): boolean {
  const { filter, stride, input, output, pad, channels, outChannels } = c;
  return filter.join() === "1,1,3" && stride.join() === "1,1,1" &&
    [0, 1].every((axis) => pad[axis] === 0 && input[axis] === output[axis]) &&
    channels % 8 === 0 && outChannels % 8 === 0 &&
    channels <= 384 && outChannels <= 384;
}

/** Number of tiles of a line, for each place between two taps. */
function tilesAlong({ output: [, , width], dilation: [, , dilation] }: Convolution): number {
  return Math.ceil(Math.ceil(width / dilation) / 4);
}

/** Number of tiles of all lines. */
export function lineTilesOf(c: Convolution): number {
  return c.batch * c.output[0] * c.output[1] * c.dilation[2] * tilesAlong(c);
}

/** Number of tiles of a block: as many as fit, in whole panels. */
function lineBlockOf({ channels, outChannels }: Convolution): number {
  return Math.min(Math.max(BLOCK_BYTES / (6 * 4 * (channels + outChannels)) & ~3, 4), 128);
}

/** The table of `assembly/winograd_lines.ts`. */
function lineTable(c: Convolution): number[] {
  return layOut("line_table", {
    ...{ WIDTH: c.input[2], CHANNELS: c.channels, OUT_WIDTH: c.output[2], COLUMNS: c.outChannels },
    ...{ PAD: c.pad[2], DILATION: c.dilation[2], TILES: tilesAlong(c), BLOCK: lineBlockOf(c) },
  });
}

/** Scratch memory for lines, with a number of sums; returns its address. */
function lineScratch(heap: KernelHeap, c: Convolution, sums = 0): number {
  const bytes = lineBlockOf(c) * 6 * 4 * (c.channels + c.outChannels);
  return heap.scratch(Math.max(c.channels, c.outChannels), bytes + sums * 4);
}

/** Number of multiply-adds along lines. */
function lineWorkOf(c: Convolution): number {
  return lineTilesOf(c) * 6 * c.channels * c.outChannels;
}

/**
 * The convolution along lines, with a bias and an activation.
 *
 * @param mirrored Whether the filter is that of the convolution whose input's gradient this is.
 */
export function winogradLines(
  heap: KernelHeap,
  c: Convolution,
  [x, filter, y]: tf.TensorInfo[],
  mirrored: boolean,
  bias?: tf.TensorInfo,
  activation = 0,
): void {
  const matrices = heap.shared(6 * c.channels * c.outChannels * 4);
  const sizes = mirrored ? [c.outChannels, c.channels] : [c.channels, c.outChannels];
  const scratch = lineScratch(heap, c);
  heap.run("winogradLineFilter", [
    ...[heap.at(filter), ...sizes, Number(mirrored), matrices, scratch],
  ]);
  heap.run("winogradLines", [
    ...[heap.table(lineTable(c)), heap.at(x), matrices, heap.at(y), 0, lineTilesOf(c)],
    ...[bias ? heap.at(bias) : 0, activation, heap.at(filter), Number(mirrored), scratch],
  ], { argument: 4, multiple: 4, work: lineWorkOf(c) });
}

/** The gradient of a filter along lines, at an address: the sum over tiles `first` to `last`. */
export function winogradLinesFilterGradient(
  heap: KernelHeap,
  c: Convolution,
  to: number,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  first: number,
  last: number,
): void {
  heap.run("winogradLinesFilterGradient", [
    ...[heap.table(lineTable(c)), heap.at(x), heap.at(dy), first, last, to, 0, c.channels],
    lineScratch(heap, c, 6 * c.channels * c.outChannels),
  ], { argument: 6, multiple: 4, work: lineWorkOf(c) });
}

/** Number of planes of a tile. */
const STRIDED_PLANES = 81;

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
function stridedBlockOf(c: Convolution): number {
  return Math.min(Math.floor(blockFor(c, STRIDED_PLANES)) | 1, 127);
}

/** Number of lines of tiles of an example, of the results or of the input's gradient. */
function stridedLines({ input, output, pad }: Convolution, gradient: boolean): number {
  return Math.ceil((gradient ? (pad[1] + input[1] + 1) >> 1 : output[1]) / 4);
}

/** Number of lines of tiles of the results of all examples. */
export function stridedLinesOf(c: Convolution): number {
  return c.batch * stridedLines(c, false);
}

/** Scratch memory for the planes of a block, with a number of sums; returns its address. */
function stridedScratch(heap: KernelHeap, c: Convolution, sums = 0): number {
  // Products write whole sixes of rows.
  const rows = STRIDED_PLANES * stridedBlockOf(c) + 6;
  const bytes = 4 * (rows * (c.channels + c.outChannels) + sums);
  return heap.scratch(Math.max(c.channels, c.outChannels), bytes);
}

/** Number of multiply-adds. */
function stridedWorkOf(c: Convolution): number {
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
  heap.run(
    "stridedFilter",
    [heap.at(filter), ...sizes, matrices, 0, c.channels, heap.scratch()],
    { argument: 5, multiple: 8, work: 72 * c.channels * c.outChannels },
  );
  const lines = stridedLines(c, gradient);
  const geometry = writeTiles(
    heap,
    c,
    gradient ? [to, from] : [from, to],
    [lines, 0],
    stridedBlockOf(c),
  );
  heap.run("winogradStrided", [
    ...[geometry, matrices, Number(gradient), 0, c.batch * lines],
    ...[bias ? heap.at(bias) : 0, activation, heap.at(filter), stridedScratch(heap, c)],
  ], { argument: 3, multiple: 1, work: stridedWorkOf(c) });
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
  const scratch = stridedScratch(heap, c, 36 * (c.channels * c.outChannels + 32));
  const geometry = writeTiles(heap, c, [x, dy], [stridedLines(c, false), 0], stridedBlockOf(c));
  const args = [geometry, first, last, to, 0, c.channels, scratch];
  heap.run("winogradStridedFilterGradient", args, {
    argument: 4,
    multiple: 4,
    work: stridedWorkOf(c),
  });
}
