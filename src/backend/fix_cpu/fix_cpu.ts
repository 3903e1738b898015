/**
 * Repairs of tfjs's cpu backend: casts, moves, slices, and images.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { addKernel, type CpuCall, fixKernel } from "./cpu_kernel.ts";
import { fixArithmetic } from "./fix_arithmetic.ts";
import { bilinearReadings, fromInfo, nearestReadings, type Reading } from "../geometry.ts";

/** Repairs the kernels of tfjs's cpu backend that compute wrong results, and adds one. */
export function fixCpu(): void {
  fixCast();
  fixMove();
  fixArithmetic();
  fixTopK();
  fixSlices();
  fixImages();
  addCumprodGradient();
}

/**
 * Makes the cpu backend convert the elements of integers that it casts to floats.
 *
 * tfjs renames them but leaves them integers, so that another backend, to which the tensor is
 * moved, reads their bits as floats.
 */
function fixCast(): void {
  fixKernel("Cast", ({ inputs: { x }, attributes, valuesOf, result, runStock }) => {
    const isConverted = attributes.dtype === "float32" && ["int32", "bool"].includes(x.dtype);
    return isConverted ? result(x.shape, Float32Array.from(valuesOf(x))) : runStock();
  });
}

/** Makes NaN the largest element, as on other backends: tfjs does not order NaN. */
function fixTopK(): void {
  fixKernel("TopK", ({ inputs: { x }, attributes: { k }, valuesOf, result, runStock }) => {
    const values = valuesOf(x), columns = x.shape.at(-1)!;
    if (!values.some(Number.isNaN)) return runStock();
    const isNaN = (i: number) => Number(Number.isNaN(values[i]));
    const places = Array.from(
      { length: values.length / columns },
      (_, row) =>
        Array.from({ length: columns }, (_, i) => row * columns + i)
          .sort((i, j) => isNaN(j) - isNaN(i) || values[j] - values[i] || i - j).slice(0, k),
    ).flat();
    const shape = [...x.shape.slice(0, -1), k];
    return [
      result(shape, Float32Array.from(places, (i) => values[i])),
      result(shape, Int32Array.from(places, (i) => i % columns), "int32"),
    ];
  });
}

/** The parts of the cpu backend that this file uses. */
interface CpuBackend extends tf.KernelBackend {
  data: { get(dataId: object): { values?: unknown; complexTensorInfos?: object } };
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: Float32Array): tf.TensorInfo;
}

/** Lets complex numbers move to the cpu backend, which keeps their parts in two tensors. */
function fixMove(): void {
  const prototype: CpuBackend = Object.getPrototypeOf(tf.findBackendFactory("cpu")());
  const { move } = prototype;
  prototype.move = function (this: CpuBackend, dataId, values, shape, dtype, refCount) {
    move.call(this, dataId, values, shape, dtype, refCount);
    if (dtype !== "complex64") return;
    const { real, imag } = tf.backend_util.splitRealAndImagArrays(values as Float32Array);
    const data = this.data.get(dataId);
    data.values = undefined;
    data.complexTensorInfos = {
      real: this.makeTensorInfo(shape, "float32", real),
      imag: this.makeTensorInfo(shape, "float32", imag),
    };
  };
}

/**
 * Checks that indices, `[…, depth]`, are on the axes of a shape: tfjs checks the place that they make
 * together, so that an index beyond one axis takes a slice of another.
 */
function checkIndices(
  { valuesOf }: CpuCall,
  indices: tf.TensorInfo,
  shape: number[],
  depth = indices.shape.length > 1 ? indices.shape.at(-1)! : 1,
): void {
  const values = valuesOf(indices);
  const wrong = values.findIndex((index, i) => index < 0 || index >= shape[i % depth]);
  if (wrong < 0 || shape.includes(0)) return;
  const text = [...values.subarray(wrong - wrong % depth, wrong - wrong % depth + depth)];
  throw new RangeError(`Invalid indices: ${text} does not index into ${shape}`);
}

/** Repairs the taking and setting of parts of a tensor. */
function fixSlices(): void {
  fixKernel("GatherNd", (call) => {
    const { indices, params } = call.inputs;
    checkIndices(call, indices, params.shape, indices.shape.at(-1)!);
    return call.runStock();
  });
  fixKernel("ScatterNd", (call) => {
    checkIndices(call, call.inputs.indices, call.attributes.shape);
    return call.runStock();
  });
  // tfjs writes the updates into the tensor that it was given.
  fixKernel("TensorScatterUpdate", (call) => {
    const { inputs, valuesOf, result, runStock } = call;
    const { tensor, indices } = inputs;
    checkIndices(call, indices, tensor.shape);
    return runStock({
      ...inputs,
      tensor: result(tensor.shape, valuesOf(tensor).slice(), tensor.dtype),
    });
  });
  // tfjs takes the strides of one axis for those of another once an axis is left out.
  fixKernel("StridedSlice", ({ inputs: { x }, attributes, valuesOf, result, runStock }) => {
    if (!attributes.shrinkAxisMask || x.dtype === "string") return runStock();
    const { begin, end, strides, finalShape } = tf.slice_util.sliceInfo(
      ...[x.shape, attributes.begin, attributes.end, attributes.strides] as const,
      ...[attributes.beginMask, attributes.endMask, attributes.ellipsisMask] as const,
      ...[attributes.newAxisMask, attributes.shrinkAxisMask] as const,
    );
    const counts = tf.slice_util.computeOutShape(begin, end, strides);
    const steps = [...tf.util.computeStrides(x.shape), 1];
    let places = [0];
    counts.forEach((count, axis) => {
      places = places.flatMap((place) =>
        Array.from(
          { length: count },
          (_, i) => place + (begin[axis] + i * strides[axis]) * steps[axis],
        )
      );
    });
    const from = valuesOf(x);
    const to = from.slice(0, places.length);
    places.forEach((place, i) => to[i] = from[place]);
    return result(finalShape, to, x.dtype);
  });
}

/**
 * Adds the gradient of running products, in one pass over each row, exact where factors are 0.
 *
 * The gradient by factor `k` is the product before `k`, times `dy[k] + x[k + 1] s[k + 1]` where `s`
 * is that second factor.
 */
function addCumprodGradient(): void {
  addKernel("TrainchartCumprodGradient", ({ inputs: { dy, x }, attributes, valuesOf, result }) => {
    const { axis, exclusive, reverse } = attributes;
    const at = tf.util.parseAxisParam(axis, x.shape)[0];
    const length = x.shape[at];
    const step = tf.util.sizeFromShape(x.shape.slice(at + 1));
    const factors = valuesOf(x), slopes = valuesOf(dy);
    const to = new Float32Array(factors.length);
    for (let row = 0; row < factors.length / Math.max(1, length); row++) {
      const start = Math.floor(row / step) * length * step + row % step;
      const place = (k: number) => start + (reverse ? length - 1 - k : k) * step;
      let product = 1;
      for (let k = 0; k < length; k++) {
        to[place(k)] = product;
        product *= factors[place(k)];
      }
      // An exclusive product is the inclusive one of the factors before it.
      let later = 0;
      for (let k = length - 1; k >= 0; k--) {
        const own = exclusive ? (k + 1 < length ? slopes[place(k + 1)] : 0) : slopes[place(k)];
        later = own + (k + 1 < length ? factors[place(k + 1)] * later : 0);
        to[place(k)] *= later;
      }
    }
    return result(x.shape, to);
  });
}

/** Repairs resizing and its gradients, the transformation of several images, and average pooling. */
function fixImages(): void {
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
