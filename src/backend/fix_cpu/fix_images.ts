import { tf } from "../../deps/tfjs.ts";
import { fromInfo } from "../geometry.ts";
import { bilinearReadings, nearestReadings, type Reading } from "../kernels/resize.ts";
import { fixKernel } from "./cpu_kernel.ts";

/** Repairs resizing and its gradients, the transformation of several images, and average pooling. */
export function fixImages(): void {
  fixPools();
  // tfjs subtracts pixels, which makes NaN of infinities.
  fixKernel("ResizeBilinear", ({ inputs: { images }, attributes, valuesOf, result }) => {
    const [batch, height, width, channels] = images.shape;
    const rows = bilinearReadings(attributes.size[0], height, attributes);
    const columns = bilinearReadings(attributes.size[1], width, attributes);
    const shape = [batch, rows.length, columns.length, channels];
    return result(shape, resizePixels(valuesOf(images), images.shape, rows, columns), "float32");
  });
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

function resizePixels(
  pixels: ArrayLike<number>,
  [batch, height, width, channels]: number[],
  rows: Reading[],
  columns: Reading[],
): Float32Array {
  const results = new Float32Array(batch * rows.length * columns.length * channels);
  let to = 0;
  for (let b = 0; b < batch; b++) {
    for (const row of rows) {
      for (const column of columns) {
        for (let i = 0; i < channels; i++, to++) {
          let sum = 0;
          for (const [y, shareY] of row) {
            for (const [x, shareX] of column) {
              sum += pixels[((b * height + y) * width + x) * channels + i] * shareY * shareX;
            }
          }
          results[to] = sum;
        }
      }
    }
  }
  return results;
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

/**
 * Makes the gradients of average pooling divide by the number of averaged pixels.
 *
 * tfjs divides by the size of the window, even where the window leaves the image.
 */
function fixPools(): void {
  for (const kernelName of ["AvgPoolGrad", "AvgPool3DGrad"]) {
    fixKernel(kernelName, ({ inputs: { dy, input }, attributes, valuesOf, result }) => {
      const { filterSize, strides, pad, dimRoundingMode } = attributes;
      const compute = kernelName === "AvgPoolGrad"
        ? tf.backend_util.computePool2DInfo
        : tf.backend_util.computePool3DInfo;
      const info = compute(input.shape as never, filterSize, strides, 1, pad, dimRoundingMode);
      return result(input.shape, averageSlopes(fromInfo(info), valuesOf(dy)));
    });
  }
}

function averageSlopes(c: ReturnType<typeof fromInfo>, dy: ArrayLike<number>): Float32Array {
  const { batch, channels, input, output } = c;
  const [depth, height, width] = input;
  const slopes = new Float32Array(batch * depth * height * width * channels);
  const ranges = output.map((length, axis) =>
    Array.from({ length }, (_, i) => {
      const begin = i * c.stride[axis] - c.pad[axis];
      return [Math.max(0, begin), Math.min(input[axis], begin + c.filter[axis])];
    })
  );
  let from = 0;
  for (let b = 0; b < batch; b++) {
    for (const [z0, z1] of ranges[0]) {
      for (const [y0, y1] of ranges[1]) {
        for (const [x0, x1] of ranges[2]) {
          const share = 1 / ((z1 - z0) * (y1 - y0) * (x1 - x0));
          for (let z = z0; z < z1; z++) {
            for (let y = y0; y < y1; y++) {
              for (let x = x0; x < x1; x++) {
                const to = (((b * depth + z) * height + y) * width + x) * channels;
                for (let i = 0; i < channels; i++) slopes[to + i] += dy[from + i] * share;
              }
            }
          }
          from += channels;
        }
      }
    }
  }
  return slopes;
}
