import { tf } from "../../deps/tfjs.ts";
import { fromInfo } from "../geometry.ts";
import { fixKernel } from "./cpu_kernel.ts";

/**
 * Makes the gradients of average pooling divide by the number of averaged pixels.
 *
 * tfjs divides by the size of the window, even where the window leaves the image.
 */
export function fixPools(): void {
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
