/**
 * Resizing images.
 *
 * @module
 */
import type { KernelHeap } from "../kernel_heap.ts";
import { bilinearReadings, nearestReadings, type Reading, type Readings } from "../geometry.ts";
import { layOut } from "../kernel_constants.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

/** The results that a pixel is part of: what its slope is made of. */
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

function forward(readings: Readings): Kernel {
  return function resized(heap, { images }: Inputs, attributes) {
    if (!areFloats(images) || sizeOf(images.shape) === 0) return;
    const [, height, width] = images.shape, [rows, columns] = attributes.size;
    const of = (results: number, pixels: number) => readings(results, pixels, attributes);
    return resize(heap, images, of(rows, height), of(columns, width));
  };
}

function backward(readings: Readings): Kernel {
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
  ResizeBilinear: forward(bilinearReadings),
  ResizeBilinearGrad: backward(bilinearReadings),
  ResizeNearestNeighbor: forward(nearestReadings),
  ResizeNearestNeighborGrad: backward(nearestReadings),
};
