import { tf } from "../../deps/tfjs.ts";
import { addKernel, type CpuCall, fixKernel } from "./cpu_kernel.ts";
import { fixArithmetic } from "./fix_arithmetic.ts";
import { fixImages } from "./fix_images.ts";

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
 * The slope by factor `k` is the product before `k`, times `dy[k] + x[k + 1] s[k + 1]` where `s` is
 * that second factor.
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
