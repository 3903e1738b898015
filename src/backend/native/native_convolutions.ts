/**
 * Calls of kernels that a native library adds for convolutions and poolings.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import { type Convolution, type Extent, pointsOf, volumeOf } from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { sumInParts } from "../kernels/reductions.ts";
import type { Pass, PoolOperation } from "./native_library.ts";

/** Number of points whose products are summed in floats: those of few channels are cheap to part. */
const MANY_POINTS = { plain: 2 ** 17, depthwise: 2 ** 14 };

/** Passes of a convolution, by the number that stands for each in a call. */
export const PASSES: readonly Pass[] = ["forward", "input", "filter"];

/** Arguments of the kernel `nativeConvolve`. */
export function convolveArguments(
  ...[pass, c, source, filter, result]: [Pass, Convolution, number, number, number]
): number[] {
  return [source, filter, result, PASSES.indexOf(pass), ...encode(c)];
}

/** Poolings, by the number that stands for each in a call. */
export const POOLS: readonly PoolOperation[] = ["average", "averageGradient", "maximumGradient"];

function encode(c: Convolution): number[] {
  const { batch, channels, outChannels, depthwise = false } = c;
  return [
    ...[batch, channels, outChannels, Number(depthwise)],
    ...[...c.input, ...c.output, ...c.filter, ...c.stride, ...c.dilation, ...c.pad],
  ];
}

/** A geometry from the arguments of a call. */
export function decode(
  [batch, channels, outChannels, depthwise, ...extents]: number[],
): Convolution {
  const [input, output, filter, stride, dilation, pad] = Array.from(
    { length: 6 },
    (_, i) => extents.slice(i * 3, i * 3 + 3) as Extent,
  );
  const sizes = { batch, channels, outChannels, input, output, filter };
  return { ...sizes, depthwise: depthwise === 1, stride, dilation, pad };
}

/**
 * Computes results, or the gradient of an input.
 *
 * @returns Whether the library computed it; otherwise nothing is written.
 */
export function convolveNatively(
  heap: KernelHeap,
  pass: Exclude<Pass, "filter">,
  c: Convolution,
  ...tensors: [source: tf.TensorInfo, filter: tf.TensorInfo, result: tf.TensorInfo]
): boolean {
  if (!heap.native?.canConvolve(pass, c)) return false;
  const [source, filter, result] = tensors.map((tensor) => heap.at(tensor));
  heap.run("nativeConvolve", convolveArguments(pass, c, source, filter, result));
  return true;
}

/**
 * Computes an average pooling, or the gradient of a pooling.
 *
 * @param x Address of the input.
 * @param y Address of the results or their gradient.
 * @param dx Address of the input's gradient, for gradients.
 * @returns Whether the library computed it; otherwise nothing is written.
 */
export function poolNatively(
  heap: KernelHeap,
  operation: PoolOperation,
  c: Convolution,
  ...[x, y, dx]: [x: number, y: number, dx: number]
): boolean {
  if (!heap.native?.canPool(operation, c)) return false;
  const memory = operation === "maximumGradient" ? heap.shared(8 * pointsOf(c) * c.channels) : 0;
  heap.run("nativePool", [x, y, dx, memory, POOLS.indexOf(operation), ...encode(c)]);
  return true;
}

/** Computes `activation(y + bias)` in place. */
export function addBias(
  heap: KernelHeap,
  c: Convolution,
  y: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  activation: number,
): void {
  if (!bias && !activation) return;
  const rows = pointsOf(c), columns = c.outChannels;
  const args = [heap.at(y), 0, rows, columns, bias ? heap.at(bias) : 0, activation];
  const split = { argument: 1, multiple: 1, work: rows * columns };
  heap.run("addBiasInPlace", [...args, heap.scratch()], split);
}

/** The gradient of the filter; `undefined` if the library does not compute it. */
export function filterGradientNatively(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
): tf.TensorInfo | undefined {
  const { native } = heap;
  if (!native) return;
  // The library sums over all examples of a call in floats, so that there are not too many of them.
  const points = pointsOf(c) / c.batch;
  const most = Math.floor(MANY_POINTS[c.depthwise ? "depthwise" : "plain"] / points);
  if (!(most >= 1)) return;
  const step = Math.ceil(c.batch / Math.max(Math.ceil(c.batch / most), 1));
  const rest = c.batch % step || step;
  const can = [step, rest].every((batch) => native.canConvolve("filter", { ...c, batch }));
  if (!can) return;
  const elements = (extent: Extent, channels: number) => volumeOf(extent) * channels * 4;
  return sumInParts(heap, shape, c.batch, most, (to, first, last) => {
    const source = heap.at(x) + first * elements(c.input, c.channels);
    const result = heap.at(dy) + first * elements(c.output, c.outChannels);
    const some = { ...c, batch: last - first };
    heap.run("nativeConvolve", convolveArguments("filter", some, source, to, result));
  });
}
