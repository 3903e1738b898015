/**
 * Resizing images.
 *
 * @module
 */
import type { KernelHeap } from "../kernel_heap.ts";
import { areFloats, type Inputs, type KernelTable } from "./kernel.ts";

interface Attributes {
  size: [number, number];
  alignCorners: boolean;
  halfPixelCenters: boolean;
}

/** The two pixels between which a result lies, and its distance from the first, in [0, 1]. */
interface Place {
  from: number;
  to: number;
  distance: number;
}

/** The place of each result along one axis of `size` pixels. */
function placesOf(size: number, results: number, a: Attributes): Place[] {
  const corners = a.alignCorners && results > 1 ? 1 : 0;
  const ratio = (size - corners) / (results - corners);
  return Array.from({ length: results }, (_, i) => {
    const at = a.halfPixelCenters ? ratio * (i + 0.5) - 0.5 : ratio * i;
    const from = Math.max(0, Math.floor(at));
    return { from, to: Math.min(size - 1, Math.ceil(at)), distance: at - from };
  });
}

/** tfjs's kernel reads a pixel that has no weight, which makes numbers NaN. */
function resizeBilinear(heap: KernelHeap, { images }: Inputs, attributes: Attributes) {
  if (!areFloats(images)) return;
  const [batch, height, width, channels] = images.shape;
  const rows = placesOf(height, attributes.size[0], attributes);
  const columns = placesOf(width, attributes.size[1], attributes);
  const result = heap.output([batch, ...attributes.size, channels]);
  const from = heap.elements(images), to = heap.elements(result);
  let target = 0;
  for (let b = 0; b < batch; b++) {
    for (const row of rows) {
      const top = (b * height + row.from) * width, bottom = (b * height + row.to) * width;
      for (const column of columns) {
        let a = (top + column.from) * channels, c = (bottom + column.from) * channels;
        const right = (column.to - column.from) * channels;
        for (let k = 0; k < channels; k++, a++, c++, target++) {
          const upper = from[a] + (from[a + right] - from[a]) * column.distance;
          const lower = from[c] + (from[c + right] - from[c]) * column.distance;
          to[target] = upper + (lower - upper) * row.distance;
        }
      }
    }
  }
  return result;
}

/** The kernels of resizing. */
export const RESIZE_KERNELS: KernelTable = {
  ResizeBilinear: resizeBilinear,
};
