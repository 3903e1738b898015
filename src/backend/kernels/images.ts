/**
 * Kernels of images: pooling, grey-scale dilation, resizing, and their gradients.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import {
  bilinearReadings,
  type Convolution,
  fromInfo,
  nearestReadings,
  pointsOf,
  type Reading,
  type Readings,
  resultShape,
  type WindowAttributes,
  windowTable,
} from "../geometry.ts";
import { layOut } from "../kernel_constants.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { poolNatively } from "../native/native_kernels.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

interface Attributes extends WindowAttributes {
  filterSize: number | number[];
}

/** Values of `operation` in `assembly/pool.ts`. */
const MAXIMUM = 0, AVERAGE = 1, MAXIMUM_GRADIENT = 2, AVERAGE_GRADIENT = 3;

/** Operations that a native library computes: it hides NaN among the pixels of a maximum. */
const NATIVE = [undefined, "average", "maximumGradient", "averageGradient"] as const;

function geometry(shape: number[], attributes: Attributes): Convolution {
  const { filterSize, strides, pad, dimRoundingMode, dilations = 1 } = attributes;
  const rest = [filterSize, strides, dilations, pad, dimRoundingMode] as unknown as [
    number,
    number,
    number,
    "same",
  ];
  return fromInfo(
    shape.length === 5
      ? tf.backend_util.computePool3DInfo(
        shape as [number, number, number, number, number],
        ...rest,
      )
      : tf.backend_util.computePool2DInfo(shape as [number, number, number, number], ...rest),
  );
}

/** Runs the kernel; `y` is the result or, in gradients, its gradient. */
function run(
  heap: KernelHeap,
  operation: number,
  c: Convolution,
  x: number,
  y: tf.TensorInfo,
  dx = 0,
): void {
  const native = NATIVE[operation];
  if (native && poolNatively(heap, native, c, x, heap.at(y), dx)) return;
  // Scratch memory holds the addresses of a window's pixels.
  const bytes = sizeOf(c.filter) * 4;
  const scratch = heap.scratch(0, bytes > 2 ** 20 ? bytes : 0);
  const args = [heap.table(windowTable(c)), operation, x, heap.at(y), dx, 0, c.batch, scratch];
  const work = pointsOf(c) * c.channels * sizeOf(c.filter);
  heap.run("pool", args, { argument: 5, multiple: 1, work });
}

/** Whether tfjs takes the windows for the pixels, although padding may have moved them. */
function isIdentity(c: Convolution): boolean {
  return c.filter.every((n) => n === 1) && c.input.every((n, axis) => n === c.output[axis]);
}

function forward(operation: number): Kernel {
  return function pool(heap: KernelHeap, { x }: Inputs, attributes: Attributes) {
    if (!areFloats(x) || attributes.dataFormat === "NCDHW") return;
    const c = geometry(x.shape, attributes);
    if (isIdentity(c)) return heap.alias(x);
    const result = heap.output(resultShape(c, x.shape.length, c.channels));
    run(heap, operation, c, heap.at(x), result);
    return result;
  };
}

function backward(operation: number): Kernel {
  return function poolGradient(heap: KernelHeap, { dy, input }: Inputs, attributes: Attributes) {
    if (!areFloats(dy, input)) return;
    const c = geometry(input.shape, attributes);
    const shape = resultShape(c, input.shape.length, c.channels);
    if (shape.join() !== dy.shape.join()) {
      throw new TypeError(
        `Cannot compute the gradient of a pooling as dy must have the shape [${shape}] of its ` +
          `results: current value is [${dy.shape}]`,
      );
    }
    if (isIdentity(c)) return heap.alias(dy);
    const result = heap.output(input.shape);
    run(heap, operation, c, heap.at(input), dy, heap.at(result));
    return result;
  };
}

