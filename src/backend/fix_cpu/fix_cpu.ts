import { tf } from "../../deps/tfjs.ts";
import { addKernel, type CpuCall, fixKernel } from "./cpu_kernel.ts";
import { fixImages } from "./fix_images.ts";

/** Repairs the kernels of tfjs's cpu backend that compute wrong results, and adds one. */
export function fixCpu(): void {
  fixCast();
  fixMove();
  fixProducts();
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

/** Repairs the taking and setting of parts of a tensor. */
function fixSlices(): void {
  // tfjs writes the updates into the tensor that it was given.
  fixKernel("TensorScatterUpdate", ({ inputs, valuesOf, result, runStock }) => {
    const { tensor } = inputs;
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
 * Repairs the broadcasting of products and normalisations, and channels that come first.
 *
 * tfjs repeats the elements of the smaller operand in their order in memory, which is right only
 * where its leading axes are those that are missing.
 */
function fixProducts(): void {
  fixKernel("BatchMatMul", (call) => {
    const { a, b } = call.inputs;
    const [batchA, batchB] = [a, b].map(({ shape }) => shape.slice(0, -2));
    if (batchA.join() === batchB.join()) return call.runStock();
    const batch = tf.broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
    return call.runStock({
      a: broadcast(call, a, [...batch, ...a.shape.slice(-2)]),
      b: broadcast(call, b, [...batch, ...b.shape.slice(-2)]),
    });
  });
  fixKernel("FusedBatchNorm", (call) => {
    const { x, ...vectors } = call.inputs;
    const isPlain = Object.values(vectors).every((vector) =>
      !vector || isRepeated(vector.shape, x.shape)
    );
    if (isPlain) return call.runStock();
    const whole = Object.entries(vectors).map(([name, vector]) =>
      [name, vector && broadcast(call, vector, x.shape)] as const
    );
    return call.runStock({ x, ...Object.fromEntries(whole) });
  });
  for (const kernelName of ["Add", "Sub", "Multiply"]) {
    fixKernel(kernelName, (call) => {
      const { a, b } = call.inputs;
      const rank = Math.max(a.shape.length, b.shape.length);
      const isEven = a.shape.length === b.shape.length;
      if (isEven || (a.dtype !== "complex64" && b.dtype !== "complex64")) return call.runStock();
      // tfjs broadcasts complex numbers along axes of size one only.
      const [wideA, wideB] = [a, b].map((x) =>
        call.run("Reshape", { x }, { shape: [...Array(rank - x.shape.length).fill(1), ...x.shape] })
      );
      return call.runStock({ a: wideA, b: wideB });
    });
  }
  fixKernel("DepthwiseConv2dNative", (call) => {
    const { inputs: { x, filter }, attributes } = call;
    if (attributes.dataFormat !== "NCHW") return call.runStock();
    // tfjs reads channels that come first as if they came last.
    const { pad } = attributes;
    const order = [0, 2, 3, 1];
    const y = call.runStock({ x: call.run("Transpose", { x }, { perm: order }), filter }, {
      ...attributes,
      dataFormat: "NHWC",
      pad: Array.isArray(pad) ? order.map((axis) => pad[axis]) : pad,
    });
    return call.run("Transpose", { x: y }, { perm: [0, 3, 1, 2] });
  });
}

/** Whether to broadcast a shape is to repeat its elements in their order in memory. */
export function isRepeated(shape: number[], whole: number[]): boolean {
  const first = shape.findIndex((size) => size !== 1);
  return first < 0 || shape.slice(first).join() === whole.slice(first - shape.length).join();
}

/** A tensor repeated to a larger shape. */
function broadcast({ run }: CpuCall, x: tf.TensorInfo, shape: number[]): tf.TensorInfo {
  const missing: number[] = Array(shape.length - x.shape.length).fill(1);
  const from = [...missing, ...x.shape];
  const reps = shape.map((size, axis) => from[axis] === size ? 1 : size);
  return run("Tile", { x: run("Reshape", { x }, { shape: from }) }, { reps });
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
