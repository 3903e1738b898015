/**
 * Convolutions as those that Winograd's algorithm computes: filters of more than three taps become
 * several of at most three, whose images are channels side by side, and channels are rounded up.
 *
 * A filter of five taps is one of three and one of two. At a stride of two, even and odd taps meet
 * pixels of their own, so that both are filters at a stride of one.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import { type Convolution, type Extent, mirrored } from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import type { Pass } from "../native/native_library.ts";
import * as plain from "./convolve.ts";
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

/** The groups that the taps along an axis make. */
interface Groups {
  /** Number of groups. */
  count: number;
  /** Taps between the first ones of two groups. */
  between: number;
  /** Taps between two of a group, and pixels between two results. */
  step: number;
}

/** A convolution, and how another one becomes it. */
interface Folding {
  c: Convolution;
  /** The groups along height and width. */
  groups: [Groups, Groups];
  /** Whether there are more groups than one. */
  splits: boolean;
}

/** The groups of an axis whose taps stay as they are. */
const KEPT: Groups = { count: 1, between: 0, step: 0 };

function groupsOf(taps: number, stride: number, isStrided: boolean): Groups | undefined {
  if (isStrided) return taps <= 6 && stride === 2 ? { count: 2, between: 1, step: 2 } : undefined;
  if (taps <= 3) return KEPT;
  return taps <= 9 ? { count: Math.ceil(taps / 3), between: 3, step: 1 } : undefined;
}

/**
 * The folding of a convolution; `undefined` if that gains nothing.
 *
 * @param toFew Whether results of few channels are computed, of which sums take long.
 */
function foldingOf(c: Convolution, toFew: boolean): Folding | undefined {
  const { filter, stride, dilation, input, output, channels, outChannels } = c;
  if (input[0] > 1 || filter[0] > 1 || plain.isFast(c)) return;
  const fewest = Math.min(channels, outChannels), isLine = filter[1] === 1 || filter[2] === 1;
  if (fewest < 8 && !(toFew && channels >= 16 && outChannels >= 3)) return;
  const isStrided = stride[2] > 1 && (filter[1] > 3 || filter[2] > 3);
  const [height, width] = [1, 2].map((axis) => groupsOf(filter[axis], stride[axis], isStrided));
  if (!height || !width) return;
  const splits = height.count * width.count > 1;
  if (splits ? sizeOf(dilation) > 1 : isLine && fewest < 16) return;
  const multiple = isLine ? 8 : 4;
  const up = (n: number) => Math.ceil(n / multiple) * multiple;
  const choose = (kept: Extent, of: (axis: number) => number) =>
    kept.map((n, axis) => axis > 0 && [height, width][axis - 1] !== KEPT ? of(axis) : n) as Extent;
  const folded: Convolution = {
    ...c,
    channels: height.count * width.count * up(channels),
    outChannels: up(outChannels),
    input: choose(input, (axis) => output[axis] + 2),
    filter: choose(filter, () => 3),
    stride: choose(stride, () => 1),
    pad: choose(c.pad, () => 0),
  };
  const bytes = c.batch * sizeOf(folded.input) * folded.channels * 4;
  if (!plain.isFast(folded) || bytes > UNFOLDED_BYTES) return;
  return { c: folded, groups: [height, width], splits };
}

/** Whether a native library computes a convolution. */
function isNative({ native }: KernelHeap, pass: Pass, c: Convolution): boolean {
  return native?.canConvolve(pass, c) ?? false;
}

/** A tensor with zeros behind its channels, or with fewer of them. */
function withChannels(
  heap: KernelHeap,
  x: tf.TensorInfo,
  channels: number,
  shape = x.shape,
): tf.TensorInfo {
  const own = x.shape.at(-1)!, points = sizeOf(x.shape) / own;
  if (own === channels) return heap.alias(x, shape);
  const result = heap.output([...shape.slice(0, -1), channels]), strides = [channels, 1];
  const [from, to] = [x, result].map((tensor) => heap.at(tensor));
  fillBox(heap, [points, channels - own], { address: to + own * 4, strides });
  const box = [points, Math.min(own, channels)];
  copy(heap, box, { address: from, strides: [own, 1] }, { address: to, strides }, "float32");
  return result;
}