/** The maxima of windows and their places, the first of equals; NaN is passed over, as tfjs has it. */
function maximaWithPlaces(
  heap: KernelHeap,
  { x }: Inputs,
  attributes: Attributes & { includeBatchInIndex?: boolean },
) {
  if (!areFloats(x) || x.shape.length !== 4 || sizeOf(x.shape) === 0) return;
  const c = geometry(x.shape, attributes), { channels } = c;
  const [, height, width] = c.input, [, outHeight, outWidth] = c.output;
  const [, filterHeight, filterWidth] = c.filter, [, dilationY, dilationX] = c.dilation;
  const shape = [c.batch, outHeight, outWidth, channels];
  const maxima = heap.output(shape), places = heap.output(shape, "int32");
  const [from, best, at] = [x, maxima, places].map((tensor) => heap.elements(tensor));
  const image = height * width * channels;
  best.fill(-Infinity);
  at.fill(-1);
  for (let b = 0, first = 0; b < c.batch; b++) {
    const start = b * image, less = attributes.includeBatchInIndex ? 0 : start;
    for (let row = 0; row < outHeight; row++) {
      for (let column = 0; column < outWidth; column++, first += channels) {
        const top = row * c.stride[1] - c.pad[1], left = column * c.stride[2] - c.pad[2];
        for (let i = 0; i < filterHeight; i++) {
          const y = top + i * dilationY;
          if (y < 0 || y >= height) continue;
          for (let j = 0; j < filterWidth; j++) {
            const x = left + j * dilationX;
            if (x < 0 || x >= width) continue;
            const pixel = start + (y * width + x) * channels;
            for (let k = 0; k < channels; k++) {
              const value = from[pixel + k];
              if (!(value > best[first + k])) continue;
              best[first + k] = value;
              at[first + k] = pixel + k - less;
            }
          }
        }
      }
    }
  }
  return [maxima, places];
}

/** The kernels of pooling. */
export const POOL_KERNELS: KernelTable = {
  MaxPool: forward(MAXIMUM),
  MaxPool3D: forward(MAXIMUM),
  MaxPoolGrad: backward(MAXIMUM_GRADIENT),
  MaxPool3DGrad: backward(MAXIMUM_GRADIENT),
  MaxPoolWithArgmax: maximaWithPlaces,
  AvgPool: forward(AVERAGE),
  AvgPool3D: forward(AVERAGE),
  AvgPoolGrad: backward(AVERAGE_GRADIENT),
  AvgPool3DGrad: backward(AVERAGE_GRADIENT),
};

type Visit = (result: number, pixel: number, weight: number) => void;

function dilationGeometry(
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  attributes: WindowAttributes,
): Convolution {
  const { strides, pad, dilations } = attributes;
  return fromInfo(tf.backend_util.computeDilation2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number],
    strides as number,
    pad as "same",
    "NHWC",
    dilations as number,
  ));
}

/** Calls `best` for each result with the indices of the pixel and weight whose sum is largest. */
function visit(c: Convolution, x: ArrayLike<number>, w: ArrayLike<number>, best: Visit): void {
  const [, height, width] = c.input, [, outHeight, outWidth] = c.output;
  const [, filterHeight, filterWidth] = c.filter;
  let result = 0;
  for (let b = 0; b < c.batch; b++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        for (let channel = 0; channel < c.channels; channel++, result++) {
          let top = -Infinity, pixel = -1, weight = -1;
          for (let i = 0; i < filterHeight; i++) {
            const y = oy * c.stride[1] + i * c.dilation[1] - c.pad[1];
            if (y < 0 || y >= height) continue;
            for (let j = 0; j < filterWidth; j++) {
              const at = ox * c.stride[2] + j * c.dilation[2] - c.pad[2];
              if (at < 0 || at >= width) continue;
              const p = ((b * height + y) * width + at) * c.channels + channel;
              const q = (i * filterWidth + j) * c.channels + channel;
              if (pixel >= 0 && x[p] + w[q] <= top) continue;
              top = x[p] + w[q];
              pixel = p;
              weight = q;
            }
          }
          if (pixel >= 0) best(result, pixel, weight);
        }
      }
    }
  }
}

