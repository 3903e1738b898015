import { tf } from "../../deps/tfjs.ts";
import { addKernel, type CpuCall, fixKernel } from "./cpu_kernel.ts";
import { stepsOf } from "../kernels/elementwise.ts";
import { fixImages } from "./fix_images.ts";

/** Repairs the kernels of tfjs's cpu backend that compute wrong results, and adds one. */
export function fixCpu(): void {
  fixCast();
  fixMove();
  fixFunctions();
  fixTopK();
  fixProducts();
  fixEinsum();
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

/** Repairs functions of one and two numbers, and connectives of no elements. */
function fixFunctions(): void {
  // tfjs loses a remainder that is rounded to the divisor, and finds none by infinity.
  fixBinary("Mod", (a, b) => {
    const rest = a % b;
    if (rest === 0) return Object.is(a, -0) || b < 0 ? -0 : 0;
    return rest < 0 === b < 0 ? rest : rest + b;
  });
  // As IEEE 754 has it: JavaScript's powers of 1 are NaN where the exponent is not finite.
  fixBinary("Pow", (a, b) => {
    const isOne = a === 1 || (a === -1 && Math.abs(b) === Infinity);
    return isOne ? 1 : a ** b;
  });
  // tfjs adds steps, and so all their roundings.
  fixKernel("Range", ({ attributes, result, runStock }) => {
    const { start, dtype } = attributes;
    if (dtype !== "float32" && dtype !== "int32") return runStock();
    const { count, step } = stepsOf(attributes);
    const values = new (dtype === "int32" ? Int32Array : Float32Array)(count);
    return result([count], values.map((_, i) => start + i * step), dtype);
  });
  fixKernel("LinSpace", ({ attributes: { start, stop, num }, result }) => {
    const step = num > 1 ? (stop - start) / (num - 1) : 0;
    return result([num], new Float32Array(num).map((_, i) => start + i * step));
  });
  // tfjs's has an error of 1e-7 everywhere, also near 0.
  fixKernel("Erf", ({ inputs: { x }, valuesOf, result }) => {
    return result(x.shape, Float32Array.from(valuesOf(x), errorFunction));
  });
  fixKernel("All", ({ inputs: { x }, attributes, result, runStock }) => {
    if (tf.util.sizeFromShape(x.shape) > 0) return runStock();
    const axes = tf.util.parseAxisParam(attributes.axis, x.shape);
    const shape = x.shape.flatMap((size, axis) => {
      if (!axes.includes(axis)) return [size];
      return attributes.keepDims ? [1] : [];
    });
    return result(shape, new Uint8Array(tf.util.sizeFromShape(shape)).fill(1), "bool");
  });
}

/** Replaces a function of two numbers, which broadcasts and keeps the dtype. */
function fixBinary(kernelName: string, compute: (a: number, b: number) => number): void {
  fixKernel(kernelName, (call) => {
    const { a, b } = call.inputs;
    const shape = tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const [left, right] = [a, b].map((x) =>
      call.valuesOf(x.shape.join() === shape.join() ? x : broadcast(call, x, shape))
    );
    return call.result(shape, left.map((value, i) => compute(value, right[i])), a.dtype);
  });
}

/** Coefficients of even powers: those of the quotient by which Eigen computes `erf`. */
const ERF = [
  [-1.60960333262415e-2, -2.95459980854025e-3, -7.34990630326855e-4, -5.69250639462346e-5],
  [-2.10102402082508e-6, 2.77068142495902e-8, -2.72614225801306e-10],
].flat();
const ERF_DIVISOR = [
  ...[-1.42647390514189e-2, -7.37332916720468e-3, -1.68282697438203e-3],
  ...[-2.13374055278905e-4, -1.45660718464996e-5],
];

function errorFunction(x: number): number {
  if (x === 0) return x;
  const z = Math.max(-4, Math.min(4, x));
  const polynomial = (coefficients: number[]) =>
    coefficients.reduceRight((sum, coefficient) => sum * z * z + coefficient, 0);
  return Number.isNaN(x) ? x : z * polynomial(ERF) / polynomial(ERF_DIVISOR);
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

/**
 * Makes Einstein sums right for every equation: tfjs places the axes of an operand by a rank that
 * sums before it have changed, as in `ij,kl->`.
 */
function fixEinsum(): void {
  fixKernel("Einsum", ({ inputs, attributes: { equation }, valuesOf, result, runStock }) => {
    const tensors = Object.values(inputs);
    if (tensors.some(({ dtype }) => dtype === "string" || dtype === "complex64")) return runStock();
    const { allDims, summedDims, idDims } = tf.backend_util.decodeEinsumEquation(
      equation,
      tensors.length,
    );
    tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors as tf.Tensor[]);
    const sizes: number[] = Array(allDims.length).fill(1);
    const operands = tensors.map((tensor, i) => {
      const steps: number[] = Array(allDims.length).fill(0);
      const own = [...tf.util.computeStrides(tensor.shape), 1];
      idDims[i].forEach((dim, axis) => {
        sizes[dim] = tensor.shape[axis];
        steps[dim] += own[axis];
      });
      return { values: valuesOf(tensor), steps, at: 0 };
    });
    // The labels of the result come first.
    const kept = sizes.length - summedDims.length;
    const shape = sizes.slice(0, kept), count = tf.util.sizeFromShape(sizes.slice(kept));
    const places: number[] = Array(sizes.length).fill(0);
    /** Moves all operands to the next place; the last label fastest. */
    const advance = () => {
      for (let dim = sizes.length - 1; dim >= 0; dim--) {
        const isOver = ++places[dim] === sizes[dim];
        const by = isOver ? 1 - sizes[dim] : 1;
        for (const operand of operands) operand.at += by * operand.steps[dim];
        if (!isOver) return;
        places[dim] = 0;
      }
    };
    const isFloat = tensors.some(({ dtype }) => dtype === "float32");
    const multiply = isFloat ? (a: number, b: number) => a * b : Math.imul;
    const sums = new (isFloat ? Float32Array : Int32Array)(tf.util.sizeFromShape(shape));
    for (let i = 0; i < sums.length; i++) {
      let sum = 0;
      for (let j = 0; j < count; j++) {
        sum += operands.reduce((product, { values, at }) => multiply(product, values[at]), 1);
        advance();
      }
      sums[i] = sum;
    }
    return result(shape, sums, isFloat ? "float32" : "int32");
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