/** The image of a folded convolution. */
function foldImage(
  heap: KernelHeap,
  c: Convolution,
  { groups: [height, width], c: folded }: Folding,
  x: tf.TensorInfo,
): tf.TensorInfo {
  const channels = folded.channels / (height.count * width.count);
  let image = withChannels(heap, x, channels);
  let [before, behind, wide] = [c.batch, c.input[2], channels];
  [height, width].forEach((groups, i) => {
    const { count, between, step } = groups, axis = i + 1;
    if (groups !== KEPT) {
      const offsets = Array.from({ length: count }, (_, g) => g * between - c.pad[axis]);
      const shape = [before, c.input[axis], behind, wide];
      const next = unfold(heap, image, shape, folded.input[axis], offsets, step);
      dispose(heap, image);
      image = next;
    }
    before *= folded.input[axis];
    behind = 1;
    wide *= count;
  });
  return image;
}

/** Copies a filter into that of a folded convolution, or back. */
function moveFilter(
  heap: KernelHeap,
  c: Convolution,
  { groups: [height, width], c: folded }: Folding,
  { address, strides: [down, right, channel, column] }: Layout,
  to: tf.TensorInfo,
  back = false,
): void {
  const [, rows, columns] = c.filter, { outChannels: wide, channels: deep } = folded;
  const channels = deep / (height.count * width.count);
  const strides = [folded.filter[2] * deep * wide, deep * wide, wide, 1];
  const count = (taps: number, { step }: Groups, first: number) =>
    step ? Math.min(Math.ceil((taps - first) / step), 3) : taps;
  for (let x = 0; x < width.count; x++) {
    for (let y = 0; y < height.count; y++) {
      const [top, left] = [y * height.between, x * width.between];
      const box = [
        ...[count(rows, height, top), count(columns, width, left)],
        ...[c.channels, c.outChannels],
      ];
      const own = {
        address: address + (top * down + left * right) * 4,
        strides: [(height.step || 1) * down, (width.step || 1) * right, channel, column],
      };
      const part = {
        address: heap.at(to) + (x * height.count + y) * channels * wide * 4,
        strides,
      };
      copy(heap, box, ...(back ? [part, own] : [own, part]) as [Layout, Layout], "float32");
    }
  }
}

/** The filter of a folded convolution. */
function foldFilter(
  heap: KernelHeap,
  c: Convolution,
  folding: Folding,
  filter: Layout,
): tf.TensorInfo {
  const { filter: [, rows, columns], channels, outChannels } = folding.c;
  const result = heap.output([rows, columns, channels, outChannels]);
  heap.run("fill", [heap.at(result), sizeOf(result.shape), 4, 0]);
  moveFilter(heap, c, folding, filter, result);
  return result;
}

/** The layout of a filter, and of that of the mirrored convolution. */
function filterOf(heap: KernelHeap, c: Convolution, filter: tf.TensorInfo): Layout {
  const { channels, outChannels } = c, weights = channels * outChannels;
  return { address: heap.at(filter), strides: [c.filter[2] * weights, weights, outChannels, 1] };
}

function mirroredFilterOf(heap: KernelHeap, c: Convolution, filter: tf.TensorInfo): Layout {
  const { address, strides: [down, right, channel, column] } = filterOf(heap, c, filter);
  const last = (c.filter[1] - 1) * down + (c.filter[2] - 1) * right;
  return { address: address + last * 4, strides: [-down, -right, column, channel] };
}

/** The results of a folded convolution. */
function foldedForward(
  heap: KernelHeap,
  c: Convolution,
  folding: Folding,
  shape: number[],
  x: tf.TensorInfo,
  filter: Layout,
  bias?: tf.TensorInfo,
  activation = 0,
): tf.TensorInfo {
  const { outChannels } = folding.c;
  const image = foldImage(heap, c, folding, x), weights = foldFilter(heap, c, folding, filter);
  const added = bias && withChannels(heap, bias, outChannels);
  const wide = [...shape.slice(0, -1), outChannels];
  const result = plain.forward(heap, folding.c, wide, image, weights, added, activation);
  dispose(heap, image, weights, ...added ? [added] : []);
  if (outChannels === c.outChannels) return result;
  const narrow = withChannels(heap, result, c.outChannels);
  dispose(heap, result);
  return narrow;
}

