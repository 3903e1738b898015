import { fixKernel } from "./cpu_kernel.ts";

/** Repairs the gradients of resizing, and the transformation of several images. */
export function fixImages(): void {
  for (
    const [kernelName, readings] of [
      ["ResizeBilinearGrad", bilinearReadings],
      ["ResizeNearestNeighborGrad", nearestReadings],
    ] as const
  ) {
    fixKernel(kernelName, ({ inputs: { dy, images }, attributes, valuesOf, result }) => {
      const [, height, width] = images.shape;
      const rows = readings(dy.shape[1], height, attributes);
      const columns = readings(dy.shape[2], width, attributes);
      return result(images.shape, resizeSlopes(valuesOf(dy), images.shape, rows, columns));
    });
  }
  // tfjs returns after the first image.
  fixKernel(
    "Transform",
    ({ inputs: { image, transforms }, valuesOf, result, runStock }) => {
      const [batch, ...shape] = image.shape;
      const size = shape.reduce((product, n) => product * n, 1);
      const pixels = valuesOf(image), numbers = valuesOf(transforms);
      const parts = Array.from({ length: batch }, (_, i) => {
        const own = transforms.shape[0] === 1 ? numbers : numbers.subarray(i * 8, i * 8 + 8);
        const part = runStock({
          image: result([1, ...shape], pixels.subarray(i * size, (i + 1) * size)),
          transforms: result([1, 8], own),
        });
        return { shape: part.shape, values: valuesOf(part) };
      });
      const [, ...resultShape] = parts[0]?.shape ?? image.shape;
      const all = new Float32Array(parts.reduce((sum, { values }) => sum + values.length, 0));
      parts.forEach(({ values }, i) => all.set(values, i * values.length));
      return result([batch, ...resultShape], all);
    },
  );
}

/** The pixels that each result along one axis reads, and their weights. */
type Reading = [pixel: number, share: number][];

interface ResizeAttributes {
  alignCorners: boolean;
  halfPixelCenters: boolean;
}

function scaleOf(to: number, from: number, { alignCorners }: ResizeAttributes): number {
  return alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to;
}

function bilinearReadings(to: number, from: number, attributes: ResizeAttributes): Reading[] {
  const scale = scaleOf(to, from, attributes);
  return Array.from({ length: to }, (_, i) => {
    const place = attributes.halfPixelCenters ? (i + 0.5) * scale - 0.5 : i * scale;
    const first = Math.max(0, Math.floor(place));
    const second = Math.min(from - 1, Math.ceil(place));
    return [[first, 1 - (place - first)], [second, place - first]];
  });
}

function nearestReadings(to: number, from: number, attributes: ResizeAttributes): Reading[] {
  const scale = scaleOf(to, from, attributes);
  return Array.from({ length: to }, (_, i) => {
    const place = scale * (attributes.halfPixelCenters ? i + 0.5 : i);
    const nearest = attributes.alignCorners ? Math.round(place) : Math.floor(place);
    return [[Math.max(0, Math.min(from - 1, nearest)), 1]];
  });
}

function resizeSlopes(
  dy: ArrayLike<number>,
  [batch, height, width, channels]: number[],
  rows: Reading[],
  columns: Reading[],
): Float32Array {
  const slopes = new Float32Array(batch * height * width * channels);
  let from = 0;
  for (let b = 0; b < batch; b++) {
    for (const row of rows) {
      for (const column of columns) {
        for (const [y, shareY] of row) {
          for (const [x, shareX] of column) {
            const to = ((b * height + y) * width + x) * channels;
            const share = shareY * shareX;
            for (let i = 0; i < channels; i++) slopes[to + i] += dy[from + i] * share;
          }
        }
        from += channels;
      }
    }
  }
  return slopes;
}