/** A kernel that fills a result of some shape by means of {@linkcode visit}. */
function kernel(
  shapeOf: (c: Convolution, inputs: Inputs) => number[],
  fill: (to: Float32Array, values: Float32Array[]) => Visit,
): Kernel {
  return function dilation(heap: KernelHeap, inputs: Inputs, attributes: WindowAttributes) {
    const { x, filter, dy } = inputs;
    if (!areFloats(x, filter)) return;
    const c = dilationGeometry(x, filter, attributes);
    const result = heap.output(shapeOf(c, inputs));
    const [to, ...values] = [result, x, filter, ...dy ? [dy] : []].map((tensor) =>
      heap.backend.typedArrayFromHeap(tensor) as Float32Array
    );
    to.fill(0);
    visit(c, values[0], values[1], fill(to, values));
    return result;
  };
}

/** The kernels of dilation. Those of tfjs take the smallest positive float for the smallest float. */
export const DILATION_KERNELS: KernelTable = {
  Dilation2D: kernel(
    (c) => [c.batch, c.output[1], c.output[2], c.channels],
    (to, [x, w]) => (result, pixel, weight) => void (to[result] = x[pixel] + w[weight]),
  ),
  Dilation2DBackpropInput: kernel(
    (_, { x }) => x.shape,
    (to, [, , dy]) => (result, pixel) => void (to[pixel] += dy[result]),
  ),
  Dilation2DBackpropFilter: kernel(
    (_, { filter }) => filter.shape,
    (to, [, , dy]) => (result, _, weight) => void (to[weight] += dy[result]),
  ),
};

/** The results that a pixel is part of: what its gradient is made of. */
function reversed(readings: Reading[], pixels: number): Reading[] {
  const slopes = Array.from({ length: pixels }, (): Reading => []);
  readings.forEach((reading, i) => {
    for (const [pixel, share] of reading) slopes[pixel].push([i, share]);
  });
  return slopes;
}

/** Writes an image whose lines and columns are made of those of another. */
function resize(heap: KernelHeap, x: Inputs[string], rows: Reading[], columns: Reading[]) {
  const [batch, height, width, channels] = x.shape;
  const result = heap.output([batch, rows.length, columns.length, channels]);
  const weights = new Float32Array(1), bits = new Int32Array(weights.buffer);
  const ends: number[] = [], entries: number[] = [], sizes: number[] = [];
  for (const readings of [rows, columns]) {
    const start = entries.length;
    for (const reading of readings) {
      for (const [pixel, share] of reading) {
        weights[0] = share;
        entries.push(pixel, bits[0]);
      }
      ends.push((entries.length - start) * 4);
    }
    sizes.push((entries.length - start) * 4);
  }
  const table = layOut("resize_table", {
    ...{ HEIGHT: height, WIDTH: width, CHANNELS: channels },
    ...{ OUT_Y: rows.length, OUT_X: columns.length, COLUMNS: sizes[0] },
  });
  const lines = batch * rows.length;
  heap.run("resize", [
    ...[heap.table([...table, ...ends, ...entries]), heap.at(x), heap.at(result)],
    ...[0, lines, heap.scratch()],
  ], { argument: 3, multiple: 1, work: 4 * (sizeOf(result.shape) + sizeOf(x.shape)) });
  return result;
}

function resizing(readings: Readings): Kernel {
  return function resized(heap, { images }: Inputs, attributes) {
    if (!areFloats(images) || sizeOf(images.shape) === 0) return;
    const [, height, width] = images.shape, [rows, columns] = attributes.size;
    const of = (results: number, pixels: number) => readings(results, pixels, attributes);
    return resize(heap, images, of(rows, height), of(columns, width));
  };
}

function resizingGradient(readings: Readings): Kernel {
  return function resizedGradient(heap, { images, dy }: Inputs, attributes) {
    if (!areFloats(images, dy)) return;
    const [, height, width] = images.shape, [, rows, columns] = dy.shape;
    const of = (results: number, pixels: number) =>
      reversed(readings(results, pixels, attributes), pixels);
    return resize(heap, dy, of(rows, height), of(columns, width));
  };
}

/** The kernels of resizing. */
export const RESIZE_KERNELS: KernelTable = {
  ResizeBilinear: resizing(bilinearReadings),
  ResizeBilinearGrad: resizingGradient(bilinearReadings),
  ResizeNearestNeighbor: resizing(nearestReadings),
  ResizeNearestNeighborGrad: resizingGradient(nearestReadings),
};