/** The results, `[batch, …output, outChannels]`. */
export function forward(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  bias?: tf.TensorInfo,
  activation = 0,
): tf.TensorInfo {
  const folding = isNative(heap, "forward", c) ? undefined : foldingOf(c, true);
  if (!folding) return plain.forward(heap, c, shape, x, filter, bias, activation);
  const weights = filterOf(heap, c, filter);
  const result = foldedForward(heap, c, folding, shape, x, weights, bias, activation);
  if (folding.splits) plain.mendResults(heap, c, x, filter, result, bias, activation);
  return result;
}

/** Copies the gradient of an unfolded image to that of the image. */
function refold(
  heap: KernelHeap,
  c: Convolution,
  { groups, c: folded }: Folding,
  shape: number[],
  image: tf.TensorInfo,
): tf.TensorInfo {
  const result = heap.output(shape);
  const [[, height, width], [, rows, columns]] = [c.input, folded.input];
  // Pixels behind the last window.
  heap.run("fill", [heap.at(result), sizeOf(shape), 4, 0]);
  const channels = folded.channels / (groups[0].count * groups[1].count);
  const along = (axis: 1 | 2, group: number) => {
    const { step, between } = groups[axis - 1];
    if (!step) return { first: 0, count: c.input[axis], step: 1, place: 0 };
    const offset = group * between - c.pad[axis], first = Math.ceil(Math.max(-offset, 0) / step);
    const last = Math.min(Math.ceil((c.input[axis] - offset) / step), folded.input[axis]);
    return { first, count: Math.max(last - first, 0), step, place: first * step + offset };
  };
  for (let i = 0; i < groups[1].count; i++) {
    for (let j = 0; j < groups[0].count; j++) {
      const [x, y] = [along(2, i), along(1, j)], wide = folded.channels;
      const start = (y.first * columns + x.first) * wide + (i * groups[0].count + j) * channels;
      copy(
        heap,
        [c.batch, y.count, x.count, c.channels],
        {
          address: heap.at(image) + start * 4,
          strides: [rows * columns * wide, columns * wide, wide, 1],
        },
        {
          address: heap.at(result) + (y.place * width + x.place) * c.channels * 4,
          strides: [height * width, y.step * width, x.step, 1].map((n, axis) =>
            axis < 3 ? n * c.channels : n
          ),
        },
        "float32",
      );
    }
  }
  return result;
}

/** The gradient of the input, `[batch, …input, channels]`. */
export function inputGradient(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
): tf.TensorInfo {
  const isDense = c.stride[1] === 1 && c.stride[2] === 1, own = isDense ? mirrored(c) : c;
  const folding = isNative(heap, "input", c) ? undefined : foldingOf(own, isDense);
  if (!folding) return plain.inputGradient(heap, c, shape, dy, filter);
  let result: tf.TensorInfo;
  if (isDense) {
    const weights = mirroredFilterOf(heap, c, filter);
    result = foldedForward(heap, own, folding, shape, dy, weights);
  } else {
    const { c: folded } = folding;
    const weights = foldFilter(heap, c, folding, filterOf(heap, c, filter));
    const slopes = withChannels(heap, dy, folded.outChannels);
    const wide = [c.batch, folded.input[1], folded.input[2], folded.channels];
    const image = plain.inputGradient(heap, folded, wide, slopes, weights);
    result = refold(heap, c, folding, shape, image);
    dispose(heap, weights, slopes, image);
  }
  if (folding.splits) plain.mendInputGradient(heap, c, dy, filter, result);
  return result;
}

/** The gradient of the filter, `[…filter, channels, outChannels]`. */
export function filterGradient(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
): tf.TensorInfo {
  const folding = isNative(heap, "filter", c) ? undefined : foldingOf(c, false);
  if (!folding) return plain.filterGradient(heap, c, shape, x, dy);
  const { c: { filter: [, rows, columns], channels, outChannels } } = folding;
  const image = foldImage(heap, c, folding, x), slopes = withChannels(heap, dy, outChannels);
  const sizes = [rows, columns, channels, outChannels];
  const weights = plain.filterGradient(heap, folding.c, sizes, image, slopes);
  const result = heap.output(shape);
  moveFilter(heap, c, folding, filterOf(heap, c, result), weights, true);
  dispose(heap, image, slopes, weights);
  if (folding.splits) plain.mendFilterGradient(heap, c, x, dy, result);
  return result;
}
