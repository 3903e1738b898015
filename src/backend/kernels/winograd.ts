/**
 * Convolutions with filters of 3 x 3 by Winograd's algorithm.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { Convolution } from "../geometry.ts";
import type { Heap } from "../heap.ts";

/** What a block of transformed tiles may take, in bytes: about half a second-level cache. */
const blockBytes = 512 * 1024;
/** What 36 transformed filters may take, in bytes; beyond, plain products are as fast. */
const filterBytes = 4 * 1024 * 1024;

/** Whether the algorithm applies, and pays. */
export function isWinograd(
  { filter, stride, dilation, channels, outChannels }: Convolution,
): boolean {
  return filter.join() === "1,3,3" && stride.join() === "1,1,1" && dilation.join() === "1,1,1" &&
    channels % 4 === 0 && outChannels % 4 === 0 && channels >= 16 && outChannels >= 16 &&
    channels <= 384 && outChannels <= 384 && channels * outChannels * 36 * 4 <= filterBytes;
}

/** Tiles of a block: as many as fit, in whole panels. */
function blockOf(c: Convolution): number {
  return Math.min(Math.max(blockBytes / (36 * 4 * (c.channels + c.outChannels)) & ~3, 4), 128);
}

function tilesOf({ output: [, height, width] }: Convolution): [number, number] {
  return [Math.ceil(height / 4), Math.ceil(width / 4)];
}

/** The table of `assembly/winograd.ts`. */
function table(c: Convolution, source: number, target: number): number[] {
  const [, ...size] = c.input, [, ...out] = c.output, [, ...pad] = c.pad;
  return [
    source,
    ...size,
    c.channels,
    target,
    ...out,
    c.outChannels,
    ...pad,
    ...tilesOf(c),
    blockOf(c),
  ];
}

/** Transformed tiles of a block, before and after the products, in bytes. */
function tileBytes(c: Convolution): number {
  return blockOf(c) * 36 * 4 * (c.channels + c.outChannels);
}

/** Multiply-adds. */
function workOf(c: Convolution): number {
  const [y, x] = tilesOf(c);
  return c.batch * y * x * 36 * c.channels * c.outChannels;
}

/**
 * The convolution.
 *
 * @param turned Whether the filter is that of the convolution whose input's gradient this is.
 */
export function winograd(
  heap: Heap,
  c: Convolution,
  result: tf.TensorInfo,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  turned: boolean,
  bias?: tf.TensorInfo,
  activation = 0,
): void {
  const rows = turned ? c.outChannels : c.channels;
  const columns = turned ? c.channels : c.outChannels;
  const panels = Math.ceil(c.outChannels / 8) * 8;
  const matrices = heap.shared(36 * panels * c.channels * 4);
  const scratch = heap.scratch(Math.max(c.channels, c.outChannels), tileBytes(c));
  heap.run("winogradFilter", [heap.at(filter), rows, columns, Number(turned), matrices, scratch]);
  const geometry = heap.table(table(c, heap.at(x), heap.at(result)));
  const [y, across] = tilesOf(c);
  heap.run(
    "winograd",
    [geometry, matrices, 0, c.batch * y * across, bias ? heap.at(bias) : 0, activation, scratch],
    { argument: 2, multiple: 4, work: workOf(c) },
  );
}

/** The convolution of the results' slopes that is the gradient of the input. */
export function turn(c: Convolution): Convolution {
  return {
    ...c,
    input: c.output,
    output: c.input,
    channels: c.outChannels,
    outChannels: c.channels,
    pad: [0, 2 - c.pad[1], 2 - c.pad[2]],
  };
}

/** The gradient of the filter. */
export function winogradFilterGradient(
  heap: Heap,
  c: Convolution,
  result: tf.TensorInfo,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
): void {
  const geometry = heap.table(table(c, heap.at(x), heap.at(dy)));
  const [y, across] = tilesOf(c);
  const sums = 36 * c.channels * c.outChannels * 4;
  const scratch = heap.scratch(Math.max(c.channels, c.outChannels), tileBytes(c) + sums);
  heap.run(
    "winogradFilterGradient",
    [geometry, c.batch * y * across, heap.at(result), 0, c.channels, scratch],
    { argument: 3, multiple: 4, work: workOf(c) },
  );
}
